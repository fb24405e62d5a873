"""Filters over words and their gradients: against the formulas, ties, empty texts."""

import numpy as np
import pytest

from ballast.networks import compiling
from ballast.networks.windows import (
    BLOCK,
    NO_WHERE,
    Windows,
    kernel_gradient,
    largest_responses,
    numbered,
    vector_gradient,
)


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
    responses = Windows(vectors, kernel, bias).largest(tokens, offsets)
    texts = np.split(tokens, offsets[1:-1])
    expected = [plain(text, vectors, kernel, bias).max(axis=0) for text in texts]
    np.testing.assert_allclose(responses, np.maximum(expected, 0), rtol=1e-5, atol=1e-5)
    assert responses.dtype == np.float32
    # An empty text is only padding.
    np.testing.assert_array_equal(responses[1], np.maximum(bias, 0))


def test_of_equal_responses_the_first_window_counts():
    table = np.zeros((4, 2, 3), dtype=np.float32)
    table[2] = 1
    table[3] = -1
    tokens = np.array([3, 2, 2, 2, 3, 3, 3], dtype=np.uint16)
    offsets = np.array([0, 5, 5, 7])
    where = np.full((3, 3), -1, dtype=np.int32)
    best = largest_responses(tokens, offsets, table, np.zeros(3, dtype=np.float32), where)
    np.testing.assert_array_equal(best[:, 0], [2, 0, 0])
    # Words 1 and 2 give the largest response; entirely negative texts lose to padding.
    np.testing.assert_array_equal(where[:, 0], [1, 0, 2])


@pytest.mark.parametrize("width", range(1, 9))
def test_responses_are_the_same_with_and_without_their_positions(width):
    rng = np.random.default_rng(width)
    tokens, offsets = texts_of(rng, rng.integers(0, 12, 30), 40)
    table = rng.normal(size=(40, width, 5)).astype(np.float32)
    bias = rng.normal(size=5).astype(np.float32)
    where = np.empty((30, 5), dtype=np.int32)
    responses = largest_responses(tokens, offsets, table, bias, where)
    np.testing.assert_array_equal(
        responses, largest_responses(tokens, offsets, table, bias, NO_WHERE)
    )
    # The window at the position gives the response.
    for text, start in enumerate(where[:, 0]):
        window = tokens[offsets[text] : offsets[text + 1]][start : start + width]
        terms = table[window, np.arange(len(window)), 0]
        assert bias[0] + terms.sum() == pytest.approx(responses[text, 0], rel=1e-4, abs=1e-5)


def test_a_text_has_the_same_responses_whatever_the_other_texts():
    rng = np.random.default_rng(0)
    words = 20 * BLOCK
    vectors = rng.normal(size=(words, 50)).astype(np.float32)
    kernel = rng.normal(size=(5, 50, 16)).astype(np.float32)
    tokens, offsets = texts_of(rng, rng.integers(0, 40, 50), words)
    bias = np.zeros(16, dtype=np.float32)
    together = Windows(vectors, kernel, bias).largest(tokens, offsets)
    for text in (0, 7, 49):
        text_tokens = tokens[offsets[text] : offsets[text + 1]]
        alone = Windows(vectors, kernel, bias).largest(text_tokens, np.array([0, len(text_tokens)]))
        np.testing.assert_array_equal(alone[0], together[text])


def test_words_that_do_not_occur_are_not_projected():
    vectors = np.ones((10 * BLOCK, 2), dtype=np.float32)
    windows = Windows(vectors, np.ones((1, 2, 1), np.float32), np.zeros(1, np.float32))
    windows.largest(np.array([1, 3 * BLOCK], dtype=np.uint16), np.array([0, 2]))
    np.testing.assert_array_equal(np.flatnonzero(windows.projected), [0, 3])


