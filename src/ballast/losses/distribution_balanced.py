"""Distribution-balanced loss: weights heed which labels occur together, absent ones count less."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor
from ballast.probabilities.balancing import log_prior
from ballast.project.errors import UserError

# It balances the labels, by how much no formula tells: weights or a sampler would do so again.
CORRECTS_PRIOR = True


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    rebalance: bool = True,
    alpha: Annotated[float, Field(ge=0)] = 0.1,
    beta: Annotated[float, Field(gt=0)] = 10.0,
    mu: float = 0.9,
    kappa: Annotated[float, Field(ge=0)] = 0.05,
    scale: Annotated[float, Field(gt=0)] = 2.0,
    gamma: Annotated[float, Field(ge=0)] = 2.0,
):
    """Return r (1-q)^gamma (-log q) for a present label, r q^gamma (-log(1-q)) / scale for others.

    Three parts. Rebalancing: a row is drawn for label i at the rate 1 / n_i, for any of its labels
    at their sum; r = alpha + sigmoid(beta (ratio - mu)) with ratio = (1/n_i) / sum_j y_j / n_j.
    Negative tolerance: q = sigmoid(z - nu) for present labels and sigmoid(scale (z - nu)) for
    absent ones, nu = kappa log((1-pi) / pi) with the label's prior pi. And focusing as in `focal`.
    Source: Wu, Huang, Liu, Wang and Lin, Distribution-Balanced Loss for Multi-Label Classification
    in Long-Tailed Datasets, 2020; with focusing and for texts: Huang, Giledereli, Koksal, Ozgur and
    Ozkirimli, Balancing Methods for Multi-label Text Classification with Long-Tailed Class
    Distribution, 2021. Written from the formulas.

    There is no `inverse`: a label's weight depends on the other labels of the row, so the least
    expected loss depends on the joint distribution of the labels given x, not on p(label|x) alone.

    Args:
        labels: multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes as they stand in the rows trained on.
        rebalance: whether labels are weighted; if not, r = 1.
        alpha: lowest weight; a row without labels has the highest, alpha + 1.
        beta: how steeply weights rise with the ratio.
        mu: ratio in the middle; .9 for news, .05 for PubMed in the second paper.
        kappa: factor of the prior's log odds in the logits; 0 for none.
        scale: the gradient of absent labels vanishes this much faster below 0; 1 for no change.
        gamma: 0 for no focusing. All of them off give cross-entropy.

    Returns:
        Loss a label, shape (batch, classes).

    Raises:
        UserError: rows with exactly one label.

    Example:
        >>> two = Classes(("common", "rare"), np.array([50, 50]), 100, multilabel=True)
        >>> row = np.array([[1.0, 0.0]]), np.array([[0.0, 0.0]])
        >>> (values,) = loss(*row, two, rebalance=False, gamma=0.0)
        >>> [round(float(value), 4) for value in values]  # log 2 and (log 2) / 2
        [0.6931, 0.3466]
    """
    from keras import ops

    if not classes.multilabel:
        raise UserError(
            "params.yaml: loss: distribution_balanced needs rows with several labels: it weights "
            "labels by those they occur with. Use balanced_softmax."
        )
    # log((1-pi) / pi) is minus the log odds.
    shifted = logits + ops.convert_to_tensor(kappa * log_prior(classes), dtype=logits.dtype)
    present = ops.exp(-gamma * ops.softplus(shifted)) * ops.softplus(-shifted)
    scaled = scale * shifted
    absent = ops.exp(-gamma * ops.softplus(-scaled)) * ops.softplus(scaled) / scale
    values = labels * present + (1 - labels) * absent
    return values * _weights(labels, classes, alpha, beta, mu) if rebalance else values


def _weights(labels, classes: Classes, alpha: float, beta: float, mu: float):
    """A weight for each element, shape (batch, classes)."""
    from keras import ops

    # Relative to the most frequent label, so that low precision holds the rates of large data sets.
    counts = np.maximum(classes.counts, 0.5)
    rates = ops.convert_to_tensor(counts.max() / counts, dtype=labels.dtype)
    total = ops.sum(labels * rates, axis=-1, keepdims=True)
    ratio = rates / ops.where(total > 0, total, ops.ones_like(total))
    # Without labels the ratio is infinite, and its sigmoid is 1.
    return alpha + ops.where(total > 0, ops.sigmoid(beta * (ratio - mu)), ops.ones_like(ratio))
