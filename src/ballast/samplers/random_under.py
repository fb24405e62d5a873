"""Random undersampling: random rows of large classes are left out."""

from typing import Annotated

import numpy as np
from imblearn.under_sampling import RandomUnderSampler
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
    """Return how often to use each row, 0 or 1: n'_c = min(n_c, min n / ratio), at random.

    Source: imbalanced-learn's RandomUnderSampler. It throws rows away: equal classes out of
    42,399 ... 2,585 keep 23,265 rows of 91,149.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draw.
        ratio: size of the smallest class, as a share of the target size of the others.

    Returns:
        How often to use each row.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> rows = Rows(np.array([[1, 0], [1, 0], [0, 1]]), ["a", "b", "c"], np.zeros((3, 0)))
        >>> sample(rows, two, seed=0).size
        2
    """
    labels = labels_of_one(rows.targets, "random_under")
    present = np.unique(labels)
    most = int(np.round(classes.counts[present].min() / ratio))
    strategy = {code: int(min(classes.counts[code], most)) for code in present}
    return repeat(times(RandomUnderSampler(sampling_strategy=strategy, random_state=seed), labels))
