"""Neighbourhood cleaning rule: large classes lose rows that disagree with their nearest rows."""

from typing import Annotated

from imblearn.under_sampling import NeighbourhoodCleaningRule
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one, larger, times
from ballast.resampling.plans import Plan, repeat

DISTORTION = (
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

    The classes larger than the smallest lose rows whose nearest rows mostly have another class
    (edited nearest neighbours), and rows that are nearest to a row of the smallest class which its
    nearest rows would misclassify.
    Neighbours are searched in `rows.space`.
    A class that would lose all its rows keeps them.

    Source: Laurikkala, Improving Identification of Difficult Small Classes by Balancing Class
    Distribution, 2001; imbalanced-learn's NeighbourhoodCleaningRule.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: not used.
        neighbours: number of nearest rows that vote; fewer if there are fewer rows.
        threshold: the second step spares classes of at most this times the smallest class's rows.

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
    return repeat(times(sampler, labels, rows.space), DISTORTION)
