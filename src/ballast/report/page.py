"""A run's results as an HTML page."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ballast.evaluation.curves import ALL, evenly
from ballast.evaluation.judging import Evaluation
from ballast.evaluation.mistakes import Mistake
from ballast.evaluation.notes import MANY, SUSPECT_SHARES, listed, notes
from ballast.evaluation.operating_points import Point
from ballast.evaluation.suspects import LEAST, Suspect
from ballast.labels.classes import Classes
from ballast.probabilities.ledger import Ledger
from ballast.report import charts, points, words

TITLES = {
    "f1_macro": "macro-F1",
    "balanced_accuracy": "balanced accuracy",
    "mcc": "Matthews correlation",
    "recall_rarest": "recall of the rarest class",
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "log_loss": "log-loss (lower is better)",
    "calibration_error": "calibration error (lower is better)",
    "f1_micro": "micro-F1",
    "f1_samples": "F1 by row",
    "expected_cost": "expected cost per row (lower is better)",
}
# Most points of a curve in a chart.
POINTS = 60
# With at most this many classes, all panels of curves are open.
OPEN = 12

# Most lines of the table of suspect labels by class.
PAIRS = 10


@dataclass(frozen=True)
class Run:
    """The content of the page.

    Attributes:
        params: every parameter in effect, by dotted name.
        level: confidence level of the intervals.
        classes: the classes of the training rows.
        evaluation: the results.
        rarest: the class whose recall is `recall_rarest`, see `scores.rarest`.
        plots: the rows of each plot, header first, see `curves.plots`.
        ledgers: each model's ledger, by slot.
        histories: each model's training, by name: a dict for each epoch.
        data: row counts: those of the stage prepare, and those of `metrics/data.json` besides.
        parts: number of rows in each part of the split.
        truncated: number of texts that an embedding has truncated.
        leaks: result of `audit.shared_rows` by kind of match, None where it was not looked for.
        mistakes: the hardest ones, each with its place (file and row) and content.
        suspected: the most suspect labels, likewise.
        points: the operating points, see `operating_points.points`.
        point_curves: see `point_curves.curves`.
    """

    params: dict[str, Any]
    level: float
    classes: Classes
    evaluation: Evaluation
    rarest: str
    plots: dict[str, list[tuple]]
    ledgers: dict[str, Ledger]
    histories: dict[str, list[dict[str, float]]]
    data: dict[str, int]
    parts: dict[str, int]
    truncated: int
    leaks: dict[str, dict[str, int] | None]
    mistakes: list[tuple[Mistake, tuple[str, str]]]
    suspected: list[tuple[Suspect, tuple[str, str]]]
    points: list[Point]
    point_curves: dict[str, list[dict[str, float | None]]]


def render(run: Run) -> str:
    """Return the page as HTML that needs no scripts, no other files and no network access."""
    environment = Environment(
        loader=PackageLoader("ballast.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    support = run.evaluation.per_class["support"]
    order = sorted(support, key=lambda name: (-support[name], name))
    rarest, rows = run.rarest, f"{support[run.rarest]:,}"
    curves = {name: _by_class(rows) for name, rows in run.plots.items() if name != "confusion"}
    # Of many classes, not all have curves.
    shown = [name for name in order if name in curves["reliability"]]
    scores = defined_scores(run.evaluation)
    return environment.get_template("page.html").render(
        run=run,
        evaluation=run.evaluation,
        titles=TITLES | {"recall_rarest": f"recall of the rarest class ({rarest}, {rows} rows)"},
        selectors=_selectors(run.params),
        notes=notes(run.evaluation.per_class, run.data),
        order=order,
        shown=shown,
        scores=scores,
        dots=_dots(run.evaluation, scores, shown),
        confusion=None if len(order) > MANY else _confusion(run.plots["confusion"]),
        confusions=_confusions(run.plots["confusion"]),
        panels=_panels(run, curves, shown),
        points=points.panels(run.points, run.point_curves),
        best_f1=any(point.decision == "max_f1" for point in run.points),
        pairs=run.evaluation.suspects.pairs[:PAIRS],
        silent=listed(run.evaluation.suspects.silent),
        least=LEAST,
        most_suspects=SUSPECT_SHARES[1] * run.data["held_out"],
        overall=charts.reliability("all classes", curves["reliability"][ALL]),
        counts=charts.counts(_counts(run, shown)),
        histories=_histories(run),
        ledger=_ledger(run),
        correction=_corrections(run),
        open=len(shown) <= OPEN,
    )


def _selectors(params: dict[str, Any]) -> list[str]:
    """Return the selectors in use, in the order of the pipeline."""
    more = [name for name in ("second_embedding", "third_embedding") if params[name] != "none"]
    names = ["second_model", "second_loss", "second_weighting"]
    second = [] if params["second_model"] == "none" else names
    return ["sampler", "embedding", *more, "model", "loss", "weighting", *second, "decision"]


def defined_scores(evaluation: Evaluation) -> dict[str, dict[str, float | None]]:
    """Return the scores by class, None where the denominator is 0."""
    per_class = evaluation.per_class
    support, predicted = per_class["support"], per_class["predicted"]
    denominators = {
        "f1": {name: support[name] + predicted[name] for name in support},
        "recall": support,
        "precision": predicted,
    }
    return {
        score: {name: value if counts[name] else None for name, value in per_class[score].items()}
        for score, counts in denominators.items()
    }


def _dots(evaluation: Evaluation, scores: dict, order: Sequence[str]) -> list[str]:
    support, bounds = evaluation.per_class["support"], evaluation.per_class_bounds
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


def _confusion(rows: Sequence[tuple]) -> dict[str, list[int]]:
    """Return each actual class's counts, in the order of the columns."""
    lines: dict[str, list[int]] = defaultdict(list)
    for actual, _, count in rows[1:]:
        lines[actual].append(count)
    return lines


