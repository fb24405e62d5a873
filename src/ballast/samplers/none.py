"""No resampling: every training row once."""

import numpy as np

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows
from ballast.resampling.plans import Plan, repeat


def sample(rows: Rows, classes: Classes, seed: int) -> Plan:
    """Return how often to use each row: once.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: not used.

    Returns:
        How often to use each row.

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> rows = Rows(np.array([[1, 0], [1, 0], [0, 1]]), ["a", "b", "c"], np.zeros((3, 0)))
        >>> sample(rows, two, seed=0).times
        array([1., 1., 1.])
    """
    return repeat(np.ones(len(rows.targets)))
