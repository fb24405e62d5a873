"""Thresholds between rows sorted by score, and the recall or precision that they guarantee."""

from math import ceil
from statistics import NormalDist
from typing import Literal

import numpy as np

from ballast.evaluation.intervals import wilson
from ballast.labels.classes import Classes
from ballast.probabilities.rules import Rule, log_scores
from ballast.project.errors import UserError

# Thresholds closer to each other than this count as one: rounding could move a row across.
GAP = 1e-9
# Smaller gains are rounding errors of running sums and decide nothing.
GAIN = 1e-12


def gaps(thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return an offset in each gap between sorted thresholds, and whether the gap is open.

    Args:
        thresholds: sorted, shape (rows,).

    Returns:
        The offset closest to 0 that is safely above the first k thresholds (0 itself, else the
        middle of the gap), and whether there is room for it; both of shape (rows + 1,), k from 0.
    """
    low = np.concatenate([[thresholds[0] - 2], thresholds])
    high = np.concatenate([thresholds, [thresholds[-1] + 2]])
    return np.where((low < 0) & (high > 0), 0.0, (low + high) / 2), high - low > GAP


def rows_needed(share: float, target: float, level: float) -> int | None:
    """Return how many rows with this share have a Wilson bound of `target`; None if none have.

    The bound reaches t exactly where (p - t) / sqrt(t (1-t) / n) reaches z.
    """
    if share <= target:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    return ceil(z**2 * target * (1 - target) / (share - target) ** 2)


def guarantee(
    score: Literal["recall", "precision"],
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    target: float,
    label: str | None,
    level: float,
) -> Rule:
    """Return the rule whose recall, or precision, has a Wilson bound of at least `target`.

    Single-label: one class against the rest, by its offset. Multi-label: a threshold for each
    label, or for one. Where the held-out rows can't guarantee it, the rule's note says so.

    Args:
        score: what is guaranteed; of the thresholds that do, the one that is best for the other
            score is taken.
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes of the training rows.
        target: lowest allowed bound.
        label: class name; None for the positive class, or every label.
        level: of the two-sided interval whose lower end counts.

    Raises:
        UserError: no such class, or none named where there is no default.
    """
    scores = log_scores(probabilities, classes.multilabel)
    offsets = np.zeros(len(classes.names))
    faults = []
    for c in _codes(classes, label, f"decisions.min_{score}.label"):
        column = margins(scores, c, classes.multilabel)
        offsets[c], fault = guaranteed(score, column, targets[:, c], target, level)
        faults += [f"{classes.names[c]} ({fault})"] if fault else []
    note = f"min_{score} infeasible: {', '.join(faults)}." if faults else ""
    return Rule(offsets, classes.multilabel, note=note)


def margins(scores: np.ndarray, c: int, multilabel: bool) -> np.ndarray:
    """Return what the offset of class c is added to: the class is predicted where the sum is > 0.

    Single-label: the score of c minus the best of all others. The strength of `Rule.strengths`, if
    no other class has an offset, is its logistic function.

    Args:
        scores: as `log_scores` returns them, shape (rows, classes).
        c: number of the class.
        multilabel: whether a row may have several labels.

    Returns:
        Shape (rows,).
    """
    if multilabel:
        return scores[:, c]
    before, after = scores[:, :c], scores[:, c + 1 :]
    return scores[:, c] - np.maximum(
        before.max(axis=1, initial=-np.inf), after.max(axis=1, initial=-np.inf)
    )


def guaranteed(
    score: Literal["recall", "precision"],
    margins: np.ndarray,
    present: np.ndarray,
    target: float,
    level: float,
) -> tuple[float, str]:
    """Return the offset b of the rule (margin + b > 0), and what it falls short of, or "".

    Args:
        score: as in `guarantee`.
        margins: of one class, shape (rows,).
        present: whether each row has the class, 0 or 1, shape (rows,).
        target: as in `guarantee`.
        level: as in `guarantee`.
    """
    order = np.argsort(-margins, kind="stable")
    offsets, is_open = gaps(-margins[order])
    hits = np.concatenate([[0], np.cumsum(present[order], dtype=np.int64)])
    if not hits[-1]:
        return 0.0, "no held-out row has it"
    positives, support = np.arange(len(hits)), np.full(len(hits), hits[-1])
    rows, others = (support, positives) if score == "recall" else (positives, support)
    bound = np.where(is_open, wilson(hits, rows, level)[0], -1.0)
    feasible = bound.max() >= target
    allowed = np.flatnonzero(bound >= target if feasible else bound == bound.max())
    # The best for the other score; of equal ones the safest, then the one closest to 0.
    gain = hits[allowed] / np.maximum(others[allowed], 1)
    best = allowed[np.lexsort((np.abs(offsets[allowed]), -bound[allowed], -gain))[0]]
    if feasible:
        return float(offsets[best]), ""
    needed = rows_needed(hits[best] / rows[best], target, level)
    result, more = {
        "recall": ("found", "positives"),
        "precision": ("correct", "rows predicted to have it"),
    }[score]
    advice = (
        f"about {needed - rows[best]} more {more} needed"
        if needed
        else "at this rate no number of rows is enough"
    )
    return float(offsets[best]), (
        f"{hits[best]} of {rows[best]} {result}, lower bound {bound[best]:.2f} < {target:.2f}; "
        f"{advice}"
    )


def _codes(classes: Classes, label: str | None, place: str) -> list[int]:
    """Return the classes that get an offset."""
    if label is not None:
        classes.check_names([label], place)
        return [classes.index(label)]
    if classes.multilabel:
        return list(range(len(classes.names)))
    if classes.positive is None:
        names = ", ".join(classes.names)
        raise UserError(f"params.yaml: {place}: name the class it is about, one of {names}.")
    return [classes.positive]
