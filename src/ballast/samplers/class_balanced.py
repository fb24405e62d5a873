"""Class-balanced sampling: each epoch draws classes by a power of their size, then random rows."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan

DISTORTION = (
    "Class frequencies change from epoch to epoch, and the network learns a mixture of them."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    q: Annotated[float, Field(ge=0, le=1)] = 0.0,
    progressive: bool = False,
    epochs: Annotated[int, Field(ge=1)] = 10,
) -> Plan:
    """Return how often to use each row: P(c) = n_c^q / sum_j n_j^q, equal for all rows of c.

    With N rows, a row of class c is used N P(c) / n_c times per epoch. A fraction is a probability,
    so each epoch sees other rows of the large classes, and N rows in total. q = 0 gives equal
    classes, .5 square-root sampling, 1 the original frequencies. Progressive:
    P_t(c) = (1 - t/T) n_c / N + (t/T) P(c) in epoch t, from 0, with T = `epochs`; P(c) from then
    on. Source: Kang, Xie, Rohrbach, Yan, Gordo, Feng and Kalantidis, Decoupling Representation and
    Classifier for Long-Tailed Recognition, 2020.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: not used: training draws the rows of an epoch.
        q: power of the class sizes.
        progressive: whether the first epoch has the original class frequencies.
        epochs: number of epochs after which P(c) is reached.

    Returns:
        How often to use each row.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> rows = Rows(np.array([[1, 0], [1, 0], [0, 1]]), ["a", "b", "c"], np.zeros((3, 0)))
        >>> sample(rows, two, seed=0).times
        array([0.75, 0.75, 1.5 ])
    """
    labels = labels_of_one(rows.targets, "class_balanced")
    sizes = classes.counts.astype(np.float64)
    total = (sizes[np.unique(labels)] ** q).sum()
    every = np.arange(len(labels))
    times = len(labels) * sizes[labels] ** (q - 1) / total
    if not progressive:
        return Plan(every, times)
    return Plan(every, times, first=np.ones(len(labels)), epochs=epochs, distortion=DISTORTION)
