"""Offsets (multi-label: a cut for each label) that give the best F1 on the validation rows."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ballast.decisions._cuts import GAIN, gaps
from ballast.labels.classes import Classes
from ballast.probabilities.rules import Rule, log_scores
from ballast.project.errors import UserError

SWEEPS = 20
# Of the rows, where offsets have to prove themselves.
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

    One offset after the other is set to its best value, found exactly among all values that change
    a validation row's label (O(n log n)), until none improves. Multi-label: macro-F1 is a sum over
    labels, so the exact cut of each label's best F1 is the best. Of equally good values the one
    nearest to 0 wins.

    A few validation rows of a class say little of its offset, so it is shrunk towards the one of
    the best F1 that the probabilities expect, without labels: where they are calibrated, the cut
    at half the best F1 (Lipton, Elkan and Naryanaswamy, Optimal Thresholding of Classifiers to
    Maximize F1 Measure, 2014). With n_c rows of class c, the labels count n_c / (n_c + shrink) in
    its offset (of several classes, relative to that of the class with most rows).

    Args:
        targets: multi-hot labels of the validation rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes as they stand in the training rows.
        average: mean over the classes, or F1 of a binary task's positive class.
        beta: F-beta: recall counts beta times as much as precision.
        shrink: validation rows of a class with which its labels and the probabilities count the
            same; 0 trusts the labels alone. 20 did well with simple models on four public data
            sets; a network surer of itself on validation rows than on others may want more.
        proven: whether offsets count only if such offsets, fitted on four fifths of the rows, bring
            the fifth a better F1 than none do: over all five fifths, by more than the standard
            error (multi-label: each label's by itself).

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
    offsets_of = partial(_offsets, classes=classes, share=share, beta=beta, shrink=shrink)
    offsets = offsets_of(targets, probabilities)
    if proven:
        found = _crossed(offsets_of, targets, probabilities, classes)
        plain = Rule(np.zeros_like(offsets), classes.multilabel).predict(probabilities)
        better = share * (_parts_of_f(found, targets, beta) - _parts_of_f(plain, targets, beta))
        if not classes.multilabel:
            better = better.sum(axis=1, keepdims=True)
        error = np.sqrt(np.sum((better - better.mean(axis=0)) ** 2, axis=0))
        offsets = np.where(better.sum(axis=0) > error, offsets, 0.0)
    return Rule(offsets, classes.multilabel)


def _crossed(
    offsets_of: Callable, targets: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> np.ndarray:
    """Return the labels of each part of the rows by offsets fitted on the others."""
    # The rows of a class go round the parts: each has as many.
    rarest = np.where(targets > 0, classes.counts, np.inf).argmin(axis=1)
    parts = np.empty(len(targets), dtype=int)
    parts[np.argsort(rarest, kind="stable")] = np.arange(len(targets)) % PARTS
    found = np.zeros(targets.shape)
    for part in np.unique(parts):
        own = parts == part
        if own.all():
            # One row proves nothing.
            continue
        offsets = offsets_of(targets[~own], probabilities[~own])
        found[own] = Rule(offsets, classes.multilabel).predict(probabilities[own])
    return found


def _parts_of_f(predicted: np.ndarray, targets: np.ndarray, beta: float) -> np.ndarray:
    """Return what each row has to do with the F-beta of each class, shape (rows, classes).

    The sum is F-beta; its spread tells the standard error (delta method): a row's part is
    F / rows, and what F would change with a little more weight on the row.

    Args:
        predicted: multi-hot labels.
        targets: multi-hot labels.
        beta: of F-beta.
    """
    hits, given, support = predicted * targets, predicted, targets
    value = _f(*(each.sum(axis=0, dtype=float) for each in (hits, given, support)), beta)
    total = beta**2 * support.sum(axis=0) + given.sum(axis=0)
    change = (1 + beta**2) * hits - value * (beta**2 * support + given)
    return value / len(targets) + change / np.where(total > 0, total, 1)


def _offsets(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    share: np.ndarray,
    beta: float,
    shrink: float,
) -> np.ndarray:
    """Return the offsets of the best F1, shrunk, shape (classes,)."""
    scores = log_scores(probabilities, classes.multilabel)
    offsets = _search(scores, targets, classes, share, beta)
    if shrink > 0:
        expected = _search(scores, probabilities, classes, share, beta)
        rows = targets.sum(axis=0)
        if not classes.multilabel:
            # Offsets say something relative to each other only: to those of the best known class.
            known = rows.argmax()
            offsets, expected = offsets - offsets[known], expected - expected[known]
        offsets = expected + rows / (rows + shrink) * (offsets - expected)
    return offsets if classes.multilabel else offsets - offsets.mean()


def _search(
    scores: np.ndarray, truth: np.ndarray, classes: Classes, share: np.ndarray, beta: float
) -> np.ndarray:
    """Return the offsets of the best F1 by `truth`: labels, or probabilities of them."""
    offsets = np.zeros(len(share))
    support = truth.sum(axis=0, dtype=np.float64)
    if classes.multilabel:
        for c in range(len(offsets)):
            offsets[c] = _best_cut(scores[:, c], truth[:, c], support[c], beta)
        return offsets
    best = _mean_f(scores.argmax(axis=1), truth, support, share, beta)
    for _ in range(SWEEPS):
        before = best
        # The rarest class first: it has the most to gain, and the fewest rows to lose.
        for c in np.argsort(classes.counts, kind="stable"):
            offset, value = _best_offset(scores, truth, support, offsets, c, share, beta)
            if value > best + GAIN:
                offsets[c], best = offset, value
        if best == before:
            break
    return offsets


def _f(hits: np.ndarray, given: np.ndarray, support: np.ndarray, beta: float) -> np.ndarray:
    """Return F-beta: (1 + beta^2) hits / (beta^2 support + given), 0 where there is nothing."""
    total = beta**2 * support + given
    return (1 + beta**2) * hits / np.where(total > 0, total, 1)


def _mean_f(
    predicted: np.ndarray, truth: np.ndarray, support: np.ndarray, share: np.ndarray, beta: float
) -> float:
    """Return the weighted mean of the classes' F-beta."""
    credit = truth[np.arange(len(truth)), predicted]
    hits = np.bincount(predicted, weights=credit, minlength=len(share))
    given = np.bincount(predicted, minlength=len(share))
    return float(share @ _f(hits, given, support, beta))


