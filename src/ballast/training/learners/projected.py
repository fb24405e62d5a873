"""Training of filters over word vectors, fast: each distinct token of a batch is projected once.

Beside them, of a linear layer on terms, of which a batch has few.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from scipy.sparse import csr_array

from ballast.networks import windows
from ballast.networks.compiling import compiled
from ballast.networks.layers import FROM_TERMS, POOLED, Wide, variables
from ballast.training import adam
from ballast.training.batches import Batch, Table
from ballast.training.learners import keras as plain
from ballast.training.options import Training
from ballast.training.precision import chosen


def learner(
    model: keras.Model, loss: Callable, options: Training, mixes: bool
) -> "ProjectedLearner | plain.KerasLearner":
    """Return the learner of a network whose text goes through `largest_windows`.

    Where texts are mixed, a token stands for no one vector, and Keras trains.
    """
    if mixes:
        return plain.learner(model, loss, options, mixes)
    return ProjectedLearner(model, loss, options.learning_rate, chosen(options.precision))


class ProjectedLearner:
    """A network whose filters over word vectors are trained here, and what follows in Keras.

    The vectors of the channels are added before the filters, which is the same (Kim 2014). What a
    token adds at each place of a window is worked out once a batch, responses are sums of it, and
    the gradient visits only the windows that won; of equal ones the first, where TensorFlow shares
    out among them.
    """

    whole = False

    def __init__(
        self, model: keras.Model, loss: Callable, learning_rate: float, precision: str
    ) -> None:
        """Take the network; its variables before the pooled responses stay as they were.

        Args:
            model: as `models/` builds it.
            loss: from (labels, logits) to a loss a row.
            learning_rate: Adam's.
            precision: of the products of vectors and filters, float32 or bfloat16.
        """
        self.model, self.loss = model, loss
        rates = adam.Rates(learning_rate)
        embeddings = [layer for layer in model.layers if isinstance(layer, layers.Embedding)]
        channels = {layer.trainable: layer.embeddings.numpy() for layer in embeddings}
        self.frozen = channels.get(False)
        self.trained = adam.Rows(channels[True], rates) if True in channels else None
        vocabulary = embeddings[0].input_dim
        self.numbers = np.full(vocabulary, -1, np.int32)
        self.filters = [
            _Filters(layer, rates, precision)
            for layer in model.layers
            if isinstance(layer, layers.Conv1D)
        ]
        wide = [layer for layer in model.layers if isinstance(layer, Wide)]
        self.wide = [_Terms(layer) for layer in wide]
        # What stands before these is worked out here, and the rest by Keras.
        cut = [model.get_layer(POOLED).output, *(layer.output for layer in wide)]
        self.cuts = len(cut)
        others = [tensor for name, tensor in model.input.items() if name == "features"]
        self.head = keras.Model([*cut, *others], model.output)
        self.optimizer = keras.optimizers.Adam(learning_rate)
        self.optimizer.build(self.head.trainable_variables)
        signature = [tf.TensorSpec(tensor.shape, tf.float32) for tensor in self.head.inputs]
        labels = tf.TensorSpec((None, None), tf.float32)
        finish = tf.function(self._finish, input_signature=[labels, *signature])
        # Looked up once: to find what was compiled for its arguments takes longer than to run it.
        self.finish = finish.get_concrete_function()

    def step(self, table: Table, batch: Batch) -> float:
        """Make a step of Adam; return the batch's mean loss before it."""
        rows = table.take(batch.rows)
        distinct, tokens = windows.numbered(rows.tokens, self.numbers)
        vectors = self._vectors(distinct)
        found = [filters.largest(tokens, rows.offsets, vectors) for filters in self.filters]
        best = np.concatenate([responses for responses, _ in found], axis=1)
        wide = [part.logits(rows.terms) for part in self.wide]
        others = [] if rows.features is None else [rows.features]
        given = [batch.labels, np.maximum(best, 0), *wide, *others]
        loss, slopes, *rest = self.finish(*(tf.constant(values) for values in given))
        for part, own in zip(self.wide, rest, strict=True):
            part.update(rows.terms, own.numpy())
        # A response that relu cuts off has no gradient.
        slopes = np.where(best > 0, slopes.numpy(), np.float32(0))
        ends = np.cumsum([filters.count for filters in self.filters])[:-1]
        gradient = None
        for filters, (_, where), own in zip(
            self.filters, found, np.split(slopes, ends, axis=1), strict=True
        ):
            won = tokens, rows.offsets, where, np.ascontiguousarray(own)
            if self.trained is not None:
                part = windows.vector_gradient(*won, filters.kernel, len(distinct))
                gradient = part if gradient is None else gradient + part
            filters.update(*won, vectors)
        if self.trained is not None:
            self.trained.update(distinct, gradient)
        return float(loss)

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
        own = {f"{FROM_TERMS}.kernel": part.kernel.copy() for part in self.wide}
        if self.trained is not None:
            own["vectors.embeddings"] = self.trained.all().copy()
        for filters in self.filters:
            own[f"{filters.name}.kernel"] = filters.kernel.transpose(0, 2, 1).copy()
            own[f"{filters.name}.bias"] = filters.bias.copy()
        return {
            name: own[name] if name in own else value.numpy()
            for name, value in variables(self.model).items()
        }

    def _vectors(self, distinct: np.ndarray) -> np.ndarray:
        if self.trained is None:
            return self.frozen[distinct]
        self.trained.bring(distinct)
        vectors = self.trained.values[distinct]
        return vectors if self.frozen is None else vectors + self.frozen[distinct]

    def _finish(self, labels, *inputs):
        cut = list(inputs[: self.cuts])
        moved = self.head.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(cut)
            loss = tf.reduce_mean(self.loss(labels, self.head(list(inputs), training=True)))
        slopes, gradients = tape.gradient(loss, [cut, [v.value for v in moved]])
        self.optimizer.apply(gradients, moved)
        return loss, *slopes


