"""The mean vector of a text's words and bigrams, then a linear layer (fastText)."""

from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from ballast.networks.forward import Encoded, Forward, classified
from ballast.networks.inputs import Inputs, KerasModel

NEEDS = [{"tokens"}]

# The hash of a bigram is (FACTOR * first + second) mod buckets.
FACTOR = 7919


def build(
    inputs: Inputs,
    *,
    buckets: Annotated[int, Field(ge=1, le=200_000)] = 50_000,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.2,
) -> KerasModel:
    """Return the mean of the vectors of words and bigrams -> Dense(classes).

    Words start from the embedding's vectors, bigrams from small random ones that they share by a
    hash; all are trained. Source: Joulin, Grave, Bojanowski and Mikolov, Bag of Tricks for
    Efficient Text Classification, 2017.

    Args:
        inputs: word vectors, numeric columns (joined after the mean) and number of logits.
        buckets: number of vectors that the bigrams share.
        dropout: rate of dropout of the mean.

    Returns:
        A model from {"tokens": (batch, tokens)[, "features": (batch, columns)]} to logits.
    """
    from keras import layers

    from ballast.networks.layers import Bigrams, MeanVector, classifier, token_input

    tokens = token_input()
    words = layers.Embedding(*inputs.vectors.shape, name="vectors")
    words.build()
    words.embeddings.assign(inputs.vectors)
    numbers = Bigrams(buckets, FACTOR)(tokens)
    bigrams = layers.Embedding(buckets + 1, inputs.vectors.shape[1], name="pair_vectors")
    mean = MeanVector()(words(tokens), tokens, bigrams(numbers), numbers)
    return classifier(tokens, layers.Flatten()(mean), inputs, dropout)


def forward(weights: dict[str, np.ndarray], vectors: np.ndarray) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.networks.layers.variables` names them.
        vectors: not used; the trained ones take their place.
    """
    words, bigrams = weights["vectors.embeddings"], weights["pair_vectors.embeddings"]
    buckets = len(bigrams) - 1

    def logits(rows: Encoded) -> np.ndarray:
        tokens = rows.tokens.astype(np.int64)
        lengths = np.diff(rows.offsets)
        texts = np.repeat(np.arange(len(lengths)), lengths)
        numbers = 1 + (FACTOR * (tokens[:-1] % buckets) + tokens[1:]) % buckets
        numbers = numbers[texts[:-1] == texts[1:]]
        fewer = np.maximum(lengths - 1, 0)
        counts = np.maximum(lengths + fewer, 1)[:, None].astype(np.float32)
        hidden = (_sums(words, tokens, lengths) + _sums(bigrams, numbers, fewer)) / counts
        return classified(hidden, rows, weights)

    return logits


def _sums(table: np.ndarray, numbers: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return the sum of each text's vectors, float32, shape (texts, dimensions)."""
    ends = np.concatenate([[0], np.cumsum(lengths)])
    ones = np.ones(len(numbers), np.float32)
    return csr_array((ones, numbers, ends), (len(lengths), len(table))) @ table
