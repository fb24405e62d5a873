"""The one error that is meant for the person at the keyboard."""

import sys
from collections.abc import Callable, Iterable
from difflib import get_close_matches


class UserError(Exception):
    """Something the user can mend: the message says what, where, what was expected, what to do."""


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return " Did you mean 'x'?" for the nearest known name, or nothing where none is near."""
    close = get_close_matches(name, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main`; a `UserError` ends the process with its message and exit code 1.

    Any other exception is a fault of the program and keeps its traceback.
    """
    try:
        main()
    except UserError as error:
        print(f"\nerror: {error}\n", file=sys.stderr)
        sys.exit(1)
