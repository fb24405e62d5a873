"""ADASYN: small classes grow most around their rows that other classes surround."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._interpolation import Recipes, foreign_shares, grow, nearest

DISTORTION = (
    "New rows gather where other classes surround a class: p(class | x) grows there, far more than "
    "elsewhere."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    neighbours: Annotated[int, Field(ge=1)] = 5,
) -> Plan:
    """Return each row once, and new ones x + u * (x_near - x), most of them among other classes.

    Row i of a class starts g_i = round(r_i / sum r * missing) new ones, where r_i is the share of
    other classes among its nearest rows; x_near is one of its nearest in the class, u uniform in
    0 ... 1. Neighbours are searched in `rows.space`.
    Because of the rounding, n'_c = max(n_c, ratio * max n) is missed: slightly if many rows are
    missing, but all g_i may be 0 if fewer rows are missing than the class has. If no row has a
    neighbour of another class, all r_i are taken as equal. The row of a class with a single row is
    repeated.

    Source: He, Bai, Garcia and Li, ADASYN: Adaptive Synthetic Sampling Approach for Imbalanced
    Learning, 2008; drawn as imbalanced-learn's ADASYN.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draw.
        ratio: target size of each class, as a share of the largest; larger ones stay the same.
        neighbours: number of nearest rows that count; fewer if the class has fewer.

    Returns:
        Every row once, and the recipes of the new ones.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [3], [4], [5]]))
        >>> sample(rows, two, seed=0, neighbours=2).rows
        array([0, 1, 2, 3, 4, 5, 4, 5])
    """
    labels = labels_of_one(rows.targets, "adasyn")
    space = rows.space
    random = np.random.RandomState(seed)

    def recipes(members: np.ndarray, count: int) -> Recipes:
        shares = foreign_shares(space, labels, members, neighbours)
        shares = shares if shares.any() else np.ones(len(members))
        start = np.repeat(
            np.arange(len(members)), np.rint(shares / shares.sum() * count).astype(int)
        )
        near = nearest(space, members, members, neighbours)
        partner = random.choice(near.shape[1], size=len(start))
        return Recipes(members[start], near[start, partner], random.uniform(size=len(start)))

    return grow(labels, ratio, recipes, DISTORTION)
