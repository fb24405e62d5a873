"""Filters over word vectors, and their largest response over a text, without Keras.

A filter's response to a window is a sum over its words, so each word's contribution at each
position of the window is computed once per word of the vocabulary. Only additions remain.
"""

from threading import Lock

import numpy as np

from ballast.networks.compiling import compiled

# Words are projected in blocks of this size, each always in the same way: a row's result does not
# depend on the other rows.
BLOCK = 64
# For `largest_responses` when the windows' positions are not needed.
NO_WHERE = np.empty((0, 0), np.int32)


class Windows:
    """The filters of one width, applied to texts."""

    def __init__(self, vectors: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> None:
        """Prepare the filters.

        Args:
            vectors: a vector for each token number, float32, shape (tokens, dimensions).
            kernel: shape (width, dimensions, filters).
            bias: shape (filters,).
        """
        width, dimensions, filters = kernel.shape
        self.vectors, self.bias = vectors, bias
        self.kernel = kernel.transpose(1, 0, 2).reshape(dimensions, width * filters)
        # Pages that are never written to take no memory.
        self.table = np.empty((len(vectors), width, filters), dtype=np.float32)
        self.projected = np.zeros(-(-len(vectors) // BLOCK), dtype=bool)
        self.lock = Lock()

    def largest(self, tokens: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return relu of each filter's largest response, float32, shape (texts, filters).

        Args:
            tokens: all texts in one array, uint16 or uint32.
            offsets: where each text begins, int64, shape (texts + 1,).
        """
        self._project(tokens)
        return np.maximum(largest_responses(tokens, offsets, self.table, self.bias, NO_WHERE), 0)

    def _project(self, tokens: np.ndarray) -> None:
        """Compute the table's rows for these tokens, unless that has been done."""
        # Compiled code does not check bounds.
        if len(tokens) and tokens.max() >= len(self.table):
            raise IndexError(f"token {tokens.max()} has no vector: there are {len(self.table)}")
        needed = np.zeros(len(self.projected), dtype=bool)
        needed[tokens // BLOCK] = True
        with self.lock:
            for block in np.flatnonzero(needed & ~self.projected):
                part = slice(block * BLOCK, (block + 1) * BLOCK)
                self.table[part] = (self.vectors[part] @ self.kernel).reshape(
                    self.table[part].shape
                )
            self.projected |= needed


@compiled
def largest_responses(tokens, offsets, table, bias, where):
    """Return each filter's largest response over a text, float32, shape (texts, filters).

    Every text is followed by zero vectors, so its last window is only padding, with the response
    `bias`. Additions have a fixed order: bias, then the words from left to right.

    Args:
        tokens: all texts in one array, shape (all tokens,).
        offsets: where each text begins, int64, shape (texts + 1,).
        table: each token's contribution at each position of a window, float32, shape (tokens,
            width, filters).
        bias: float32, shape (filters,).
        where: int32, shape (texts, filters), is filled with the start of the window with the
            largest response, the first of equal ones; or NO_WHERE.
    """
    texts, (_, width, filters) = len(offsets) - 1, table.shape
    best = np.empty((texts, filters), np.float32)
    response = np.empty(filters, np.float32)
    for text in range(texts):
        first, length, largest = offsets[text], offsets[text + 1] - offsets[text], best[text]
        for start in range(length + 1):
            for f in range(filters):
                response[f] = bias[f]
            k, stop = 0, min(width, length - start)
            # Three at a time: half of the time was spent on storing and loading sums.
            while k + 2 < stop:
                i = first + start + k
                one, two, three = tokens[i], tokens[i + 1], tokens[i + 2]
                for f in range(filters):
                    total = response[f] + table[one, k, f] + table[two, k + 1, f]
                    response[f] = total + table[three, k + 2, f]
                k += 3
            while k < stop:
                token = tokens[first + start + k]
                for f in range(filters):
                    response[f] += table[token, k, f]
                k += 1
            if start == 0:
                largest[:] = response
                if len(where):
                    where[text] = 0
            elif len(where):
                for f in range(filters):
                    if response[f] > largest[f]:
                        largest[f], where[text, f] = response[f], start
            else:
                for f in range(filters):
                    largest[f] = max(largest[f], response[f])
    return best


@compiled
def kernel_gradient(tokens, offsets, where, gradient, vectors, width):
    """Return the gradient by the filters; only the windows with the largest responses have one.

    Args:
        tokens: as in `largest_responses`, numbers of rows of `vectors`.
        offsets: likewise.
        where: starts of those windows, as `largest_responses` fills it.
        gradient: by the responses, float32, shape (texts, filters).
        vectors: float32, shape (tokens, dimensions).
        width: number of words in a window.

    Returns:
        float32, shape (width, filters, dimensions).
    """
    (texts, filters), dimensions = gradient.shape, vectors.shape[1]
    total = np.zeros((width, filters, dimensions), np.float32)
    for f in range(filters):
        for text in range(texts):
            factor, start = gradient[text, f], offsets[text] + where[text, f]
            if factor != 0:
                for k in range(min(width, offsets[text + 1] - start)):
                    token = tokens[start + k]
                    for d in range(dimensions):
                        total[k, f, d] += factor * vectors[token, d]
    return total


@compiled
def vector_gradient(tokens, offsets, where, gradient, kernel, count):
    """Return the gradient by the vectors, float32, shape (count, dimensions).

    Args:
        tokens: as in `kernel_gradient`, and so are the next three.
        offsets: where each text begins.
        where: starts of the windows with the largest responses.
        gradient: by the responses.
        kernel: float32, shape (width, filters, dimensions).
        count: number of vectors.
    """
    (texts, filters), (width, _, dimensions) = gradient.shape, kernel.shape
    total = np.zeros((count, dimensions), np.float32)
    for text in range(texts):
        for f in range(filters):
            factor, start = gradient[text, f], offsets[text] + where[text, f]
            if factor != 0:
                for k in range(min(width, offsets[text + 1] - start)):
                    token = tokens[start + k]
                    for d in range(dimensions):
                        total[token, d] += factor * kernel[k, f, d]
    return total


@compiled
def numbered(tokens, numbers):
    """Return the distinct tokens in order of first appearance, and each token's number there.

    Args:
        tokens: shape (all tokens,).
        numbers: int32, shape (vocabulary,); all -1, before and after.

    Returns:
        int64, shape (distinct tokens,); int32, shape (all tokens,).
    """
    places = np.empty(len(tokens), np.int32)
    distinct = np.empty(len(tokens), np.int64)
    count = 0
    for i in range(len(tokens)):
        token = tokens[i]
        if numbers[token] < 0:
            numbers[token] = count
            distinct[count] = token
            count += 1
        places[i] = numbers[token]
    for i in range(count):
        numbers[distinct[i]] = -1
    return distinct[:count].copy(), places
