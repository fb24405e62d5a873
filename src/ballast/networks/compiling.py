"""Functions compiled by Numba, kept compiled where there is a place to keep them."""

from collections.abc import Callable

import numba


def compiled(function: Callable) -> Callable:
    """Return the function compiled; it runs without Python's lock, so in threads side by side.

    The machine code is kept next to the source, or where NUMBA_CACHE_DIR says. Where neither may be
    written, each process compiles anew.
    """
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True, error_model="numpy")(function)
