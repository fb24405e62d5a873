"""Effective number of rows: the more rows a class has, the less each further one adds."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.probabilities.balancing import sizes
from ballast.training.examples import Examples


def weigh(
    classes: Classes,
    examples: Examples | None,
    *,
    beta: Annotated[float, Field(ge=0, lt=1)] = 0.999,
) -> np.ndarray:
    """Return w_c = (1 - beta) / (1 - beta^n_c), one over the effective number of rows.

    That number is below 1 / (1 - beta): classes with many more rows have nearly equal weights.
    Source: Cui, Jia, Lin, Song and Belongie, Class-Balanced Loss Based on Effective Number of
    Samples, 2019, equation 3.

    Args:
        classes: the classes of the rows trained on, after resampling.
        examples: not used.
        beta: 0 gives equal weights, towards 1 they become balanced. The paper tries .9, .99, .999
            and .9999; small data sets take the smaller ones.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): row 0 for absent, 1 for present.
        A class without a row has weight 1.

    Example:
        >>> weigh(Classes(("no", "yes"), np.array([3, 1]), 4), None, beta=0.5)
        array([0.57142857, 1.        ])
    """
    counts = sizes(classes)
    return np.divide(1 - beta, 1 - beta**counts, out=np.ones_like(counts), where=counts > 0)
