"""The costs of predicting one class for another in params.yaml, as a matrix."""

import numpy as np

from ballast.labels.classes import Classes


def cost_matrix(classes: Classes, *, diagonal: float = 0.0) -> np.ndarray:
    """Return C[true, predicted], float64, shape (classes, classes).

    Args:
        classes: their names, in the order of both axes, and their costs.
        diagonal: default cost of a correct prediction; that of a wrong one is 1.

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3, costs={"yes": {"no": 5.0}})
        >>> cost_matrix(two)
        array([[0., 1.],
               [5., 0.]])
    """
    matrix = np.where(np.eye(len(classes.names), dtype=bool), diagonal, 1.0)
    for true, row in (classes.costs or {}).items():
        for predicted, cost in row.items():
            matrix[classes.index(true), classes.index(predicted)] = cost
    return matrix
