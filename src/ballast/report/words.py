"""The ledger, the calibration and the decision as sentences."""

import numpy as np

from ballast.evaluation.combination import Combination
from ballast.evaluation.judging import Judged
from ballast.labels.classes import Classes
from ballast.probabilities.correction import Correction
from ballast.probabilities.ledger import SLIGHT, Ledger
from ballast.probabilities.rules import Rule

MAPS = {
    "temperature": "one factor on all logits",
    "sigmoid": "a line through each class's log odds (Platt)",
    "isotonic": "a non-decreasing curve of each class's log odds",
}
SCORES = {"f1_macro": "macro-F1", "average_precision": "average precision"}


def combination(combined: Combination) -> list[str]:
    """Return which of several models, or their mean, is used and why; empty for a single model."""
    scores, mixture = combined.scores, combined.decision.mixture
    name = mixture.name
    others = ", ".join(f"{other} {value:.3f}" for other, value in scores.items() if other != name)
    lines = []
    if others:
        lines.append(
            f"Models: {name}, chosen for its {SCORES[combined.score]} of {scores[name]:.3f} on "
            f"held-out rows ({others})."
        )
    if len(mixture.parts) > 1:
        lines.append(
            f"{name} are combined by the mean of their logits, after bringing these to one scale."
        )
    return lines


def training(ledger: Ledger, classes: Classes) -> list[str]:
    """Return what sampling, weights and loss did to p(y|x), one paragraph each.

    Args:
        ledger: of a model.
        classes: the classes of the training rows.
    """
    sampler, weighting, loss = (
        f"{family}: {getattr(ledger, family)}" for family in ("sampler", "weighting", "loss")
    )
    strength = ledger.corrections
    inverse = ["A formula converts its outputs to probabilities."] if ledger.has_inverse else []
    # Without a formula the effect on the prior is unknown, unless it is the loss's purpose.
    known = ledger.has_inverse or strength[loss] > SLIGHT
    return [
        f"{sampler}. An epoch has {ledger.examples:,.0f} examples of {classes.rows:,} training "
        f"rows. {_effect(strength[sampler])}",
        _weights(weighting, ledger, classes),
        " ".join([f"{loss}.", *inverse, *([_effect(strength[loss])] if known else [])]),
        *(f"Distortion without a formula: {line}" for line in ledger.distortions),
    ]


def correction(applied: Correction) -> list[str]:
    """Return how outputs are corrected to probabilities, a sentence each."""
    formulas = "The effects of sampling, weights and loss are undone as far as there are formulas."
    if not applied.ledger.has_inverse:
        formulas = "The network's outputs are not log odds, so no formula corrects them."
    fitted = "There is no calibration map."
    if applied.calibration is not None:
        method = applied.calibration.method
        fitted = f"A calibration map is fitted on held-out rows: {method}, {MAPS[method]}."
    ranks = ["The loss only ranks the rows: labels follow corrected outputs."]
    return [formulas, fitted, *(ranks if applied.ledger.only_ranks else [])]


def decision(name: str, rule: Rule, test: Judged) -> list[str]:
    """Return how labels are decided, a sentence each.

    Args:
        name: of the decision.
        rule: the fitted rule.
        test: the test rows with their labels and probabilities.
    """
    lines = [f"decision: {name}."]
    if rule.prior is not None:
        lines.append("Probabilities are first adapted to the class shares of the rows to predict.")
    if rule.costs is not None:
        lines.append("The label with the lowest expected cost is predicted.")
    elif rule.uncorrected:
        lines.append(
            "Labels are those that the network as trained prefers: sampling, weights and loss "
            "choose the operating point. Probabilities are corrected for them."
        )
    elif rule.multilabel:
        lines.append("A label is predicted if its probability is above the label's threshold.")
    elif (rule.offsets == 0).all():
        lines.append("The most probable label is predicted.")
    else:
        lines.append("The most probable label is predicted, after adding each class's offset.")
    most_probable = test.probabilities > 0.5
    if not rule.multilabel:
        most_probable = np.eye(len(rule.offsets), dtype=bool)[test.probabilities.argmax(axis=1)]
    differing = int((most_probable != test.predicted.astype(bool)).any(axis=1).sum())
    if differing:
        what = "the labels are not those with a probability above one half"
        if not rule.multilabel:
            what = "the label is not the most probable class"
        lines.append(
            f"In {differing:,} of {len(most_probable):,} test rows {what}: the decision says which "
            "label is worth predicting, the probability how often it is true."
        )
    return [*lines, rule.note] if rule.note else lines


def _effect(strength: float) -> str:
    if strength > SLIGHT:
        return f"It moves the class prior {strength:.0%} of the way to equal shares."
    if strength < -SLIGHT:
        return f"It makes the class prior {-strength:.0%} more unequal."
    return "It leaves the class prior unchanged."


def _weights(name: str, ledger: Ledger, classes: Classes) -> str:
    weights = ledger.weights if ledger.weights.ndim == 1 else ledger.weights[1]
    if np.ptp(ledger.weights) == 0:
        return f"{name}. All rows have the same weight."
    low, high = int(weights.argmin()), int(weights.argmax())
    ends = " to ".join(f"{weights[c]:.3g} ({classes.names[c]})" for c in (high, low))
    return f"{name}. Weights range from {ends}. {_effect(ledger.corrections[name])}"
