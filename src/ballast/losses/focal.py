"""Focal loss: rows predicted right already count less, so the hard ones dominate the training."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true_and_rest
from ballast.probabilities.logits import log_shares


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    gamma: Annotated[float, Field(ge=0)] = 2.0,
    alpha: dict[str, Annotated[float, Field(gt=0)]] | None = None,
):
    """Return -alpha_y (1 - p_y)^gamma log p_y with p = softmax(z), or sigmoid(z) a label.

    Source: Lin, Goyal, Girshick, He and Dollar, Focal Loss for Dense Object Detection, 2017,
    equation 5. Computed in log space: log(1 - p) never comes from 1 - p.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on.
        gamma: 0 gives cross-entropy; 2 is the paper's.
        alpha: weight by class name, by default 1; multi-label: of the label's presence. The paper's
            single .25 lowers the weight of positives.

    Returns:
        Loss a row, shape (batch,), or multi-label a label, shape (batch, classes).

    Raises:
        UserError: alpha names an unknown class.

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]), two)[0])  # log 2 / 4
        0.17328679513998632
    """
    from keras import ops

    weights = ops.convert_to_tensor(
        classes.by_name(alpha, 1.0, "losses.focal.alpha"), dtype=logits.dtype
    )
    log_p, log_rest = log_true_and_rest(labels, logits, classes.multilabel)
    if classes.multilabel:
        factors = labels * weights + 1 - labels
    else:
        factors = ops.sum(labels * weights, axis=-1)
    return -factors * ops.exp(gamma * log_rest) * log_p


def inverse(
    logits: np.ndarray,
    classes: Classes,
    *,
    gamma: float,
    alpha: dict[str, float] | None,
) -> np.ndarray:
    """Return logits of p(class | x), by the inverse of the focal loss.

    eta_c is proportional to h(q_c) / alpha_c with q = softmax(z) and
    h(v) = v / [(1-v)^gamma - gamma (1-v)^(gamma-1) v log v]. Source: Charoenphakdee, Vongkulbhisal,
    Chairatanakul and Sugiyama, On Focal Loss for Class-Posterior Probability Estimation, 2021,
    theorem 11. In log space, so that confident outputs lose no digits.

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes of the rows trained on.
        gamma: as in `loss`.
        alpha: as in `loss`.

    Returns:
        Logits whose softmax (multi-label: sigmoid) are the probabilities, shape (rows, classes).
    """
    logits = logits.astype(np.float64)
    log_alpha = np.log(classes.by_name(alpha, 1.0, "losses.focal.alpha"))
    if classes.multilabel:
        log_p, log_rest = -np.logaddexp(0, -logits), -np.logaddexp(0, logits)
        return _log_h(log_p, log_rest, gamma) - _log_h(log_rest, log_p, gamma) - log_alpha
    log_p, log_rest = log_shares(logits)
    return _log_h(log_p, log_rest, gamma) - log_alpha


def _log_h(log_v: np.ndarray, log_rest: np.ndarray, gamma: float) -> np.ndarray:
    """log h(v) = log v - gamma log(1-v) - log[1 + gamma v (-log v) / (1-v)]."""
    # As v -> 1, -log v / (1-v) -> 1, while log v loses its digits and 1-v vanishes.
    rest = np.exp(log_rest)
    ratio = np.where(rest < 1e-8, 1.0, -log_v / np.maximum(rest, 1e-8))
    return log_v - gamma * log_rest - np.log1p(gamma * np.exp(log_v) * ratio)
