"""Judge trained models: the decision is fitted on held-out rows and scored on test rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ballast.evaluation import baselines, bootstrap, mistakes, scores
from ballast.evaluation.combination import Combination, Combine, best_ranking, combine
from ballast.evaluation.decision import Part
from ballast.evaluation.intervals import Kind, Plan, wilson, wilson_f1
from ballast.evaluation.mistakes import Mistake
from ballast.evaluation.suspects import Suspects, suspects
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
        combine: which of several models is used: the `best`, the `mean` of all, or `auto`,
            whichever of these is better on held-out rows.
        calibration: map, fitted on held-out rows, that follows the formulas which undo sampling,
            weights and loss; `auto` is that of `correction.automatic`.
        interval: kind of the intervals, see `intervals.Plan`; `wilson` has the right coverage with
            a dozen rows of a class as well.
        stratified: whether bootstrap samples keep the number of rows of each true class: the class
            shares of the test rows are then taken as certain.
        replicates: number of bootstrap samples; fewer for very many rows, see `bootstrap`.
        level: confidence level of the intervals.
        errors: number of the hardest errors, and of suspect labels, that the report shows with
            their content; 0 keeps all content out of it.
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
    """Rows, their predictions and scores; arrays have shape (rows, classes).

    Attributes:
        targets: multi-hot labels.
        logits: uncorrected; their argmax, or sign, is the label that the models as trained prefer.
        probabilities: corrected.
        predicted: multi-hot labels by the decision.
        headline: the scores of these.
    """

    targets: np.ndarray
    logits: np.ndarray
    probabilities: np.ndarray
    predicted: np.ndarray
    headline: dict[str, float]


@dataclass(frozen=True)
class Ranked:
    """The models that a decision uses which moves thresholds: those that rank best.

    Attributes:
        models: their names.
        held_out: corrected probabilities of the held-out rows, shape (rows, classes).
    """

    models: str
    held_out: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """The results of a run.

    Attributes:
        combination: the models in use, and why; its decision is what prediction needs.
        held_out: the rows on which the decision was fitted.
        test: the rows on which it is judged; the headline has bounds as `_low` and `_high`.
        per_class: scores by name and class.
        per_class_bounds: their bounds.
        baselines: headline scores of trivial classifiers.
        mistakes: the hardest errors among the test rows.
        ranked: the models whose thresholds could be moved; mostly those in use.
        suspects: labels of held-out rows that may be wrong.
    """

    combination: Combination
    held_out: Judged
    test: Judged
    per_class: dict[str, dict[str, float]]
    per_class_bounds: dict[str, dict[str, dict[str, float]]]
    baselines: dict[str, dict[str, float]]
    mistakes: list[Mistake]
    ranked: Ranked
    suspects: Suspects


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
        ledgers: ledger of each model by slot.
        held_out: multi-hot labels of the held-out rows, shape (rows, classes).
        test: multi-hot labels of the test rows; nothing is chosen by them.
        classes: the classes of the training rows, before resampling.
        decision: a member of `decisions/`, and its options.
        options: the block `evaluation`.
        seed: seed of the bootstrap.

    Raises:
        UserError: `stratified` in a multi-label task.
    """
    if options.stratified and classes.multilabel:
        raise UserError(
            "params.yaml: evaluation.stratified: rows with several labels can't be drawn within "
            "their one true class. Set it to false."
        )
    on_held_out = {slot: each.held_out for slot, each in scored.items()}
    models = {slot: each.model for slot, each in scored.items()}
    parts = fitted(models, ledgers, on_held_out, held_out, options)
    combination = decide(parts, on_held_out, held_out, classes, decision, options)
    mixture, rule = combination.decision.mixture, combination.decision.rule
    best = best_ranking(combination, parts, on_held_out, held_out, classes, options.combine)

    def judge(outputs: Mapping[str, np.ndarray], targets: np.ndarray) -> Judged:
        logits, p = mixture.uncorrected(outputs), mixture.probabilities(outputs)
        predicted = rule.predict(p, logits)
        values = scores.headline(targets, predicted, p, classes)
        return Judged(targets, logits, p, predicted, values)

    judged = judge({slot: each.test for slot, each in scored.items()}, test)
    plan = Plan(options.interval, options.stratified, options.replicates, options.level, seed)
    bounds = bootstrap.headline(test, judged.predicted, judged.probabilities, classes, plan)
    judged_held_out = judge(on_held_out, held_out)
    return Evaluation(
        combination=combination,
        held_out=judged_held_out,
        test=replace(judged, headline=bounded(judged.headline, bounds)),
        per_class=scores.per_class(test, judged.predicted, classes),
        per_class_bounds=bounds_per_class(test, judged.predicted, classes, options.level),
        baselines=baselines.scores_of(test, classes),
        mistakes=mistakes.hardest(
            test, judged.predicted, judged.probabilities, classes, options.errors
        ),
        ranked=Ranked(best.name, best.probabilities(on_held_out)),
        suspects=suspects(held_out, judged_held_out.probabilities, classes),
    )


def fitted(
    models: Mapping[str, str],
    ledgers: Mapping[str, Ledger],
    outputs: Mapping[str, np.ndarray],
    targets: np.ndarray,
    options: Options,
) -> list[Part]:
    """Return the models with their corrections.

    Args:
        models: each model's name by slot.
        ledgers: each model's ledger by slot.
        outputs: of the rows to fit on, by slot, shape (rows, classes).
        targets: multi-hot labels of these rows.
        options: the block `evaluation`.
    """
    return [
        Part(
            slot,
            model,
            temperature(targets, outputs[slot], ledgers[slot].multilabel)
            if len(models) > 1
            else 1.0,
            Correction.fit(ledgers[slot], outputs[slot], targets, options.calibration),
        )
        for slot, model in models.items()
    ]


def decide(
    parts: Sequence[Part],
    outputs: Mapping[str, np.ndarray],
    targets: np.ndarray,
    classes: Classes,
    decision: tuple[ModuleType, dict[str, Any]],
    options: Options,
) -> Combination:
    """Choose among models, and fit the decision.

    Args:
        parts: as `fitted` returns them.
        outputs: of the rows to fit on, by slot, shape (rows, classes).
        targets: multi-hot labels of these rows.
        classes: the classes of the training rows, before resampling.
        decision: a member of `decisions/`, and its options.
        options: the block `evaluation`.
    """
    file, file_options = decision

    def fit(p: np.ndarray) -> Rule:
        return file.fit(targets, p, classes, **file_options)

    return combine(parts, outputs, targets, classes, fit, options.combine)


def bounds_per_class(
    targets: np.ndarray, predicted: np.ndarray, classes: Classes, level: float
) -> dict[str, dict[str, dict[str, float]]]:
    """Return {"f1": {"low": {class: value}, "high": ...}, ...}: Wilson bounds of the scores."""
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


def bounded(values: dict[str, float], bounds: bootstrap.Ends) -> dict[str, float]:
    """Return the scores, each followed by its bounds as `_low` and `_high`."""
    merged = {}
    for name, value in values.items():
        low, high = bounds[name]
        merged |= {name: value, f"{name}_low": low, f"{name}_high": high}
    return merged
