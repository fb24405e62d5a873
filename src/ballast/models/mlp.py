"""Feed-forward network on numeric columns."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.networks.forward import Encoded, Forward, dense
from ballast.networks.inputs import Inputs, KerasModel

NEEDS = [{"features"}]


def build(
    inputs: Inputs,
    *,
    pieces: Annotated[int, Field(ge=0)] = 8,
    hidden: list[Annotated[int, Field(ge=1)]] = [128, 128],  # noqa: B006
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
) -> KerasModel:
    """Return columns and their pieces -> Dense(relu) layers with dropout -> Dense(classes).

    From the columns alone a network learns smooth functions first; with the pieces, a threshold
    within a column, such as trees learn, takes one weight.

    Source: piecewise linear encoding in Gorishniy, Rubachev and Babenko, On Embeddings for
    Numerical Features in Tabular Deep Learning, 2022; here beside the columns themselves.

    Args:
        inputs: numeric columns and number of logits; texts are not read.
        pieces: number of pieces of a column, each with equally many training rows; 0 for none.
        hidden: units of each hidden layer; without one it is a linear model.
        dropout: rate of dropout after each hidden layer.

    Returns:
        A model from {"features": (batch, columns)} to logits, shape (batch, classes).
    """
    import keras
    from keras import layers

    from ballast.networks.layers import Pieces

    features = keras.Input((inputs.features,), name="features")
    state = features
    if pieces:
        quantiles = np.quantile(inputs.columns, np.linspace(0, 1, pieces + 1), axis=0)
        state = layers.Concatenate()([features, Pieces(quantiles, name="pieces")(features)])
    for number, units in enumerate(hidden):
        layer = layers.Dense(units, activation="relu", name=f"hidden_{number}")
        state = layers.Dropout(dropout)(layer(state))
    return keras.Model({"features": features}, layers.Dense(inputs.outputs, name="logits")(state))


def forward(weights: dict[str, np.ndarray], vectors: None) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.networks.layers.variables` names them.
        vectors: not used; texts are not read.
    """
    count = sum(name.startswith("hidden_") for name in weights) // 2
    hidden = [f"hidden_{number}" for number in range(count)]

    def logits(rows: Encoded) -> np.ndarray:
        state = rows.features
        if "pieces.slopes" in weights:
            slopes = weights["pieces.slopes"]
            limit = len(slopes) ** -0.5
            # What overflows float32 is clipped to the limit.
            with np.errstate(over="ignore"):
                positions = (state[:, None] - weights["pieces.middles"]) * slopes
            pieces = np.clip(positions, -limit, limit).reshape(len(state), -1)
            state = np.concatenate([state, pieces], axis=1)
        for name in hidden:
            state = np.maximum(dense(state, weights, name), 0)
        return dense(state, weights, "logits")

    return logits
