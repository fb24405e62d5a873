"""Training of any Keras model, with Adam."""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from ballast.networks.layers import Wide, between, tensor, variables
from ballast.training.batches import Batch, Table
from ballast.training.options import Training


def learner(model: keras.Model, loss: Callable, options: Training, mixes: bool) -> "KerasLearner":
    """Return the learner of a Keras model; where texts are mixed, a twin of it is trained."""
    trained = between(model) if mixes and "tokens" in model.input else model
    return KerasLearner(model, trained, loss, options.learning_rate)


class KerasLearner:
    """A network as Keras trains it."""

    whole = False

    def __init__(
        self, model: keras.Model, trained: keras.Model, loss: Callable, learning_rate: float
    ) -> None:
        """Take the network, and the one in whose training it is trained: itself, or a twin."""
        self.model, self.trained, self.loss = model, trained, loss
        # Plain gradient descent, for the reason that `projected` has.
        self.wide = [layer for layer in model.layers if isinstance(layer, Wide)]
        kernels = {id(layer.kernel) for layer in self.wide}
        self.by_adam = [each for each in model.trainable_variables if id(each) not in kernels]
        self.optimizer = keras.optimizers.Adam(learning_rate)
        self.optimizer.build(self.by_adam)
        inputs = {
            name: (tf.SparseTensorSpec if tensor.sparse else tf.TensorSpec)(
                tensor.shape, tensor.dtype
            )
            for name, tensor in trained.input.items()
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
            values = self.loss(labels, self.trained(inputs, training=True))
            loss = tf.reduce_mean(values)
        kernels = [layer.kernel.value for layer in self.wide]
        gradients, steps = tape.gradient(loss, [[each.value for each in self.by_adam], kernels])
        # Keras squares the parts of a gradient, one for each use of a word, and not their sum.
        self.optimizer.apply([tf.convert_to_tensor(whole) for whole in gradients], self.by_adam)
        for layer, step in zip(self.wide, steps, strict=True):
            layer.kernel.assign_sub(layer.rate * tf.convert_to_tensor(step))
        return loss
