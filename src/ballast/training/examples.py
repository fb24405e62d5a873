"""What is trained on, as a weighting sees it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD

from ballast.training.batches import Table

# Directions that terms are brought down to.
LATENT = 100


@dataclass(frozen=True)
class Examples:
    """The examples of the plan; a weighting that needs more than class sizes reads them.

    Attributes:
        rows: row number of each example, shape (examples,).
        sources: number of the row that each example is made from: itself, or where the row is a
            new text, the row it is a variant of. What has one source can't judge each other.
        targets: labels trained on, 0 to 1, shape (examples, classes).
        times: how often each example is used an epoch; a fraction is a chance.
        read: from row numbers to vectors, float, shape (rows, dimensions).
        seed: seed of folds and samples.
    """

    rows: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    times: np.ndarray
    read: Callable[[np.ndarray], np.ndarray]
    seed: int


def mean_vectors(table: Table, words: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """Return each row's mean word vector, latent directions of its terms and numeric columns.

    Float64, shape (rows, dimensions). The directions are those that hold most of these rows' terms.

    Args:
        table: all rows.
        words: a vector for each token number, or None where there is no text.
        rows: row numbers.
    """
    given, columns = table.take(rows), []
    if given.tokens is not None:
        lengths = np.diff(given.offsets)
        shares = np.repeat(1 / np.maximum(lengths, 1), lengths)
        uses = csr_array((shares, given.tokens, given.offsets), (len(rows), len(words)))
        columns.append(uses @ words.astype(np.float64))
    if given.terms is not None:
        most = min(LATENT, *given.terms.shape)
        columns.append(TruncatedSVD(most, random_state=0).fit_transform(given.terms))
    if given.features is not None:
        columns.append(given.features.astype(np.float64))
    return np.concatenate(columns, axis=1)
