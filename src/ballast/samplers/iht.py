"""Instance hardness threshold: large classes lose the rows that a classifier finds hardest."""

from typing import Annotated

import numpy as np
from imblearn.under_sampling import InstanceHardnessThreshold
from pydantic import Field
from sklearn.linear_model import LogisticRegression

from ballast.labels.classes import Classes
from ballast.project.errors import UserError
from ballast.resampling.drawing import Rows, fewer, labels_of_one, times
from ballast.resampling.plans import Plan, repeat

DISTORTION = (
    "Hard rows are left out of all classes but the smallest: p(class | x) moves towards 0 and "
    "1, and at the border towards the smallest."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    folds: Annotated[int, Field(ge=2)] = 5,
) -> Plan:
    """Return how often to use each row, 0 or 1: n'_c = min(n_c, min n / ratio), easiest first.

    The rows kept are those whose label has the largest probability by a cross-validated logistic
    regression on `rows.space`. The threshold is a percentile, so n'_c may be missed by a row, and
    ties with the last row stay too.

    Source: Smith, Martinez and Giraud-Carrier, An Instance Level Analysis of Data Complexity, 2014;
    imbalanced-learn's InstanceHardnessThreshold.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the folds.
        ratio: size of the smallest class, as a share of the target size of the others.
        folds: number of folds of the cross-validation; fewer if a class has fewer rows.

    Returns:
        How often to use each row, 0 or 1.

    Raises:
        UserError: the rows are multi-label, or a class has a single row.

    Example:
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [3], [4], [5]]))
        >>> sample(rows, two, seed=0).rows
        array([0, 1, 4, 5])
    """
    labels = labels_of_one(rows.targets, "iht")
    # imbalanced-learn uses label numbers as columns of the classifier's probabilities.
    numbers, labels, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if counts.min() < 2:
        raise UserError(
            "params.yaml: sampler: iht needs two training rows of each class, one to fit and one "
            f"to score; {classes.names[numbers[counts.argmin()]]!r} has one. Use another sampler, "
            "or leave the class out."
        )
    sampler = InstanceHardnessThreshold(
        estimator=LogisticRegression(max_iter=1000),
        sampling_strategy=fewer(labels, ratio),
        random_state=seed,
        cv=min(folds, int(counts.min())),
    )
    return repeat(times(sampler, labels, rows.space), DISTORTION)
