"""Logit adjustment after training: all classes count the same, however rare."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.probabilities.logits import log_odds
from ballast.probabilities.rules import Rule


def fit(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    *,
    tau: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0,
) -> Rule:
    """Return the rule argmax_c (log p_c - tau log pi_c), without fitting anything.

    Multi-label: log odds of p above tau times the log odds of pi. Source: Menon, Jayasumana, Rawat,
    Jain, Veit and Kumar, Long-tail Learning via Logit Adjustment, 2021, equation 9.

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes of the training rows; pi are their shares. A class of no row, or of
            every row, gets no offset.
        tau: 1 is best for the mean recall if probabilities are calibrated; 0 takes the most
            probable class.

    Example:
        >>> two = Classes(("no", "yes"), np.array([90, 10]), 100)
        >>> rule = fit(np.eye(2), np.eye(2), two)
        >>> rule.predict(np.array([[0.91, 0.09], [0.89, 0.11]])).argmax(axis=1)
        array([0, 1])
    """
    present = (classes.prior > 0) & (classes.prior < 1)
    prior = np.where(present, classes.prior, 0.5)
    scores = log_odds(prior) if classes.multilabel else np.log(prior)
    # 0.0 rather than -0.0 in models/decision.json.
    return Rule(np.where(present, 0.0 - tau * scores, 0.0), classes.multilabel)
