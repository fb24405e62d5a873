"""A study on the terminal: its progress, and what it has found."""

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ballast.comparison.comparing import interval
from ballast.study.cells import Cell
from ballast.study.wording import title


class Display:
    """Cells as they end: a bar where somebody looks, and a line for each failure."""

    def __init__(self) -> None:
        console = Console(stderr=True, markup=False, highlight=False)
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("cells, left:"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.task = self.progress.add_task("begins", total=0)
        self.cells = 0

    def __enter__(self) -> "Display":
        self.progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.progress.stop()

    def begin(self, cells: int) -> None:
        """Expect so many cells more."""
        self.cells += cells
        self.progress.update(self.task, total=self.cells)

    def told(self, cell: Cell) -> None:
        """Show that a cell has ended."""
        what = f"{cell.strategy.name}, seed {cell.seed}"
        if cell.share < 1:
            what += f", {cell.share:.0%} of the rows"
        if cell.error:
            self.progress.console.print(f"{what} failed: {cell.error}")
        self.progress.update(self.task, advance=1, description=f"{what}: {cell.seconds:.0f} s")


def show(results: dict[str, Any]) -> None:
    """Print the answer and the leaderboard."""
    console = Console(markup=False, emoji=False, highlight=False)
    console.print(results["answer"], style="bold")
    for line in [*results["warnings"], *_asides(results)]:
        console.print(line)
    table = Table("strategy")
    table.add_column(title(results["score"]), no_wrap=True)
    table.add_column("against the baseline", no_wrap=True)
    for name in ("", "seeds", "seconds"):
        table.add_column(name)
    for name, entry in ranked(results):
        of_baseline = name == results["baseline_name"]
        ends = {"difference": entry.get("gain"), "low": entry.get("low"), "high": entry.get("high")}
        table.add_row(
            name,
            f"{entry['score']:.3f}",
            "baseline" if of_baseline else interval(ends),
            entry.get("verdict", ""),
            str(len(entry["seeds"])),
            f"{entry['seconds']:,.0f}",
        )
    console.print(table)
    for line in _what_next(results):
        console.print(line)


def ranked(results: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the strategies and what is known of them, the best first."""
    return sorted(results["strategies"].items(), key=lambda pair: -pair[1]["score"])


def _asides(results: dict[str, Any]) -> list[str]:
    lines = [f"{name} was left out: {why}" for name, why in results["left_out"].items()]
    lines += [f"{name} failed: {why}" for name, why in results["failed"].items()]
    if results["not_reached"]:
        lines.append(f"the time was up before: {', '.join(results['not_reached'])}")
    return lines


def _what_next(results: dict[str, Any]) -> list[str]:
    """Return what the test rows say, what more data would bring, and what to do."""
    best = results["winner"] or results["baseline_name"]
    held_out = results["strategies"][best]["score"]
    headline = results["test_headline"][best][results["score"]]
    lines = [
        f"On {results['rows']['test']:,} test rows, looked at for this alone, {best} has "
        f"{title(results['score'])} {headline:.3f}, against {held_out:.3f} on held-out rows."
    ]
    if results["winner"]:
        gain = results["test"]["strategies"][best]
        ends = {"difference": gain["gain"], "low": gain["low"], "high": gain["high"]}
        lines[0] += f" Its gain there is {interval(ends)}."
    if results["curve"]:
        lines.append(f"More data: {results['curve']['sentence']}.")
    lines.append(f"Now: ballast study apply {best} && dvc repro")
    return lines
