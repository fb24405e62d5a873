"""Cross-entropy: the plain loss, whose outputs are the probabilities themselves."""

import numpy as np

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true


def loss(labels: Tensor, logits: Tensor, classes: Classes):
    """Return -sum_c y_c log p_c with p = softmax(z), or a label -y log p - (1-y) log(1-p).

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on.

    Returns:
        Loss a row, shape (batch,), or multi-label a label, shape (batch, classes).

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]), two)[0])  # log 2
        0.6931471805599453
    """
    return -log_true(labels, logits, classes.multilabel)


def inverse(logits: np.ndarray, classes: Classes) -> np.ndarray:
    """Return the logits as they are: softmax (multi-label: sigmoid) of them minimises the loss."""
    return logits
