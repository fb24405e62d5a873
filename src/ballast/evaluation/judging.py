"""Judge trained models: the decision is fitted on held-out rows and scored on test rows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ballast.evaluation import baselines, bootstrap, mistakes, scores
from ballast.evaluation.combination import Combination, Combine, combine
from ballast.evaluation.decision import Decision, Part
from ballast.evaluation.intervals import Kind, Plan, wilson, wilson_f1
from ballast.evaluation.mistakes import Mistake
from ballast.labels.classes import Classes
from ballast.probabilities.calibration import temperature
from ballast.probabilities.correction import Choice, Correction
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.rules import Rule
from ballast.probabilities.scored import Scored
from ballast.project.errors import UserError


class Options(BaseModel):
    """How models are combined and judged: the block `evaluation` in params.yaml.

    Attributes:
        combine: which of several models counts: `best`, `mean`, or `auto`, whichever of these is
            better on held-out rows.
        calibration: map, fitted on held-out rows, that makes probabilities of what is left once
            formulas have undone sampling, weights and loss; `auto` takes `correction.automatic`.
        interval: how intervals are found: `bca` or `percentile` bootstrap (`intervals.ends`), or
            `wilson`: macro-F1, balanced accuracy and ROC AUC from the classes' Wilson intervals,
            which hold what they should with a dozen rows of a class as well; the calibration error
            down to where chance alone makes it (`intervals.low_of_gaps`); all else by `bca`.
        stratified: draw as many rows of each true class as there are: the class shares of the test
            rows are then certain, and not one more thing that could have come out otherwise.
        replicates: bootstrap draws; fewer where the rows are very many, see `bootstrap`.
        level: share of the cases in which such an interval holds the true value.
        errors: how many of the hardest errors the report shows, with their content; 0 keeps all
            content out of it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    combine: Combine = "auto"
    calibration: Choice = "auto"
    interval: Kind = "wilson"
    stratified: bool = False
    replicates: Annotated[int, Field(ge=100)] = 2000
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95
    errors: Annotated[int, Field(ge=0)] = 20


@dataclass(frozen=True)
class Judged:
    """Rows with what a decision makes of them; arrays have shape (rows, classes).

    Attributes:
        targets: multi-hot labels.
        logits: uncorrected: whose argmax, or sign, is the label that the models as trained prefer.
        probabilities: corrected.
        predicted: multi-hot labels by the decision.
        headline: their scores.
    """

    targets: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray
    predicted: np.ndarray
    headline: dict[str, float]


@dataclass(frozen=True)
class Evaluation:
    """What is known of a run.

    Attributes:
        decision: what prediction needs.
        combination: which models count, and why.
        held_out: the rows that the decision was fitted on.
        test: the rows that judge it; the headline has bounds as `_low` and `_high`.
        per_class: scores by name and class.
        per_class_bounds: their bounds.
        baselines: headline scores of classifiers that know nothing of a row.
        mistakes: the hardest errors among the test rows.
    """

    decision: Decision
    combination: Combination
    held_out: Judged
    test: Judged
    per_class: dict[str, dict[str, float]]
    per_class_bounds: dict[str, dict[str, dict[str, float]]]
    baselines: dict[str, dict[str, float]]
    mistakes: list[Mistake]


def evaluate(
    scored: Mapping[str, Scored],
    ledgers: Mapping[str, Ledger],
    held_out: np.ndarray,
    test: np.ndarray,
    classes: Classes,
    decision: tuple[ModuleType, dict[str, Any]],
    options: Options,
    seed: int,
) -> Evaluation:
    """Fit corrections, combination and decision on held-out rows and score them on test rows.

    Args:
        scored: outputs of each model by slot.
        ledgers: of each model by slot.
        held_out: multi-hot labels of the held-out rows, shape (rows, classes).
        test: multi-hot labels of the test rows; they choose nothing.
        classes: the classes as they stand in the training rows, before resampling.
        decision: a member of `decisions/`, and its options.
        options: the block `evaluation`.
        seed: seed of the bootstrap.

    Raises:
        UserError: rows with several labels are to be stratified.
    """
    if options.stratified and classes.multilabel:
        raise UserError(
            "params.yaml: evaluation.stratified: rows with several labels have no one true class "
            "to be drawn within. Set it to false."
        )
    on_held_out = {slot: each.held_out for slot, each in scored.items()}
    parts = [
        Part(
            slot,
            scored[slot].model,
            temperature(held_out, outputs, classes.multilabel) if len(scored) > 1 else 1.0,
            Correction.fit(ledgers[slot], outputs, held_out, options.calibration),
        )
        for slot, outputs in on_held_out.items()
    ]
    file, file_options = decision

    def fitted(p: np.ndarray) -> Rule:
        return file.fit(held_out, p, classes, **file_options)

    # What kind of rule it is doesn't depend on the rows.
    kind = fitted(parts[0].correction.probabilities(on_held_out[parts[0].slot]))
    combination = combine(parts, on_held_out, held_out, classes, kind, options.combine)
    rule = fitted(combination.mixture.probabilities(on_held_out))
    final = Decision(combination.mixture, rule)

    def judge(outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> Judged:
        p = combination.mixture.probabilities(outputs)
        predicted = final.predict(outputs, p)
        values = scores.headline(targets, predicted, p, classes)
        return Judged(targets, combination.mixture.uncorrected(outputs), p, predicted, values)

    judged = judge({slot: each.test for slot, each in scored.items()}, test)
    plan = Plan(options.interval, options.stratified, options.replicates, options.level, seed)
    bounds = bootstrap.headline(test, judged.predicted, judged.probabilities, classes, plan)
    return Evaluation(
        decision=final,
        combination=combination,
        held_out=judge(on_held_out, held_out),
        test=replace(judged, headline=bounded(judged.headline, bounds)),
        per_class=scores.per_class(test, judged.predicted, classes),
        per_class_bounds=bounds_per_class(test, judged.predicted, classes, options.level),
        baselines=baselines.scores_of(test, classes),
        mistakes=mistakes.hardest(
            test, judged.predicted, judged.probabilities, classes, options.errors
        ),
    )


def bounds_per_class(
    targets: np.ndarray, predicted: np.ndarray, classes: Classes, level: float
) -> dict[str, dict[str, dict[str, float]]]:
    """Return {"f1": {"low": {class: value}, "high": ...}, ...}: Wilson bounds of each share."""
    hits, support, counts = scores.tally(targets, predicted)
    bounds = {
        "f1": wilson_f1(hits, support, counts, level),
        "recall": wilson(hits, support, level),
        "precision": wilson(hits, counts, level),
    }
    return {
        name: {
            end: dict(zip(classes.names, values.tolist(), strict=True))
            for end, values in zip(("low", "high"), pair, strict=True)
        }
        for name, pair in bounds.items()
    }


def bounded(values: dict[str, Any], bounds: dict[str, Any]) -> dict[str, Any]:
    """Return the scores, each with its `_low` and `_high` right after it where it has these."""
    merged = {}
    for name, value in values.items():
        merged[name] = value
        if name in bounds:
            merged[f"{name}_low"], merged[f"{name}_high"] = bounds[name]
    return merged
