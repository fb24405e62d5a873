"""Feed-forward network on numeric columns."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ballast.errors import UserError
from ballast.forward import Encoded, Forward, dense

if TYPE_CHECKING:
    import keras

    from ballast.network import Inputs


def build(
    inputs: "Inputs",
    *,
    hidden: list[Annotated[int, Field(ge=1)]] = [64, 32],  # noqa: B006
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
) -> "keras.Model":
    """Return Dense(relu) layers with dropout, then Dense(classes).

    Args:
        inputs: numeric columns and number of logits; texts are not read.
        hidden: units of each hidden layer; none makes it a linear model.
        dropout: share of each hidden layer that is left out in training.

    Returns:
        A model from {"features": (batch, columns)} to logits, shape (batch, classes).

    Raises:
        UserError: there are no numeric columns.
    """
    import keras
    from keras import layers

    if not inputs.features:
        raise UserError(
            "params.yaml: model: mlp reads numeric columns, and the dataset's block names no "
            "`features`: use model: cnn for texts."
        )
    features = keras.Input((inputs.features,), name="features")
    state = features
    for number, units in enumerate(hidden):
        layer = layers.Dense(units, activation="relu", name=f"hidden_{number}")
        state = layers.Dropout(dropout)(layer(state))
    return keras.Model({"features": features}, layers.Dense(inputs.outputs, name="logits")(state))


def forward(weights: dict[str, np.ndarray], vectors: None) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.network.variables` names them.
        vectors: not used; texts are not read.
    """
    hidden = [f"hidden_{number}" for number in range(len(weights) // 2 - 1)]

    def logits(rows: Encoded) -> np.ndarray:
        state = rows.features
        for name in hidden:
            state = np.maximum(dense(state, weights, name), 0)
        return dense(state, weights, "logits")

    return logits
