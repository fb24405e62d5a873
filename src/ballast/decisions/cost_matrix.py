"""The label of the least expected cost, from a table of what each mistake costs."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.probabilities.costs import Costs
from ballast.probabilities.costs import cost_matrix as costs_of
from ballast.probabilities.rules import Rule
from ballast.project.errors import UserError


def fit(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    *,
    costs: Costs | None = None,
    false_positive: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0,
    false_negative: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0,
) -> Rule:
    """Return the rule argmin_j sum_i p_i C[i, j], i the true class, whatever validation rows say.

    Of two classes, the second is given where p_1 is above
    (C[0,1] - C[0,0]) / (C[0,1] - C[0,0] + C[1,0] - C[1,1]). Multi-label: a label is given where
    p > false_positive / (false_positive + false_negative). Source: Elkan, The Foundations of
    Cost-Sensitive Learning, 2001. Probabilities must mean what they say: keep
    `evaluation.correct`.

    Args:
        targets: multi-hot labels of the validation rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes as they stand in the training rows.
        costs: {true class: {predicted class: cost}}; where nothing is said, 1, or 0 if right.
        false_positive: cost of a label too much, multi-label only.
        false_negative: cost of a missing label, multi-label only.

    Returns:
        The rule; single-label with a cost matrix, shape (classes, classes).

    Raises:
        UserError: an unknown class; `costs` for a multi-label task, or the other two for another.

    Example:
        >>> two = Classes(("no", "yes"), np.array([3, 1]), 4)
        >>> rule = fit(np.eye(2), np.eye(2), two, costs={"yes": {"no": 9.0}})  # cut at .1
        >>> rule.predict(np.array([[0.91, 0.09], [0.89, 0.11]])).argmax(axis=1)
        array([0, 1])
    """
    where, count = "params.yaml: decisions.cost_matrix", len(classes.names)
    if classes.multilabel:
        if costs:
            raise UserError(
                f"{where}.costs: a multi-label task takes false_positive and false_negative."
            )
        return Rule(np.full(count, np.log(false_negative) - np.log(false_positive)), True)
    if (false_positive, false_negative) != (1, 1):
        raise UserError(
            f"{where}: false_positive and false_negative are for multi-label tasks; use costs."
        )
    matrix = costs_of(classes, costs, "decisions.cost_matrix.costs", diagonal=0.0)
    return Rule(np.zeros(count), False, costs=matrix)
