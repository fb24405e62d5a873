"""ML-ROS: rows with rare labels are repeated until the labels are less imbalanced (multi-label)."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows
from ballast.resampling.plans import Plan, repeat
from ballast.samplers._labelsets import rare_labels

DISTORTION = (
    "A row repeated for a rare label also repeats its other labels, more often than they occur."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    percent: Annotated[float, Field(gt=0)] = 25.0,
) -> Plan:
    """Return how often to use each row: once, and once more for each time it is cloned.

    A label is rare where IRLbl(l) = max_j n_j / n_l exceeds MeanIR, the mean of IRLbl over the
    labels. In turn, each rare label clones one of its rows, drawn at random, and retires when its
    IRLbl, including clones, has fallen to the original MeanIR. This ends when N percent / 100 rows
    are added or all labels have retired. Source: ML-ROS in Charte, Rivera, del Jesus and Herrera,
    Addressing imbalance in multilabel classification: Measures and random resampling algorithms,
    2015.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draws.
        percent: largest number of rows to add, in percent of the rows.

    Returns:
        How often to use each row.

    Raises:
        UserError: each row has one label.

    Example:
        >>> targets = np.array([[1, 0, 0]] * 5 + [[1, 1, 0]] * 4 + [[0, 0, 1]])
        >>> classes = Classes(("a", "b", "c"), targets.sum(axis=0), 10, multilabel=True)
        >>> sample(Rows(targets, None, np.zeros((10, 1))), classes, seed=0, percent=20).times
        array([1., 1., 1., 1., 1., 1., 1., 1., 1., 3.])
    """
    rare, mean = rare_labels(classes, "ml_ros")
    rng = np.random.default_rng(seed)
    bags = {label: np.flatnonzero(rows.targets[:, label]) for label in rare}
    counts = classes.counts.copy()
    times = np.ones(len(rows.targets))
    left = int(len(times) * percent / 100)
    while left and bags:
        for label, bag in list(bags.items())[:left]:
            row = bag[rng.integers(len(bag))]
            times[row] += 1
            counts += rows.targets[row]
            left -= 1
            if counts.max() <= mean * counts[label]:
                del bags[label]
    return repeat(times, DISTORTION)
