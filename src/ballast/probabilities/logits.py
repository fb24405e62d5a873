"""Probabilities from logits, and their logarithms without lost digits."""

import numpy as np


def probabilities(logits: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return softmax, or multi-label sigmoid, of logits; float64, same shape."""
    logits = logits.astype(np.float64)
    if multilabel:
        return np.exp(-np.logaddexp(0, -logits))
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def log_odds(share: np.ndarray) -> np.ndarray:
    """Return log p - log(1 - p)."""
    return np.log(share) - np.log1p(-share)


def log_shares(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log p_c and log(1 - p_c) of the softmax, float64, without losing digits near 0 or 1.

    log(1 - p) is computed from p if p <= .5, and for the most probable class from all the others.
    """
    logits = logits.astype(np.float64)
    log_p = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    top = logits.argmax(axis=1)[:, None]
    others = log_p.copy()
    np.put_along_axis(others, top, -np.inf, axis=1)
    # All classes with the largest logit are treated the same.
    log_rest = np.where(
        logits == np.take_along_axis(logits, top, axis=1),
        np.logaddexp.reduce(others, axis=1, keepdims=True),
        np.log(-np.expm1(np.minimum(log_p, -np.log(2)))),
    )
    return log_p, log_rest
