"""A study on the terminal: its progress, and what it has found."""

from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ballast.study import advice, report
from ballast.study.cells import Cell
from ballast.study.judgement import Judgement
from ballast.study.wording import answer, title, warnings

UNDECIDED = "-"
# Most warnings on the first screen.
ASIDES = 4


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
    """Print the answer and what to do, and then the leaderboard, in 80 columns."""
    console = _console()
    console.print(results["answer"], style="bold")
    console.print(f"Now: {advice.command(results)}", soft_wrap=True)
    for line in advice.on_test_rows(results):
        console.print(line)
    console.print(f"More data: {advice.more_data(results)}")
    asides = [*advice.asides(results), *results["warnings"]]
    for line in asides[:ASIDES]:
        console.print(line)
    if len(asides) > ASIDES:
        console.print(f"and {len(asides) - ASIDES} more such lines in the report")
    if results["left_out"]:
        console.print(f"Left out, the report says why: {', '.join(results['left_out'])}")
    _show_leaderboard(results, console)
    console.print(f"All of it: {report.FILE}")


def show_judgement(judgement: Judgement) -> None:
    """Print the answer and the leaderboard of runs of which no more is known."""
    console = _console()
    console.print(answer(judgement), style="bold")
    for line in warnings(judgement):
        console.print(line)
    judged = judgement.to_json()
    baseline, others = judged.pop("baseline"), judged.pop("strategies")
    strategies = {judgement.baseline_name: baseline} | others
    _show_leaderboard(judged | {"strategies": strategies}, console)


def _console() -> Console:
    return Console(markup=False, emoji=False, highlight=False)


def _show_leaderboard(results: dict[str, Any], console: Console) -> None:
    console.print(_leaderboard(results))
    level = f"{100 * results['level']:.4g} %"
    console.print(f"{UNDECIDED}: cannot be told. All intervals together hold at the {level} level.")


def _leaderboard(results: dict[str, Any]) -> Table:
    # Without frames, names of 28 characters fit. Longer ones are folded, never cut.
    table = Table(box=box.SIMPLE_HEAD, padding=0, pad_edge=False, show_edge=False)
    table.add_column("strategy", overflow="fold")
    score = title(results["score"]).replace(" ", "\n")
    timed = any("seconds" in entry for entry in results["strategies"].values())
    for name in (score, "gain (interval)", "", "seeds", *(["time"] if timed else [])):
        left = name in {"gain (interval)", ""}
        table.add_column(name, no_wrap=True, justify="left" if left else "right")
    for name, entry in advice.ranked(results):
        is_baseline = name == results["baseline_name"]
        table.add_row(
            name,
            f"{entry['score']:.3f}",
            "the baseline" if is_baseline else advice.gain(entry),
            "" if is_baseline else entry["verdict"].replace("cannot be told", UNDECIDED),
            str(len(entry["seeds"])),
            *([advice.duration(entry["seconds"])] if timed else []),
        )
    return table
