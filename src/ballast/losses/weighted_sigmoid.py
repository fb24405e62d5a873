"""Weighted sigmoid cross-entropy: presence and absence of a label count alike, up to a limit."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true
from ballast.probabilities.balancing import clipped_weights
from ballast.project.errors import UserError


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    most: Annotated[float, Field(ge=0.5, lt=1)] = 0.9,
):
    """Return w (-y log p - (1-y) log(1-p)) a label with p = sigmoid(z), w an element's weight.

    w = a (y + (1-y) b / (1-b)) with b = clip(prior, 1 - most, most) and a = 1 / (2 b): a present
    label has weight 1 / (2 b), an absent one 1 / (2 (1-b)); see `clipped_weights`.
    Source: King and Zeng, Logistic Regression in Rare Events Data, 2001, with a limit.

    Args:
        labels: multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes as they stand in the rows trained on.
        most: .5 gives cross-entropy; no weight is above 1 / (2 (1 - most)).

    Returns:
        Loss a label, shape (batch, classes).

    Raises:
        UserError: rows with exactly one label.

    Example:
        >>> one = Classes(("rare",), np.array([1]), 100, multilabel=True)
        >>> float(loss(np.array([[1.0]]), np.array([[0.0]]), one)[0, 0])  # 5 log 2
        3.465735902799727
    """
    from keras import ops

    if not classes.multilabel:
        raise UserError(
            "params.yaml: loss: weighted_sigmoid needs rows with several labels: with one label a "
            "row the absence of a class is the presence of another. Use cross_entropy with "
            "weighting: balanced."
        )
    weights = ops.convert_to_tensor(clipped_weights(classes.prior, most), dtype=logits.dtype)
    by_label = labels * weights[1] + (1 - labels) * weights[0]
    return -by_label * log_true(labels, logits, multilabel=True)


def inverse(logits: np.ndarray, classes: Classes, *, most: float) -> np.ndarray:
    """Return logits of p(label | x): the odds divided by the ratio of the two weights.

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes as they stand in the rows trained on.
        most: as in `loss`.

    Returns:
        Logits whose sigmoid are the probabilities, shape (rows, classes).
    """
    absent, present = clipped_weights(classes.prior, most)
    return logits.astype(np.float64) - np.log(present / absent)
