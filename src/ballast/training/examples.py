"""The examples of a plan, as a weighting sees them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD

from ballast.training.batches import Table
from ballast.training.problem import Problem

# Dimensions that terms are reduced to.
LATENT = 100


@dataclass(frozen=True)
class Examples:
    """The examples of the plan; a weighting that needs more than class sizes reads them.

    Attributes:
        rows: row number of each example, shape (examples,).
        sources: number of the row that each example comes from: its own, or of a new text the
            row that it is a variant of. Examples of one source can't validate each other.
        targets: labels trained on, 0 to 1, shape (examples, classes).
        times: how often each example is used an epoch; a fraction is a probability.
        read: from row numbers to vectors, float, shape (rows, dimensions).
        seed: seed of folds and samples.
    """

    rows: np.ndarray
    sources: np.ndarray
    targets: np.ndarray
    times: np.ndarray
    read: Callable[[np.ndarray], np.ndarray]
    seed: int


def examples_of(problem: Problem, words: np.ndarray | None) -> Examples:
    """Return the examples of a plan.

    Args:
        problem: what there is to learn.
        words: a vector for each token number, or None where there are no tokens.
    """
    plan = problem.plan
    return Examples(
        rows=plan.rows,
        sources=problem.origins[plan.rows],
        # Of a mixed pair, the weighting sees the first row.
        targets=replace(plan, label_shares=None).targets(problem.targets),
        times=plan.times,
        read=partial(mean_vectors, problem.table, words),
        seed=problem.seed,
    )


def mean_vectors(table: Table, words: np.ndarray | None, rows: np.ndarray) -> np.ndarray:
    """Return each row's mean word vector, its terms by truncated SVD and its numeric columns.

    Float64, shape (rows, dimensions). The SVD is that of these rows.

    Args:
        table: all rows.
        words: a vector for each token number, or None where there is no text.
        rows: row numbers.
    """
    inputs, columns = table.take(rows), []
    if inputs.tokens is not None:
        lengths = np.diff(inputs.offsets)
        shares = np.repeat(1 / np.maximum(lengths, 1), lengths)
        frequencies = csr_array((shares, inputs.tokens, inputs.offsets), (len(rows), len(words)))
        columns.append(frequencies @ words.astype(np.float64))
    if inputs.terms is not None:
        dimensions = min(LATENT, *inputs.terms.shape)
        columns.append(TruncatedSVD(dimensions, random_state=0).fit_transform(inputs.terms))
    if inputs.features is not None:
        columns.append(inputs.features.astype(np.float64))
    return np.concatenate(columns, axis=1)
