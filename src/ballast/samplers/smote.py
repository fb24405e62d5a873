"""SMOTE: small classes grow by new rows between a row and a near one of the same class."""

from typing import Annotated

from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._interpolation import smote

DISTORTION = (
    "New rows fill the space between rows of a class: p(class | x) grows there, also where rows of "
    "other classes lie in between."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    neighbours: Annotated[int, Field(ge=1)] = 5,
) -> Plan:
    """Return each row once, and new ones x + u * (x_near - x) up to n'_c = max(n_c, ratio * max n).

    x is any row of the class, x_near one of its nearest in the class, u uniform in 0 ... 1.
    Neighbours are searched in `rows.space`.
    The row of a class with a single row is repeated.

    Source: Chawla, Bowyer, Hall and Kegelmeyer, SMOTE: Synthetic Minority Over-sampling Technique,
    2002; drawn as imbalanced-learn's SMOTE.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draw.
        ratio: target size of each class, as a share of the largest; larger ones stay the same.
        neighbours: number of nearest rows of the class to choose the partner from; fewer if the
            class has fewer.

    Returns:
        Every row once, and the recipes of the new ones.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> import numpy as np
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [3], [4], [5]]))
        >>> sample(rows, two, seed=0).partners
        array([-1, -1, -1, -1, -1, -1,  5,  4])
    """
    labels = labels_of_one(rows.targets, "smote")
    return smote(rows.space, labels, ratio, neighbours, seed, DISTORTION)
