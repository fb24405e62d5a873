"""Cuts through rows sorted by score, and the recall or precision that validation rows prove."""

from math import ceil
from statistics import NormalDist
from typing import Literal

import numpy as np

from ballast.evaluation.intervals import wilson
from ballast.labels.classes import Classes
from ballast.probabilities.rules import Rule, log_scores
from ballast.project.errors import UserError

# Two thresholds nearer to each other than this count as one: rounding could move a row across.
GAP = 1e-9
# What is no more than this is no gain: rounding in running sums must not decide.
GAIN = 1e-12


def gaps(thresholds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where between sorted thresholds an offset can stand, and whether it can.

    Args:
        thresholds: sorted, shape (rows,).

    Returns:
        The offset nearest to 0 that passes the first k thresholds with room (0 itself, else the
        middle of the gap), and whether the gap is open; both of shape (rows + 1,), k from 0.
    """
    low = np.concatenate([[thresholds[0] - 2], thresholds])
    high = np.concatenate([thresholds, [thresholds[-1] + 2]])
    return np.where((low < 0) & (high > 0), 0.0, (low + high) / 2), high - low > GAP


def rows_needed(share: float, target: float, level: float) -> int | None:
    """Return how many rows of this share have a Wilson bound of `target`; None where none have.

    The bound reaches t exactly where (p - t) / sqrt(t (1-t) / n) reaches z.
    """
    if share <= target:
        return None
    z = NormalDist().inv_cdf((1 + level) / 2)
    return ceil(z**2 * target * (1 - target) / (share - target) ** 2)


def promise(
    of: Literal["recall", "precision"],
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    target: float,
    label: str | None,
    level: float,
) -> Rule:
    """Return the rule whose recall, or precision, has a Wilson bound of `target` at least.

    Single-label: one class against the rest by its offset. Multi-label: a cut for each label, or
    for one. What the validation rows cannot prove stands in the rule's note.

    Args:
        of: what is promised; of the cuts that keep the promise, the best of the other is taken.
        targets: multi-hot labels of the validation rows, shape (rows, classes).
        probabilities: of the same rows, shape (rows, classes).
        classes: the classes as they stand in the training rows.
        target: the least lower bound.
        label: class name; None for the positive class, or every label.
        level: of the two-sided interval whose lower end counts.

    Raises:
        UserError: no such class, or none named where one must be.
    """
    scores = log_scores(probabilities, classes.multilabel)
    offsets = np.zeros(len(classes.names))
    faults = []
    for c in _promised(classes, label, f"decisions.min_{of}.label"):
        column = scores[:, c]
        if not classes.multilabel:
            column = column - np.delete(scores, c, axis=1).max(axis=1)
        offsets[c], fault = _cut(of, column, targets[:, c], target, level)
        faults += [f"{classes.names[c]} ({fault})"] if fault else []
    note = f"min_{of} infeasible: {', '.join(faults)}." if faults else ""
    return Rule(offsets, classes.multilabel, note=note)


def _promised(classes: Classes, label: str | None, where: str) -> list[int]:
    names = ", ".join(classes.names)
    if label is not None:
        classes.check_names([label], where)
        return [classes.index(label)]
    if classes.multilabel:
        return list(range(len(classes.names)))
    if classes.positive is None:
        raise UserError(f"params.yaml: {where}: name the class it is about, one of {names}.")
    return [classes.positive]


def _cut(
    of: str, scores: np.ndarray, present: np.ndarray, target: float, level: float
) -> tuple[float, str]:
    """Return the offset b of the rule (score + b > 0), and what falls short of the target."""
    order = np.argsort(-scores, kind="stable")
    offsets, can = gaps(-scores[order])
    hits = np.concatenate([[0], np.cumsum(present[order], dtype=np.int64)])
    if not hits[-1]:
        return 0.0, "no validation row has it"
    given, support = np.arange(len(hits)), np.full(len(hits), hits[-1])
    rows, others = (support, given) if of == "recall" else (given, support)
    bound = np.where(can, wilson(hits, rows, level)[0], -1.0)
    feasible = bound.max() >= target
    allowed = np.flatnonzero(bound >= target if feasible else bound == bound.max())
    # The best of the other; then the safest; then the nearest to no offset at all.
    gain = hits[allowed] / np.maximum(others[allowed], 1)
    best = allowed[np.lexsort((np.abs(offsets[allowed]), -bound[allowed], -gain))[0]]
    if feasible:
        return float(offsets[best]), ""
    found, rows, reached = int(hits[best]), int(rows[best]), bound[best]
    needed = rows_needed(found / rows, target, level)
    told = "found" if of == "recall" else "right"
    more = "positives" if of == "recall" else "rows given it"
    advice = (
        f"about {needed - rows} more {more} needed"
        if needed
        else "at this rate no number of rows proves it"
    )
    return float(offsets[best]), (
        f"{found} of {rows} {told}, lower bound {reached:.2f} < {target:.2f}; {advice}"
    )
