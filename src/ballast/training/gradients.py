"""A loss of the catalogue as solvers see it: its mean, and its gradient by the logits."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

# From (labels, logits) to the mean loss and its gradient by the logits.
Gradient = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def gradient_of(loss: Callable, outputs: int) -> Gradient:
    """Return the mean of a loss with its gradient, shape (rows, outputs), compiled once.

    Args:
        loss: from (labels, logits) to a loss a row, in Keras.
        outputs: number of logits.
    """

    def value_and_gradient(labels, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = tf.reduce_mean(loss(labels, logits))
        return value, tape.gradient(value, logits)

    # Mixed labels are wider than the logits: those of a row, of its partner, and the share.
    signature = [tf.TensorSpec((None, width), tf.float32) for width in (None, outputs)]
    compiled = tf.function(value_and_gradient, input_signature=signature).get_concrete_function()

    def gradient(labels: np.ndarray, logits: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_logits = compiled(tf.constant(labels), tf.constant(logits))
        return float(value), by_logits.numpy()

    return gradient
