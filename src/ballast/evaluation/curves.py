"""Rows of the plots: confusion counts, and each class's curves by threshold and probability."""

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np
from scipy.special import expit

from ballast.evaluation.intervals import wilson
from ballast.evaluation.judging import Evaluation, Judged
from ballast.evaluation.notes import MANY, NONE, SHOWN, worst_and_rarest
from ballast.evaluation.scores import kinds, share
from ballast.labels.classes import Classes
from ballast.probabilities.logits import probabilities
from ballast.probabilities.rules import Rule

POINTS = 200
# Log odds of the thresholds at which every class is scored: .001 to .999, finer at the ends.
THRESHOLDS = np.linspace(-7, 7, 57)
BINS = 10
ALL = "(all)"


def plots(evaluation: Evaluation, classes: Classes, level: float) -> dict[str, list[tuple]]:
    """Return the rows of each plot, header first, by the name of its file.

    Of more than `MANY` classes, the `SHOWN` worst and rarest have curves, and the confusion matrix
    is sparse: only cells that are not 0.

    Args:
        evaluation: the results.
        classes: for the names.
        level: confidence level of the bounds.
    """
    test, held_out = evaluation.test, evaluation.held_out
    p, rule = test.probabilities, evaluation.combination.decision.rule
    uncorrected = probabilities(test.logits, classes.multilabel)
    cells = confusion(test.targets, test.predicted, classes)
    shown = {ALL, *classes.names}
    if len(classes.names) > MANY:
        cells = [cell for cell in cells if cell[-1]]
        shown = {ALL, *worst_and_rarest(evaluation.per_class, SHOWN)}

    def of_shown(rows: Iterable[tuple]) -> list[tuple]:
        return [row for row in rows if row[0] in shown]

    return {
        "confusion": [("actual", "predicted", "count"), *cells],
        "precision_recall": [
            ("class", "recall", "precision"),
            *of_shown(precision_recall(test.targets, p, classes)),
        ],
        "roc": [
            ("class", "false_positive_rate", "recall"),
            *of_shown(roc(test.targets, p, classes)),
        ],
        "thresholds": [
            ("class", "threshold", "precision", "recall", "f1"),
            *of_shown(thresholds(held_out, rule, classes)),
        ],
        "reliability": [
            ("probabilities", "class", "predicted", "observed", "rows", "low", "high"),
            *(
                (kind, *row)
                for kind, values in {"uncorrected": uncorrected, "corrected": p}.items()
                for row in of_shown(reliability(test.targets, values, classes, level))
            ),
        ],
    }


def confusion(
    targets: np.ndarray, predicted: np.ndarray, classes: Classes
) -> list[tuple[str, str, int]]:
    """Return (actual, predicted, count) for every pair of classes, including zeros.

    Multi-label rows count each correct label on the diagonal, each missed label against every wrong
    one of the row, and missed or wrong labels without a counterpart against "(none)"
    (Heydarian, Doyle and Samavi, MLCM: Multi-Label Confusion Matrix, 2022).

    Args:
        targets: multi-hot labels, shape (rows, classes).
        predicted: likewise.
        classes: for the names.
    """
    names = [*classes.names, NONE] if classes.multilabel else list(classes.names)
    counts: Counter[tuple[int, int]] = Counter()
    none = len(classes.names)
    for true, positive, rows in zip(*kinds(targets, predicted), strict=True):
        pairs = [(c, c) for c in np.flatnonzero(true & positive).tolist()]
        missed = np.flatnonzero(true > positive).tolist()
        wrong = np.flatnonzero(positive > true).tolist()
        if missed or wrong:
            pairs += [(a, b) for a in missed or [none] for b in wrong or [none]]
        counts.update(dict.fromkeys(pairs, int(rows)))
    return [
        (actual, predicted, counts[a, b])
        for a, actual in enumerate(names)
        for b, predicted in enumerate(names)
    ]


