"""Offsets (multi-label: a threshold for each label) with the best F1 on held-out rows."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ballast.evaluation.best_f1 import best_offsets, f_beta
from ballast.labels.classes import Classes
from ballast.probabilities.rules import Rule
from ballast.project.errors import UserError

# Parts of the rows in the cross-validation of offsets.
PARTS = 5


def fit(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    *,
    average: Literal["macro", "positive"] = "macro",
    beta: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0,
    shrink: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 20.0,
    proven: bool = False,
) -> Rule:
    """Return the rule argmax_c (log p_c + b_c) with the offsets b of the best F1.

    Each offset in turn is set to its best value, found exactly among all values that change a
    held-out row's label (O(n log n)), until none improves. Multi-label: macro-F1 is a sum over
    labels, so the exact threshold of each label's best F1 is the best. Of equally good values the
    one closest to 0 wins.

    A few held-out rows of a class say little about its offset, so it is shrunk towards the one with
    the best F1 that the probabilities expect, without labels: if they are calibrated, the threshold
    at half the best F1 (Lipton, Elkan and Naryanaswamy, Optimal Thresholding of Classifiers to
    Maximize F1 Measure, 2014). With n_c rows of class c, the labels count n_c / (n_c + shrink) in
    its offset (with several classes, relative to that of the class with most rows).

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes of the training rows.
        average: mean over the classes, or F1 of a binary task's positive class.
        beta: F-beta: recall counts beta times as much as precision.
        shrink: number of held-out rows of a class at which its labels and the probabilities count
            the same; 0 uses the labels alone. 20 did well with simple models on four public data
            sets; a network that is more confident on held-out rows than on others may need more.
        proven: whether offsets are used only if, in cross-validation over five parts, they improve
            F1 by more than its standard error (multi-label: each label by itself).

    Raises:
        UserError: `positive` for a task that is not binary.

    Example:
        >>> two = Classes(("no", "yes"), np.array([3, 1]), 4, positive=1)
        >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
        >>> rule = fit(np.eye(2)[[0, 0, 1]], p, two, shrink=0.0)
        >>> rule.predict(p).argmax(axis=1)
        array([0, 0, 1])
    """
    if average == "positive" and classes.positive is None:
        raise UserError(
            "params.yaml: decisions.max_f1.average: 'positive' needs a binary task; use 'macro'."
        )
    share = np.full(len(classes.names), 1 / len(classes.names))
    if average == "positive":
        share = np.eye(len(classes.names))[classes.positive]
    offsets_of = partial(best_offsets, classes=classes, share=share, beta=beta, shrink=shrink)
    offsets = offsets_of(targets, probabilities)
    if proven:
        moved = _cross_validated(offsets_of, targets, probabilities, classes)
        plain = Rule(np.zeros_like(offsets), classes.multilabel).predict(probabilities)
        gain = share * (_f_of_rows(moved, targets, beta) - _f_of_rows(plain, targets, beta))
        if not classes.multilabel:
            gain = gain.sum(axis=1, keepdims=True)
        error = np.sqrt(np.sum((gain - gain.mean(axis=0)) ** 2, axis=0))
        offsets = np.where(gain.sum(axis=0) > error, offsets, 0.0)
    return Rule(offsets, classes.multilabel)


def _cross_validated(
    offsets_of: Callable, targets: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> np.ndarray:
    """Return the labels of each part of the rows, by offsets fitted on the other parts."""
    # The rows of a class are dealt to the parts in turn, so that each has as many.
    rarest = np.where(targets > 0, classes.counts, np.inf).argmin(axis=1)
    parts = np.empty(len(targets), dtype=int)
    parts[np.argsort(rarest, kind="stable")] = np.arange(len(targets)) % PARTS
    predicted = np.zeros(targets.shape)
    for part in np.unique(parts):
        inside = parts == part
        if inside.all():
            # A single row has no others to fit on.
            continue
        offsets = offsets_of(targets[~inside], probabilities[~inside])
        predicted[inside] = Rule(offsets, classes.multilabel).predict(probabilities[inside])
    return predicted


def _f_of_rows(predicted: np.ndarray, targets: np.ndarray, beta: float) -> np.ndarray:
    """Return each row's contribution to the F-beta of each class, shape (rows, classes).

    The sum is F-beta, and the spread gives its standard error (delta method): a row's contribution
    is F / rows plus the change of F for a little more weight on the row.

    Args:
        predicted: multi-hot labels.
        targets: multi-hot labels.
        beta: of F-beta.
    """
    hits = predicted * targets
    sums = [column.sum(axis=0, dtype=float) for column in (hits, predicted, targets)]
    value, total = f_beta(*sums, beta), beta**2 * sums[2] + sums[1]
    change = (1 + beta**2) * hits - value * (beta**2 * targets + predicted)
    return value / len(targets) + change / np.where(total > 0, total, 1)
