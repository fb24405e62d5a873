"""Neighbourhood cleaning rule: large classes lose the rows that contradict their nearest rows."""

from typing import Annotated

from imblearn.under_sampling import NeighbourhoodCleaningRule
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one, larger, times
from ballast.resampling.plans import Plan, repeat

BENDS = (
    "Rows near other classes are left out: p(class | x) moves towards 0 and 1, and at the "
    "border towards the classes that lose fewer there, the smallest above all."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    neighbours: Annotated[int, Field(ge=1)] = 3,
    threshold: Annotated[float, Field(gt=0)] = 0.5,
) -> Plan:
    """Return how often to use each row, 0 or 1.

    Left out of the classes larger than the smallest are rows that most of their nearest rows
    contradict (edited nearest neighbours), and the nearest rows of those rows of the smallest class
    that their own nearest rows would misclassify.
    Neighbours are looked for in `rows.space`.
    A class that would lose every row keeps all.

    Source: Laurikkala, Improving Identification of Difficult Small Classes by Balancing Class
    Distribution, 2001; imbalanced-learn's NeighbourhoodCleaningRule.

    Args:
        rows: the training rows.
        classes: the classes as they stand in these rows.
        seed: not used.
        neighbours: how many of the nearest rows are asked; fewer where there are fewer rows.
        threshold: the second step spares classes of at most this times the smallest's rows.

    Returns:
        How often to use each row, 0 or 1.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> import numpy as np
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [4], [4.5], [6]]))
        >>> sample(rows, two, seed=0, neighbours=1).rows
        array([0, 1, 2, 4, 5])
    """
    labels = labels_of_one(rows.targets, "ncr")
    sampler = NeighbourhoodCleaningRule(
        sampling_strategy=larger(labels),
        n_neighbors=min(neighbours, len(labels) - 1),
        threshold_cleaning=threshold,
    )
    return repeat(times(sampler, labels, rows.space), BENDS)
