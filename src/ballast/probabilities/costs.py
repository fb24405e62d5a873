"""Costs of predicting one class for another, by name in params.yaml, as a matrix."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes

# true class -> predicted class -> cost
Costs = dict[str, dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]]


def cost_matrix(
    classes: Classes, costs: Costs | None, place: str, *, diagonal: float
) -> np.ndarray:
    """Return C[true, predicted], float64, shape (classes, classes).

    Args:
        classes: their names, in the order of both axes.
        costs: cost by true and predicted class; None stands for an empty mapping.
        place: the option's place in params.yaml, for the message.
        diagonal: what a right prediction costs where no cost is given; a wrong one costs 1.

    Raises:
        UserError: a name that is no class's.

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> cost_matrix(two, {"yes": {"no": 5.0}}, "here", diagonal=0.0)
        array([[0., 1.],
               [5., 0.]])
    """
    count = len(classes.names)
    matrix = np.where(np.eye(count, dtype=bool), diagonal, 1.0)
    classes.check_names(costs or {}, place)
    for true, row in (costs or {}).items():
        classes.check_names(row, f"{place}.{true}")
        for predicted, cost in row.items():
            matrix[classes.index(true), classes.index(predicted)] = cost
    return matrix