@pytest.mark.parametrize("width", [1, 3, 8])
def test_gradients_are_those_of_the_formula(width):
    rng = np.random.default_rng(width)
    vectors = rng.normal(size=(20, 4)).astype(np.float32)
    kernel = rng.normal(size=(width, 6, 4)).astype(np.float32)
    tokens, offsets = texts_of(rng, [5, 0, 1, 2, 30, 0], 20, np.int32)
    # Any window may have the largest response, even the one that is only padding.
    where = rng.integers(0, np.diff(offsets)[:, None] + 1, (6, 6)).astype(np.int32)
    gradient = rng.normal(size=(6, 6)).astype(np.float32)
    gradient[rng.random(gradient.shape) < 0.3] = 0

    by_kernel, by_vectors = np.zeros(kernel.shape), np.zeros(vectors.shape)
    for (text, f), start in np.ndenumerate(where):
        window = tokens[offsets[text] : offsets[text + 1]][start : start + width]
        by_kernel[: len(window), f] += gradient[text, f] * vectors[window]
        np.add.at(by_vectors, window, gradient[text, f] * kernel[: len(window), f])

    arguments = tokens, offsets, where, gradient
    for result, expected in [
        (kernel_gradient(*arguments, vectors, width), by_kernel),
        (vector_gradient(*arguments, kernel, len(vectors)), by_vectors),
    ]:
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-5)


def test_gradients_predict_how_the_responses_change():
    """Responses are linear between ties: a small step changes them by gradient times step."""
    rng = np.random.default_rng(0)
    tokens, offsets = texts_of(rng, [9, 4, 0, 2], 20, np.int32)
    vectors, kernel = rng.normal(size=(20, 4)), rng.normal(size=(3, 6, 4))
    steps = 1e-3 * rng.normal(size=vectors.shape), 1e-3 * rng.normal(size=kernel.shape)
    gradient = rng.normal(size=(4, 6)).astype(np.float32)

    def responses(vectors, kernel):
        table = np.einsum("nd,kfd->nkf", vectors, kernel).astype(np.float32)
        where = np.empty((4, 6), np.int32)
        return largest_responses(tokens, offsets, table, np.zeros(6, np.float32), where), where

    _, where = responses(vectors, kernel)
    arguments = tokens, offsets, where, gradient
    by_vectors = vector_gradient(*arguments, kernel.astype(np.float32), len(vectors))
    by_kernel = kernel_gradient(*arguments, vectors.astype(np.float32), len(kernel))
    for step, derivative, stepped in [
        (steps[0], by_vectors, lambda sign: (vectors + sign * steps[0], kernel)),
        (steps[1], by_kernel, lambda sign: (vectors, kernel + sign * steps[1])),
    ]:
        (after, where_after), (before, where_before) = (responses(*stepped(s)) for s in (1, -1))
        assert (where_after == where_before).all(), "the largest window changes: not linear here"
        change = (gradient * (after - before)).sum(dtype=np.float64) / 2
        assert change == pytest.approx((derivative * step).sum(), rel=1e-3)


@pytest.mark.parametrize("kind", [np.uint16, np.uint32])
@pytest.mark.parametrize("count", [0, 1, 500])
def test_tokens_are_numbered_in_order_of_first_appearance(count, kind):
    tokens = np.random.default_rng(count).integers(0, 70, count).astype(kind)
    numbers = np.full(70, -1, np.int32)
    for _ in range(2):
        distinct, places = numbered(tokens, numbers)
        assert distinct.tolist() == list(dict.fromkeys(tokens.tolist()))
        np.testing.assert_array_equal(distinct[places], tokens)
        assert (numbers == -1).all()


def test_without_a_writable_cache_each_process_compiles(monkeypatch):
    caches = []

    def njit(nogil, error_model, cache=False):
        assert nogil
        assert error_model == "numpy"
        caches.append(cache)
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return lambda function: function

    monkeypatch.setattr(compiling.numba, "njit", njit)
    assert compiling.compiled(len) is len
    assert caches == [True, False]
