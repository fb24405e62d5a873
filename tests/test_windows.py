"""Filters over words, added up from a table: against the plain formula, ties, empty texts."""

import numpy as np
import pytest

from ballast import compiling
from ballast.windows import BLOCK, Windows, largest_responses


def texts_of(rng, lengths, words, kind=np.uint16):
    """Return random texts as one array and where each begins."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return rng.integers(1, words, offsets[-1]).astype(kind), offsets


def plain(text, vectors, kernel, bias):
    """Return the responses of every window of a text, shape (length + 1, filters)."""
    width = len(kernel)
    padded = np.concatenate([vectors[text], np.zeros((width, vectors.shape[1]))])
    windows = [padded[start : start + width] for start in range(len(text) + 1)]
    return np.stack([np.einsum("wd,wdf->f", window, kernel) + bias for window in windows])


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@pytest.mark.parametrize("width", [1, 3, 8])
def test_largest_responses_are_those_of_the_formula(width, kind):
    rng = np.random.default_rng(width)
    words = 3 * BLOCK + 5
    vectors = rng.normal(size=(words, 4)).astype(np.float32)
    kernel = rng.normal(size=(width, 4, 6)).astype(np.float32)
    bias = rng.normal(size=6).astype(np.float32)
    tokens, offsets = texts_of(rng, [5, 0, 1, 2, 30, 0], words, kind)
    found = Windows(vectors, kernel, bias).largest(tokens, offsets)
    texts = np.split(tokens, offsets[1:-1])
    expected = [plain(text, vectors, kernel, bias).max(axis=0) for text in texts]
    np.testing.assert_allclose(found, np.maximum(expected, 0), rtol=1e-5, atol=1e-5)
    assert found.dtype == np.float32
    # An empty text is padding alone.
    np.testing.assert_array_equal(found[1], np.maximum(bias, 0))


def test_of_equal_responses_the_first_window_counts():
    table = np.zeros((4, 2, 3), dtype=np.float32)
    table[2] = 1
    table[3] = -1
    tokens = np.array([3, 2, 2, 2, 3, 3, 3], dtype=np.uint16)
    offsets = np.array([0, 5, 5, 7])
    best, where = largest_responses(tokens, offsets, table, np.zeros(3, dtype=np.float32))
    np.testing.assert_array_equal(best[:, 0], [2, 0, 0])
    # Words 1 and 2 give the most; what is negative all through loses to padding.
    np.testing.assert_array_equal(where[:, 0], [1, 0, 2])


def test_a_text_has_the_same_responses_whatever_stands_beside_it():
    rng = np.random.default_rng(0)
    words = 20 * BLOCK
    vectors = rng.normal(size=(words, 50)).astype(np.float32)
    kernel = rng.normal(size=(5, 50, 16)).astype(np.float32)
    tokens, offsets = texts_of(rng, rng.integers(0, 40, 50), words)
    bias = np.zeros(16, dtype=np.float32)
    together = Windows(vectors, kernel, bias).largest(tokens, offsets)
    for text in (0, 7, 49):
        own = tokens[offsets[text] : offsets[text + 1]]
        alone = Windows(vectors, kernel, bias).largest(own, np.array([0, len(own)]))
        np.testing.assert_array_equal(alone[0], together[text])


def test_words_that_do_not_occur_are_not_projected():
    vectors = np.ones((10 * BLOCK, 2), dtype=np.float32)
    windows = Windows(vectors, np.ones((1, 2, 1), np.float32), np.zeros(1, np.float32))
    windows.largest(np.array([1, 3 * BLOCK], dtype=np.uint16), np.array([0, 2]))
    np.testing.assert_array_equal(np.flatnonzero(windows.projected), [0, 3])


def test_a_checkout_that_may_not_be_written_to_compiles_for_itself(monkeypatch):
    asked = []

    def njit(nogil, cache=False):
        asked.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiling.numba, "njit", njit)
    assert compiling.compiled(len) is len
    assert asked == [True, False]
