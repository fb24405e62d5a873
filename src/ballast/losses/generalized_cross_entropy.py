"""Generalized cross-entropy: between cross-entropy and absolute error, robust to wrong labels."""

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
    q: Annotated[float, Field(ge=0, lt=1)] = 0.7,
):
    """Return (1 - p_y^q) / q with p = softmax(z), or a label's true state, sigmoid(z).

    Source: Zhang and Sabuncu, Generalized Cross Entropy Loss for Training Deep Neural Networks with
    Noisy Labels, 2018. Rows predicted with a low p_y have a small gradient: wrong labels do little
    harm, but rare classes have little influence at first, too.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on.
        q: 0 gives cross-entropy, .7 is the paper's; 1 would be the mean absolute error, whose
            minimum depends on the most probable class alone, not on its probability.

    Returns:
        Loss a row, shape (batch,), or multi-label a label, shape (batch, classes).

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> row = np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]])
        >>> round(float(loss(*row, two, q=0.5)[0]), 6)  # 2 - sqrt(2)
        0.585786
    """
    from keras import ops

    log_p = log_true(labels, logits, classes.multilabel)
    return -log_p if q == 0 else -ops.expm1(q * log_p) / q


def inverse(logits: np.ndarray, classes: Classes, *, q: float) -> np.ndarray:
    """Return (1 - q) z: p(class | x) is proportional to s^(1 - q) with s = softmax(z).

    The s with the least sum_c p_c (1 - s_c^q) / q is proportional to p^(1 / (1 - q)). Multi-label:
    presence and absence are the two classes, and their log odds shrink alike.

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes of the rows trained on.
        q: as in `loss`.

    Returns:
        Logits whose softmax (multi-label: sigmoid) are the probabilities, shape (rows, classes).
    """
    return (1 - q) * logits.astype(np.float64)
