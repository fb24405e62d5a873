"""Imbalance of the labels of multi-label rows."""

import numpy as np

from ballast.labels.classes import Classes
from ballast.project.errors import UserError


def rare_labels(classes: Classes, sampler: str) -> tuple[np.ndarray, float]:
    """Return the labels that are rarer than the mean, and the mean imbalance ratio.

    IRLbl(l) = max_j n_j / n_l, MeanIR = the mean of IRLbl over the labels that the rows have, and
    a label is rare where IRLbl(l) > MeanIR. Source: Charte, Rivera, del Jesus and Herrera,
    Addressing imbalance in multilabel classification: Measures and random resampling algorithms,
    2015.

    Args:
        classes: the classes of the rows.
        sampler: name for the message.

    Returns:
        Numbers of the rare labels; MeanIR.

    Raises:
        UserError: the rows are not multi-label.

    Example:
        >>> rare_labels(Classes(("a", "b", "c"), np.array([8, 4, 1]), 9, True), "ml_ros")
        (array([2]), 3.6666666666666665)
    """
    if not classes.multilabel:
        raise UserError(
            f"params.yaml: sampler: {sampler} needs rows with several labels, and each row of this "
            "data set has one. Use random_over, class_balanced or another single-label sampler."
        )
    counts = classes.counts
    present = np.flatnonzero(counts)
    if not len(present):
        return present, 1.0
    ratios = counts.max() / counts[present]
    return present[ratios > ratios.mean()], float(ratios.mean())
