"""A loss as solvers see it: its mean, and its gradient by the logits."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

# From (labels, logits) to the mean loss and its gradient by the logits.
Gradient = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def gradient_of(loss: Callable, outputs: int) -> Gradient:
    """Return a loss with its gradient, shape (rows, outputs), compiled once.

    Args:
        loss: from (labels, logits) to a loss a row, in Keras.
        outputs: number of logits.
    """

    def both(labels, logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            value = tf.reduce_mean(loss(labels, logits))
        return value, tape.gradient(value, logits)

    # Of the labels, those of a row and of its partner may stand side by side.
    pair = [tf.TensorSpec((None, count), tf.float32) for count in (None, outputs)]
    compiled = tf.function(both, input_signature=pair).get_concrete_function()

    def gradient(labels: np.ndarray, logits: np.ndarray) -> tuple[float, np.ndarray]:
        value, by_logits = compiled(tf.constant(labels), tf.constant(logits))
        return float(value), by_logits.numpy()

    return gradient
