"""The ledger: what sampling, weights and loss did to p(y|x), and the way back."""

from typing import Any, Literal

import numpy as np

from ballast.labels.classes import Classes
from ballast.project.errors import UserError

# A layer that corrects less than this corrects nothing: rounding, or odd priors.
SLIGHT = 0.05


def entry(
    before: Classes,
    after: Classes,
    weights: np.ndarray,
    layers: dict[str, Any],
    log_odds: bool = True,
) -> dict[str, Any]:
    """Return the ledger as it goes to `models/ledger.json`.

    Args:
        before: the classes as they stand in the training rows.
        after: the same after resampling.
        weights: as a weighting returns them, normalised.
        layers: the names and options of the layers; how far each takes the prior towards balance
            (`corrections`); what no closed inverse undoes, in words (`bends`).
        log_odds: whether the loss's inverse leads to log odds; without one, outputs may be
            anything.
    """
    return {
        "task": "multilabel" if before.multilabel else "single-label",
        "labels": list(before.names),
        "rows": int(before.rows),
        "examples": float(after.rows),
        "prior_before_sampling": before.prior.tolist(),
        "prior_after_sampling": after.prior.tolist(),
        "sampling_shift": sampling_shift(before, after).tolist(),
        "weights": weights.tolist(),
        "log_odds": log_odds,
        "bends": [],
        **layers,
    }


def trained_on(ledger: dict[str, Any]) -> Classes:
    """Return the classes as they stood in the rows trained on, for the inverse of a loss.

    Args:
        ledger: what `entry` made.
    """
    examples = ledger["examples"]
    counts = np.array(ledger["prior_after_sampling"]) * examples
    return Classes(tuple(ledger["labels"]), counts, examples, ledger["task"] == "multilabel")


def correction(shift: np.ndarray, classes: Classes) -> float:
    """Return how far a shift of the classes' log odds takes their prior towards balance.

    0 leaves the prior as it is, 1 makes all classes alike, 2 is twice too much: the slope of
    the least-squares line of `shift` over -log prior (multi-label: over minus the log odds).

    Args:
        shift: what a layer adds to the logits, shape (classes,).
        classes: the classes as they stand in the training rows.
    """
    told = (classes.counts > 0) & (classes.counts < classes.rows)
    prior, shift = classes.prior[told], shift[told]
    rarity = -_log_odds(prior) if classes.multilabel else -np.log(prior)
    if not classes.multilabel:
        # A constant added to all logits changes nothing.
        rarity, shift = rarity - rarity.mean(), shift - shift.mean()
    spread = rarity @ rarity
    return float(shift @ rarity / spread) if spread > 1e-12 else 0.0


def refuse_twice(corrections: dict[str, float], allowed: bool) -> None:
    """Refuse layers that together correct the prior beyond balance.

    Args:
        corrections: strength (`correction`) of each layer by its place in params.yaml.
        allowed: `allow_double_correction`.

    Raises:
        UserError: two or more layers correct the prior, by more than 1 in total.
    """
    active = {name: strength for name, strength in corrections.items() if strength > SLIGHT}
    if allowed or len(active) < 2 or sum(active.values()) <= 1 + SLIGHT:
        return
    listed = " and ".join(f"{name} ({strength:.2f})" for name, strength in active.items())
    raise UserError(
        f"params.yaml: {listed} correct the same class prior: together "
        f"{sum(active.values()):.2f} of what makes the classes alike. Keep one of them, or set "
        "allow_double_correction: true."
    )


def sampling_shift(before: Classes, after: Classes) -> np.ndarray:
    """Return what resampling adds to the logits: log of the prior's ratio, or of its odds' ratio.

    A class that has no row, before or after, has 0; multi-label also one that all rows have.
    """
    earlier, later = before.prior, after.prior
    if before.multilabel:
        told = (earlier > 0) & (earlier < 1) & (later > 0) & (later < 1)
        earlier, later = (np.where(told, share, 0.5) for share in (earlier, later))
        return _log_odds(later) - _log_odds(earlier)
    told = (earlier > 0) & (later > 0)
    return np.log(np.divide(later, earlier, out=np.ones_like(earlier), where=told))


def weight_shift(weights: np.ndarray) -> np.ndarray:
    """Return what weights add to the logits, shape (classes,)."""
    return np.log(weights) if weights.ndim == 1 else np.log(weights[1] / weights[0])


def normalise(weights: np.ndarray, classes: Classes) -> np.ndarray:
    """Scale weights so that their mean over the rows is 1: they keep the learning rate as it is.

    Args:
        weights: shape (classes,), or multi-label (2, classes), each label scaled for itself.
        classes: the classes as they stand in the rows to train on.
    """
    if classes.multilabel:
        present = classes.prior
        return weights / (weights[0] * (1 - present) + weights[1] * present)
    return weights / (weights @ classes.prior)


def correct(logits: np.ndarray, ledger: dict[str, Any]) -> np.ndarray:
    """Undo weights and sampling: logits under the trained-on distribution to those of the data.

    Outputs that are no log odds, those of a loss without an inverse, stay as they are: the
    calibration map that follows takes the whole way.

    Single-label: p_c is proportional to p'_c / w_c * prior_before_c / prior_after_c (Elkan 2001).
    Multi-label: the same for the odds of each label. The loss's own inverse comes before this.

    Args:
        logits: logits after the loss's inverse, shape (rows, classes).
        ledger: what `entry` made.

    Returns:
        Corrected logits, float64, shape (rows, classes).
    """
    logits = logits.astype(np.float64)
    if not ledger["log_odds"]:
        return logits
    return logits - np.array(ledger["sampling_shift"]) - weight_shift(np.array(ledger["weights"]))


def calibration(ledger: dict[str, Any]) -> Literal["none", "temperature", "sigmoid", "isotonic"]:
    """Return the calibration map that takes the place of what no formula undoes.

    Log odds that something bends are still near a line: sigmoid. Outputs that are no log odds may
    follow any rising curve: isotonic, unless the loss names a map of its own.
    """
    if "calibration" in ledger:
        return ledger["calibration"]
    if not ledger["log_odds"]:
        return "isotonic"
    return "sigmoid" if ledger["bends"] else "none"


def probabilities(logits: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return softmax, or multi-label sigmoid, of logits; float64, same shape."""
    logits = logits.astype(np.float64)
    if multilabel:
        return np.exp(-np.logaddexp(0, -logits))
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def log_shares(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log p_c and log(1 - p_c) of the softmax, float64; no digits are lost near 0 or 1.

    log(1 - p) comes from p where p <= .5, and of the most probable class from all the others.
    """
    logits = logits.astype(np.float64)
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    top = logits.argmax(axis=1)[:, None]
    others = log_p.copy()
    np.put_along_axis(others, top, -np.inf, axis=1)
    # Equal logits are treated alike: all that are as large as the largest.
    log_rest = np.where(
        logits == np.take_along_axis(logits, top, axis=1),
        np.logaddexp.reduce(others, axis=1, keepdims=True),
        np.log(-np.expm1(np.minimum(log_p, -np.log(2)))),
    )
    return log_p, log_rest


def _log_odds(share: np.ndarray) -> np.ndarray:
    return np.log(share) - np.log1p(-share)
