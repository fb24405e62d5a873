"""Judge a trained network: the decision rule is chosen on validation rows, judged on test rows."""

from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from ballast.evaluation import baselines, bootstrap, mistakes, scores
from ballast.evaluation.intervals import Kind, Plan, wilson, wilson_f1
from ballast.evaluation.mistakes import Mistake
from ballast.labels.classes import Classes
from ballast.probabilities import calibration as maps
from ballast.probabilities import ledger
from ballast.probabilities.calibration import Calibration
from ballast.probabilities.rules import Rule
from ballast.project.errors import UserError


@dataclass(frozen=True)
class Scored:
    """Rows with their scores, all of shape (rows, classes).

    Attributes:
        targets: multi-hot labels.
        outputs: what the network gave.
        logits: what the loss's inverse made of it.
    """

    targets: np.ndarray
    outputs: np.ndarray
    logits: np.ndarray


@dataclass(frozen=True)
class Evaluation:
    """What is known of the test rows; their arrays have shape (rows, classes).

    `calibration` and `rule`, one after the other, are what prediction needs. `baselines` are the
    headline scores of classifiers that know nothing of a row, `validation_headline` those of the
    validation rows, to which calibration and rule are fitted. `network` are probabilities with the
    network taken at its word, `validation` those of the validation rows, for the rule.
    """

    calibration: Calibration | None
    rule: Rule
    headline: dict[str, float]
    per_class: dict[str, dict[str, float]]
    per_class_bounds: dict[str, dict[str, dict[str, float]]]
    baselines: dict[str, dict[str, float]]
    validation_headline: dict[str, float]
    predicted: np.ndarray
    probabilities: np.ndarray
    network: np.ndarray
    validation: np.ndarray
    mistakes: list[Mistake]


def evaluate(
    validation: Scored,
    test: Scored,
    classes: Classes,
    book: dict[str, Any],
    decision: ModuleType,
    decision_options: dict[str, Any],
    allow_double_correction: bool,
    seed: int,
    *,
    correct: bool = True,
    calibration: Literal["auto", "none", "temperature", "sigmoid", "isotonic"] = "auto",
    interval: Kind = "wilson",
    stratified: bool = False,
    replicates: Annotated[int, Field(ge=100)] = 2000,
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95,
    errors: Annotated[int, Field(ge=0)] = 20,
) -> Evaluation:
    """Fit the decision on validation rows and score it on test rows.

    Args:
        validation: rows to choose the rule on.
        test: rows to judge on; their labels choose nothing, and their probabilities only where a
            decision adapts to the rows to predict (`prior_shift`).
        classes: the classes as they stand in the training rows, before resampling.
        book: the ledger.
        decision: a member of `decisions/`.
        decision_options: its options.
        allow_double_correction: whether the decision may correct the prior once more.
        seed: seed of the bootstrap.
        correct: undo what sampling, weights and loss did to the probabilities, before the
            decision. Without it, the network is taken at its word, as in plain Keras code.
        calibration: map, fitted on the validation rows, that makes probabilities of what is left
            after that; `auto` is one where `correct` cannot undo all by itself, as the ledger says
            under `bends` (`ledger.calibration`), else none.
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

    Raises:
        UserError: training has corrected the prior, and so does the decision; or rows with several
            labels are to be stratified.
    """
    if stratified and classes.multilabel:
        raise UserError(
            "params.yaml: evaluation.stratified: rows with several labels have no one true class "
            "to be drawn within. Set it to false."
        )
    if calibration == "auto":
        calibration = ledger.calibration(book) if correct else "none"

    def known(scored: Scored) -> np.ndarray:
        return ledger.correct(scored.logits, book) if correct else scored.outputs

    fitted = None
    if calibration != "none":
        fitted = maps.fit(calibration, validation.targets, known(validation), classes.multilabel)

    def likely(scored: Scored) -> np.ndarray:
        return maps.likely(known(scored), fitted, classes.multilabel)

    chosen_on = likely(validation)
    rule = decision.fit(validation.targets, chosen_on, classes, **decision_options)
    shifted = not correct and calibration in ("none", "temperature")
    if shifted and hasattr(decision, "CORRECTS_PRIOR"):
        name = decision.__name__.rpartition(".")[2]
        again = {f"decision: {name}": ledger.correction(rule.offsets, classes)}
        ledger.refuse_twice(book["corrections"] | again, allow_double_correction)
    probabilities = likely(test)
    predicted = rule.predict(probabilities)
    found = scores.headline(test.targets, predicted, probabilities, classes)
    plan = Plan(interval, stratified, replicates, level, seed)
    bounds = bootstrap.headline(test.targets, predicted, probabilities, classes, plan)
    return Evaluation(
        fitted,
        rule,
        bounded(found, bounds),
        scores.per_class(test.targets, predicted, classes),
        bounds_per_class(test.targets, predicted, classes, level),
        baselines.scores_of(test.targets, classes),
        scores.headline(validation.targets, rule.predict(chosen_on), chosen_on, classes),
        predicted,
        probabilities,
        ledger.probabilities(test.outputs, classes.multilabel),
        chosen_on,
        mistakes.hardest(test.targets, predicted, probabilities, classes, errors),
    )


def bounds_per_class(
    targets: np.ndarray, predicted: np.ndarray, classes: Classes, level: float
) -> dict[str, dict[str, dict[str, float]]]:
    """Return {"f1": {"low": {class: value}, "high": ...}, ...}: Wilson bounds of each share."""
    hits, support, given = scores.tally(targets, predicted)
    bounds = {
        "f1": wilson_f1(hits, support, given, level),
        "recall": wilson(hits, support, level),
        "precision": wilson(hits, given, level),
    }
    return {
        name: {
            end: dict(zip(classes.names, values.tolist(), strict=True))
            for end, values in zip(("low", "high"), pair, strict=True)
        }
        for name, pair in bounds.items()
    }


def bounded(found: dict[str, Any], bounds: dict[str, Any]) -> dict[str, Any]:
    """Return the scores, each with its `_low` and `_high` right after it where it has these."""
    merged = {}
    for name, value in found.items():
        merged[name] = value
        if name in bounds:
            merged[f"{name}_low"], merged[f"{name}_high"] = bounds[name]
    return merged