def _confusions(rows: Sequence[tuple]) -> list[tuple]:
    """Return the most frequent mistakes: actual class, predicted class, count."""
    wrong = [row for row in rows[1:] if row[0] != row[1] and row[2]]
    return sorted(wrong, key=lambda row: -row[2])[:MANY]


def _panels(run: Run, curves: dict, order: Sequence[str]) -> list[dict[str, Any]]:
    """Return each class's name, threshold and charts, as far as its rows define them."""
    thresholds = run.evaluation.combination.decision.rule.thresholds()
    panels = []
    for name in order:
        threshold = None if thresholds is None else float(thresholds[run.classes.index(name)])
        drawn = []
        if name in curves["precision_recall"]:
            rows = curves["precision_recall"][name]
            drawn.append(charts.curve("Precision and recall", "recall", "precision", rows))
        if name in curves["roc"]:
            drawn.append(charts.curve("ROC", "false_positive_rate", "recall", curves["roc"][name]))
        if name in curves["thresholds"]:
            title = "Scores by threshold (held-out rows)"
            drawn.append(charts.thresholds(title, curves["thresholds"][name], threshold))
        drawn.append(charts.reliability("Reliability", curves["reliability"][name]))
        panels.append({"name": name, "threshold": threshold, "charts": drawn})
    return panels


def _by_class(rows: Sequence[tuple]) -> dict[str, list[dict[str, Any]]]:
    header, *points = rows
    curves = defaultdict(list)
    for point in points:
        entry = dict(zip(header, point, strict=True))
        curves[entry.pop("class")].append(entry)
    return {
        name: [entries[i] for i in evenly(len(entries), POINTS)] for name, entries in curves.items()
    }


def _of_models(lines: dict[str, list[str]]) -> list[str]:
    """Return sentences about models, with the model's name before each if there are several."""
    if len(lines) == 1:
        return next(iter(lines.values()))
    return [f"{model}: {line}" for model, sentences in lines.items() for line in sentences]


def _histories(run: Run) -> list[str]:
    drawn = []
    for model, history in run.histories.items():
        prefix = f"{model}: " if len(run.histories) > 1 else ""
        for name in history[0]:
            title = prefix + name.replace("_", " ")
            drawn.append(charts.history(title, name, history))
    return drawn


def _ledger(run: Run) -> list[str]:
    combination = run.evaluation.combination
    parts = combination.decision.mixture.parts
    training = {part.model: words.training(part.correction.ledger, run.classes) for part in parts}
    return [
        *words.combination(combination),
        *_of_models(training),
        *_corrections(run),
        *words.decision(run.params["decision"], combination.decision.rule, run.evaluation.test),
    ]


def _corrections(run: Run) -> list[str]:
    parts = run.evaluation.combination.decision.mixture.parts
    return _of_models({part.model: words.correction(part.correction) for part in parts})


def _counts(run: Run, order: Sequence[str]) -> list[dict[str, Any]]:
    # All models have the same plan.
    ledger = next(iter(run.ledgers.values()))
    before = ledger.prior_before_sampling * ledger.rows
    after = ledger.prior_after_sampling * ledger.examples
    rows = []
    for name in order:
        c = ledger.labels.index(name)
        counts = {"before": round(before[c]), "after": round(after[c], 1)}
        # A dict keeps one of two equal numbers.
        change = " → ".join(dict.fromkeys(f"{count:,.0f}" for count in counts.values()))
        rows.append({"class": f"{name} ({change})"} | counts)
    return rows
