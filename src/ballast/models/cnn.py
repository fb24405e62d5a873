"""Convolution over word vectors, the largest response of each filter, linear layer."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.networks.forward import Forward, pooled_filters
from ballast.networks.inputs import Inputs, KerasModel

LEARNER = "projected"
NEEDS = [{"tokens"}]


def build(
    inputs: Inputs,
    *,
    filters: Annotated[int, Field(ge=1)] = 128,
    width: Annotated[int, Field(ge=1)] = 7,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    trainable: bool = True,
) -> KerasModel:
    """Return Embedding -> Conv1D(filters, width) -> global max pooling -> Dense(classes).

    Source: Collobert, Weston, Bottou, Karlen, Kavukcuoglu and Kuksa, Natural Language Processing
    (Almost) from Scratch, 2011; one width of Kim 2014.

    Args:
        inputs: word vectors, numeric columns (joined after pooling) and number of logits.
        filters: number of filters.
        width: words in a window.
        dropout: rate of dropout of the pooled responses.
        trainable: whether the word vectors are trained too or frozen.

    Returns:
        A model from {"tokens": (batch, tokens)[, "features": (batch, columns)]} to logits.
    """
    from ballast.networks.layers import classifier, largest_windows, look_up, token_input

    tokens = token_input()
    pooled = largest_windows(look_up(tokens, inputs, trainable), filters, [width])
    return classifier(tokens, pooled, inputs, dropout)


def forward(weights: dict[str, np.ndarray], vectors: np.ndarray) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.networks.layers.variables` names them.
        vectors: the embedding's, shape (vocabulary + 2, dimensions); trained ones take their place.
    """
    return pooled_filters(weights, weights.get("vectors.embeddings", vectors))
