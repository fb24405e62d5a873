"""Labels adapted to the class shares of the rows to predict, estimated from these rows."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.probabilities.rules import Rule


def fit(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    *,
    prior_rows: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 10.0,
) -> Rule:
    """Return the rule argmax_c p'_c, with p' adapted by EM to the shares of the rows to predict.

    p'_c is proportional to p_c pi'_c / pi_c, and pi'_c is the mean of p'_c over the rows, in turns
    until both converge; multi-label, each label by itself. For deployments where classes are more
    or less frequent than in training, while the rows within a class are the same. Source: Saerens,
    Latinne and Decaestecker, Adjusting the Outputs of a Classifier to New a Priori Probabilities,
    2002.

    All rows to predict are used together, without their labels, so a row's label depends on the
    others. pi is the mean probability of the held-out rows, whose probabilities therefore stay the
    same even if they are not quite calibrated (Alexandari, Kundaje and Shrikumar, Maximum
    Likelihood with Bias-Corrected Calibration is Hard-To-Beat at Label Shift Adaptation, 2020).

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes of the training rows.
        prior_rows: number of imaginary rows with the known shares pi, added to those to predict, so
            that a single row does not determine its own prior; 0 is the method as published.

    Example:
        >>> two = Classes(("no", "yes"), np.array([5, 5]), 10)
        >>> rule = fit(np.eye(2), np.array([[0.6, 0.4], [0.4, 0.6]]), two, prior_rows=0.0)
        >>> p = np.array([[0.9, 0.1]] * 4 + [[0.45, 0.55]])
        >>> rule.predict(p).argmax(axis=1)  # among so many `no`, the last row is one too
        array([0, 0, 0, 0, 0])
    """
    prior = probabilities.mean(axis=0)
    return Rule(np.zeros(len(prior)), classes.multilabel, prior=prior, prior_rows=prior_rows)
