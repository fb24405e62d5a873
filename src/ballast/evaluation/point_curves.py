"""Recall, precision and alerts of a class by threshold, for the chart of its operating points."""

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from ballast.evaluation.curves import THRESHOLDS
from ballast.evaluation.intervals import wilson
from ballast.evaluation.scores import share
from ballast.evaluation.thresholds import margins
from ballast.labels.classes import Classes
from ballast.probabilities.rules import log_scores


def curves(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    names: Sequence[str],
    level: float,
) -> dict[str, list[dict[str, float | None]]]:
    """Return the scores of some classes by threshold, ascending; other classes have no offset.

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, likewise.
        classes: the classes of the training rows.
        names: of the classes.
        level: of the intervals.

    Returns:
        By name, dicts of threshold, recall and precision (None of nothing), both with their `_low`
        and `_high`, and alerts per thousand rows.
    """
    scores = log_scores(probabilities, classes.multilabel)
    drawn = {}
    for name in names:
        c = classes.index(name)
        margin = margins(scores, c, classes.multilabel)
        drawn[name] = _curve(margin, targets[:, c] > 0, level)
    return drawn


def _curve(margin: np.ndarray, present: np.ndarray, level: float) -> list[dict[str, float | None]]:
    of_class = margin[present]
    hits, alerts = (
        len(each) - np.searchsorted(np.sort(each), THRESHOLDS, side="right")
        for each in (of_class, margin)
    )
    columns = {"threshold": expit(THRESHOLDS), "alerts": 1000 * alerts / len(margin)}
    for score, whole in (("recall", np.full_like(hits, len(of_class))), ("precision", alerts)):
        low, high = wilson(hits, whole, level)
        value = np.where(whole > 0, share(hits, whole), np.nan)
        columns |= {score: value, f"{score}_low": low, f"{score}_high": high}
    return [
        {
            key: None if np.isnan(value) else round(float(value), 5)
            for key, value in zip(columns, at, strict=True)
        }
        for at in zip(*columns.values(), strict=True)
    ]
