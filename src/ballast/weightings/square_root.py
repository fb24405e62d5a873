"""Square-root weights: half way, in logarithms, from no weights to balanced ones."""

import numpy as np

from ballast.labels.classes import Classes
from ballast.probabilities.balancing import balanced_weights
from ballast.training.examples import Examples


def weigh(classes: Classes, examples: Examples | None) -> np.ndarray:
    """Return w_c = sqrt(N / (C n_c)), the square roots of the balanced weights.

    A class a hundred times smaller than another gets ten times its weight instead of a hundred
    times: its rows dominate less, at the price of less recall. Source: Mahajan, Girshick,
    Ramanathan, He, Paluri, Li, Bharambe and van der Maaten, Exploring the Limits of Weakly
    Supervised Pretraining, 2018 (there as a sampling rate).

    Args:
        classes: the classes of the rows trained on, after resampling.
        examples: not used.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): row 0 for absent, 1 for present.
        A class without a row has weight 1.

    Example:
        >>> weigh(Classes(("no", "yes"), np.array([9, 1]), 10), None)
        array([0.74535599, 2.23606798])
    """
    return np.sqrt(balanced_weights(classes))
