"""Balanced softmax: each class's share of the softmax times its rows; logit adjustment at tau 1."""

import numpy as np

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true


def loss(labels: Tensor, logits: Tensor, classes: Classes):
    """Return -log(n_y e^z_y / sum_j n_j e^z_j), n the classes' numbers of rows.

    Source: Ren, Yu, Sheng, Ma, Zhao, Yi and Li, Balanced Meta-Softmax for Long-Tailed Visual
    Recognition, 2020. Multi-label: a label's presence and absence are the two classes,
    p = n e^z / (n e^z + N - n). A class without a row counts as half a row.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on.

    Returns:
        Loss a row, shape (batch,), or multi-label a label, shape (batch, classes).

    Example:
        >>> two = Classes(("no", "yes"), np.array([3, 1]), 4)
        >>> float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]), two)[0])  # log 4
        1.3862943611198906
    """
    from keras import ops

    shift = ops.convert_to_tensor(_log_counts(classes), dtype=logits.dtype)
    return -log_true(labels, logits + shift, classes.multilabel)


def inverse(logits: np.ndarray, classes: Classes) -> np.ndarray:
    """Return z + log n (multi-label: log of present to absent), whose probabilities are fitted.

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes of the rows trained on.

    Returns:
        Logits whose softmax (multi-label: sigmoid) are the probabilities, shape (rows, classes).
    """
    return logits.astype(np.float64) + _log_counts(classes)


def _log_counts(classes: Classes) -> np.ndarray:
    """log n_c, less the mean, which softmax would not see; multi-label log n_c - log(N - n_c)."""
    present = np.log(np.maximum(classes.counts, 0.5))
    if classes.multilabel:
        return present - np.log(np.maximum(classes.rows - classes.counts, 0.5))
    return present - present.mean()
