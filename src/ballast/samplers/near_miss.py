"""NearMiss: of large classes, only the rows nearest to the smallest class are kept."""

import warnings
from typing import Annotated, Literal

import numpy as np
from imblearn.under_sampling import NearMiss
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, fewer, labels_of_one, times
from ballast.resampling.plans import Plan, repeat

DISTORTION = (
    "Rows far from the smallest class are left out: there, nothing supports p(class | x) of the "
    "classes that lost them."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    version: Literal[1, 2, 3] = 1,
    neighbours: Annotated[int, Field(ge=1)] = 3,
    candidates: Annotated[int, Field(ge=1)] = 3,
) -> Plan:
    """Return how often to use each row, 0 or 1: n'_c = min(n_c, min n / ratio), chosen by distance.

    The rows kept have the smallest mean distance to rows of the smallest class. Version 1: to the
    nearest of these. Version 2: to the farthest. Version 3: first the `candidates` nearest rows of
    each row of the smallest class are shortlisted, then those with the largest mean distance to the
    nearest rows of the smallest class are kept; the shortlist may have fewer than n'_c rows.
    Neighbours are searched in `rows.space`.

    Source: Zhang and Mani, kNN Approach to Unbalanced Data Distributions: A Case Study Involving
    Information Extraction, 2003; imbalanced-learn's NearMiss.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: not used.
        ratio: size of the smallest class, as a share of the target size of the others.
        version: see above.
        neighbours: number of rows of the smallest class in the mean; fewer if it has fewer.
        candidates: see version 3; fewer if a class has fewer rows.

    Returns:
        How often to use each row, 0 or 1.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [3], [4], [5]]))
        >>> sample(rows, two, seed=0).rows
        array([2, 3, 4, 5])
    """
    labels = labels_of_one(rows.targets, "near_miss")
    counts = np.unique(labels, return_counts=True)[1]
    strategy = fewer(labels, ratio)
    sampler = NearMiss(
        sampling_strategy=strategy,
        version=version,
        n_neighbors=min(neighbours, counts.min()),
        n_neighbors_ver3=min([candidates, *(np.sum(labels == number) for number in strategy)]),
    )
    with warnings.catch_warnings():
        # Version 3 warns if its shortlist is short.
        warnings.filterwarnings("ignore", "The number of the samples to be selected is larger")
        return repeat(times(sampler, labels, rows.space), DISTORTION)
