"""A guaranteed precision (Wilson bound on held-out rows), with the best recall it allows."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.evaluation.thresholds import guarantee
from ballast.labels.classes import Classes
from ballast.probabilities.rules import Rule


def fit(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    *,
    target: Annotated[float, Field(gt=0, lt=1)] = 0.9,
    label: str | None = None,
    level: Annotated[float, Field(gt=0, lt=1)] = 0.95,
) -> Rule:
    """Return the threshold of the best recall with a lower bound of the precision of `target`.

    The bound is the lower end of the Wilson interval (Wilson, Probable Inference, the Law of
    Succession, and Statistical Inference, 1927) of the precision on the held-out rows. If no
    threshold reaches the target, the one with the highest bound is taken, and the rule's note says
    how many more predicted rows would be enough, or that none would.

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes of the training rows.
        target: the precision to guarantee. 10 correct of 10 guarantee .72, 35 of 35 guarantee .90.
        label: class name, which gets an offset against all others; None for the positive class of
            a binary task or for every label of a multi-label task.
        level: of the two-sided interval whose lower end counts.

    Returns:
        The rule; its offsets of other classes are 0.

    Raises:
        UserError: no such class, or none named in a multi-class task.

    Example:
        >>> two = Classes(("no", "yes"), np.array([30, 10]), 40, positive=1)
        >>> rare = np.linspace(0, 1, 40)
        >>> p = np.stack([1 - rare, rare], axis=1)
        >>> rule = fit(np.eye(2)[[0] * 30 + [1] * 10], p, two, target=0.7)
        >>> int(rule.predict(p)[:, 1].sum())  # 10 of 10 guarantee .72, 10 of 11 only .62
        10
    """
    return guarantee("precision", targets, probabilities, classes, target, label, level)
