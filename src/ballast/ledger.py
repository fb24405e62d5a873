"""The ledger: what sampling, weights and loss did to p(y|x), and the way back."""

from typing import Any

import numpy as np

from ballast.classes import Classes


def entry(
    before: Classes, after: Classes, weights: np.ndarray, layers: dict[str, Any]
) -> dict[str, Any]:
    """Return the ledger as it goes to `models/ledger.json`.

    Args:
        before: the classes as they stand in the training rows.
        after: the same after resampling.
        weights: as a weighting returns them, normalised.
        layers: the names and options of weighting and loss.
    """
    return {
        "task": "multilabel" if before.multilabel else "single-label",
        "labels": list(before.names),
        "prior_before_sampling": before.prior.tolist(),
        "prior_after_sampling": after.prior.tolist(),
        "weights": weights.tolist(),
        **layers,
    }


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

    Single-label: p_c is proportional to p'_c / w_c * prior_before_c / prior_after_c (Elkan 2001).
    Multi-label: the same for the odds of each label. The loss's own inverse comes before this.

    Args:
        logits: logits after the loss's inverse, shape (rows, classes).
        ledger: what `entry` made.

    Returns:
        Corrected logits, float64, shape (rows, classes).
    """
    weights = np.array(ledger["weights"])
    before = np.array(ledger["prior_before_sampling"])
    after = np.array(ledger["prior_after_sampling"])
    if ledger["task"] == "multilabel":
        # A label that no row or every row has keeps its logit, as far as sampling goes.
        told = (before > 0) & (before < 1) & (after > 0) & (after < 1)
        odds = [_log_odds(np.where(told, share, 0.5)) for share in (before, after)]
        shift = odds[0] - odds[1] - np.log(weights[1] / weights[0])
    else:
        # A class that has no training row keeps its logit.
        present = (before > 0) & (after > 0)
        ratio = np.divide(before, after, out=np.ones_like(before), where=present)
        shift = np.log(ratio) - np.log(weights)
    return logits.astype(np.float64) + shift


def probabilities(logits: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return softmax, or multi-label sigmoid, of logits; float64, same shape."""
    logits = logits.astype(np.float64)
    if multilabel:
        return np.exp(-np.logaddexp(0, -logits))
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def _log_odds(share: np.ndarray) -> np.ndarray:
    return np.log(share) - np.log1p(-share)
