"""Feed-forward network on numeric columns."""

from typing import Annotated

import keras
from keras import layers
from pydantic import Field

from ballast.errors import UserError
from ballast.network import Inputs


def build(
    inputs: Inputs,
    *,
    hidden: list[Annotated[int, Field(ge=1)]] = [64, 32],  # noqa: B006
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
) -> keras.Model:
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
    if not inputs.features:
        raise UserError(
            "params.yaml: model: mlp reads numeric columns, and the dataset's block names no "
            "`features`: use model: cnn for texts."
        )
    features = keras.Input((inputs.features,), name="features")
    state = features
    for units in hidden:
        state = layers.Dropout(dropout)(layers.Dense(units, activation="relu")(state))
    return keras.Model({"features": features}, layers.Dense(inputs.outputs, name="logits")(state))
