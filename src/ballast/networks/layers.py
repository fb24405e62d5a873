"""What models are built from: inputs, word vectors, pooling, the classifier on top."""

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops
from scipy.sparse import csr_array

from ballast.networks.forward import Encoded, Forward
from ballast.networks.inputs import Inputs
from ballast.project.errors import UserError

POOLED, FROZEN, FROM_TERMS = "pooled", "frozen", "from_terms"
# Of a piece, in standard deviations; a steeper one would amplify the rounding of float32.
MIN_WIDTH = 1e-3


class TextVectors(layers.Layer):
    """The vectors of a text's tokens, those of padding set to zero.

    Without the mask, padding's vector would be trained too, and a row's result would depend on the
    length of the other texts in its batch.
    """

    def call(self, vectors: keras.KerasTensor, tokens: keras.KerasTensor) -> keras.KerasTensor:
        """Return `vectors`, shape (batch, tokens, dimensions), where `tokens` is not 0."""
        return vectors * ops.cast(ops.expand_dims(ops.not_equal(tokens, 0), -1), vectors.dtype)


class Pieces(layers.Layer):
    """Piecewise linear encoding: each column's position in each piece of its range.

    It rises from -limit before the piece to limit behind it. Pieces end at quantiles of the
    training rows, so each has equally many. The limit is 1 / sqrt(pieces), so that all pieces
    together have the scale of the column; with limit 1 they dominate it, and smooth functions are
    learnt as stairs.
    """

    def __init__(self, quantiles: np.ndarray, **options) -> None:
        """Take the quantiles of each column, shape (pieces + 1, columns)."""
        super().__init__(trainable=False, **options)
        widths = np.diff(quantiles, axis=0)
        # Where many rows have the same number, quantiles coincide: such a piece stays 0.
        self.limit = len(widths) ** -0.5
        slopes = np.where(widths > 0, 2 * self.limit / np.maximum(widths, MIN_WIDTH), 0)
        self.middles = self.add_weight(widths.shape, name="middles")
        self.slopes = self.add_weight(widths.shape, name="slopes")
        self.middles.assign(quantiles[1:] - widths / 2)
        self.slopes.assign(slopes)

    def call(self, columns: keras.KerasTensor) -> keras.KerasTensor:
        """Return shape (batch, pieces * columns) for columns of shape (batch, columns)."""
        positions = (columns[:, None] - self.middles) * self.slopes
        pieces = ops.clip(positions, -self.limit, self.limit)
        return ops.reshape(pieces, (-1, self.slopes.shape[0] * columns.shape[1]))


class Bigrams(layers.Layer):
    """The numbers of a text's bigrams, hashed to 1 up to `buckets`; 0 where there is none."""

    def __init__(self, buckets: int, factor: int) -> None:
        """Take the number of buckets, and the factor of the first word's number in the hash."""
        super().__init__()
        self.buckets, self.factor = buckets, factor

    def call(self, tokens: keras.KerasTensor) -> keras.KerasTensor:
        """Return int32, shape (batch, tokens): for each word the bigram that it ends."""
        first = ops.pad(tokens[:, :-1], [[0, 0], [1, 0]])
        numbers = 1 + (self.factor * (first % self.buckets) + tokens) % self.buckets
        both = ops.logical_and(ops.not_equal(first, 0), ops.not_equal(tokens, 0))
        return ops.where(both, numbers, 0)


class MeanVector(TextVectors):
    """The mean of the vectors of a text's words and bigrams, padding excluded."""

    def call(
        self,
        words: keras.KerasTensor,
        tokens: keras.KerasTensor,
        bigrams: keras.KerasTensor,
        numbers: keras.KerasTensor,
    ) -> keras.KerasTensor:
        """Return the mean, shape (batch, 1, dimensions); of an empty text 0."""
        total = super().call(words, tokens) + super().call(bigrams, numbers)
        count = ops.count_nonzero(tokens, axis=1) + ops.count_nonzero(numbers, axis=1)
        mean = ops.sum(total, axis=1) / ops.cast(ops.maximum(count, 1), total.dtype)[:, None]
        return ops.expand_dims(mean, 1)


class Wide(layers.Dense):
    """A linear layer on terms, without bias; its weights start at zero."""

    def __init__(self, units: int, rate: float) -> None:
        """Take the number of logits and the rate of plain gradient descent."""
        super().__init__(units, use_bias=False, kernel_initializer="zeros", name=FROM_TERMS)
        self.rate = rate


def token_input() -> keras.KerasTensor:
    """Return the input of token numbers, int32, shape (batch, tokens); 0 is padding."""
    return keras.Input((None,), dtype="int32", name="tokens")


def look_up(tokens: keras.KerasTensor, inputs: Inputs, trainable: bool) -> keras.KerasTensor:
    """Return the tokens' vectors, shape (batch, tokens, dimensions); those of padding are zero.

    Samplers that interpolate between texts need a network to look its vectors up here.
    """
    name = "vectors" if trainable else FROZEN
    layer = layers.Embedding(*inputs.vectors.shape, trainable=trainable, name=name)
    layer.build()
    layer.embeddings.assign(inputs.vectors)
    return TextVectors()(layer(tokens), tokens)


