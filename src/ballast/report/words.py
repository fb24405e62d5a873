"""What the layers did, in words: the ledger, the calibration, the decision."""

from typing import Any

import numpy as np

from ballast.labels.classes import Classes
from ballast.probabilities.calibration import Calibration
from ballast.probabilities.ledger import SLIGHT
from ballast.probabilities.rules import Rule

MAPS = {
    "temperature": "one factor on all logits",
    "sigmoid": "a line through each class's log odds (Platt)",
    "isotonic": "a non-decreasing curve of each class's log odds",
}


def models(book: dict[str, Any]) -> list[str]:
    """Return which of two models, or the mean of both, was kept, and why; nothing where one was.

    Args:
        book: the ledger.
    """
    kept, scores = book["models"]["kept"], book["models"]["scores"]
    if len(scores) == 1:
        return []
    others = ", ".join(f"{name} {score:.3f}" for name, score in scores.items() if name != kept)
    return [
        f"model: kept is {kept}, with a {book['models']['monitor']} of {scores[kept]:.3f} on the "
        f"rows that choose ({others}). Of two models together, logits are the mean."
    ]


def training(book: dict[str, Any], classes: Classes) -> list[str]:
    """Return what sampling, weights and loss did to p(y|x), a sentence each.

    Args:
        book: the ledger.
        classes: the classes as they stand in the training rows.
    """
    strength = book["corrections"]
    sampler = next(name for name in strength if name.startswith("sampler: "))
    lines = [
        f"{sampler}. An epoch has {book['examples']:,.0f} examples of {classes.rows:,} training "
        f"rows. {_towards(strength[sampler])}"
    ]
    lines.append(_weights(np.array(book["weights"]), book, classes))
    loss = f"loss: {book['loss']}"
    # A loss without a formula says itself, among what bends, that there is none.
    inverse = ["Its outputs lead back to probabilities by formula."] if book["log_odds"] else []
    # Without a formula it is not known what a loss does to the prior, unless that is its purpose.
    told = book["log_odds"] or strength[loss] > SLIGHT
    lines.append(" ".join([f"{loss}.", *inverse, *([_towards(strength[loss])] if told else [])]))
    return [*lines, *(f"What no formula undoes: {line}" for line in book["bends"])]


def correction(book: dict[str, Any], correct: bool, calibration: Calibration | None) -> list[str]:
    """Return what was done about it before the decision, a sentence each.

    Args:
        book: the ledger.
        correct: whether sampling, weights and loss were to be undone.
        calibration: the map that follows, if any.
    """
    if not correct:
        first = "evaluation.correct: false. The network's outputs are taken at their word."
    elif book["log_odds"]:
        first = (
            "evaluation.correct: true. What sampling, weights and loss did to the network's "
            "outputs is undone as far as formulas tell it."
        )
    else:
        first = (
            "evaluation.correct: true. No formula can undo anything in outputs that are no log "
            "odds: they stay as they are."
        )
    if calibration is None:
        return [first, "No calibration map follows."]
    how = MAPS[calibration.method]
    return [first, f"Then a map, fitted on the validation rows: {calibration.method}, {how}."]


def decision(name: str, rule: Rule) -> list[str]:
    """Return how labels were decided, a sentence each."""
    lines = [f"decision: {name}."]
    if rule.prior is not None:
        lines.append("Probabilities are first adapted to the class shares of the rows to predict.")
    if rule.costs is not None:
        lines.append("The label of the least expected cost is given.")
    elif rule.multilabel:
        lines.append("A label is given where its probability is above the label's cut.")
    elif (rule.offsets == 0).all():
        lines.append("The most probable label is given.")
    else:
        lines.append("The most probable label is given, after each class's offset.")
    return [*lines, rule.note] if rule.note else lines


def _towards(strength: float) -> str:
    if strength > SLIGHT:
        return f"It takes the class prior {strength:.0%} of the way to classes all alike."
    if strength < -SLIGHT:
        return f"It makes the classes {-strength:.0%} more unlike."
    return "It leaves the class prior as it is."


def _weights(weights: np.ndarray, book: dict[str, Any], classes: Classes) -> str:
    name = f"weighting: {book['weighting']}"
    present = weights if weights.ndim == 1 else weights[1]
    if np.ptp(weights) == 0:
        return f"{name}. All rows weigh the same."
    low, high = int(present.argmin()), int(present.argmax())
    ends = " to ".join(f"{present[c]:.3g} ({classes.names[c]})" for c in (high, low))
    return f"{name}. Weights run from {ends}. {_towards(book['corrections'][name])}"
