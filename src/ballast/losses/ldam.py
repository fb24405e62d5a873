"""LDAM: cross-entropy with a margin for the true class, the wider the rarer it is."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true
from ballast.probabilities.balancing import sizes


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    margin: Annotated[float, Field(ge=0)] = 0.5,
    scale: Annotated[float, Field(gt=0)] = 1.0,
):
    """Return the cross-entropy of scale (z_c - [c = y] Delta_c), Delta_c ~ n_c^(-1/4).

    Source: Cao, Wei, Gaidon, Arechiga and Ma, Learning Imbalanced Datasets with Label-
    Distribution-Aware Margin Loss, 2019. Multi-label, a label's presence and
    its absence are two classes: softplus(-scale (z - Delta)) and softplus(scale (z + Delta)).
    The paper's deferred reweighting is `training.defer_weights` with a weighting; after a sampler
    that makes the classes equal, so are the margins.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on.
        margin: Delta of the rarest class, the paper's .5; 0 with scale 1 gives cross-entropy.
        scale: the paper's 30 is for outputs that are cosines, between -1 and 1. Outputs here are
            unbounded and learn their scale, so 1.

    Returns:
        Loss a row, shape (batch,), or multi-label a label, shape (batch, classes).

    Example:
        >>> two = Classes(("no", "yes"), np.array([16, 1]), 17)
        >>> rare = loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.5]]), two)
        >>> float(rare[0])  # the output is ahead by exactly the margin: log 2
        0.6931471805599453
    """
    from keras import ops

    margins = ops.convert_to_tensor(_margins(classes, margin), dtype=logits.dtype)
    if classes.multilabel:
        shifted = logits - labels * margins[1] + (1 - labels) * margins[0]
    else:
        shifted = logits - labels * margins
    return -log_true(labels, scale * shifted, classes.multilabel)


def inverse(logits: np.ndarray, classes: Classes, *, margin: float, scale: float) -> np.ndarray:
    """Return logits of p(class | x): where the expected gradient vanishes, which is linear in p.

    p_c is proportional to s_c (1 - s_c (1 - exp(-scale Delta_c))) with s = softmax(scale z).
    Multi-label: the odds are sigmoid(scale (z + Delta absent)) / sigmoid(scale (Delta - z)).

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes of the rows trained on.
        margin: as in `loss`.
        scale: as in `loss`.

    Returns:
        Logits whose softmax (multi-label: sigmoid) are the probabilities, shape (rows, classes).
    """
    scaled = scale * logits.astype(np.float64)
    margins = scale * _margins(classes, margin)
    if classes.multilabel:
        return np.logaddexp(0, scaled - margins[1]) - np.logaddexp(0, -scaled - margins[0])
    log_s = scaled - np.logaddexp.reduce(scaled, axis=1, keepdims=True)
    return log_s + np.log1p(np.exp(log_s) * np.expm1(-margins))


def _margins(classes: Classes, margin: float) -> np.ndarray:
    """Delta, shape (classes,), or multi-label (2, classes): of absence and of presence."""
    counts = sizes(classes)
    rarest = counts[counts > 0].min()
    # A class without a row is never the true one.
    return margin * (rarest / np.where(counts > 0, counts, rarest)) ** 0.25
