"""Training of any Keras model, with Adam."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from ballast.networks.layers import Wide, interpolating, tensor, variables
from ballast.training.batches import Batch, Table
from ballast.training.options import Training


def learner(model: keras.Model, loss: Callable, options: Training, mixes: bool) -> "KerasLearner":
    """Return the learner of a Keras model, by way of one that interpolates if texts are mixed."""
    trained = interpolating(model) if mixes and "tokens" in model.input else model
    return KerasLearner(model, trained, loss, options.learning_rate)


class KerasLearner:
    """A network as Keras trains it."""

    full_batch = False

    def __init__(
        self, model: keras.Model, trained: keras.Model, loss: Callable, learning_rate: float
    ) -> None:
        """Take the network, and the one that is trained: itself, or one that shares its layers."""
        self.model, self.trained, self.loss = model, trained, loss
        # Plain gradient descent, for the reason that `learners/projected.py` gives.
        self.wide = [layer for layer in model.layers if isinstance(layer, Wide)]
        kernels = {id(layer.kernel) for layer in self.wide}
        self.dense = [each for each in model.trainable_variables if id(each) not in kernels]
        self.optimizer = keras.optimizers.Adam(learning_rate)
        self.optimizer.build(self.dense)
        inputs = {
            name: (tf.SparseTensorSpec if each.sparse else tf.TensorSpec)(each.shape, each.dtype)
            for name, each in trained.input.items()
        }
        labels = tf.TensorSpec((None, None), tf.float32)
        # Compiled once, for batches of any length; looked up once, which takes longer than a step.
        step = tf.function(self._step, input_signature=[inputs, labels])
        self.compiled = step.get_concrete_function()

    def step(self, table: Table, batch: Batch) -> float:
        """Make a step of Adam; return the batch's mean loss before it."""
        inputs = table.inputs(batch)
        tensors = {name: tensor(inputs[name]) for name in self.trained.input}
        return float(self.compiled(tensors, tf.constant(batch.labels)))

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
        return {name: value.numpy() for name, value in variables(self.model).items()}

    def _step(self, inputs, labels):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(self.loss(labels, self.trained(inputs, training=True)))
        kernels = [layer.kernel.value for layer in self.wide]
        gradients, by_kernels = tape.gradient(loss, [[v.value for v in self.dense], kernels])
        # Keras would square the parts of a sparse gradient, one for each use of a word, unsummed.
        self.optimizer.apply([tf.convert_to_tensor(each) for each in gradients], self.dense)
        for layer, gradient in zip(self.wide, by_kernels, strict=True):
            layer.kernel.assign_sub(layer.rate * tf.convert_to_tensor(gradient))
        return loss