class _Filters:
    """Filters of one width, their kernel as (width, filters, dimensions)."""

    def __init__(self, layer: layers.Conv1D, rates: adam.Rates, precision: str) -> None:
        self.name, self.count = layer.name, layer.filters
        self.kernel = layer.kernel.numpy().transpose(0, 2, 1).copy()
        self.bias = layer.bias.numpy()
        self.moved = [adam.Whole(self.kernel, rates), adam.Whole(self.bias, rates)]
        self.precision = precision

    def largest(self, tokens, offsets, vectors) -> tuple[np.ndarray, np.ndarray]:
        """Return the largest responses and where they are, both of shape (texts, filters)."""
        width, filters, dimensions = self.kernel.shape
        table = _product(vectors, self.kernel.reshape(-1, dimensions), self.precision)
        table = table.reshape(-1, width, filters)
        where = np.empty((len(offsets) - 1, filters), np.int32)
        return windows.largest_responses(tokens, offsets, table, self.bias, where), where

    def update(self, tokens, offsets, where, slopes, vectors) -> None:
        kernel, bias = self.moved
        kernel.update(
            windows.kernel_gradient(tokens, offsets, where, slopes, vectors, len(self.kernel))
        )
        bias.update(slopes.sum(axis=0))


class _Terms:
    """A linear layer on terms.

    Moved by plain gradient descent, which visits the terms of a batch alone, and ended early keeps
    weights small where they tell little. Adam and Adagrad take as long steps for rare terms as for
    frequent ones: on reuters8 that cost .03 of a linear model's macro-F1.
    """

    def __init__(self, layer: Wide) -> None:
        self.kernel, self.rate = layer.kernel.numpy(), np.float32(layer.rate)

    def logits(self, terms: csr_array) -> np.ndarray:
        return terms @ self.kernel

    def update(self, terms: csr_array, slopes: np.ndarray) -> None:
        _descend(terms.indptr, terms.indices, terms.data, slopes, self.rate, self.kernel)


@compiled
def _descend(offsets, terms, weights, slopes, rate, kernel):
    for row in range(len(slopes)):
        for place in range(offsets[row], offsets[row + 1]):
            step = rate * weights[place]
            own = kernel[terms[place]]
            for column in range(slopes.shape[1]):
                own[column] -= step * slopes[row, column]


def _product(vectors, kernel, precision):
    if precision == "float32":
        return vectors @ kernel.T
    factors = (tf.cast(factor, precision) for factor in (vectors, kernel))
    return tf.cast(tf.matmul(*factors, transpose_b=True), tf.float32).numpy()
