"""Soft macro-F1: true and false positives counted by probability, for large batches."""

from typing import Annotated

from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor

PER_BATCH = True


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    smoothing: Annotated[float, Field(gt=0)] = 1.0,
):
    """Return contributions whose mean is 1 - the mean over the classes of a soft F1.

    For a class, TP = sum y p, FP = sum (1-y) p and FN = sum y (1-p) over the batch, p = softmax(z)
    or multi-label sigmoid(z), and F1 = (2 TP + smoothing) / (2 TP + FP + FN + smoothing). Source:
    Benedict, Koops, Odijk and de Rijke, sigmoidF1: A Smooth F1 Score Surrogate Loss for Multilabel
    Classification, 2021; smoothing as in Milletari, Navab and Ahmadi, V-Net, 2016. Without it a
    class that the batch lacks would have F1 0 and no gradient.

    There is no `inverse`: F1 rewards one decision for all rows together, and the outputs with the
    best one say on which side of a threshold p(y|x) lies, not p(y|x).

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes as they stand in the rows trained on.
        smoothing: pseudo-count of rows, true and predicted, of each class.

    Returns:
        Shape (batch,), or multi-label (batch, classes); only the mean has a meaning.

    Example:
        >>> import numpy as np
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> values = loss(np.eye(2), np.zeros((2, 2)), two)
        >>> round(float(values[0]), 6)  # TP = FP = FN = 1/2, F1 = 2/3
        0.333333
    """
    from keras import ops

    p = ops.sigmoid(logits) if classes.multilabel else ops.softmax(logits, axis=-1)
    # 1 - F1 = (FP + FN) / (2 TP + FP + FN), and 2 TP + FP + FN = sum p + sum y.
    mistakes = (1 - labels) * p + labels * (1 - p)
    total = ops.sum(p + labels, axis=0, keepdims=True) + smoothing
    values = ops.cast(ops.shape(logits)[0], total.dtype) * mistakes / total
    return values if classes.multilabel else ops.mean(values, axis=-1)
