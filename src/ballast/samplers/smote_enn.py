"""SMOTE, then edited nearest neighbours: small classes grow, contradicted rows are left out."""

from typing import Annotated

from imblearn.under_sampling import EditedNearestNeighbours
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._interpolation import clean, smote

BENDS = (
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
    """Return each row once and SMOTE's new ones, without those that a nearest row contradicts.

    New rows are x + u * (x_near - x) as in SMOTE. Then every row, old or new, is left
    out whose `edited` nearest rows are not all of its class: where classes mix, most of them.
    Neighbours are looked for in `rows.space`.
    A class that would lose every row keeps all.

    Source: Batista, Prati and Monard, A Study of the Behavior of Several Methods for Balancing
    Machine Learning Training Data, 2004; drawn as imbalanced-learn's SMOTEENN.
    It takes time with the square of the rows, the new ones included.

    Args:
        rows: the training rows.
        classes: the classes as they stand in these rows.
        seed: seed of the draw.
        ratio: size of each class after it, as a share of the largest; larger ones stay.
        neighbours: how many of the nearest rows of the class may be the partner; fewer where the
            class has fewer.
        edited: how many of the nearest rows are asked; fewer where there are fewer rows.

    Returns:
        What is left of the rows and of the recipes of the new ones.

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
    grown = smote(rows.space, labels, ratio, neighbours, seed, BENDS)
    sampler = EditedNearestNeighbours(
        sampling_strategy="all", n_neighbors=min(edited, len(grown.rows) - 1)
    )
    return clean(grown, sampler, labels, rows.space)
