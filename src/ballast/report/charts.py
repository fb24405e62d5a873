"""The charts of a run's report."""

from markupsafe import Markup

from ballast.report.vega import (
    GRID,
    LINE,
    NAMES,
    OTHER,
    TEXT,
    THIRD,
    Rows,
    marks,
    named,
    number,
    svg,
    unit,
)

SMALL = {"width": 190, "height": 150}
# Thresholds of rare classes are close to 0, so their scale is in log odds.
ODDS = [-6.9068, -4.5951, -2.1972, 0, 2.1972, 4.5951, 6.9068]
ENDS = 0.0008, 0.9992
SHOWN_AS = "format(1 / (1 + exp(-datum.value)), '.3~f')"


def interval_dots(title: str, rows: Rows, least: float) -> Markup:
    """Return a dot with its interval for each row, in order.

    Args:
        title: the score.
        rows: dicts of class (its label in the chart), value (None if undefined), low, high.
        least: lower end of the scale; the upper one is 1.
    """
    axis = {"tickCount": 4, "labelFlush": False}
    options = {"title": None, "scale": {"domain": [least, 1], "nice": False}, "axis": axis}
    low, value = (number(field, **options) for field in ("low", "value"))
    layers = [
        marks("rule", {"x": low, "x2": {"field": "high"}}, color=LINE, strokeWidth=2),
        marks("point", {"x": value}, filled=True, color=LINE, size=55, opacity=1),
    ]
    spec = {"title": title, "width": 190, "height": {"step": 19}, "encoding": {"y": NAMES}}
    return svg(f"{title} by class, with intervals", rows, spec | {"layer": layers})


def counts(rows: Rows) -> Markup:
    """Return the classes before and after resampling, on a logarithmic scale.

    Args:
        rows: dicts of class (its label in the chart), before (number of rows) and after (number of
            examples per epoch).
    """
    ends = max(max(row["before"], row["after"]) for row in rows)
    ticks = [0, *(10**power for power in range(8) if 10**power <= ends)]
    options = {
        "scale": {"type": "symlog", "domainMin": 0},
        "title": "rows, and examples per epoch",
        "axis": {"values": ticks, "format": ",d", "grid": True},
    }
    before, after = (number(field, **options) for field in ("before", "after"))
    layers = [
        marks("rule", {"x": before, "x2": {"field": "after"}}, color=GRID, strokeWidth=4),
        marks("point", {"x": before}, color=OTHER, size=70, strokeWidth=2, opacity=1),
        marks("point", {"x": after}, filled=True, color=LINE, size=45, opacity=1),
    ]
    spec = {"width": 260, "height": {"step": 19}, "encoding": {"y": NAMES}, "layer": layers}
    return svg("Rows of each class before and after resampling", rows, spec)


def curve(title: str, x: str, y: str, rows: Rows) -> Markup:
    """Return one class's curve.

    Args:
        title: of the chart.
        x: name of a field of the rows, 0 to 1.
        y: likewise.
        rows: the points in order.
    """
    across = unit(x, title=x.replace("_", " "))
    encoding = {"x": across, "y": unit(y, title=y), "order": {"value": 0}}
    line = marks("line", encoding, color=LINE, strokeWidth=2)
    return svg(title, rows, SMALL | {"title": title} | line)


def thresholds(title: str, rows: Rows, threshold: float | None) -> Markup:
    """Return precision, recall and F1 of one class by threshold, and the chosen threshold.

    Args:
        title: of the chart.
        rows: dicts of threshold, precision, recall, f1.
        threshold: the chosen one, drawn at the edge if beyond; None if there is none.
    """
    to_odds, x = _by_odds()
    colours = {"precision": OTHER, "recall": THIRD, "f1": LINE}
    dashes = {"precision": [2, 2], "recall": [6, 3], "f1": [1, 0]}
    encoding = {
        "x": x,
        "y": unit("value", title=None),
        "color": named("score", colours, "stroke"),
        "strokeDash": named("score", dashes, "stroke"),
    }
    fold = {"fold": list(colours), "as": ["score", "value"]}
    layers = [{"transform": [to_odds, fold]} | marks("line", encoding, strokeWidth=2)]
    if threshold is not None:
        data = {"values": [{"threshold": threshold}]}
        rule = marks("rule", {"x": x}, color=TEXT, strokeDash=[4, 3])
        layers.append({"data": data, "transform": [to_odds]} | rule)
    return svg(title, rows, SMALL | {"title": title, "layer": layers})


