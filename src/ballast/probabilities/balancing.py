"""From class sizes to log priors, and to weights that balance the classes."""

import numpy as np

from ballast.labels.classes import Classes


def sizes(classes: Classes) -> np.ndarray:
    """Return each class's rows, shape (classes,), or multi-label (2, classes): without it, with it.

    They may be fractions: the rows expected in an epoch.
    """
    if classes.multilabel:
        return np.stack([classes.rows - classes.counts, classes.counts]).astype(np.float64)
    return classes.counts.astype(np.float64)


def balanced_weights(classes: Classes) -> np.ndarray:
    """Return N / (C n), with C classes that have rows; multi-label N / (2 n); 1 without rows.

    Args:
        classes: the classes of the rows trained on.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): for absence, then for presence.
    """
    counts = sizes(classes)
    groups = 2 if classes.multilabel else np.count_nonzero(counts)
    return np.divide(classes.rows, groups * counts, out=np.ones_like(counts), where=counts > 0)


def clipped_weights(prior: np.ndarray, most: float) -> np.ndarray:
    """Return the balanced weights of each label's absence and presence, with a clipped prior.

    With b = clip(prior, 1 - most, most) and a = 1 / (2 b): a for presence, a b / (1 - b) =
    1 / (2 (1 - b)) for absence. All weights lie between 1 / (2 most) and 1 / (2 (1 - most)).

    Args:
        prior: share of the rows with each label, shape (classes,).
        most: from .5, where all weights are 1, to below 1.

    Returns:
        Weights, shape (2, classes): for absence, then for presence.
    """
    b = np.clip(prior, 1 - most, most)
    a = 1 / (2 * b)
    return np.stack([a * b / (1 - b), a])


def log_prior(classes: Classes) -> np.ndarray:
    """Return log(n_c / N), or multi-label the log odds log(n_c / (N - n_c)), shape (classes,).

    A class of no row (multi-label: or of every row) is counted as half a row away from that, so
    that the logarithm is finite.

    Example:
        >>> log_prior(Classes(("no", "yes"), np.array([1, 1]), 2))
        array([-0.69314718, -0.69314718])
    """
    counts = np.maximum(classes.counts, 0.5)
    if not classes.multilabel:
        return np.log(counts / classes.rows)
    return np.log(counts / np.maximum(classes.rows - classes.counts, 0.5))
