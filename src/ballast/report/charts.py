"""Charts as SVG: Vega-Lite, rendered by vl-convert, in the colours of the page's style sheet."""

import re
from collections.abc import Sequence
from typing import Any

import vl_convert
from markupsafe import Markup, escape

Rows = Sequence[dict[str, Any]]

VERSION = "6.4"
TAG = re.compile("<[^>]*>")
# Half of the output, without effect here: unused attributes, and more digits than a screen shows.
UNUSED = re.compile(
    r' (?:aria-\w+|class|opacity|pointer-events|role|xmlns:xlink)="(?!0)[^"]*"|(?<=\.\d\d)\d+'
)
# Custom properties of page.css, which differ between light and dark mode.
TEXT, GRID = "var(--text)", "var(--grid)"
LINE, OTHER, THIRD = "var(--line)", "var(--other)", "var(--third)"
AXIS = {"labelColor": TEXT, "titleColor": TEXT, "gridColor": GRID, "domain": False, "ticks": False}
CONFIG = {
    # The page labels each chart as a whole; attributes at every mark would double its size.
    "aria": False,
    "background": None,
    "axis": AXIS | {"labelFontSize": 11, "titleFontSize": 11, "titleFontWeight": "normal"},
    # Keeps the first labels of the two axes apart.
    "axisX": {"labelPadding": 6},
    "view": {"stroke": None},
    "title": {"color": TEXT, "fontSize": 12, "anchor": "start", "fontWeight": 600},
    "legend": {"labelColor": TEXT, "titleColor": TEXT, "orient": "top", "labelFontSize": 11},
}
SMALL = {"width": 190, "height": 150}
UNIT = {"domain": [0, 1]}
TENTHS = {"values": [0, 0.2, 0.4, 0.6, 0.8, 1]}
# Thresholds of rare classes are close to 0, so their scale is in log odds.
ODDS = [-6.9068, -4.5951, -2.1972, 0, 2.1972, 4.5951, 6.9068]
ENDS = 0.0008, 0.9992
# Class names may be long, and end with numbers of rows: they are truncated in the middle.
NAMES = {
    "field": "class",
    "type": "nominal",
    "sort": None,
    "title": None,
    "axis": {
        "grid": True,
        "labelLimit": 0,
        "labelPadding": 7,
        "labelExpr": "truncate(datum.label, 28, 'center')",
    },
}
SHOWN_AS = "format(1 / (1 + exp(-datum.value)), '.3~f')"


def interval_dots(title: str, rows: Rows, least: float) -> Markup:
    """Return a dot with its interval for each row, in order.

    Args:
        title: the score.
        rows: dicts of class (its label in the chart), value (None if undefined), low, high.
        least: lower end of the scale; the upper one is 1.
    """
    axis = {"tickCount": 4, "labelFlush": False}
    scale = {"scale": {"domain": [least, 1], "nice": False}, "axis": axis}
    layers = [
        {
            "mark": {"type": "rule", "color": LINE, "strokeWidth": 2},
            "encoding": _x("low", "high", **scale),
        },
        {"mark": {"type": "point", "filled": True, "color": LINE, "size": 55, "opacity": 1}},
    ]
    layers[1]["encoding"] = _x("value", **scale)
    spec = {"title": title, "width": 190, "height": {"step": 19}, "encoding": {"y": NAMES}}
    return _svg(f"{title} by class, with intervals", rows, spec | {"layer": layers})


def counts(rows: Rows) -> Markup:
    """Return the classes before and after resampling, on a logarithmic scale.

    Args:
        rows: dicts of class (its label in the chart), before (number of rows) and after (number of
            examples per epoch).
    """
    scale = {"type": "symlog", "domainMin": 0}
    ends = max(max(row["before"], row["after"]) for row in rows)
    ticks = [0, *(10**power for power in range(8) if 10**power <= ends)]
    axis = {"values": ticks, "format": ",d", "grid": True}

    def x(field: str) -> dict:
        title = "rows, and examples per epoch"
        return {"field": field, "type": "quantitative", "scale": scale, "title": title} | {
            "axis": axis
        }

    layers = [
        {
            "mark": {"type": "rule", "color": GRID, "strokeWidth": 4},
            "encoding": {"x": x("before"), "x2": {"field": "after"}},
        },
        {
            "mark": {"type": "point", "color": OTHER, "size": 70, "strokeWidth": 2, "opacity": 1},
            "encoding": {"x": x("before")},
        },
        {
            "mark": {"type": "point", "filled": True, "color": LINE, "size": 45, "opacity": 1},
            "encoding": {"x": x("after")},
        },
    ]
    spec = {"width": 260, "height": {"step": 19}, "encoding": {"y": NAMES}, "layer": layers}
    return _svg("Rows of each class before and after resampling", rows, spec)


def curve(title: str, x: str, y: str, rows: Rows) -> Markup:
    """Return one class's curve.

    Args:
        title: of the chart.
        x: name of a field of the rows, 0 to 1.
        y: likewise.
        rows: the points in order.
    """
    encoding = _x(x, title=x.replace("_", " ")) | {"y": _unit(y), "order": {"value": 0}}
    mark = {"type": "line", "color": LINE, "strokeWidth": 2}
    return _svg(title, rows, SMALL | {"title": title, "mark": mark, "encoding": encoding})


