"""Classes by strategy: scores, and where they differ from the baseline's."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ballast.comparison.comparing import interval, signed
from ballast.evaluation.notes import MANY, SHOWN, worst_and_rarest
from ballast.study.wording import FEWEST_ROWS

# The difference that is shaded in full, unless there are larger ones.
FULL = 0.1


@dataclass(frozen=True)
class Cell:
    """A score of one class and strategy.

    Attributes:
        value: the score.
        difference: to the baseline's, as text.
        interval: the same with its interval.
        mark: "▲" or "▼" where the interval excludes 0, of classes with enough rows.
        tone: "up" or "down".
        shade: 0 to 1, by the size of the difference.
    """

    value: float
    difference: str
    interval: str
    mark: str
    tone: str
    shade: float


@dataclass(frozen=True)
class Line:
    """A class: its held-out rows, whether they are too few, the baseline's score, the others'."""

    name: str
    rows: int
    few: bool
    baseline: float
    cells: list[Cell]


def chosen(results: dict[str, Any]) -> list[str]:
    """Return the classes to show, those with the fewest held-out rows first; of many, `SHOWN`."""
    support = results["support"]
    names = list(support)
    if len(names) > MANY:
        classes = results["strategies"][results["baseline_name"]]["classes"]
        f1 = {name: scores["f1"] for name, scores in classes.items()}
        names = worst_and_rarest({"f1": f1, "support": support}, SHOWN)
    return sorted(names, key=lambda name: (support[name], name))


def table(
    results: dict[str, Any], score: str, names: Sequence[str], strategies: Sequence[str]
) -> list[Line]:
    """Return a line for each class.

    Args:
        results: of the study.
        score: recall or f1.
        names: of the classes.
        strategies: names of all but the baseline, in the order of the columns.
    """
    baseline = results["strategies"][results["baseline_name"]]["classes"]
    of = {name: results["strategies"][name]["classes"] for name in strategies}
    differences = [
        abs(of[strategy][name][score]["difference"]) for strategy in strategies for name in names
    ]
    full = max(differences, default=FULL)
    lines = []
    for name in names:
        rows = results["support"][name]
        few = rows < FEWEST_ROWS
        cells = [_cell(of[strategy][name][score], few, max(full, FULL)) for strategy in strategies]
        lines.append(Line(name, rows, few, baseline[name][score], cells))
    return lines


def _cell(gain: dict[str, float], few: bool, full: float) -> Cell:
    difference = gain["difference"]
    told = not few and not gain["low"] <= 0 <= gain["high"]
    return Cell(
        gain["value"],
        signed(difference),
        interval(gain),
        ("▲" if difference > 0 else "▼") if told else "",
        "up" if difference > 0 else "down",
        abs(difference) / full,
    )
