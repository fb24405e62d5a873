"""Filters over word vectors, and their largest response over a text, without Keras.

A filter's response to a window is a sum over its words, so what each word adds at each place of the
window is worked out once for each word of the vocabulary. What is left are additions.
"""

from threading import Lock

import numpy as np

from ballast.networks.compiling import compiled

# Words are projected in such blocks, and each block in the same way whoever asks for it: a row's
# result doesn't depend on the rows beside it.
BLOCK = 64
# Where nobody asks which windows gave the largest responses.
UNTOLD = np.empty((0, 0), np.int32)


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
        # Memory that is never written to takes no room.
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
        return np.maximum(largest_responses(tokens, offsets, self.table, self.bias, UNTOLD), 0)

    def _project(self, tokens: np.ndarray) -> None:
        """Work out the table's rows for these tokens, unless that has been done."""
        # Machine code looks up whatever it is told to.
        if len(tokens) and tokens.max() >= len(self.table):
            raise IndexError(f"token {tokens.max()} has no vector: there are {len(self.table)}")
        asked = np.zeros(len(self.projected), dtype=bool)
        asked[tokens // BLOCK] = True
        with self.lock:
            for block in np.flatnonzero(asked & ~self.projected):
                part = slice(block * BLOCK, (block + 1) * BLOCK)
                self.table[part] = (self.vectors[part] @ self.kernel).reshape(
                    self.table[part].shape
                )
            self.projected |= asked


@compiled
def largest_responses(tokens, offsets, table, bias, where):
    """Return each filter's largest response over a text, float32, shape (texts, filters).

    Every text is followed by zero vectors, so its last window is padding alone: a response of
    `bias`. Additions have a fixed order: bias, then the words from left to right.

    Args:
        tokens: all texts in one array, shape (all tokens,).
        offsets: where each text begins, int64, shape (texts + 1,).
        table: what each token adds at each place of a window, float32, shape (tokens, width,
            filters).
        bias: float32, shape (filters,).
        where: int32, shape (texts, filters), takes the first places in the text of the windows
            that the responses were given to, of equal ones the first; or UNTOLD.
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
            # Three at a time: half of the time went into putting sums away and taking them back.
            while k + 2 < stop:
                place = first + start + k
                one, two, three = tokens[place], tokens[place + 1], tokens[place + 2]
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
def kernel_gradient(tokens, offsets, where, slopes, vectors, width):
    """Return the gradient by the filters; only the windows that won have one.

    Args:
        tokens: as in `largest_responses`, numbers of rows of `vectors`.
        offsets: likewise.
        where: the windows that won, as `largest_responses` returns them.
        slopes: the gradient by the responses, float32, shape (texts, filters).
        vectors: float32, shape (tokens, dimensions).
        width: words that a filter sees.

    Returns:
        float32, shape (width, filters, dimensions).
    """
    (texts, filters), dimensions = slopes.shape, vectors.shape[1]
    total = np.zeros((width, filters, dimensions), np.float32)
    for f in range(filters):
        for text in range(texts):
            slope, start = slopes[text, f], offsets[text] + where[text, f]
            if slope != 0:
                for k in range(min(width, offsets[text + 1] - start)):
                    token = tokens[start + k]
                    for d in range(dimensions):
                        total[k, f, d] += slope * vectors[token, d]
    return total


@compiled
def vector_gradient(tokens, offsets, where, slopes, kernel, count):
    """Return the gradient by the vectors, float32, shape (count, dimensions).

    Args:
        tokens: as in `kernel_gradient`, and so are the next three.
        offsets: where each text begins.
        where: the windows that won.
        slopes: the gradient by the responses.
        kernel: float32, shape (width, filters, dimensions).
        count: number of vectors.
    """
    (texts, filters), (width, _, dimensions) = slopes.shape, kernel.shape
    total = np.zeros((count, dimensions), np.float32)
    for text in range(texts):
        for f in range(filters):
            slope, start = slopes[text, f], offsets[text] + where[text, f]
            if slope != 0:
                for k in range(min(width, offsets[text + 1] - start)):
                    token = tokens[start + k]
                    for d in range(dimensions):
                        total[token, d] += slope * kernel[k, f, d]
    return total


@compiled
def numbered(tokens, numbers):
    """Return the different tokens in the order in which they come, and each token's place there.

    Args:
        tokens: shape (all tokens,).
        numbers: int32, shape (vocabulary,); all -1, and so it is left.

    Returns:
        int64, shape (different tokens,); int32, shape (all tokens,).
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
