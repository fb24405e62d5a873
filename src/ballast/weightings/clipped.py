"""Balanced weights within limits: very rare classes get no arbitrarily large ones."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.probabilities.balancing import clipped_weights, sizes
from ballast.training.examples import Examples


def weigh(
    classes: Classes,
    examples: Examples | None,
    *,
    most: Annotated[float, Field(ge=0.5, lt=1)] = 0.9,
) -> np.ndarray:
    """Return the balanced weights of clipped priors.

    Multi-label: with b = clip(prior, 1 - most, most) a label's presence has weight 1 / (2 b), its
    absence 1 / (2 (1 - b)). Single-label, with C classes: 1 / (C b) with b = clip(prior, least,
    1 - (C - 1) least) and least = 2 (1 - most) / C; with two classes that is the same. No weight is
    above 1 / (2 (1 - most)), 5 for most = .9, before all are scaled to a mean of 1 over the rows,
    which doesn't change their ratios. Source: King and Zeng, Logistic Regression in Rare Events
    Data, 2001, for the weights; the limits are a rule of thumb, so that a few rows don't dominate
    the training.

    Args:
        classes: the classes of the rows trained on, after resampling.
        examples: not used.
        most: .5 makes all weights 1, towards 1 they become the balanced ones.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): row 0 for absent, 1 for present.
        A class without a row has weight 1.

    Example:
        >>> weigh(Classes(("no", "yes"), np.array([99, 1]), 100), None, most=0.75)
        array([0.66666667, 2.        ])
    """
    counts = sizes(classes)
    if classes.multilabel:
        weights = clipped_weights(classes.prior, most)
    else:
        groups = np.count_nonzero(counts)
        least = 2 * (1 - most) / groups
        weights = 1 / (groups * np.clip(classes.prior, least, 1 - (groups - 1) * least))
    return np.where(counts > 0, weights, 1.0)
