"""Balanced weights: every class counts the same in total."""

import numpy as np

from ballast.labels.classes import Classes
from ballast.probabilities.balancing import balanced_weights
from ballast.training.examples import Examples


def weigh(classes: Classes, examples: Examples | None) -> np.ndarray:
    """Return w_c = N / (C n_c), whose mean over the rows is 1.

    Multi-label: for each label N / (2 n) for its presence and for its absence. A class without a
    row has weight 1. Source: King and Zeng, Logistic Regression in Rare Events Data, 2001;
    scikit-learn's `class_weight="balanced"`.

    Args:
        classes: the classes of the rows trained on, after resampling.
        examples: not used.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): row 0 for absent, 1 for present.

    Example:
        >>> weigh(Classes(("no", "yes"), np.array([3, 1]), 4), None)
        array([0.66666667, 2.        ])
    """
    return balanced_weights(classes)
