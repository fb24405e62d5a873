"""The page: what a run gave, as HTML."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ballast.evaluation.curves import ALL, evenly
from ballast.evaluation.judging import Evaluation
from ballast.evaluation.mistakes import Mistake
from ballast.labels.classes import Classes
from ballast.report import charts, words

TITLES = {
    "f1_macro": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "Matthews correlation",
    "recall_rarest": "recall of the rarest class",
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "log_loss": "log-loss (less is better)",
    "calibration_error": "calibration error (less is better)",
    "f1_micro": "micro-F1",
    "f1_samples": "F1 by row",
}
# Points of a curve; more are not seen.
POINTS = 60
# With more classes than these, a class's curves are opened one by one.
OPEN = 12


@dataclass(frozen=True)
class Run:
    """What the page tells.

    Attributes:
        params: every parameter in effect, by dotted name.
        level: of the intervals.
        classes: the classes as they stand in the training rows.
        found: what evaluation found.
        rarest: the class whose recall is `recall_rarest`, see `scores.rarest`.
        correct: whether sampling, weights and loss were to be undone.
        plots: the rows of each, header first, see `curves.plots`.
        book: the ledger.
        history: a dict for each epoch.
        data: numbers of rows as prepare counted them.
        parts: rows of each part of the split.
        cut: number of texts that an embedding has cut off.
        leaks: what `audit.shared_rows` found by kind of likeness, None where none was looked for.
        mistakes: the hardest ones, each with its place (file and row) and content.
    """

    params: dict[str, Any]
    level: float
    classes: Classes
    found: Evaluation
    rarest: str
    correct: bool
    plots: dict[str, list[tuple]]
    book: dict[str, Any]
    history: list[dict[str, float]]
    data: dict[str, int]
    parts: dict[str, int]
    cut: int
    leaks: dict[str, dict[str, int] | None]
    mistakes: list[tuple[Mistake, tuple[str, str]]]


def render(run: Run) -> str:
    """Return the page: one HTML text that needs no script, no other file and no network."""
    environment = Environment(
        loader=PackageLoader("ballast.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    support = run.found.per_class["support"]
    order = sorted(support, key=lambda name: (-support[name], name))
    rarest, rows = run.rarest, f"{support[run.rarest]:,}"
    curves = {name: _by_class(rows) for name, rows in run.plots.items() if name != "confusion"}
    scores = known_scores(run.found)
    return environment.get_template("page.html").render(
        run=run,
        found=run.found,
        titles=TITLES | {"recall_rarest": f"recall of the rarest class ({rarest}, {rows} rows)"},
        order=order,
        scores=scores,
        headline=_headline(run.found),
        dots=_dots(run.found, scores, order),
        confusion=_confusion(run.plots["confusion"]),
        panels=_panels(run, curves, order),
        likely=_likely,
        overall=charts.reliability("all classes", curves["reliability"][ALL]),
        counts=charts.counts(_counts(run, order)),
        histories=[charts.history(name, run.history) for name in run.history[0] if name != "epoch"],
        training=words.models(run.book) + words.training(run.book, run.classes),
        correction=words.correction(run.book, run.correct, run.found.calibration),
        decision=words.decision(run.params["decision"], run.found.rule),
        open=len(order) <= OPEN,
    )


def _headline(found: Evaluation) -> list[dict[str, Any]]:
    values = found.headline
    names = [name for name in values if not name.endswith(("_low", "_high"))]
    return [
        {
            "name": name,
            "value": values[name],
            "low": values[f"{name}_low"],
            "high": values[f"{name}_high"],
            "validation": found.validation_headline[name],
            "baselines": [baseline[name] for baseline in found.baselines.values()],
        }
        for name in names
    ]


def _likely(probability: float) -> str:
    """Return a probability with three digits, that of neither 0 nor 1."""
    if probability < 0.001:
        return "< 0.001"
    return "> 0.999" if probability > 0.999 else f"{probability:.3f}"


def known_scores(found: Evaluation) -> dict[str, dict[str, float | None]]:
    """Return the scores by class, None where they would be shares of nothing."""
    support, given = found.per_class["support"], found.per_class["predicted"]
    wholes = {
        "f1": {name: support[name] + given[name] for name in support},
        "recall": support,
        "precision": given,
    }
    return {
        score: {
            name: value if whole[name] else None for name, value in found.per_class[score].items()
        }
        for score, whole in wholes.items()
    }


def _dots(found: Evaluation, scores: dict, order: Sequence[str]) -> list[str]:
    support, bounds = found.per_class["support"], found.per_class_bounds
    lowest = min(low for score in bounds.values() for low in score["low"].values())
    drawn = []
    for score, values in scores.items():
        rows = [
            {
                "class": f"{name} ({support[name]:,})",
                "value": values[name],
                "low": bounds[score]["low"][name],
                "high": bounds[score]["high"][name],
            }
            for name in order
        ]
        title = score.replace("f1", "F1")
        drawn.append(charts.interval_dots(title, rows, np.floor(10 * lowest) / 10))
    return drawn


def _confusion(rows: Sequence[tuple]) -> dict[str, Any]:
    """Return the table: names across, and each actual class with its (count, share) cells."""
    lines: dict[str, list[int]] = defaultdict(list)
    for actual, _, count in rows[1:]:
        lines[actual].append(count)
    return {
        "names": list(lines),
        "lines": {
            name: [(count, count / max(sum(line), 1)) for count in line]
            for name, line in lines.items()
        },
    }


def _panels(run: Run, curves: dict, order: Sequence[str]) -> list[dict[str, Any]]:
    """Return each class with its cut and curves; where rows are lacking, a curve is left out."""
    cuts = run.found.rule.cuts()
    panels = []
    for name in order:
        cut = None if cuts is None else float(cuts[run.classes.index(name)])
        drawn = []
        if name in curves["precision_recall"]:
            rows = curves["precision_recall"][name]
            drawn.append(charts.curve("Precision and recall", "recall", "precision", rows))
        if name in curves["roc"]:
            drawn.append(charts.curve("ROC", "false_positive_rate", "recall", curves["roc"][name]))
        if name in curves["thresholds"]:
            title = "Scores by cut (validation rows)"
            drawn.append(charts.thresholds(title, curves["thresholds"][name], cut))
        drawn.append(charts.reliability("Reliability", curves["reliability"][name]))
        panels.append({"name": name, "cut": cut, "charts": drawn})
    return panels


def _by_class(rows: Sequence[tuple]) -> dict[str, list[dict[str, Any]]]:
    header, *points = rows
    found = defaultdict(list)
    for point in points:
        entry = dict(zip(header, point, strict=True))
        found[entry.pop("class")].append(entry)
    return {
        name: [entries[i] for i in evenly(len(entries), POINTS)] for name, entries in found.items()
    }


def _counts(run: Run, order: Sequence[str]) -> list[dict[str, Any]]:
    book = run.book
    before = np.array(book["prior_before_sampling"]) * book["rows"]
    after = np.array(book["prior_after_sampling"]) * book["examples"]
    places = {name: book["labels"].index(name) for name in order}
    counts = {name: (round(before[c]), round(after[c], 1)) for name, c in places.items()}
    return [
        {"class": f"{name} ({_moved(*pair)})", "before": pair[0], "after": pair[1]}
        for name, pair in counts.items()
    ]


def _moved(before: int, after: float) -> str:
    told = [f"{number:,.0f}" for number in (before, after)]
    return told[0] if told[0] == told[1] else " → ".join(told)
