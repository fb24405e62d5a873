"""A linear layer on terms beside a convolution over word vectors, trained together."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.networks.forward import Forward, pooled_filters
from ballast.networks.inputs import Inputs, KerasModel

LEARNER = "projected"
NEEDS = [{"tokens"}, {"terms"}]


def build(
    inputs: Inputs,
    *,
    filters: Annotated[int, Field(ge=1)] = 128,
    width: Annotated[int, Field(ge=1)] = 3,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    trainable: bool = True,
    rate: Annotated[float, Field(gt=0)] = 4.0,
) -> KerasModel:
    """Return the sum of a linear layer on terms and of the network of `models/cnn.py`.

    Source: Cheng and others, Wide & Deep Learning for Recommender Systems, 2016.

    Args:
        inputs: word vectors, terms, numeric columns (joined after pooling) and number of logits.
        filters: number of filters.
        width: words in a window.
        dropout: rate of dropout of the pooled responses.
        trainable: whether the word vectors are trained too or frozen.
        rate: learning rate of the layer on terms, whose inputs are smaller than a network's; 1 or
            less for `squared_hinge`, whose gradients are larger than those of other losses.

    Returns:
        A model from {"tokens": (batch, tokens), "terms": (batch, terms), sparse[, "features":
        (batch, columns)]} to logits.
    """
    from ballast.networks.layers import classifier, largest_windows, look_up, token_input

    tokens = token_input()
    pooled = largest_windows(look_up(tokens, inputs, trainable), filters, [width])
    return classifier(tokens, pooled, inputs, dropout, rate)


def forward(weights: dict[str, np.ndarray], vectors: np.ndarray) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.networks.layers.variables` names them.
        vectors: the embedding's, shape (vocabulary + 2, dimensions); trained ones take their place.
    """
    return pooled_filters(weights, weights.get("vectors.embeddings", vectors))