def interpolating(model: keras.Model) -> keras.Model:
    """Return a network that reads x + share * (x_partner - x) of two texts' vectors.

    It shares all layers with `model`, so training one trains the other.

    Args:
        model: reads texts.

    Returns:
        A model that takes "partner" (batch, tokens), as long as "tokens", and "share" (batch,) too.

    Raises:
        UserError: it does not look its word vectors up by `look_up`.
    """
    looked_up = [layer for layer in model.layers if isinstance(layer, TextVectors)]
    vectors = {layer.name: layer.output for layer in looked_up}
    if not vectors:
        raise UserError(
            "params.yaml: the sampler interpolates between rows, and this model's texts can't be: "
            "it looks word vectors up by itself. Let `look_up` of ballast.networks.layers do that "
            "in the model's file, or use a sampler that takes rows as they are: random_over."
        )
    others = {name: tensor for name, tensor in model.input.items() if name != "tokens"}
    lower = keras.Model(model.input["tokens"], vectors)
    upper = keras.Model([*vectors.values(), *others.values()], model.output)
    inputs = {
        "tokens": token_input(),
        "partner": keras.Input((None,), dtype="int32", name="partner"),
        "share": keras.Input((), name="share"),
        **{
            name: keras.Input(tensor.shape[1:], sparse=tensor.sparse, name=name)
            for name, tensor in others.items()
        },
    }
    share = layers.Reshape((1, 1))(inputs["share"])
    first, second = lower(inputs["tokens"]), lower(inputs["partner"])
    mixed = [first[name] + share * (second[name] - first[name]) for name in vectors]
    return keras.Model(inputs, upper([*mixed, *(inputs[name] for name in others)]))


def largest_windows(
    vectors: keras.KerasTensor, filters: int, widths: list[int]
) -> keras.KerasTensor:
    """Return each filter's largest response over a text, shape (batch, filters * widths).

    Every text is followed by as many zero vectors as the filter is wide, so the response to padding
    takes part for every text alike, and a row's result doesn't depend on its batch.
    """
    pooled = []
    for number, width in enumerate(widths):
        padded = layers.ZeroPadding1D((0, width))(vectors)
        layer = layers.Conv1D(filters, width, activation="relu", name=f"filters_{number}")
        pooled.append(layers.GlobalMaxPooling1D()(layer(padded)))
    # Named, so that the network can be split here: see `training/learners/projected.py`.
    return layers.Concatenate(name=POOLED)(pooled)


def classifier(
    tokens: keras.KerasTensor,
    hidden: keras.KerasTensor,
    inputs: Inputs,
    dropout: float,
    wide: float | None = None,
) -> keras.Model:
    """Return the network that classifies a text by its representation and its numeric columns.

    Args:
        tokens: the input of token numbers.
        hidden: the text's representation, shape (batch, units).
        inputs: what the network is built for; numeric columns are joined if there are any.
        dropout: rate of dropout of representation and columns.
        wide: learning rate of a linear layer on the terms, added to the logits; None for none.
    """
    by_name = {"tokens": tokens}
    if inputs.features:
        by_name["features"] = keras.Input((inputs.features,), name="features")
        hidden = layers.Concatenate()([hidden, by_name["features"]])
    hidden = layers.Dropout(dropout)(hidden)
    if wide is None:
        return keras.Model(by_name, layers.Dense(inputs.outputs, name="logits")(hidden))
    by_name["terms"] = keras.Input((inputs.terms,), sparse=True, name="terms")
    parts = [
        layers.Dense(inputs.outputs, name="from_text")(hidden),
        Wide(inputs.outputs, wide)(by_name["terms"]),
    ]
    return keras.Model(by_name, layers.Activation("linear", name="logits")(layers.Add()(parts)))


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the network's weights by name, such as `logits.kernel`, in the model's order.

    Frozen word vectors are left out: they are stored with the embedding. Assigned to a newly built
    network, the weights make it compute the same.
    """
    stored = [layer for layer in model.layers if layer.name != FROZEN]
    return {v.path.replace("/", "."): v for layer in stored for v in layer.weights}


def tensor(values: np.ndarray | csr_array) -> tf.Tensor | tf.SparseTensor:
    """Return an array as a tensor, sparse if it is."""
    if isinstance(values, np.ndarray):
        return tf.constant(values)
    values = values.tocoo()
    return tf.SparseTensor(np.stack(values.coords, axis=1), values.data, values.shape)


def keras_forward(model: keras.Model, weights: dict[str, np.ndarray]) -> Forward:
    """Return what a network computes, by Keras itself.

    Args:
        model: newly built; the weights are assigned to its variables.
        weights: in the order of `variables`, under any names.
    """
    for variable, values in zip(variables(model).values(), weights.values(), strict=True):
        variable.assign(values)

    def logits(rows: Encoded) -> np.ndarray:
        inputs = rows.padded()
        return model({name: tensor(inputs[name]) for name in model.input}, training=False).numpy()

    return logits
