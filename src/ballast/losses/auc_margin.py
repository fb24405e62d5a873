"""AUC margin: scores of positive rows above negative ones by a margin, each with low variance."""

from typing import Annotated

from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor

# Only the mean over a batch has a meaning.
PER_BATCH = True
# The scores rank rows; no threshold between positive and negative ones is trained.
ONLY_RANKS = True


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    margin: Annotated[float, Field(gt=0)] = 1.0,
):
    """Return contributions whose mean is the AUC margin loss, the mean over the classes.

    For a class, with scores h = softmax(z) or multi-label sigmoid(z), a and b their means over the
    batch's positive and negative rows: E[(h - a)^2 | +] + E[(h - b)^2 | -] +
    max(0, margin - a + b)^2. Source: Yuan, Yan, Sonka and Yang, Large-scale Robust Deep AUC
    Maximization, 2021, with a, b and alpha at their optimum on the batch, in closed form. Classes
    are taken one against the rest. A class that all rows of the batch have, or none, adds 0: use
    large batches, best with equally many rows of each class.

    There is no `inverse`: AUC depends on the order of the scores, not on their size.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on.
        margin: the paper's 1; scores lie between 0 and 1.

    Returns:
        Shape (batch,), or multi-label (batch, classes); only the mean has a meaning.

    Example:
        >>> import numpy as np
        >>> two = Classes(("no", "yes"), np.array([1, 1]), 2)
        >>> float(loss(np.eye(2), np.zeros((2, 2)), two)[0])  # a = b, no variance: margin^2
        1.0
    """
    from keras import ops

    h = ops.sigmoid(logits) if classes.multilabel else ops.softmax(logits, axis=-1)
    present, a = _share_and_mean(labels, h)
    absent, b = _share_and_mean(1 - labels, h)
    rows = ops.cast(ops.shape(logits)[0], h.dtype)
    values = rows * (present * ops.square(h - a) + absent * ops.square(h - b))
    values = values + ops.square(ops.relu(margin - a + b))
    both = ops.any(labels > 0, axis=0, keepdims=True) & ops.any(labels < 1, axis=0, keepdims=True)
    values = ops.where(both, values, ops.zeros_like(values))
    return values if classes.multilabel else ops.mean(values, axis=-1)


def _share_and_mean(members, h):
    """1 / n for each of n members, and their mean score; 0 where there are none."""
    from keras import ops

    share = members / ops.maximum(ops.sum(members, axis=0, keepdims=True), 1)
    return share, ops.sum(share * h, axis=0, keepdims=True)
