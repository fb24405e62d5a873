"""Weights by class name, set by hand."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.training.examples import Examples


def weigh(
    classes: Classes,
    examples: Examples | None,
    *,
    weights: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None = None,
) -> np.ndarray:
    """Return the weight set for each class, by default 1.

    Only their ratios matter: all are scaled to a mean of 1 over the rows. Source: Elkan, The
    Foundations of Cost-Sensitive Learning, 2001: a weight is what a mistake on the class costs.

    Args:
        classes: the classes of the rows trained on, after resampling.
        examples: not used.
        weights: by class name; multi-label, of the label's presence.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): row 0 for absent, 1 for present.
        A class without a row has weight 1.

    Raises:
        UserError: a name is no class.

    Example:
        >>> weigh(Classes(("no", "yes"), np.array([3, 1]), 4), None, weights={"yes": 3.0})
        array([1., 3.])
    """
    by_class = classes.by_name(weights, 1.0, "weightings.by_class.weights")
    by_class = np.where(classes.counts > 0, by_class, 1.0)
    return np.stack([np.ones_like(by_class), by_class]) if classes.multilabel else by_class
