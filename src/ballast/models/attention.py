"""Convolution over word vectors, averages of the words by gated attention, linear layer."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.networks.forward import Encoded, Forward, classified, dense
from ballast.networks.inputs import Inputs, KerasModel

NEEDS = [{"tokens"}]

# Texts are computed together up to so many tokens, to bound the memory.
BLOCK = 2**14


def build(
    inputs: Inputs,
    *,
    filters: Annotated[int, Field(ge=1)] = 128,
    width: Annotated[int, Field(ge=1)] = 7,
    units: Annotated[int, Field(ge=1)] = 64,
    heads: Annotated[int, Field(ge=1)] = 1,
    vector_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.3,
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.5,
    trainable: bool = True,
) -> KerasModel:
    """Return Embedding -> Conv1D(filters, width) -> gated attention pooling -> Dense(classes).

    The convolution gives each word t a state h_t that depends on its neighbours. A text is the sum
    of a_t h_t, where a = softmax over its words of w' (tanh(V h_t) * sigmoid(U h_t)); one without
    words is zero. Source: Ilse, Tomczak and Welling, Attention-based Deep Multiple Instance
    Learning, 2018, equation 9.

    Args:
        inputs: word vectors, numeric columns (joined after pooling) and number of logits.
        filters: numbers a state.
        width: words that a state depends on, its own in the middle.
        units: rows of V and of U.
        heads: averages of the states, each with a w of its own.
        vector_dropout: rate of dropout of the word vectors.
        dropout: rate of dropout of the averages.
        trainable: whether the word vectors are trained too or frozen.

    Returns:
        A model from {"tokens": (batch, tokens)[, "features": (batch, columns)]} to logits.
    """
    from keras import layers, ops

    from ballast.networks.layers import TextVectors, classifier, look_up, token_input

    tokens = token_input()
    vectors = layers.Dropout(vector_dropout)(look_up(tokens, inputs, trainable))
    # 1 for a token, 0 for padding. Interpolating between texts interpolates this too: a word that
    # only one of the texts has is present by a share.
    ones = ops.ones_like(ops.expand_dims(tokens, -1), dtype="float32")
    present = TextVectors()(ones, tokens)
    convolution = layers.Conv1D(filters, width, padding="same", activation="relu", name="states")
    states = convolution(vectors)
    content = layers.Dense(units, activation="tanh", name="content")(states)
    gate = layers.Dense(units, activation="sigmoid", name="gate")(states)
    scores = layers.Dense(heads, use_bias=False, name="scores")(content * gate)
    scores = ops.where(present > 0, scores, -1e9)
    powers = present * ops.exp(scores - ops.max(scores, axis=1, keepdims=True))
    shares = powers / ops.maximum(ops.sum(powers, axis=1, keepdims=True), 1e-9)
    pooled = ops.matmul(ops.swapaxes(shares, 1, 2), states)
    return classifier(tokens, layers.Flatten()(pooled), inputs, dropout)


def forward(weights: dict[str, np.ndarray], vectors: np.ndarray) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.networks.layers.variables` names them.
        vectors: the embedding's, shape (vocabulary + 2, dimensions); trained ones take their place.
    """
    vectors = weights.get("vectors.embeddings", vectors)
    # What each word of the vocabulary contributes to a state, by its position in the window.
    tables = [vectors @ kernel for kernel in weights["states.kernel"]]

    def logits(rows: Encoded) -> np.ndarray:
        pooled = []
        for first, last in _blocks(rows.offsets):
            offsets = rows.offsets[first : last + 1]
            tokens = rows.tokens[offsets[0] : offsets[-1]]
            pooled.append(_pooled(tokens, offsets - offsets[0], tables, weights))
        return classified(np.concatenate(pooled), rows, weights)

    return logits


def attention(scores: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """Return the softmax of each text's scores over its words: shares that sum to 1.

    Args:
        scores: shape (words, heads).
        offsets: where each text begins, shape (texts + 1,); no text is empty.
    """
    starts, lengths = offsets[:-1], np.diff(offsets)
    largest = np.maximum.reduceat(scores, starts)
    powers = np.exp(scores - np.repeat(largest, lengths, axis=0))
    return powers / np.repeat(np.add.reduceat(powers, starts), lengths, axis=0)


def _pooled(
    tokens: np.ndarray,
    offsets: np.ndarray,
    tables: list[np.ndarray],
    weights: dict[str, np.ndarray],
) -> np.ndarray:
    """Return the averages of each text's states, shape (texts, heads * filters)."""
    lengths = np.diff(offsets)
    filled = lengths > 0
    heads, filters = weights["scores.kernel"].shape[1], len(weights["states.bias"])
    pooled = np.zeros((len(lengths), heads, filters), dtype=np.float32)
    if filled.any():
        offsets = np.append(offsets[:-1][filled], offsets[-1])
        states = _states(tokens, offsets, tables, weights["states.bias"])
        content = np.tanh(dense(states, weights, "content"))
        # The sigmoid, in a form that never overflows.
        gate = (1 + np.tanh(dense(states, weights, "gate") / 2)) / 2
        shares = attention((content * gate) @ weights["scores.kernel"], offsets)
        texts = zip(offsets[:-1].tolist(), offsets[1:].tolist(), strict=True)
        pooled[filled] = [shares[start:end].T @ states[start:end] for start, end in texts]
    return pooled.reshape(len(lengths), -1)


def _states(
    tokens: np.ndarray, offsets: np.ndarray, tables: list[np.ndarray], bias: np.ndarray
) -> np.ndarray:
    """Return the state of each word, shape (words, filters).

    Args:
        tokens: all texts in one array.
        offsets: where each text begins.
        tables: what a token contributes at each position of a window, shape (vocabulary + 2,
            filters).
        bias: of the filters.
    """
    # Padding between the texts, so that no window sees two of them.
    gap = len(tables) - 1
    text_of = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    positions = np.arange(len(tokens)) + gap * text_of
    padded = np.zeros(len(tokens) + gap * (len(offsets) - 1), dtype=tokens.dtype)
    padded[positions + gap // 2] = tokens
    states = bias + tables[0][padded[positions]]
    for shift, table in enumerate(tables[1:], 1):
        states += table[padded[positions + shift]]
    return np.maximum(states, 0, out=states)


def _blocks(offsets: np.ndarray) -> Iterator[tuple[int, int]]:
    """Yield (first text, last text + 1) of blocks of `BLOCK` tokens, or of one longer text."""
    first = 0
    while first < len(offsets) - 1:
        last = int(np.searchsorted(offsets, offsets[first] + BLOCK, side="right")) - 1
        last = max(first + 1, last)
        yield first, last
        first = last
