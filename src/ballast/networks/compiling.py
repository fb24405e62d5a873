"""Functions compiled by Numba, cached on disk where possible."""

from collections.abc import Callable

import numba


def compiled(function: Callable) -> Callable:
    """Return the compiled function; it runs without the GIL, so threads run it in parallel.

    The machine code is cached next to the source or in NUMBA_CACHE_DIR. If neither is writable,
    each process compiles again.
    """
    try:
        return numba.njit(nogil=True, error_model="numpy", cache=True)(function)
    except RuntimeError:
        return numba.njit(nogil=True, error_model="numpy")(function)
