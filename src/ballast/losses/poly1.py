"""Poly-1: cross-entropy with its first Taylor term, 1 - p, made larger (or smaller)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    epsilon: Annotated[float, Field(gt=-1)] = 1.0,
):
    """Return -log p_y + epsilon (1 - p_y) with p = softmax(z), or a label's true state, sigmoid(z).

    Source: Leng, Tan, Liu, Cubuk, Shi, Cheng and Anguelov, PolyLoss: A Polynomial Expansion
    Perspective of Classification Loss Functions, 2022.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on.
        epsilon: 0 gives cross-entropy; the paper's best differ, from -1 to 6, often 1 or 2.

    Returns:
        Loss a row, shape (batch,), or multi-label a label, shape (batch, classes).

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]), two)[0])  # log 2 + 1/2
        1.1931471805599454
    """
    from keras import ops

    log_p = log_true(labels, logits, classes.multilabel)
    return -log_p - epsilon * ops.expm1(log_p)


def inverse(logits: np.ndarray, classes: Classes, *, epsilon: float) -> np.ndarray:
    """Return logits of p(class | x), proportional to s / (1 + epsilon s) with s = softmax(z).

    There the expected gradient, sum_y p_y (1 + epsilon s_y) (s_c - [c = y]) for each c, vanishes.
    Multi-label: presence and absence are the two classes.

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes of the rows trained on.
        epsilon: as in `loss`.

    Returns:
        Logits whose softmax (multi-label: sigmoid) are the probabilities, shape (rows, classes).
    """
    logits = logits.astype(np.float64)
    if classes.multilabel:
        s, rest = np.exp(-np.logaddexp(0, -logits)), np.exp(-np.logaddexp(0, logits))
        return logits - np.log1p(epsilon * s) + np.log1p(epsilon * rest)
    log_s = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    return log_s - np.log1p(epsilon * np.exp(log_s))
