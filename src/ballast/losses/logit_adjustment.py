"""Logit adjustment: cross-entropy with the log prior added to the logits, not learnt by them."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true
from ballast.probabilities.balancing import log_prior


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    tau: Annotated[float, Field(ge=0)] = 1.0,
):
    """Return the cross-entropy of z_c + tau log pi_c, pi the prior of the rows trained on.

    Source: Menon, Jayasumana, Rawat, Jain, Veit and Kumar, Long-tail Learning via Logit Adjustment,
    2021. Multi-label: the log odds of a label's prior in the place of log pi. The labels of
    `decision: argmax` are those of z itself, with the least balanced error; for the probabilities
    the inverse puts the prior back.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on.
        tau: 0 gives cross-entropy; 1 is consistent for the balanced error.

    Returns:
        Loss a row, shape (batch,), or multi-label a label, shape (batch, classes).

    Example:
        >>> two = Classes(("no", "yes"), np.array([3, 1]), 4)
        >>> float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]), two)[0])  # log 4
        1.3862943611198906
    """
    from keras import ops

    prior = ops.convert_to_tensor(tau * log_prior(classes), dtype=logits.dtype)
    return -log_true(labels, logits + prior, classes.multilabel)


def inverse(logits: np.ndarray, classes: Classes, *, tau: float) -> np.ndarray:
    """Return z + tau log pi (multi-label: tau log odds), whose probabilities the loss has fitted.

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes of the rows trained on.
        tau: as in `loss`.

    Returns:
        Logits whose softmax (multi-label: sigmoid) are the probabilities, shape (rows, classes).
    """
    return logits.astype(np.float64) + tau * log_prior(classes)
