"""Progress bars on the terminal's error stream; none where nobody looks."""

from collections.abc import Iterable
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress

Item = TypeVar("Item")


def bars() -> Progress:
    """Return a display of progress bars that disappears at its end."""
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def track(items: Iterable[Item], what: str) -> Iterable[Item]:
    """Yield the items under a progress bar."""
    with bars() as progress:
        yield from progress.track(items, description=what)
