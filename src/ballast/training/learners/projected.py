"""Fast training of filters over word vectors: each distinct token of a batch is projected once.

Beside them, of a linear layer on terms, of which a batch has few.
"""

from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
from keras import layers

from ballast.networks import windows
from ballast.networks.compiling import compiled
from ballast.networks.layers import FROM_TERMS, POOLED, Wide, variables
from ballast.training import adam
from ballast.training.batches import Batch, Table
from ballast.training.learners import keras as plain
from ballast.training.options import Training
from ballast.training.precision import resolved


def learner(
    model: keras.Model, loss: Callable, options: Training, mixes: bool
) -> "ProjectedLearner | plain.KerasLearner":
    """Return the learner of a network whose text goes through `largest_windows`.

    Where texts are mixed, a token has no vector of its own to project, and Keras trains.
    """
    if mixes:
        return plain.learner(model, loss, options, mixes)
    return ProjectedLearner(model, loss, options.learning_rate, resolved(options.precision))


class ProjectedLearner:
    """A network whose filters over word vectors are trained here, and what follows in Keras.

    The vectors of the channels are added before the filters, which is the same (Kim 2014). What a
    token contributes at each position of a window is computed once a batch, responses are sums of
    it, and the gradient visits only the windows with the largest responses; of equal ones the
    first, where TensorFlow divides it among them.
    """

    full_batch = False

    def __init__(
        self, model: keras.Model, loss: Callable, learning_rate: float, precision: str
    ) -> None:
        """Take the network; its variables up to the pooled responses keep their first values.

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
        self.trained = adam.SparseAdam(channels[True], rates) if True in channels else None
        self.numbers = np.full(embeddings[0].input_dim, -1, np.int32)
        self.filters = [
            _Filters(layer, rates, precision)
            for layer in model.layers
            if isinstance(layer, layers.Conv1D)
        ]
        wide = [layer for layer in model.layers if isinstance(layer, Wide)]
        self.wide = [(layer.kernel.numpy(), np.float32(layer.rate)) for layer in wide]
        # The network is split: up to these tensors it is computed here, from there on by Keras.
        split = [model.get_layer(POOLED).output, *(layer.output for layer in wide)]
        self.split = len(split)
        features = [tensor for name, tensor in model.input.items() if name == "features"]
        self.head = keras.Model([*split, *features], model.output)
        self.optimizer = keras.optimizers.Adam(learning_rate)
        self.optimizer.build(self.head.trainable_variables)
        signature = [tf.TensorSpec(tensor.shape, tf.float32) for tensor in self.head.inputs]
        labels = tf.TensorSpec((None, None), tf.float32)
        head_step = tf.function(self._head_step, input_signature=[labels, *signature])
        # Looked up once: to find what was compiled for its arguments takes longer than to run it.
        self.head_step = head_step.get_concrete_function()

    def step(self, table: Table, batch: Batch) -> float:
        """Make a step of Adam; return the batch's mean loss before it."""
        rows = table.take(batch.rows)
        distinct, tokens = windows.numbered(rows.tokens, self.numbers)
        vectors = self._vectors(distinct)
        largest = [filters.largest(tokens, rows.offsets, vectors) for filters in self.filters]
        responses = np.concatenate([responses for responses, _ in largest], axis=1)
        wide = [rows.terms @ kernel for kernel, _ in self.wide]
        features = [] if rows.features is None else [rows.features]
        inputs = [batch.labels, np.maximum(responses, 0), *wide, *features]
        loss, by_responses, *by_wide = self.head_step(*(tf.constant(each) for each in inputs))
        for (kernel, rate), by_logits in zip(self.wide, by_wide, strict=True):
            terms = rows.terms
            _descend(terms.indptr, terms.indices, terms.data, by_logits.numpy(), rate, kernel)
        # Where relu is 0, so is the gradient.
        by_responses = np.where(responses > 0, by_responses.numpy(), np.float32(0))
        ends = np.cumsum([filters.count for filters in self.filters])[:-1]
        by_vectors = None
        for filters, (_, starts), by_largest in zip(
            self.filters, largest, np.split(by_responses, ends, axis=1), strict=True
        ):
            winners = tokens, rows.offsets, starts, np.ascontiguousarray(by_largest)
            if self.trained is not None:
                part = windows.vector_gradient(*winners, filters.kernel, len(distinct))
                by_vectors = part if by_vectors is None else by_vectors + part
            filters.update(*winners, vectors)
        if self.trained is not None:
            self.trained.update(distinct, by_vectors)
        return float(loss)

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
        trained = {f"{FROM_TERMS}.kernel": kernel.copy() for kernel, _ in self.wide}
        if self.trained is not None:
            trained["vectors.embeddings"] = self.trained.all().copy()
        for filters in self.filters:
            trained[f"{filters.name}.kernel"] = filters.kernel.transpose(0, 2, 1).copy()
            trained[f"{filters.name}.bias"] = filters.bias.copy()
        return {name: value.numpy() for name, value in variables(self.model).items()} | trained

    def _vectors(self, distinct: np.ndarray) -> np.ndarray:
        """Return the vectors of some tokens, the channels added."""
        if self.trained is None:
            return self.frozen[distinct]
        self.trained.catch_up(distinct)
        vectors = self.trained.values[distinct]
        return vectors if self.frozen is None else vectors + self.frozen[distinct]

    def _head_step(self, labels, *inputs):
        """Update what follows the split; return the loss and its gradient by the inputs there."""
        split = list(inputs[: self.split])
        updated = self.head.trainable_variables
        with tf.GradientTape() as tape:
            tape.watch(split)
            loss = tf.reduce_mean(self.loss(labels, self.head(list(inputs), training=True)))
        by_inputs, gradients = tape.gradient(loss, [split, [v.value for v in updated]])
        self.optimizer.apply(gradients, updated)
        return loss, *by_inputs


