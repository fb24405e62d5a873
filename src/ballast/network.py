"""What every model is built from: its inputs, word vectors, and the last layer."""

from dataclasses import dataclass

import keras
import numpy as np
from keras import layers, ops

POOLED, FROZEN = "pooled", "frozen"


@dataclass(frozen=True)
class Inputs:
    """What goes into a network and how many numbers come out.

    Attributes:
        vectors: a vector for each token number, shape (vocabulary + 2, dimensions), or None where
            there is no text.
        features: number of numeric columns, 0 where there are none.
        outputs: number of logits.
    """

    vectors: np.ndarray | None
    features: int
    outputs: int


@keras.saving.register_keras_serializable("ballast")
class TextVectors(layers.Layer):
    """The vectors of a text's tokens, those of padding set to zero.

    Without the mask, training would move the vector of padding too, and a row's result would
    depend on how long the other texts of its batch are.
    """

    def call(self, vectors: keras.KerasTensor, tokens: keras.KerasTensor) -> keras.KerasTensor:
        """Return `vectors`, shape (batch, tokens, dimensions), where `tokens` is not 0."""
        return vectors * ops.cast(ops.expand_dims(ops.not_equal(tokens, 0), -1), vectors.dtype)


def token_input() -> keras.KerasTensor:
    """Return the input of token numbers, int32, shape (batch, tokens); 0 is padding."""
    return keras.Input((None,), dtype="int32", name="tokens")


def look_up(tokens: keras.KerasTensor, inputs: Inputs, trainable: bool) -> keras.KerasTensor:
    """Return the tokens' vectors, shape (batch, tokens, dimensions); padding's are zero."""
    name = "vectors" if trainable else FROZEN
    layer = layers.Embedding(*inputs.vectors.shape, trainable=trainable, name=name)
    layer.build()
    layer.embeddings.assign(inputs.vectors)
    return TextVectors()(layer(tokens), tokens)


def between(model: keras.Model) -> keras.Model:
    """Return a network that sees x + share * (x_partner - x) of two texts' vectors.

    It shares all layers with `model`, so training the one trains the other.

    Args:
        model: reads texts.

    Returns:
        A model that takes "partner" (batch, tokens), as long as "tokens", and "share" (batch,) too.
    """
    texts = [layer.output for layer in model.layers if isinstance(layer, TextVectors)]
    others = {name: tensor for name, tensor in model.input.items() if name != "tokens"}
    look_up = keras.Model(model.input["tokens"], texts)
    rest = keras.Model([*texts, *others.values()], model.output)
    sources = {
        "tokens": token_input(),
        "partner": keras.Input((None,), dtype="int32", name="partner"),
        "share": keras.Input((), name="share"),
        **{name: keras.Input(tensor.shape[1:], name=name) for name, tensor in others.items()},
    }
    share = layers.Reshape((1, 1))(sources["share"])
    pairs = zip(
        _listed(look_up(sources["tokens"])), _listed(look_up(sources["partner"])), strict=True
    )
    mixed = [own + share * (partner - own) for own, partner in pairs]
    return keras.Model(sources, rest([*mixed, *(sources[name] for name in others)]))


def _listed(tensors) -> list:
    return tensors if isinstance(tensors, list) else [tensors]


def largest_windows(
    vectors: keras.KerasTensor, filters: int, widths: list[int]
) -> keras.KerasTensor:
    """Return each filter's largest response over a text, shape (batch, filters * widths).

    Every text is followed by as many zero vectors as the filter is wide, so the response to
    padding alone takes part for each text alike: a row's result doesn't depend on its batch.
    """
    pooled = []
    for number, width in enumerate(widths):
        padded = layers.ZeroPadding1D((0, width))(vectors)
        layer = layers.Conv1D(filters, width, activation="relu", name=f"filters_{number}")
        pooled.append(layers.GlobalMaxPooling1D()(layer(padded)))
    # Named, so that the network can be cut here: see `ballast.projection`.
    return layers.Concatenate(name=POOLED)(pooled)


def finish(
    tokens: keras.KerasTensor, hidden: keras.KerasTensor, inputs: Inputs, dropout: float
) -> keras.Model:
    """Join the numeric columns, if any, to the text's representation, and put the logits on top."""
    sources = {"tokens": tokens}
    if inputs.features:
        sources["features"] = keras.Input((inputs.features,), name="features")
        hidden = layers.Concatenate()([hidden, sources["features"]])
    hidden = layers.Dropout(dropout)(hidden)
    return keras.Model(sources, layers.Dense(inputs.outputs, name="logits")(hidden))


def variables(model: keras.Model) -> dict[str, keras.Variable]:
    """Return the network's weights by name, as `logits.kernel`; the order is the model's.

    Frozen vectors are left out: they are kept with the embedding. Assigned to a network newly
    built, the weights make it the one that they came from.
    """
    kept = [layer for layer in model.layers if layer.name != FROZEN]
    return {v.path.replace("/", "."): v for layer in kept for v in layer.weights}
