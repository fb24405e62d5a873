"""What networks compute, without Keras: from encoded rows to logits, in NumPy and Numba."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.sparse import csr_array, hstack

from ballast.networks.windows import Windows
from ballast.texts.embedded import Read


@dataclass(frozen=True)
class Encoded:
    """Rows as a network reads them; what it doesn't read may be None.

    Attributes:
        tokens: the token numbers of all texts in one array, none of them padding.
        offsets: where each text begins, int64, shape (rows + 1,).
        columns: scaled numeric columns and vectors of texts, float32, shape (rows, columns); NaN
            where a number is missing.
        terms: weights of the texts' terms, float32, shape (rows, terms), sparse.
    """

    tokens: np.ndarray | None
    offsets: np.ndarray | None
    columns: np.ndarray | None
    terms: csr_array | None = None

    @cached_property
    def features(self) -> np.ndarray | None:
        """The columns without gaps."""
        return filled(self.columns)

    def padded(self, longest: int | None = None) -> dict[str, np.ndarray | csr_array]:
        """Return the rows as Keras takes them; texts are padded to the longest of them.

        Args:
            longest: number of tokens to pad to instead.
        """
        inputs = {"features": self.features, "terms": self.terms}
        if self.tokens is not None:
            lengths = np.diff(self.offsets)
            positions = np.arange(max(1, longest or lengths.max()))
            tokens = np.zeros((len(lengths), len(positions)), dtype=np.int32)
            tokens[positions < lengths[:, None]] = self.tokens
            inputs["tokens"] = tokens
        return {name: values for name, values in inputs.items() if values is not None}


# From rows to logits, float32, shape (rows, classes); may be called by several threads at once.
Forward = Callable[[Encoded], np.ndarray]


def mean(networks: Sequence[Forward]) -> Forward:
    """Return the ensemble whose logits are the mean of the networks'."""
    if len(networks) == 1:
        return networks[0]
    return lambda rows: sum(network(rows) for network in networks) / np.float32(len(networks))


def filled(columns: np.ndarray | None) -> np.ndarray | None:
    """Return columns in which what is missing or infinite is 0, the mean of the training rows."""
    return None if columns is None else np.where(np.isfinite(columns), columns, np.float32(0))


def encoded(parts: Iterable[Read | None]) -> Encoded:
    """Return rows as several embeddings read them, side by side.

    Args:
        parts: what each embedding makes of the same rows, in the order of the embeddings.
    """
    tokens, offsets, columns, terms = None, None, [], []
    for part in parts:
        if isinstance(part, tuple):
            tokens, offsets = part
        elif isinstance(part, np.ndarray):
            columns.append(part)
        elif part is not None:
            terms.append(part)
    return Encoded(
        tokens,
        offsets,
        _side_by_side(columns, np.hstack),
        _side_by_side(terms, lambda parts: csr_array(hstack(parts, format="csr"))),
    )


def _side_by_side(parts: list, stack: Callable):
    if len(parts) > 1:
        return stack(parts)
    return parts[0] if parts else None


def dense(inputs: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return the outputs of a Dense layer without activation, shape (rows, units)."""
    return inputs @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]


def classified(hidden: np.ndarray, rows: Encoded, weights: dict[str, np.ndarray]) -> np.ndarray:
    """Return the logits that `classifier` of `networks/layers.py` makes of some texts.

    Args:
        hidden: the texts' representations, shape (rows, units).
        rows: with their numeric columns, if there are any, and terms for the layer on them.
        weights: by name.
    """
    if rows.features is not None:
        hidden = np.concatenate([hidden, rows.features], axis=1)
    wide = weights.get("from_terms.kernel")
    if wide is None:
        return dense(hidden, weights, "logits")
    return dense(hidden, weights, "from_text") + rows.terms @ wide


def pooled_filters(weights: dict[str, np.ndarray], vectors: np.ndarray) -> Forward:
    """Return filters over word vectors, max pooling, numeric columns, a linear layer.

    What `largest_windows` and `classifier` of `networks/layers.py` build.

    Args:
        weights: by name.
        vectors: a row for each token number.
    """
    count = sum(name.startswith("filters_") for name in weights) // 2
    names = [f"filters_{number}" for number in range(count)]
    windows = [
        Windows(vectors, weights[f"{name}.kernel"], weights[f"{name}.bias"]) for name in names
    ]

    def logits(rows: Encoded) -> np.ndarray:
        hidden = [each.largest(rows.tokens, rows.offsets) for each in windows]
        return classified(np.concatenate(hidden, axis=1), rows, weights)

    return logits
