"""SVM-SMOTE: small classes grow along the border that a support vector machine finds."""

from functools import cache
from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.svm import SVC

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._interpolation import Recipes, between, grow, strangers

BENDS = (
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
    A support vector whose `around` nearest rows are all of other classes is noise. Where half or
    more of them are, x is in danger: u is uniform in 0 ... 1. Elsewhere x is safe, and the new row
    lies on its far side: u is uniform in -out_step ... 0. x_near is one of the nearest in the
    class. A draw from Beta(10, 10) divides the new rows between the two; a class with only one of
    the two gets that part alone, and one whose support vectors are all noise stays as it is.
    A class of a single row has it repeated.

    Source: Nguyen, Cooper and Kamei, Borderline Over-sampling for Imbalanced Data Classification,
    2009; drawn as imbalanced-learn's SVMSMOTE. The machine takes time with the square of the rows.

    Args:
        rows: the training rows.
        classes: the classes as they stand in these rows.
        seed: seed of the draw.
        ratio: size of each class after it, as a share of the largest; larger ones stay.
        neighbours: how many of the nearest rows of the class may be the partner; fewer where the
            class has fewer.
        around: how many of the nearest rows of all classes tell where a row stands.
        out_step: how far beyond a safe row new ones may lie, as a share of the way to x_near.

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

    def recipes(own: np.ndarray, count: int) -> Recipes:
        found = np.intersect1d(support(), own)
        share = strangers(space, labels, found, around)
        danger, safe = found[(share >= 0.5) & (share < 1)], found[share < 0.5]
        first = int(random.beta(10, 10) * (count + 1))
        inwards = between(space, danger, own, neighbours, first, seed)
        outwards = between(space, safe, own, neighbours, count - first, seed, -out_step)
        return Recipes(*(np.concatenate(pair) for pair in zip(inwards, outwards, strict=True)))

    return grow(labels, ratio, recipes, BENDS)
