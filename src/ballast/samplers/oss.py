"""One-sided selection: of large classes, rows far from the border and rows on it are left out."""

from typing import Annotated

import numpy as np
from imblearn.under_sampling import OneSidedSelection
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one, larger, times
from ballast.resampling.plans import Plan, repeat

DISTORTION = (
    "Rows far from the smallest class and rows that touch another class are left out: p(class "
    "| x) changes at both places, by no known factor."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    neighbours: Annotated[int, Field(ge=1)] = 1,
) -> Plan:
    """Return how often to use each row, 0 or 1.

    Each class larger than the smallest keeps one random row, and the rows that the `neighbours`
    nearest among that one and the smallest class would misclassify; then it loses its rows in Tomek
    links. Neighbours are searched in `rows.space`.
    A class that would lose all its rows keeps them.

    Source: Kubat and Matwin, Addressing the Curse of Imbalanced Training Sets: One-Sided Selection,
    1997; imbalanced-learn's OneSidedSelection.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draw.
        neighbours: number of nearest rows that classify; fewer if there are fewer.

    Returns:
        How often to use each row, 0 or 1.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [3], [4], [5]]))
        >>> sample(rows, two, seed=0).rows
        array([0, 2, 3, 4, 5])
    """
    labels = labels_of_one(rows.targets, "oss")
    smallest = np.unique(labels, return_counts=True)[1].min()
    sampler = OneSidedSelection(
        sampling_strategy=larger(labels),
        n_neighbors=min(neighbours, int(smallest) + 1),
        random_state=seed,
    )
    return repeat(times(sampler, labels, rows.space), DISTORTION)
