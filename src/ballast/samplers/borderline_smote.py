"""Borderline-SMOTE: small classes grow from their rows near the border."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._interpolation import Recipes, between, foreign_shares, grow

DISTORTION = (
    "New rows crowd the border: p(class | x) of the small classes grows there, far more than "
    "elsewhere."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    neighbours: Annotated[int, Field(ge=1)] = 5,
    around: Annotated[int, Field(ge=1)] = 10,
    kind: Literal[1, 2] = 1,
) -> Plan:
    """Return each row once, and new ones x + u * (x_near - x) up to n'_c; x is a row in danger.

    n'_c = max(n_c, ratio * max n). In danger are rows with half or more, but not all, of their
    `around` nearest rows in other classes. Kind 1: x_near is one of the nearest in the class, u is
    uniform in 0 ... 1. Kind 2: x_near is one of the nearest of all rows; where it is of another
    class, u is multiplied by one more number, uniform in 0 ... 0.5. The label is that of x.
    Neighbours are searched in `rows.space`.
    A class without a row in danger stays the same; that of a class with a single row is repeated.

    Source: Han, Wang and Mao, Borderline-SMOTE: A New Over-Sampling Method in Imbalanced Data Sets
    Learning, 2005; drawn as imbalanced-learn's BorderlineSMOTE.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draw.
        ratio: target size of each class, as a share of the largest; larger ones stay the same.
        neighbours: number of nearest rows to choose the partner from; fewer if there are fewer.
        around: number of nearest rows of all classes that decide whether a row is at the border.
        kind: 1 for partners of the same class, 2 for partners of any.

    Returns:
        Every row once, and the recipes of the new ones.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [3], [4], [5]]))
        >>> sample(rows, two, seed=0, around=2).rows
        array([0, 1, 2, 3, 4, 5, 4, 5])
    """
    labels = labels_of_one(rows.targets, "borderline_smote")
    space = rows.space

    def recipes(members: np.ndarray, count: int) -> Recipes:
        shares = foreign_shares(space, labels, members, around)
        danger = members[(shares >= 0.5) & (shares < 1)]
        among = members if kind == 1 else np.arange(len(labels))
        drawn = between(space, danger, among, neighbours, count, seed)
        foreign = labels[drawn.partners] != labels[members[0]]
        # imbalanced-learn restarts the same stream here.
        drawn.shares[foreign] *= np.random.RandomState(seed).uniform(0, 0.5, foreign.sum())
        return drawn

    return grow(labels, ratio, recipes, DISTORTION)
