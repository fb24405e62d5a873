"""Rows of the plots: confusion counts, precision-recall and ROC curves by class."""

from collections import Counter
from collections.abc import Iterator

import numpy as np
from sklearn import metrics

from ballast.classes import Classes

POINTS = 200
NONE = "(none)"


def confusion(
    targets: np.ndarray, predicted: np.ndarray, classes: Classes
) -> list[tuple[str, str, int]]:
    """Return (actual, predicted, count) for every pair of classes, zeros included.

    Multi-label rows count each label that was found on the diagonal, each missed label against
    every wrong one of its row, and missed or wrong labels without a counterpart against "(none)"
    (Heydarian, Doyle and Samavi, MLCM: Multi-Label Confusion Matrix, 2022).

    Args:
        targets: multi-hot labels, shape (rows, classes).
        predicted: likewise.
        classes: for the names.
    """
    names = [*classes.names, NONE] if classes.multilabel else list(classes.names)
    counts: Counter[tuple[int, int]] = Counter()
    none = len(classes.names)
    if not classes.multilabel:
        counts.update(
            zip(targets.argmax(axis=1).tolist(), predicted.argmax(axis=1).tolist(), strict=True)
        )
        targets = predicted = targets[:0]
    for true, found in zip(targets.astype(bool), predicted.astype(bool), strict=True):
        counts.update((c, c) for c in np.flatnonzero(true & found).tolist())
        missed = np.flatnonzero(true & ~found).tolist()
        wrong = np.flatnonzero(found & ~true).tolist()
        if missed or wrong:
            counts.update((a, b) for a in missed or [none] for b in wrong or [none])
    return [
        (actual, guess, counts[a, b])
        for a, actual in enumerate(names)
        for b, guess in enumerate(names)
    ]


def precision_recall(
    targets: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> Iterator[tuple[str, float, float]]:
    """Yield (class, recall, precision) along each class's curve, at most `POINTS` a class.

    Of the thresholds with equal recall the best precision stands. Classes without a row in
    `targets` have no curve.
    """
    for c, name in enumerate(classes.names):
        if targets[:, c].any():
            precision, recall, _ = metrics.precision_recall_curve(
                targets[:, c], probabilities[:, c]
            )
            reached, first = np.unique(recall[::-1], return_index=True)
            yield from _thinned(name, reached, np.maximum.reduceat(precision[::-1], first))


def roc(
    targets: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> Iterator[tuple[str, float, float]]:
    """Yield (class, false positive rate, recall) along each class's curve, at most `POINTS`."""
    for c, name in enumerate(classes.names):
        if 0 < targets[:, c].sum() < len(targets):
            wrong, recall, _ = metrics.roc_curve(targets[:, c], probabilities[:, c])
            yield from _thinned(name, wrong, recall)


def _thinned(name: str, x: np.ndarray, y: np.ndarray) -> Iterator[tuple[str, float, float]]:
    chosen = np.unique(np.linspace(0, len(x) - 1, min(POINTS, len(x))).round().astype(int))
    for point in chosen:
        yield name, round(float(x[point]), 5), round(float(y[point]), 5)
