"""Balanced weights: every class counts the same in total."""

import numpy as np

from ballast.classes import Classes


def weigh(classes: Classes) -> np.ndarray:
    """Return w_c = N / (C n_c), whose mean over the rows is 1.

    Multi-label: for each label N / (2 n) for its presence and for its absence. A class without a
    row has weight 1. Source: King and Zeng, Logistic Regression in Rare Events Data, 2001;
    scikit-learn's `class_weight="balanced"`.

    Args:
        classes: the classes as they stand in the rows to train on, after resampling.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): row 0 for absent, 1 for present.

    Example:
        >>> weigh(Classes(("no", "yes"), np.array([3, 1]), 4))
        array([0.66666667, 2.        ])
    """
    counts = np.stack([classes.rows - classes.counts, classes.counts])
    groups = 2
    if not classes.multilabel:
        counts, groups = classes.counts, np.count_nonzero(classes.counts)
    return np.where(counts > 0, classes.rows / (groups * np.maximum(counts, 1)), 1.0)
