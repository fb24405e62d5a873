"""A user's own Keras model: a GRU over the words, dense layers on terms and numeric columns."""

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from ballast.networks.inputs import Inputs

if TYPE_CHECKING:
    import keras


def build(inputs: Inputs, *, units: Annotated[int, Field(ge=1)] = 8) -> "keras.Model":
    """Return GRU(tokens), Dense(terms) and Dense(features), those that there are -> Dense."""
    import keras
    from keras import layers

    sources, hidden = {}, []
    if inputs.vectors is not None:
        sources["tokens"] = keras.Input((None,), dtype="int32", name="tokens")
        words = layers.Embedding(*inputs.vectors.shape, mask_zero=True)(sources["tokens"])
        hidden.append(layers.GRU(units)(words))
    if inputs.terms:
        sources["terms"] = keras.Input((inputs.terms,), sparse=True, name="terms")
        hidden.append(layers.Dense(units, activation="relu")(sources["terms"]))
    if inputs.features:
        sources["features"] = keras.Input((inputs.features,), name="features")
        columns = layers.BatchNormalization()(sources["features"])
        hidden.append(layers.Dense(units, activation="relu")(columns))
    joined = layers.Dropout(0.2)(layers.Concatenate()(hidden) if hidden[1:] else hidden[0])
    return keras.Model(sources, layers.Dense(inputs.outputs)(joined))
