"""The operating points of each class, as the page shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

from ballast.evaluation.operating_points import Point
from ballast.report import charts
from ballast.report.commands import trial

# With more classes than this, only the rarest so many have a chart: charts take the time.
DRAWN = 12
WANTED = {"max_f1": "best F1", "cost_matrix": "lowest cost"}


def panels(points: Sequence[Point], curves: Mapping[str, Sequence[dict]]) -> list[dict[str, Any]]:
    """Return name, lines of the table and chart of each class, in the order of the points.

    Args:
        points: as `operating_points.points` returns them.
        curves: as `point_curves.curves` returns them.

    Returns:
        Dicts of name, lines: (what is wanted, point, command), and chart, None where many are.
    """
    lines: dict[str, list[tuple[str, Point, str]]] = {}
    for point in points:
        line = _wanted(point), point, trial(point.decision, point.options)
        lines.setdefault(point.name, []).append(line)
    return [
        {
            "name": name,
            "lines": of_class,
            "chart": _chart(curves[name]) if place < DRAWN else None,
        }
        for place, (name, of_class) in enumerate(lines.items())
    ]


def _wanted(point: Point) -> str:
    if point.target is not None:
        return f"recall ≥ {point.target:g}"
    return WANTED[point.decision]


def _chart(rows: Sequence[dict]) -> str:
    return charts.operating_points("By threshold (held-out rows)", rows)
