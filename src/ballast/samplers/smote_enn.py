"""SMOTE, then edited nearest neighbours: small classes grow, mixed regions are cleaned."""

from typing import Annotated

from imblearn.under_sampling import EditedNearestNeighbours
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._interpolation import clean, smote

DISTORTION = (
    "New rows fill the space between rows of a class, and rows near other classes are left out: "
    "p(class | x) grows for small classes, and moves towards 0 and 1 at the border."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    neighbours: Annotated[int, Field(ge=1)] = 5,
    edited: Annotated[int, Field(ge=1)] = 3,
) -> Plan:
    """Return each row once and SMOTE's new ones, without those near a row of another class.

    New rows are x + u * (x_near - x) as in SMOTE. Then every row, old or new, is left out unless
    all its `edited` nearest rows have its class: where classes mix, most rows go.
    Neighbours are searched in `rows.space`.
    A class that would lose all its rows keeps them.

    Source: Batista, Prati and Monard, A Study of the Behavior of Several Methods for Balancing
    Machine Learning Training Data, 2004; drawn as imbalanced-learn's SMOTEENN.
    It takes time with the square of the rows, the new ones included.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draw.
        ratio: target size of each class, as a share of the largest; larger ones stay the same.
        neighbours: number of nearest rows of the class to choose the partner from; fewer if the
            class has fewer.
        edited: number of nearest rows that must agree; fewer if there are fewer rows.

    Returns:
        The remaining rows and recipes of new ones.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> import numpy as np
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [3], [4], [5]]))
        >>> sample(rows, two, seed=0, edited=1).rows
        array([0, 1, 2, 4, 5, 4, 5])
    """
    labels = labels_of_one(rows.targets, "smote_enn")
    grown = smote(rows.space, labels, ratio, neighbours, seed, DISTORTION)
    sampler = EditedNearestNeighbours(
        sampling_strategy="all", n_neighbors=min(edited, len(grown.rows) - 1)
    )
    return clean(grown, sampler, labels, rows.space)