def precision_recall(
    targets: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> Iterator[tuple[str, float, float]]:
    """Yield (class, recall, precision) along each class's curve, at most `POINTS` for each.

    Of thresholds with equal recall, the one with the best precision. Classes without a row in
    `targets` have no curve.
    """
    for c, name in enumerate(classes.names):
        if targets[:, c].any():
            hits, positives, _ = _counts(targets[:, c], probabilities[:, c])
            # With no row predicted positive, the precision is 1.
            recall, precision = np.append(hits / hits[0], 0), np.append(hits / positives, 1)
            yield from _thinned(name, recall[::-1], precision[::-1])


def roc(
    targets: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> Iterator[tuple[str, float, float]]:
    """Yield (class, false positive rate, recall) along each class's curve, at most `POINTS` each.

    The points are the corners of the curve, where it turns from negative rows to positive ones.
    """
    for c, name in enumerate(classes.names):
        rows, support = len(targets), int(targets[:, c].sum())
        if 0 < support < rows:
            hits, positives, above = _counts(targets[:, c], probabilities[:, c])
            # For each threshold from the highest: first what is above it, then also what is at it.
            false = np.column_stack([above, positives - hits])[::-1].ravel()
            true = np.column_stack([np.append(hits[1:], 0), hits])[::-1].ravel()
            corners = np.column_stack([false / (rows - support), true / support])
            corners = np.vstack([[0, 0], corners, [1, 1]])
            yield from _thinned(name, *np.unique(corners, axis=0).T)


def thresholds(
    rows: Judged, rule: Rule, classes: Classes
) -> Iterator[tuple[str, float, float, float, float]]:
    """Yield (class, threshold, precision, recall, F1) for `THRESHOLDS` and the rule's threshold.

    The scores of the class if it were predicted above this strength (`Rule.strengths`), with the
    rule unchanged for the others; at the rule's threshold, the scores of the rule. Classes without
    a row have no curve.

    Args:
        rows: the rows on which the rule was fitted.
        rule: the rule.
        classes: for the names.
    """
    strengths, chosen = rule.strengths(rows.probabilities, rows.logits), rule.thresholds()
    for c, name in enumerate(classes.names):
        positive = np.sort(strengths[rows.targets[:, c] > 0, c])
        if not len(positive):
            continue
        at = np.union1d(expit(THRESHOLDS), [] if chosen is None else chosen[c])
        hits = len(positive) - np.searchsorted(positive, at, side="right")
        predicted = len(strengths) - np.searchsorted(np.sort(strengths[:, c]), at, side="right")
        f1 = share(2 * hits, predicted + len(positive))
        yield from _points(name, at, share(hits, predicted), hits / len(positive), f1)


def reliability(
    targets: np.ndarray, probabilities: np.ndarray, classes: Classes, level: float
) -> Iterator[tuple[str, float, float, int, float, float]]:
    """Yield (class, predicted, observed, rows, low, high) for each bin of a class's probability.

    First for all classes together (`ALL`). The `BINS` bins have equal width, and empty ones are
    left out; predicted is the mean probability of a bin's rows, observed the share with the class,
    low and high are its Wilson bounds.

    Args:
        targets: multi-hot labels, shape (rows, classes).
        probabilities: of the same rows.
        classes: for the names.
        level: confidence level of the bounds, .95 say.
    """
    yield from _bins(ALL, targets.ravel(), probabilities.ravel(), level)
    for c, name in enumerate(classes.names):
        yield from _bins(name, targets[:, c], probabilities[:, c], level)


def _bins(name: str, present: np.ndarray, p: np.ndarray, level: float) -> Iterator[tuple]:
    bins = np.minimum((p * BINS).astype(int), BINS - 1)
    rows, predicted, hits = (
        np.bincount(bins, weights, minlength=BINS) for weights in (None, p, present)
    )
    columns = (share(predicted, rows), share(hits, rows), *wilson(hits, rows, level))
    for b in np.flatnonzero(rows):
        predicted, observed, low, high = (round(float(column[b]), 5) for column in columns)
        yield name, predicted, observed, int(rows[b]), low, high


def _counts(present: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return counts at the thresholds that are the distinct probabilities of a class's rows.

    For each, ascending: rows with the class and all rows at or above it, and rows without the class
    above it.
    """
    positive, negative = np.sort(p[present > 0]), np.sort(p[present == 0])
    thresholds = np.unique(positive)
    hits = len(positive) - np.searchsorted(positive, thresholds)
    false = len(negative) - np.searchsorted(negative, thresholds)
    above = len(negative) - np.searchsorted(negative, thresholds, side="right")
    return hits, hits + false, above


def evenly(count: int, most: int) -> list[int]:
    """Return at most `most` evenly spaced positions among `count`, with the first and the last."""
    return np.unique(np.linspace(0, count - 1, min(most, count)).round().astype(int)).tolist()


def _thinned(name: str, *columns: np.ndarray) -> Iterator[tuple]:
    positions = evenly(len(columns[0]), POINTS)
    return _points(name, *(column[positions] for column in columns))


def _points(name: str, *columns: np.ndarray) -> Iterator[tuple]:
    for point in zip(*columns, strict=True):
        yield name, *(round(float(value), 5) for value in point)
