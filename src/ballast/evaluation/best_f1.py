"""The search for offsets (multi-label: a threshold for each label) with the best F1."""

import numpy as np

from ballast.evaluation.thresholds import GAIN, gaps
from ballast.labels.classes import Classes
from ballast.probabilities.rules import log_scores

SWEEPS = 20


def best_offsets(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    share: np.ndarray,
    beta: float,
    shrink: float,
) -> np.ndarray:
    """Return the offsets of the best F1, shrunk, shape (classes,): those of `max_f1.fit`.

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes of the training rows.
        share: of each class in the mean of their F1, shape (classes,).
        beta: as in `max_f1.fit`.
        shrink: as in `max_f1.fit`.
    """
    scores = log_scores(probabilities, classes.multilabel)
    offsets = _search(scores, targets, classes, share, beta)
    if shrink > 0:
        expected = _search(scores, probabilities, classes, share, beta)
        rows = targets.sum(axis=0)
        if not classes.multilabel:
            # Only differences of offsets matter: here to that of the class with most rows.
            largest = rows.argmax()
            offsets, expected = offsets - offsets[largest], expected - expected[largest]
        offsets = expected + rows / (rows + shrink) * (offsets - expected)
    return offsets if classes.multilabel else offsets - offsets.mean()


def f_beta(hits: np.ndarray, positives: np.ndarray, support: np.ndarray, beta: float) -> np.ndarray:
    """Return F-beta: (1 + beta^2) hits / (beta^2 support + positives), 0 if both are 0."""
    total = beta**2 * support + positives
    return (1 + beta**2) * hits / np.where(total > 0, total, 1)


def _search(
    scores: np.ndarray, truth: np.ndarray, classes: Classes, share: np.ndarray, beta: float
) -> np.ndarray:
    """Return the offsets with the best F1 for `truth`: labels, or their probabilities."""
    support = truth.sum(axis=0, dtype=np.float64)
    if classes.multilabel:
        columns = zip(scores.T, truth.T, support, strict=True)
        return np.array([_best_threshold(*column, beta) for column in columns])
    offsets = np.zeros(len(share))
    best = _mean_f(scores.argmax(axis=1), truth, support, share, beta)
    for _ in range(SWEEPS):
        before = best
        # The rarest class first: it has most to gain, and the fewest rows to lose.
        for c in np.argsort(classes.counts, kind="stable"):
            offset, value = _best_offset(scores, truth, support, offsets, c, share, beta)
            if value > best + GAIN:
                offsets[c], best = offset, value
        if best == before:
            break
    return offsets


def _mean_f(
    predicted: np.ndarray, truth: np.ndarray, support: np.ndarray, share: np.ndarray, beta: float
) -> float:
    """Return the weighted mean of the classes' F-beta."""
    credit = truth[np.arange(len(truth)), predicted]
    hits = np.bincount(predicted, weights=credit, minlength=len(share))
    positives = np.bincount(predicted, minlength=len(share))
    return float(share @ f_beta(hits, positives, support, beta))


def _best_threshold(scores: np.ndarray, present: np.ndarray, support: float, beta: float) -> float:
    """Return the offset b that maximises the F-beta of (score + b > 0)."""
    plain = f_beta(present[scores > 0].sum(), (scores > 0).sum(), support, beta)
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([[0], np.cumsum(present[order], dtype=np.float64)])
    offset, value = _pick(-scores[order], f_beta(hits, np.arange(len(hits)), support, beta))
    return offset if value > plain + GAIN else 0.0


def _best_offset(
    scores: np.ndarray,
    truth: np.ndarray,
    support: np.ndarray,
    offsets: np.ndarray,
    c: int,
    share: np.ndarray,
    beta: float,
) -> tuple[float, float]:
    """Return the best offset of class c, with the others fixed, and its weighted mean F-beta.

    A row is labelled c once the offset exceeds (best other score - its score for c); sorted by that
    threshold, the rows change from their runner-up to c one after the other.
    """
    others = scores + offsets
    others[:, c] = -np.inf
    thresholds = others.max(axis=1) - scores[:, c]
    order = np.argsort(thresholds, kind="stable")
    runner_up, truth = others.argmax(axis=1)[order], truth[order]

    hits = np.concatenate([[0], np.cumsum(truth[:, c], dtype=np.float64)])
    total = share[c] * f_beta(hits, np.arange(len(hits)), support[c], beta)
    for j in np.unique(runner_up):
        rows = np.flatnonzero(runner_up == j)
        lost = np.concatenate([[0], np.cumsum(truth[rows, j], dtype=np.float64)])
        f = f_beta(lost[-1] - lost, np.arange(len(rows), -1, -1), support[j], beta)
        steps = np.zeros(len(total))
        steps[0] = f[0]
        steps[rows + 1] = np.diff(f)
        total += share[j] * np.cumsum(steps)
    return _pick(thresholds[order], total)


def _pick(thresholds: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Return the best offset and its value, value[k] being that between thresholds k-1 and k.

    The thresholds are sorted; between equal ones there is no room for an offset.
    """
    offsets, is_open = gaps(thresholds)
    candidates = np.flatnonzero(is_open & (value >= value[is_open].max() - GAIN))
    chosen = candidates[np.abs(offsets[candidates]).argmin()]
    return float(offsets[chosen]), float(value[chosen])
