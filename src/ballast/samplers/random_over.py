"""Random oversampling: random rows of small classes are repeated."""

from typing import Annotated

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one, times
from ballast.resampling.plans import Plan, repeat


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
) -> Plan:
    """Return how often to use each row: n'_c = max(n_c, ratio * max n), repeats at random.

    Every row is used at least once. Source: imbalanced-learn's RandomOverSampler; a safe baseline
    for networks (Buda, Maki and Mazurowski 2018).

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draw.
        ratio: target size of each class, as a share of the largest; larger ones stay the same.

    Returns:
        How often to use each row.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> rows = Rows(np.array([[1, 0], [1, 0], [0, 1]]), ["a", "b", "c"], np.zeros((3, 0)))
        >>> sample(rows, two, seed=0).times
        array([1., 1., 2.])
    """
    labels = labels_of_one(rows.targets, "random_over")
    wanted = np.maximum(classes.counts, np.round(ratio * classes.counts.max()).astype(int))
    strategy = {code: int(wanted[code]) for code in np.unique(labels)}
    return repeat(times(RandomOverSampler(sampling_strategy=strategy, random_state=seed), labels))
