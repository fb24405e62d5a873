"""What the layers did, in words: the ledger, the calibration, the decision."""

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
    """Return which of several models, or their mean, counts; nothing where there is one."""
    scores, name = combined.scores, combined.mixture.name
    if len(scores) == 1:
        return []
    others = ", ".join(f"{other} {value:.3f}" for other, value in scores.items() if other != name)
    return [
        f"Models: {name}, with a {SCORES[combined.score]} of {scores[name]:.3f} on held-out rows "
        f"({others}). Of several models, logits are averaged, each brought to one scale first."
    ]


def training(ledger: Ledger, classes: Classes) -> list[str]:
    """Return what sampling, weights and loss did to p(y|x), a sentence each.

    Args:
        ledger: of a model.
        classes: the classes as they stand in the training rows.
    """
    sampler, weighting, loss = (
        f"{family}: {getattr(ledger, family)}" for family in ("sampler", "weighting", "loss")
    )
    strength = ledger.corrections
    inverse = ["Its outputs lead back to probabilities by formula."] if ledger.has_inverse else []
    # Without a formula it is not known what a loss does to the prior, unless that is its purpose.
    known = ledger.has_inverse or strength[loss] > SLIGHT
    return [
        f"{sampler}. An epoch has {ledger.examples:,.0f} examples of {classes.rows:,} training "
        f"rows. {_towards(strength[sampler])}",
        _weights(weighting, ledger, classes),
        " ".join([f"{loss}.", *inverse, *([_towards(strength[loss])] if known else [])]),
        *(f"What no formula undoes: {line}" for line in ledger.distortions),
    ]


def correction(applied: Correction) -> list[str]:
    """Return what was done about it to have probabilities, a sentence each."""
    if applied.ledger.has_inverse:
        first = "What sampling, weights and loss did is undone as far as formulas tell it."
    else:
        first = "No formula can undo anything in outputs that are no log odds."
    if applied.calibration is None:
        return [first, "No calibration map follows."]
    method = applied.calibration.method
    return [first, f"Then a map, fitted on held-out rows: {method}, {MAPS[method]}."]


def decision(name: str, rule: Rule, test: Judged) -> list[str]:
    """Return how labels were decided, a sentence each.

    Args:
        name: of the decision.
        rule: as it was fitted.
        test: the test rows with their labels and probabilities.
    """
    lines = [f"decision: {name}."]
    if rule.prior is not None:
        lines.append("Probabilities are first adapted to the class shares of the rows to predict.")
    if rule.costs is not None:
        lines.append("The label of the least expected cost is predicted.")
    elif rule.uncorrected:
        lines.append(
            "Labels are those that the network as trained prefers: sampling, weights and loss "
            "choose the operating point. Probabilities are corrected for them."
        )
    elif rule.multilabel:
        lines.append("A label is predicted where its probability is above the label's threshold.")
    elif (rule.offsets == 0).all():
        lines.append("The most probable label is predicted.")
    else:
        lines.append("The most probable label is predicted, after each class's offset.")
    likeliest = test.probabilities > 0.5
    if not rule.multilabel:
        likeliest = np.eye(len(rule.offsets), dtype=bool)[test.probabilities.argmax(axis=1)]
    apart = int((likeliest != test.predicted.astype(bool)).any(axis=1).sum())
    if apart:
        what = "labels are not those of a probability above one half"
        if not rule.multilabel:
            what = "the label is not the class of the largest probability"
        lines.append(
            f"In {apart:,} of {len(likeliest):,} test rows {what}: the decision says which label "
            "is worth predicting, the probability how often it is true."
        )
    return [*lines, rule.note] if rule.note else lines


def _towards(strength: float) -> str:
    if strength > SLIGHT:
        return f"It takes the class prior {strength:.0%} of the way to classes all alike."
    if strength < -SLIGHT:
        return f"It makes the classes {-strength:.0%} more unlike."
    return "It leaves the class prior as it is."


def _weights(name: str, ledger: Ledger, classes: Classes) -> str:
    weights = ledger.weights if ledger.weights.ndim == 1 else ledger.weights[1]
    if np.ptp(ledger.weights) == 0:
        return f"{name}. All rows weigh the same."
    low, high = int(weights.argmin()), int(weights.argmax())
    ends = " to ".join(f"{weights[c]:.3g} ({classes.names[c]})" for c in (high, low))
    return f"{name}. Weights run from {ends}. {_towards(ledger.corrections[name])}"
