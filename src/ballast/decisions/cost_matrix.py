"""The label with the lowest expected cost, from the costs of each mistake."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.probabilities.costs import cost_matrix
from ballast.probabilities.rules import Rule
from ballast.project.errors import UserError


def fit(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    *,
    false_positive: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0,
    false_negative: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0,
) -> Rule:
    """Return the rule argmin_j sum_i p_i C[i, j], i the true class, without fitting anything.

    Of two classes, the second is predicted where p_1 is above
    (C[0,1] - C[0,0]) / (C[0,1] - C[0,0] + C[1,0] - C[1,1]). Multi-label: a label is predicted where
    p > false_positive / (false_positive + false_negative). Source: Elkan, The Foundations of
    Cost-Sensitive Learning, 2001. C are the `costs` of params.yaml; by default, a mistake costs 1
    and a correct prediction nothing.

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes of the training rows, with their costs.
        false_positive: cost of a wrong label, multi-label only.
        false_negative: cost of a missing label, multi-label only.

    Returns:
        The rule; single-label with a cost matrix, shape (classes, classes).

    Raises:
        UserError: `false_positive` or `false_negative` in a task with one label per row.

    Example:
        >>> two = Classes(("no", "yes"), np.array([3, 1]), 4, costs={"yes": {"no": 9.0}})
        >>> rule = fit(np.eye(2), np.eye(2), two)  # threshold .1
        >>> rule.predict(np.array([[0.91, 0.09], [0.89, 0.11]])).argmax(axis=1)
        array([0, 1])
    """
    count = len(classes.names)
    if classes.multilabel:
        return Rule(np.full(count, np.log(false_negative) - np.log(false_positive)), True)
    if (false_positive, false_negative) != (1, 1):
        raise UserError(
            "params.yaml: decisions.cost_matrix: false_positive and false_negative are for "
            "multi-label tasks; use `costs` at the top level."
        )
    return Rule(np.zeros(count), False, costs=cost_matrix(classes))
