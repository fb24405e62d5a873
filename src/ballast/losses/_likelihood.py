"""Log-likelihood of the true labels from logits, without overflow or lost digits."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras


def log_true(labels: "keras.KerasTensor", logits: "keras.KerasTensor", multilabel: bool):
    """Return log p and log(1 - p), p the probability that softmax(z) gives to the true class.

    Multi-label: for each label the probability that sigmoid(z) gives to its true state. Both
    logarithms come from the logits: log(1 - p) never from 1 - p.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        multilabel: whether a row may have several labels.

    Returns:
        Two tensors, each of shape (batch,), or multi-label (batch, classes).
    """
    from keras import ops

    if multilabel:
        signed = (2 * labels - 1) * logits
        return -ops.softplus(-signed), -ops.softplus(signed)
    log_p = ops.sum(labels * ops.log_softmax(logits, axis=-1), axis=-1)
    # log(1 - p) is the log of the sum of the other classes' probabilities.
    others = ops.logsumexp(ops.where(labels > 0, ops.full_like(logits, -1e4), logits), axis=-1)
    return log_p, others - ops.logsumexp(logits, axis=-1)