def thresholds(title: str, rows: Rows, threshold: float | None) -> Markup:
    """Return precision, recall and F1 of one class by threshold, and the chosen threshold.

    Args:
        title: of the chart.
        rows: dicts of threshold, precision, recall, f1.
        threshold: the chosen one, drawn at the edge if beyond; None if there is none.
    """
    clamped = f"clamp(datum.threshold, {ENDS[0]}, {ENDS[1]})"
    odds = f"log({clamped} / (1 - {clamped}))"
    x = {
        "field": "odds",
        "type": "quantitative",
        "title": "threshold",
        "scale": {"domain": [-7.2, 7.2]},
        "axis": {"values": ODDS, "labelExpr": SHOWN_AS, "grid": True, "labelOverlap": True},
    }
    names = ["precision", "recall", "f1"]
    colour = {"domain": names, "range": [OTHER, THIRD, LINE]}
    dashes = {"domain": names, "range": [[2, 2], [6, 3], [1, 0]]}
    legend = {"title": None, "symbolType": "stroke"}
    lines = {
        "transform": [{"calculate": odds, "as": "odds"}, {"fold": names, "as": ["score", "value"]}],
        "mark": {"type": "line", "strokeWidth": 2},
        "encoding": {
            "x": x,
            "y": _unit("value", title=None),
            "color": {"field": "score", "type": "nominal", "scale": colour, "legend": legend},
            "strokeDash": {"field": "score", "type": "nominal", "scale": dashes, "legend": legend},
        },
    }
    layers = [lines]
    if threshold is not None:
        layers.append(
            {
                "data": {"values": [{"threshold": threshold}]},
                "transform": [{"calculate": odds, "as": "odds"}],
                "mark": {"type": "rule", "color": TEXT, "strokeDash": [4, 3]},
                "encoding": {"x": x},
            }
        )
    return _svg(title, rows, SMALL | {"title": title, "layer": layers})


def reliability(title: str, rows: Rows) -> Markup:
    """Return predicted against observed shares, before and after correction.

    Args:
        title: of the chart.
        rows: dicts of probabilities (uncorrected or corrected), predicted, observed, low, high,
            rows.
    """
    names = ["uncorrected", "corrected"]
    legend = {"title": None, "symbolType": "circle"}
    colour = {
        "field": "probabilities",
        "type": "nominal",
        "scale": {"domain": names, "range": [OTHER, LINE]},
        "legend": legend,
    }
    diagonal = [{"predicted": 0, "observed": 0}, {"predicted": 1, "observed": 1}]
    x = _x("predicted", title="predicted probability")
    y = _unit("observed", title="observed share")
    layers = [
        {
            "data": {"values": diagonal},
            "mark": {"type": "line", "color": GRID, "strokeWidth": 2},
            "encoding": x | {"y": y},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 1.5},
            "encoding": x | {"y": _unit("low"), "y2": {"field": "high"}, "color": colour},
        },
        {
            "mark": {"type": "line", "strokeWidth": 1.5, "point": {"size": 40, "opacity": 1}},
            "encoding": x | {"y": y, "color": colour},
        },
    ]
    layers[1]["encoding"]["y"]["title"] = "observed share"
    return _svg(title, rows, SMALL | {"title": title, "layer": layers})


def history(title: str, name: str, entries: Rows) -> Markup:
    """Return a quantity of the training by epoch.

    Args:
        title: of the chart.
        name: the quantity, a field of the entries.
        entries: a dict for each epoch.
    """
    rows = [{"epoch": epoch, name: entry[name]} for epoch, entry in enumerate(entries, 1)]
    encoding = {
        "x": {
            "field": "epoch",
            "type": "quantitative",
            "title": "epoch",
            "axis": {"grid": False, "tickMinStep": 1, "format": "d"},
            "scale": {"zero": False, "nice": False},
        },
        "y": {"field": name, "type": "quantitative", "title": None, "scale": {"zero": False}},
    }
    mark = {"type": "line", "color": LINE, "strokeWidth": 2, "point": {"color": LINE, "size": 25}}
    spec = {"title": title, "mark": mark, "encoding": encoding}
    return _svg(f"{title} by epoch", rows, {"width": 260, "height": 150} | spec)


def _unit(field: str, **more: Any) -> dict:
    """Return the encoding of a field from 0 to 1."""
    return {
        "field": field,
        "type": "quantitative",
        "scale": UNIT,
        "axis": TENTHS,
        "title": field,
    } | more


def _x(field: str, to: str | None = None, title: str | None = None, **more: Any) -> dict:
    encoding = {"x": _unit(field, title=title, **more)}
    return encoding | {"x2": {"field": to}} if to else encoding


def _svg(label: str, rows: Rows, spec: dict) -> Markup:
    data = {"values": list(rows)}
    svg = vl_convert.vegalite_to_svg(spec | {"data": data, "config": CONFIG}, vl_version=VERSION)
    svg = TAG.sub(lambda tag: UNUSED.sub("", tag[0]), svg)
    # Safe: Vega escapes text from the data.
    return Markup(svg.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1))