class _Filters:
    """Filters of one width, their kernel as (width, filters, dimensions)."""

    def __init__(self, layer: layers.Conv1D, rates: adam.Rates, precision: str) -> None:
        self.name, self.count = layer.name, layer.filters
        self.kernel = layer.kernel.numpy().transpose(0, 2, 1).copy()
        self.bias = layer.bias.numpy()
        self.optimizers = [adam.DenseAdam(self.kernel, rates), adam.DenseAdam(self.bias, rates)]
        self.precision = precision

    def largest(self, tokens, offsets, vectors) -> tuple[np.ndarray, np.ndarray]:
        """Return the largest responses and their windows' starts, both (texts, filters)."""
        width, filters, dimensions = self.kernel.shape
        table = _product(vectors, self.kernel.reshape(-1, dimensions), self.precision)
        table = table.reshape(-1, width, filters)
        starts = np.empty((len(offsets) - 1, filters), np.int32)
        return windows.largest_responses(tokens, offsets, table, self.bias, starts), starts

    def update(self, tokens, offsets, starts, by_responses, vectors) -> None:
        kernel, bias = self.optimizers
        winners = tokens, offsets, starts, by_responses
        kernel.update(windows.kernel_gradient(*winners, vectors, len(self.kernel)))
        bias.update(by_responses.sum(axis=0))


@compiled
def _descend(offsets, terms, values, by_logits, rate, kernel):
    """Update a linear layer on terms by plain gradient descent.

    It visits the terms of a batch alone, and stopped early keeps weights small where there is
    little evidence. Adam and Adagrad take as long steps for rare terms as for frequent ones: on
    reuters8 that cost .03 of a linear model's macro-F1.
    """
    for row in range(len(by_logits)):
        for position in range(offsets[row], offsets[row + 1]):
            step = rate * values[position]
            weights = kernel[terms[position]]
            for column in range(by_logits.shape[1]):
                weights[column] -= step * by_logits[row, column]


def _product(vectors, kernel, precision):
    """Return vectors times the transposed kernel, float32."""
    if precision == "float32":
        return vectors @ kernel.T
    factors = (tf.cast(factor, precision) for factor in (vectors, kernel))
    return tf.cast(tf.matmul(*factors, transpose_b=True), tf.float32).numpy()
