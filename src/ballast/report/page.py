"""The page: what a run gave, as HTML."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ballast.evaluation.curves import ALL, evenly
from ballast.evaluation.decision import Part
from ballast.evaluation.judging import Evaluation
from ballast.evaluation.mistakes import Mistake
from ballast.labels.classes import Classes
from ballast.probabilities.ledger import Ledger
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
        evaluation: of the run.
        rarest: the class whose recall is `recall_rarest`, see `scores.rarest`.
        plots: the rows of each, header first, see `curves.plots`.
        ledgers: of each model, by slot.
        histories: of each model, by name: a dict for each epoch.
        data: numbers of rows as prepare counted them.
        parts: rows of each part of the split.
        cut: number of texts whose end an embedding has cut off.
        leaks: what `audit.shared_rows` returns by kind of likeness, None where none was looked for.
        mistakes: the hardest ones, each with its place (file and row) and content.
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
    support = run.evaluation.per_class["support"]
    order = sorted(support, key=lambda name: (-support[name], name))
    rarest, rows = run.rarest, f"{support[run.rarest]:,}"
    curves = {name: _by_class(rows) for name, rows in run.plots.items() if name != "confusion"}
    scores = known_scores(run.evaluation)
    return environment.get_template("page.html").render(
        run=run,
        evaluation=run.evaluation,
        titles=TITLES | {"recall_rarest": f"recall of the rarest class ({rarest}, {rows} rows)"},
        order=order,
        scores=scores,
        headline=_headline(run.evaluation),
        dots=_dots(run.evaluation, scores, order),
        confusion=_confusion(run.plots["confusion"]),
        panels=_panels(run, curves, order),
        likely=_likely,
        overall=charts.reliability("all classes", curves["reliability"][ALL]),
        counts=charts.counts(_counts(run, order)),
        histories=_histories(run),
        ledger=_ledger(run),
        correction=_of_models(
            {part.model: words.correction(part.correction) for part in _parts(run)}
        ),
        open=len(order) <= OPEN,
    )


def _headline(evaluation: Evaluation) -> list[dict[str, Any]]:
    values = evaluation.test.headline
    names = [name for name in values if not name.endswith(("_low", "_high"))]
    return [
        {
            "name": name,
            "value": values[name],
            "low": values[f"{name}_low"],
            "high": values[f"{name}_high"],
            "validation": evaluation.held_out.headline[name],
            "baselines": [baseline[name] for baseline in evaluation.baselines.values()],
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
    cuts = run.evaluation.decision.rule.thresholds()
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


def _parts(run: Run) -> Sequence[Part]:
    return run.evaluation.decision.mixture.parts


def _of_models(lines: dict[str, list[str]]) -> list[str]:
    """Return sentences about models, each with its model's name where there are several."""
    if len(lines) == 1:
        return next(iter(lines.values()))
    return [f"{model}: {line}" for model, sentences in lines.items() for line in sentences]


def _histories(run: Run) -> list[str]:
    several = len(run.histories) > 1
    return [
        charts.history(f"{model}: {name}" if several else name, name, history)
        for model, history in run.histories.items()
        for name in history[0]
    ]


def _ledger(run: Run) -> list[str]:
    evaluation = run.evaluation
    training = {
        part.model: words.training(part.correction.ledger, run.classes) for part in _parts(run)
    }
    correction = {part.model: words.correction(part.correction) for part in _parts(run)}
    rule = evaluation.decision.rule
    return [
        *words.combination(evaluation.combination),
        *_of_models(training),
        *_of_models(correction),
        *words.decision(run.params["decision"], rule, evaluation.test),
    ]


def _counts(run: Run, order: Sequence[str]) -> list[dict[str, Any]]:
    # The plan is one for all models.
    ledger = next(iter(run.ledgers.values()))
    before = ledger.prior_before_sampling * ledger.rows
    after = ledger.prior_after_sampling * ledger.examples
    places = {name: ledger.labels.index(name) for name in order}
    counts = {name: (round(before[c]), round(after[c], 1)) for name, c in places.items()}
    return [
        {"class": f"{name} ({_moved(*pair)})", "before": pair[0], "after": pair[1]}
        for name, pair in counts.items()
    ]


def _moved(before: int, after: float) -> str:
    numbers = [f"{number:,.0f}" for number in (before, after)]
    return numbers[0] if numbers[0] == numbers[1] else " → ".join(numbers)
