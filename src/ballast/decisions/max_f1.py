"""Offsets (multi-label: a cut for each label) that give the best F1 on the validation rows."""

from typing import Literal

import numpy as np

from ballast.classes import Classes
from ballast.errors import UserError
from ballast.rules import Rule, log_scores

SWEEPS = 20
# Two thresholds nearer to each other than this count as one: rounding could move a row across.
GAP = 1e-9
# What is no more than this is no gain: rounding in running sums must not decide.
GAIN = 1e-12


def fit(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    *,
    average: Literal["macro", "positive"] = "macro",
) -> Rule:
    """Return the rule argmax_c (log p_c + b_c) with the offsets b of the best F1.

    One offset after the other is set to its best value, found exactly among all values that change
    a validation row's label (O(n log n)), until none improves. Multi-label: macro-F1 is a sum over
    labels, so the exact cut of each label's best F1 is the best. Of equally good values the one
    nearest to 0 wins. If the probabilities are calibrated, the best-F1 cut is half the best F1
    (Lipton, Elkan and Naryanaswamy 2014).

    Args:
        targets: multi-hot labels of the validation rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes as they stand in the training rows.
        average: mean over the classes, or F1 of a binary task's positive class.

    Raises:
        UserError: `positive` for a task that is not binary.

    Example:
        >>> two = Classes(("no", "yes"), np.array([3, 1]), 4, positive=1)
        >>> p = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]])
        >>> rule = fit(np.eye(2)[[0, 0, 1]], p, two)
        >>> rule.predict(p).argmax(axis=1)
        array([0, 0, 1])
    """
    if average == "positive" and classes.positive is None:
        raise UserError(
            "params.yaml: decisions.max_f1.average: 'positive' needs a binary task; use 'macro'."
        )
    scores = log_scores(probabilities, classes.multilabel)
    offsets = np.zeros(len(classes.names))
    if classes.multilabel:
        for c in range(len(offsets)):
            offsets[c] = _best_cut(scores[:, c], targets[:, c])
        return Rule(offsets, True)
    share = np.full(len(offsets), 1 / len(offsets))
    if average == "positive":
        share = np.eye(len(offsets))[classes.positive]
    truth = targets.argmax(axis=1)
    best = _mean_f1(scores.argmax(axis=1), truth, share)
    for _ in range(SWEEPS):
        before = best
        # The rarest class first: it has the most to gain, and the fewest rows to lose.
        for c in np.argsort(classes.counts, kind="stable"):
            offset, value = _best_offset(scores, truth, offsets, c, share)
            if value > best + GAIN:
                offsets[c], best = offset, value
        if best == before:
            break
    return Rule(offsets - offsets.mean(), False)


def _best_cut(scores: np.ndarray, present: np.ndarray) -> float:
    """Return the offset b that maximises the F1 of (score + b > 0) against 0/1 labels."""
    plain = 2 * present[scores > 0].sum() / max((scores > 0).sum() + present.sum(), 1)
    thresholds = -scores
    order = np.argsort(thresholds, kind="stable")
    hits = np.concatenate([[0], np.cumsum(present[order], dtype=np.int64)])
    f1 = 2 * hits / np.maximum(np.arange(len(hits)) + hits[-1], 1)
    offset, value = _pick(thresholds[order], f1)
    return offset if value > plain + GAIN else 0.0


def _mean_f1(predicted: np.ndarray, truth: np.ndarray, share: np.ndarray) -> float:
    """Return the weighted mean of the classes' F1."""
    hits, given, support = (
        np.bincount(labels, minlength=len(share))
        for labels in (truth[predicted == truth], predicted, truth)
    )
    return float(share @ (2 * hits / np.maximum(given + support, 1)))


def _best_offset(
    scores: np.ndarray, truth: np.ndarray, offsets: np.ndarray, c: int, share: np.ndarray
) -> tuple[float, float]:
    """Return class c's best offset, the others held, and the weighted mean F1 it reaches.

    A row takes label c once the offset passes (best other score - its score for c); sorted by
    that threshold, the rows change from their runner-up to c one after the other.
    """
    others = scores + offsets
    others[:, c] = -np.inf
    runner_up = others.argmax(axis=1)
    thresholds = others.max(axis=1) - scores[:, c]
    order = np.argsort(thresholds, kind="stable")
    runner_up, correct = runner_up[order], truth[order]
    support = np.bincount(truth, minlength=len(share))

    hits = np.concatenate([[0], np.cumsum(correct == c)])
    total = share[c] * 2 * hits / np.maximum(np.arange(len(hits)) + support[c], 1)
    for j in np.unique(runner_up):
        mine = np.flatnonzero(runner_up == j)
        hits_j = np.concatenate([[0], np.cumsum(correct[mine] == j)])
        left = np.arange(len(mine), -1, -1)
        f1 = 2 * (hits_j[-1] - hits_j) / np.maximum(left + support[j], 1)
        steps = np.zeros(len(total))
        steps[0] = f1[0]
        steps[mine + 1] = np.diff(f1)
        total += share[j] * np.cumsum(steps)
    return _pick(thresholds[order], total)


def _pick(thresholds: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Return the best offset, and its value, given that value[k] is reached between the sorted
    thresholds k-1 and k; only gaps between different thresholds can be hit."""
    low = np.concatenate([[thresholds[0] - 2], thresholds])
    high = np.concatenate([thresholds, [thresholds[-1] + 2]])
    open_gap = high - low > GAP
    candidates = np.flatnonzero(open_gap & (value >= value[open_gap].max() - GAIN))
    middle = (low[candidates] + high[candidates]) / 2
    nearest = np.where((low[candidates] < 0) & (high[candidates] > 0), 0.0, middle)
    chosen = np.abs(nearest).argmin()
    return float(nearest[chosen]), float(value[candidates[chosen]])
