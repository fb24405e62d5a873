"""What charts share: Vega-Lite rendered as SVG, in the colours of the page's style sheet."""

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
UNIT = {"domain": [0, 1]}
TENTHS = {"values": [0, 0.2, 0.4, 0.6, 0.8, 1]}
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


def marks(kind: str, encoding: dict, **look: Any) -> dict:
    """Return a layer: marks of a kind, where the encoding puts them."""
    return {"mark": {"type": kind, **look}, "encoding": encoding}


def number(field: str, **more: Any) -> dict:
    """Return the encoding of a numeric field."""
    return {"field": field, "type": "quantitative", **more}


def unit(field: str, title: str | None) -> dict:
    """Return the encoding of a field from 0 to 1."""
    return number(field, title=title, scale=UNIT, axis=TENTHS)


def named(field: str, shown: dict[str, Any], symbol: str) -> dict:
    """Return the encoding of a field of names: how each is shown, in the lines and a legend."""
    scale = {"domain": list(shown), "range": list(shown.values())}
    legend = {"title": None, "symbolType": symbol}
    return {"field": field, "type": "nominal", "scale": scale, "legend": legend}


def svg(label: str, rows: Rows, spec: dict) -> Markup:
    """Return a chart that a page can hold as it is.

    Args:
        label: what it shows, for those who can't see it.
        rows: the data.
        spec: Vega-Lite, without data.
    """
    data = {"values": list(rows)}
    drawn = vl_convert.vegalite_to_svg(spec | {"data": data, "config": CONFIG}, vl_version=VERSION)
    drawn = TAG.sub(lambda tag: UNUSED.sub("", tag[0]), drawn)
    # Safe: Vega escapes text from the data.
    return Markup(drawn.replace("<svg", f'<svg role="img" aria-label="{escape(label)}"', 1))
