"""A guaranteed recall (Wilson bound on held-out rows), with the best precision it allows."""

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
    """Return the threshold of the best precision with a lower bound of the recall of `target`.

    The bound is the lower end of the Wilson interval (Wilson, Probable Inference, the Law of
    Succession, and Statistical Inference, 1927) of the recall on the held-out rows. If no
    threshold reaches the target, the one with the highest bound is taken, and the rule's note says
    how many more held-out rows of the class would be enough.

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes of the training rows.
        target: the recall to guarantee. 10 found of 10 guarantee .72, 35 of 35 guarantee .90.
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
        >>> rule = fit(np.eye(2)[[0] * 30 + [1] * 10], np.stack([1 - rare, rare], axis=1), two)
        >>> rule.note
        'min_recall infeasible: yes (10 of 10 found, lower bound 0.72 < 0.90; about 25 more \
positives needed).'
    """
    return guarantee("recall", targets, probabilities, classes, target, label, level)
