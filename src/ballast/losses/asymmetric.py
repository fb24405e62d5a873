"""Asymmetric loss: absent labels already predicted unlikely count less, or not at all."""

from typing import Annotated

from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true_and_rest


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    gamma_positive: Annotated[float, Field(ge=0)] | None = None,
    gamma_negative: Annotated[float, Field(ge=0)] = 4.0,
    shift: Annotated[float, Field(ge=0, lt=1)] = 0.05,
    smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.1,
):
    """Return -(1-p)^gamma_positive log p for a present label, -p_m^gamma_negative log(1-p_m) else.

    Multi-label p = sigmoid(z) and p_m = max(p - shift, 0). Source: Ridnik, Ben-Baruch, Zamir, Noy,
    Friedman, Protter and Zelnik-Manor, Asymmetric Loss for Multi-Label Classification, 2021.
    With one label a row, as in the variant that the authors added: -sum_c
    t_c w_c log p_c with p = softmax(z), smoothed targets t = (1 - smoothing) y + smoothing / C,
    w = (1-p)^gamma_positive for the true class and p^gamma_negative for the others.

    There is no `inverse`: with a shift, all p up to it have the same loss, so outputs below it fit
    any smaller p(y|x); with smoothing, outputs more confident than the smoothed targets fit none.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes as they stand in the rows trained on.
        gamma_positive: focusing of present labels; by default 1, with one label a row 0, as in the
            authors' code.
        gamma_negative: focusing of absent labels.
        shift: multi-label only: absent labels with p up to this are dropped.
        smoothing: with one label a row only: share of the targets that is spread over all classes.
            All four 0 give cross-entropy.

    Returns:
        Loss a row, shape (batch,), or multi-label a label, shape (batch, classes).

    Example:
        >>> import numpy as np
        >>> one = Classes(("rare",), np.array([1]), 100, multilabel=True)
        >>> unlikely = np.array([[-3.0]])  # p = .047
        >>> float(loss(np.array([[0.0]]), unlikely, one)[0, 0])
        0.0
    """
    from keras import ops

    if gamma_positive is None:
        gamma_positive = 1.0 if classes.multilabel else 0.0
    log_p, log_rest = log_true_and_rest(labels, logits, classes.multilabel)
    present = -ops.exp(gamma_positive * log_rest) * log_p
    if classes.multilabel:
        return labels * present + (1 - labels) * _absent(logits, gamma_negative, shift)
    log_all = ops.log_softmax(logits, axis=-1)
    others = -(1 - labels) * ops.exp(gamma_negative * log_all) * log_all
    share = smoothing / len(classes.names)
    return (1 - smoothing + share) * present + share * ops.sum(others, axis=-1)


def _absent(logits, gamma: float, shift: float):
    """-p_m^gamma log(1 - p_m), from log p without a shift."""
    from keras import ops

    log_p, log_rest = -ops.softplus(-logits), -ops.softplus(logits)
    if shift == 0:
        return -ops.exp(gamma * log_p) * log_rest
    # 1 - p_m = 1 - p + shift, at most 1. At 1 the power of 0 has no gradient: .5 stands in for it.
    rest = ops.sigmoid(-logits) + shift
    positive = rest < 1
    rest = ops.where(positive, rest, ops.full_like(rest, 0.5))
    values = -ops.power(1 - rest, gamma) * ops.log(rest)
    return ops.where(positive, values, ops.zeros_like(values))
