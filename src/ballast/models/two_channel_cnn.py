"""TextCNN with a static and a trainable channel (Kim 2014, CNN-multichannel)."""

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
    filters: Annotated[int, Field(ge=1)] = 100,
    widths: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)] = [3, 4, 5],  # noqa: B006
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
) -> KerasModel:
    """Return two channels of word vectors -> filters of several widths -> max pooling -> Dense.

    Both channels start from the same vectors; one is trained. Each filter is applied to both and
    the results are added, which is the filter applied to the sum of the channels. Source: Kim,
    Convolutional Neural Networks for Sentence Classification, 2014, section 3.1.

    Args:
        inputs: word vectors, numeric columns (joined after pooling) and number of logits.
        filters: number of filters of each width.
        widths: words in the windows.
        dropout: rate of dropout of the pooled responses.

    Returns:
        A model from {"tokens": (batch, tokens)[, "features": (batch, columns)]} to logits.
    """
    from keras import layers

    from ballast.networks.layers import classifier, largest_windows, look_up, token_input

    tokens = token_input()
    channels = [look_up(tokens, inputs, trainable) for trainable in (False, True)]
    pooled = largest_windows(layers.Add()(channels), filters, widths)
    return classifier(tokens, pooled, inputs, dropout)


def forward(weights: dict[str, np.ndarray], vectors: np.ndarray) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.networks.layers.variables` names them.
        vectors: the embedding's, those of the static channel; shape (vocabulary + 2, dimensions).
    """
    return pooled_filters(weights, vectors + weights["vectors.embeddings"])
