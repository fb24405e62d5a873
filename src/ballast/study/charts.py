"""The charts of a study's report."""

import math
from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from ballast.report.vega import GRID, LINE, NAMES, OTHER, TEXT, THIRD, Rows, marks, number, svg
from ballast.study.placing import place

SOFT = "var(--soft)"
# Told apart by shape, for those who can't tell the colours.
LOOKS = {
    "helps": (THIRD, "triangle-up"),
    "hurts": (OTHER, "triangle-down"),
    "cannot be told": (SOFT, "circle"),
    "baseline": (TEXT, "diamond"),
}
WIDTH, HEIGHT = 640, 340
LONGEST = 28
# Browsers may set names wider than vl-convert does.
ROOM = {"left": 30, "right": 30, "top": 5, "bottom": 5}
ZERO = {
    "data": {"values": [{}]},
    "mark": {"type": "rule", "color": TEXT, "strokeWidth": 1, "strokeDash": [4, 3]},
}


def gains(rows: Rows) -> Markup:
    """Return the strategies' gains with their intervals, in order, and a line at 0.

    Args:
        rows: dicts of strategy, gain, low, high, verdict (one of `LOOKS`).
    """
    colour, shape = _looks(rows)
    axis = {"format": "+.3~f", "tickCount": 7, "labelFlush": False}
    low, gain = (number(field, title="gain", axis=axis) for field in ("low", "gain"))
    shared = {"y": NAMES | {"field": "strategy"}, "color": colour}
    layers = [
        marks("rule", shared | {"x": low, "x2": {"field": "high"}}, strokeWidth=2),
        marks("point", shared | {"x": gain, "shape": shape}, **_point()),
        ZERO | {"encoding": {"x": {"datum": 0}}},
    ]
    spec = {"width": 420, "height": {"step": 24}, "padding": ROOM, "layer": layers}
    return svg("Gain of each strategy against the baseline, with joint intervals", rows, spec)


def costs(rows: Rows) -> Markup:
    """Return gains by seconds, on a logarithmic scale, each with its interval and name.

    Args:
        rows: as of `gains`, and seconds, the best first.
    """
    rows = [row | {"seconds": max(row["seconds"], 0.1)} for row in rows]
    # As wide as that, the axis has a tick.
    across = _widened([math.log(row["seconds"]) for row in rows], 0.5)
    up = _widened([row[end] for row in rows for end in ("low", "high")], 0.005)
    colour, shape = _looks(rows)
    x_scale = {"type": "log", "domain": [math.exp(end) for end in across], "nice": False}
    ticks = [digit * 10**power for power in range(-1, 6) for digit in (1, 2, 5)]
    x_axis = {
        "format": ",~r",
        "values": [t for t in ticks if across[0] <= math.log(t) <= across[1]],
    }

    def x(field: str) -> dict:
        return number(field, title="seconds for a seed", scale=x_scale, axis=x_axis)

    def y(field: str) -> dict:
        axis = {"format": "+.3~f"}
        return number(field, title="gain", scale={"domain": up, "nice": False}, axis=axis)

    at = {"x": x("seconds"), "color": colour}
    label = {"x": x("label_x"), "y": y("label_y"), "text": {"field": "label"}}
    to_label = {"x": x("seconds"), "y": y("gain"), "x2": {"field": "label_x"}}
    layers = [
        ZERO | {"encoding": {"y": {"datum": 0}}},
        marks("rule", at | {"y": y("low"), "y2": {"field": "high"}}, strokeWidth=1.5),
        marks("rule", to_label | {"y2": {"field": "label_y"}}, color=GRID, strokeWidth=1),
        marks("point", at | {"y": y("gain"), "shape": shape}, **_point()),
        *(
            {"transform": [{"filter": f"datum.side == '{side}'"}]}
            | marks("text", label, align=align, baseline="middle", fontSize=11, color=TEXT)
            for side, align in (("right", "left"), ("left", "right"))
        ),
    ]
    spec = {"width": WIDTH, "height": HEIGHT, "padding": ROOM, "layer": layers}
    return svg("Gain by seconds, each strategy with its name", _labelled(rows, across, up), spec)


def learning(title: str, measured: Rows, expected: dict[str, Any], fitted: Rows) -> Markup:
    """Return a score by training rows: as measured, and the curve through it.

    Args:
        title: the score.
        measured: dicts of rows, score, and low and high where there is an interval.
        expected: likewise, at twice the rows.
        fitted: dicts of rows, score and part ("through", or "beyond" the measured rows).
    """
    x_axis = {"format": ",d", "grid": False, "tickCount": 6}
    x = number("rows", title="training rows", scale={"domainMin": 0}, axis=x_axis)
    y, low = (number(field, title=None, scale={"zero": False}) for field in ("score", "low"))
    ends = {"x": x, "y": low, "y2": {"field": "high"}}
    dash = {"domain": ["through", "beyond"], "range": [[1, 0], [5, 4]]}
    part = {"field": "part", "type": "nominal", "scale": dash, "legend": None}
    known = {"data": {"values": [row for row in measured if "low" in row]}}
    there = {"data": {"values": [expected]}}
    layers = [
        {"data": {"values": list(fitted)}}
        | marks("line", {"x": x, "y": y, "strokeDash": part}, color=LINE, strokeWidth=2),
        known | marks("rule", ends, color=LINE, strokeWidth=2),
        there | marks("rule", ends, color=OTHER, strokeWidth=2),
        marks("point", {"x": x, "y": y}, color=LINE, **_point()),
        there | marks("point", {"x": x, "y": y}, color=OTHER, size=70, strokeWidth=2, opacity=1),
    ]
    spec = {"width": 460, "height": 240, "title": title, "layer": layers}
    return svg(f"{title} by training rows, and at twice as many", measured, spec)


def _looks(rows: Rows) -> tuple[dict, dict]:
    """Return the encodings of the verdicts that there are, as colour and as shape."""
    seen = {row["verdict"] for row in rows}
    looks = {name: look for name, look in LOOKS.items() if name in seen}
    colour, shape = (
        {
            "field": "verdict",
            "type": "nominal",
            "scale": {"domain": list(looks), "range": [look[k] for look in looks.values()]},
            "legend": {"title": None, "columnPadding": 18},
        }
        for k in (0, 1)
    )
    return colour, shape


def _point() -> dict[str, Any]:
    return {"filled": True, "size": 70, "opacity": 1}


def _widened(values: Sequence[float], least: float) -> tuple[float, float]:
    """Return the ends of an axis, with some room."""
    low, high = min(values), max(values)
    room = max(0.06 * (high - low), least)
    return low - room, high + room


def _labelled(rows: Rows, across: tuple[float, float], up: tuple[float, float]) -> Rows:
    """Return the rows with their names' places, in the units of the axes."""
    wide, high = (across[1] - across[0]) / WIDTH, (up[1] - up[0]) / HEIGHT
    names = [_shortened(row["strategy"]) for row in rows]
    bars = [
        (
            (math.log(row["seconds"]) - across[0]) / wide,
            *((up[1] - row[end]) / high for end in ("high", "gain", "low")),
        )
        for row in rows
    ]
    places = place(bars, names, (WIDTH, HEIGHT), up[1] / high)
    return [
        row
        | {"label": name, "side": side}
        | {"label_x": math.exp(across[0] + x * wide), "label_y": up[1] - y * high}
        for row, name, (x, y, side) in zip(rows, names, places, strict=True)
    ]


def _shortened(name: str) -> str:
    half = LONGEST // 2
    return name if len(name) <= LONGEST else f"{name[:half]}…{name[1 - half :]}"
