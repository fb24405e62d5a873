"""What a step of training is: a batch in, the network's weights moved."""

from collections.abc import Callable
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf
from scipy.sparse import csr_array

from ballast.networks.layers import Linear, Wide, between, variables
from ballast.training.batches import Batch, Table
from ballast.training.learners.boosting import Boosted, BoostingLearner
from ballast.training.learners.linear import LinearLearner
from ballast.training.learners.projected import ProjectedLearner, is_projectable


class Learner(Protocol):
    """A network that learns.

    Attributes:
        whole: whether a step wants all examples of an epoch, and not a batch of them.
    """

    whole: bool

    def step(self, table: Table, batch: Batch) -> float:
        """Move the weights; return the batch's mean loss, before it or, if all examples, after."""

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by the names of `ballast.networks.layers.variables`."""


def learner(
    model: keras.Model | Boosted,
    loss: Callable,
    learning_rate: float,
    mixes: bool,
    precision: str,
) -> Learner:
    """Return the fastest learner for a network.

    Args:
        model: from a row's inputs to logits, or trees to be grown.
        loss: from (labels, logits) to a loss a row.
        learning_rate: Adam's.
        mixes: whether rows are mixed with partners.
        precision: of the products of word vectors with filters, where there are such.
    """
    if isinstance(model, Boosted):
        return BoostingLearner(model, loss)
    if isinstance(model, Linear):
        return LinearLearner(model, loss)
    if "tokens" in model.input and mixes:
        return KerasLearner(model, between(model), loss, learning_rate)
    if is_projectable(model):
        return ProjectedLearner(model, loss, learning_rate, precision)
    return KerasLearner(model, model, loss, learning_rate)


def tensor(values: np.ndarray | csr_array) -> tf.Tensor | tf.SparseTensor:
    """Return an array as TensorFlow takes it."""
    if isinstance(values, np.ndarray):
        return tf.constant(values)
    values = values.tocoo()
    return tf.SparseTensor(np.stack(values.coords, axis=1), values.data, values.shape)


class KerasLearner:
    """A network as Keras trains it."""

    whole = False

    def __init__(
        self, model: keras.Model, trained: keras.Model, loss: Callable, learning_rate: float
    ) -> None:
        """Take the network, and the one in whose training it is trained: itself, or a twin."""
        self.model, self.trained, self.loss = model, trained, loss
        # Plain gradient descent, for the reason that `ballast.projection` has.
        self.wide = [layer for layer in model.layers if isinstance(layer, Wide)]
        kernels = {id(layer.kernel) for layer in self.wide}
        self.moved = [own for own in model.trainable_variables if id(own) not in kernels]
        self.optimizer = keras.optimizers.Adam(learning_rate)
        self.optimizer.build(self.moved)
        inputs = {
            name: (tf.SparseTensorSpec if tensor.sparse else tf.TensorSpec)(
                tensor.shape, tensor.dtype
            )
            for name, tensor in trained.input.items()
        }
        labels = tf.TensorSpec((None, None), tf.float32)
        # Compiled once, for batches of any length; looked up once, which takes longer than a step.
        made = tf.function(self._step, input_signature=[inputs, labels])
        self.made = made.get_concrete_function()

    def step(self, table: Table, batch: Batch) -> float:
        """Make a step of Adam; return the batch's mean loss before it."""
        given = {name: tensor(values) for name, values in table.inputs(batch).items()}
        return float(self.made(given, tf.constant(batch.labels)))

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
        return {name: value.numpy() for name, value in variables(self.model).items()}

    def _step(self, inputs, labels):
        with tf.GradientTape() as tape:
            values = self.loss(labels, self.trained(inputs, training=True))
            loss = tf.reduce_mean(values)
        steep = [layer.kernel.value for layer in self.wide]
        gradients, slopes = tape.gradient(loss, [[own.value for own in self.moved], steep])
        # Keras squares the parts of a gradient, one for each use of a word, and not their sum.
        self.optimizer.apply([tf.convert_to_tensor(whole) for whole in gradients], self.moved)
        for layer, slope in zip(self.wide, slopes, strict=True):
            layer.kernel.assign_sub(layer.rate * tf.convert_to_tensor(slope))
        return loss
