"""Log-likelihood of the true labels from logits, without overflow or lost digits."""

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import keras

# Of labels and logits. Quoted: evaluation and prediction read losses and do without Keras.
Tensor: TypeAlias = "keras.KerasTensor"


def log_true(labels: Tensor, logits: Tensor, multilabel: bool):
    """Return log p, p the probability that softmax(z) gives to the true class.

    Multi-label: for each label the probability that sigmoid(z) gives to its true state.

    Args:
        labels: one-hot, or multi-label multi-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        multilabel: whether a row may have several labels.

    Returns:
        Shape (batch,), or multi-label (batch, classes).
    """
    from keras import ops

    if multilabel:
        return -ops.softplus((1 - 2 * labels) * logits)
    return ops.sum(labels * ops.log_softmax(logits, axis=-1), axis=-1)


def log_true_and_rest(labels: Tensor, logits: Tensor, multilabel: bool):
    """Return the `log_true` of the same arguments, and log(1 - p), which never comes from 1 - p."""
    from keras import ops

    if multilabel:
        signed = (2 * labels - 1) * logits
        return -ops.softplus(-signed), -ops.softplus(signed)
    log_p = log_true(labels, logits, multilabel)
    # log(1 - p) is the log of the sum of the other classes' probabilities.
    others = ops.logsumexp(ops.where(labels > 0, ops.full_like(logits, -1e4), logits), axis=-1)
    return log_p, others - ops.logsumexp(logits, axis=-1)
