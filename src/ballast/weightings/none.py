"""No weights: every row counts the same."""

import numpy as np

from ballast.labels.classes import Classes
from ballast.training.examples import Examples


def weigh(classes: Classes, examples: Examples | None) -> np.ndarray:
    """Return a weight of 1 for each class, and for each label's absence and presence.

    Args:
        classes: the classes of the rows trained on, after resampling.
        examples: not used.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): row 0 for absent, 1 for present.

    Example:
        >>> weigh(Classes(("no", "yes"), np.array([2, 1]), 3), None)
        array([1., 1.])
    """
    count = len(classes.names)
    return np.ones((2, count) if classes.multilabel else count)