def _best_cut(scores: np.ndarray, present: np.ndarray, support: float, beta: float) -> float:
    """Return the offset b that maximises the F-beta of (score + b > 0)."""
    plain = _f(present[scores > 0].sum(), (scores > 0).sum(), support, beta)
    order = np.argsort(-scores, kind="stable")
    hits = np.concatenate([[0], np.cumsum(present[order], dtype=np.float64)])
    offset, value = _pick(-scores[order], _f(hits, np.arange(len(hits)), support, beta))
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
    """Return class c's best offset, the others held, and the weighted mean F-beta it reaches.

    A row takes label c once the offset passes (best other score - its score for c); sorted by
    that threshold, the rows change from their runner-up to c one after the other.
    """
    others = scores + offsets
    others[:, c] = -np.inf
    thresholds = others.max(axis=1) - scores[:, c]
    order = np.argsort(thresholds, kind="stable")
    runner_up, truth = others.argmax(axis=1)[order], truth[order]

    hits = np.concatenate([[0], np.cumsum(truth[:, c], dtype=np.float64)])
    total = share[c] * _f(hits, np.arange(len(hits)), support[c], beta)
    for j in np.unique(runner_up):
        mine = np.flatnonzero(runner_up == j)
        hits_j = np.concatenate([[0], np.cumsum(truth[mine, j], dtype=np.float64)])
        left = np.arange(len(mine), -1, -1)
        f = _f(hits_j[-1] - hits_j, left, support[j], beta)
        steps = np.zeros(len(total))
        steps[0] = f[0]
        steps[mine + 1] = np.diff(f)
        total += share[j] * np.cumsum(steps)
    return _pick(thresholds[order], total)


def _pick(thresholds: np.ndarray, value: np.ndarray) -> tuple[float, float]:
    """Return the best offset, and its value, given that value[k] is reached between the sorted
    thresholds k-1 and k; only gaps between different thresholds can be hit."""
    offsets, can = gaps(thresholds)
    candidates = np.flatnonzero(can & (value >= value[can].max() - GAIN))
    chosen = candidates[np.abs(offsets[candidates]).argmin()]
    return float(offsets[chosen]), float(value[chosen])
