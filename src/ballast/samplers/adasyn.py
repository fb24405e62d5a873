"""ADASYN: small classes grow most around those of their rows that other classes surround."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._interpolation import Recipes, grow, nearest, strangers

BENDS = (
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
    0 ... 1. Neighbours are looked for in `rows.space`.
    The rounding misses n'_c = max(n_c, ratio * max n): by little where many rows are missing, but
    every g_i may be 0 where fewer are missing than the class has. Where no row has a neighbour of
    another class, all r_i count as equal. A class of a single row has it repeated.

    Source: He, Bai, Garcia and Li, ADASYN: Adaptive Synthetic Sampling Approach for Imbalanced
    Learning, 2008; drawn as imbalanced-learn's ADASYN.

    Args:
        rows: the training rows.
        classes: the classes as they stand in these rows.
        seed: seed of the draw.
        ratio: size of each class after it, as a share of the largest; larger ones stay.
        neighbours: how many of the nearest rows count; fewer where the class has fewer.

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

    def recipes(own: np.ndarray, count: int) -> Recipes:
        share = strangers(space, labels, own, neighbours)
        share = share if share.any() else np.ones(len(own))
        start = np.repeat(np.arange(len(own)), np.rint(share / share.sum() * count).astype(int))
        near = nearest(space, own, own, neighbours)
        partner = random.choice(near.shape[1], size=len(start))
        return Recipes(own[start], near[start, partner], random.uniform(size=len(start)))

    return grow(labels, ratio, recipes, BENDS)