def operating_points(title: str, rows: Rows) -> Markup:
    """Return recall and precision of one class by threshold, with their intervals, and alerts.

    Args:
        title: of the chart.
        rows: as `point_curves.curves` returns them.
    """
    to_odds, x = _by_odds()
    looks = {"precision": (OTHER, [2, 2]), "recall": (THIRD, [6, 3]), "alerts": (LINE, [1, 0])}
    colour, dash = (
        named("score", {name: look[k] for name, look in looks.items()}, "stroke") for k in (0, 1)
    )
    axis = {"orient": "right", "grid": False, "format": "d", "tickCount": 4}
    alerts = number("value", title="alerts per 1,000 rows", axis=axis)

    def lines(y: dict, *names: str) -> dict:
        fold = {"fold": names, "as": ["score", "value"]}
        encoding = {"x": x, "y": y, "color": colour, "strokeDash": dash}
        return {"transform": [to_odds, fold]} | marks("line", encoding, strokeWidth=2)

    def band(score: str) -> dict:
        ends = {"y": unit(f"{score}_low", title=None), "y2": {"field": f"{score}_high"}}
        area = marks("area", {"x": x} | ends, color=looks[score][0], opacity=0.15)
        return {"transform": [to_odds]} | area

    shares = lines(unit("value", title=None), "precision", "recall")
    layers = [{"layer": [band("precision"), band("recall"), shares]}, lines(alerts, "alerts")]
    resolve = {"scale": {"y": "independent"}}
    spec = {"width": 300, "height": 170, "title": title, "layer": layers, "resolve": resolve}
    return svg(title, rows, spec)


def reliability(title: str, rows: Rows) -> Markup:
    """Return predicted against observed shares, before and after correction.

    Args:
        title: of the chart.
        rows: dicts of probabilities (uncorrected or corrected), predicted, observed, low, high,
            rows.
    """
    colour = named("probabilities", {"uncorrected": OTHER, "corrected": LINE}, "circle")
    diagonal = {"values": [{"predicted": 0, "observed": 0}, {"predicted": 1, "observed": 1}]}
    x = {"x": unit("predicted", title="predicted probability")}
    y, low = (unit(field, title="observed share") for field in ("observed", "low"))
    bounds = x | {"y": low, "y2": {"field": "high"}, "color": colour}
    point = {"size": 40, "opacity": 1}
    layers = [
        {"data": diagonal} | marks("line", x | {"y": y}, color=GRID, strokeWidth=2),
        marks("rule", bounds, strokeWidth=1.5),
        marks("line", x | {"y": y, "color": colour}, strokeWidth=1.5, point=point),
    ]
    return svg(title, rows, SMALL | {"title": title, "layer": layers})


def history(title: str, name: str, entries: Rows) -> Markup:
    """Return a quantity of the training by epoch.

    Args:
        title: of the chart.
        name: the quantity, a field of the entries.
        entries: a dict for each epoch.
    """
    rows = [{"epoch": epoch, name: entry[name]} for epoch, entry in enumerate(entries, 1)]
    axis = {"grid": False, "tickMinStep": 1, "format": "d"}
    encoding = {
        "x": number("epoch", title="epoch", axis=axis, scale={"zero": False, "nice": False}),
        "y": number(name, title=None, scale={"zero": False}),
    }
    point = {"color": LINE, "size": 25}
    line = marks("line", encoding, color=LINE, strokeWidth=2, point=point)
    spec = {"width": 260, "height": 150, "title": title} | line
    return svg(f"{title} by epoch", rows, spec)


def _by_odds() -> tuple[dict, dict]:
    """Return the transform of thresholds to log odds, and the axis of these."""
    clamped = f"clamp(datum.threshold, {ENDS[0]}, {ENDS[1]})"
    to_odds = {"calculate": f"log({clamped} / (1 - {clamped}))", "as": "odds"}
    axis = {"values": ODDS, "labelExpr": SHOWN_AS, "grid": True, "labelOverlap": True}
    return to_odds, number("odds", title="threshold", scale={"domain": [-7.2, 7.2]}, axis=axis)
