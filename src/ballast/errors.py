"""The one error that is meant for the person at the keyboard."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Something the user can mend: the message says what, where, what was expected, what to do."""


def run(main: Callable[[], None]) -> None:
    """Run a stage's `main`; a `UserError` ends the process with its message and exit code 1.

    Any other exception is a fault of the program and keeps its traceback.
    """
    try:
        main()
    except UserError as error:
        print(f"\nerror: {error}\n", file=sys.stderr)
        sys.exit(1)
