"""SVM-SMOTE: small classes grow along the border found by a support vector machine."""

from functools import cache
from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.svm import SVC

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._interpolation import Recipes, between, foreign_shares, grow

DISTORTION = (
    "New rows crowd the border and reach beyond the rows of the small classes: p(class | x) grows "
    "there, far more than elsewhere."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    neighbours: Annotated[int, Field(ge=1)] = 5,
    around: Annotated[int, Field(ge=1)] = 10,
    out_step: Annotated[float, Field(ge=0, le=1)] = 0.5,
) -> Plan:
    """Return each row once, and new ones x + u * (x_near - x) up to n'_c; x is a support vector.

    n'_c = max(n_c, ratio * max n). The machine (C = 1, radial basis) is fitted on `rows.space`.
    A support vector is noise if its `around` nearest rows all have other classes. If half or more
    of them do, x is in danger, and u is uniform in 0 ... 1. Otherwise x is safe, and the new row
    lies on its far side: u is uniform in -out_step ... 0. x_near is one of the nearest in the
    class. A draw from Beta(10, 10) divides the new rows between the two kinds; a class with only
    one kind gets that part alone, and one whose support vectors are all noise stays the same.
    The row of a class with a single row is repeated.

    Source: Nguyen, Cooper and Kamei, Borderline Over-sampling for Imbalanced Data Classification,
    2009; drawn as imbalanced-learn's SVMSMOTE. The machine takes time with the square of the rows.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draw.
        ratio: target size of each class, as a share of the largest; larger ones stay the same.
        neighbours: number of nearest rows of the class to choose the partner from; fewer if the
            class has fewer.
        around: number of nearest rows of all classes that decide whether a row is at the border.
        out_step: largest distance of new rows beyond a safe row, as a share of that to x_near.

    Returns:
        Every row once, and the recipes of the new ones.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [3], [4], [5]]))
        >>> sample(rows, two, seed=0, around=2).shares.round(2)
        array([0.  , 0.  , 0.  , 0.  , 0.  , 0.  , 0.59])
    """
    labels = labels_of_one(rows.targets, "svm_smote")
    space = rows.space
    random = np.random.RandomState(seed)

    @cache
    def support() -> np.ndarray:
        return SVC(random_state=seed).fit(space, labels).support_

    def recipes(members: np.ndarray, count: int) -> Recipes:
        vectors = np.intersect1d(support(), members)
        shares = foreign_shares(space, labels, vectors, around)
        danger, safe = vectors[(shares >= 0.5) & (shares < 1)], vectors[shares < 0.5]
        first = int(random.beta(10, 10) * (count + 1))
        inwards = between(space, danger, members, neighbours, first, seed)
        outwards = between(space, safe, members, neighbours, count - first, seed, -out_step)
        return Recipes(*(np.concatenate(pair) for pair in zip(inwards, outwards, strict=True)))

    return grow(labels, ratio, recipes, DISTORTION)
