"""A loss as those see it who search its minimum themselves: its mean, and its slopes by logits."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

# From (labels, logits) to the mean loss and its slopes by the logits.
Slopes = Callable[[np.ndarray, np.ndarray], tuple[float, np.ndarray]]


def slopes_of(loss: Callable, outputs: int) -> Slopes:
    """Return a loss with its slopes, shape (rows, outputs), compiled once.

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
    made = tf.function(both, input_signature=pair).get_concrete_function()

    def slopes(labels: np.ndarray, logits: np.ndarray) -> tuple[float, np.ndarray]:
        value, found = made(tf.constant(labels), tf.constant(logits))
        return float(value), found.numpy()

    return slopes
