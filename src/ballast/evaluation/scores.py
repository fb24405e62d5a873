"""Headline scores and per-class scores of predicted labels and probabilities."""

from typing import Literal, get_args

import numpy as np

from ballast.evaluation.ranking import Ranking
from ballast.labels.classes import Classes

Headline = Literal[
    "f1_macro",
    "balanced_accuracy",
    "mcc",
    "recall_rarest",
    "average_precision",
    "roc_auc",
    "log_loss",
    "calibration_error",
]
# Where a row may have several labels, these are told as well.
OF_LABELS = ("f1_micro", "f1_samples")
LOWER_IS_BETTER = ("log_loss", "calibration_error")


def headline(
    targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> dict[str, float]:
    """Return the headline scores by name (`Headline`, and multi-label `OF_LABELS`).

    f1_macro is the mean of the classes' F1 (Opitz and Burst 2019); balanced_accuracy the mean of
    the classes' recalls (multi-label: of each label's presence and absence); recall_rarest the
    recall of the class with the fewest training rows of those that `targets` has.
    average_precision and roc_auc are those of the positive class, or the mean of each class against
    the rest, over the classes for which the rows define them. mcc of a multi-label task is the mean
    over labels, f1_micro the F1 of all labels taken together, f1_samples the mean of the rows' F1.
    A class without a row in `targets` counts with F1 0.

    Args:
        targets: multi-hot labels, shape (rows, classes).
        predicted: likewise.
        probabilities: shape (rows, classes).
        classes: the classes as they stand in the training rows.
    """
    counts = tally(targets, predicted)
    values = of_counts(*counts, len(targets), classes)
    found = {name: float(value) for name, value in values.items()}
    found["recall_rarest"] = float(share(*counts[:2])[rarest(targets, classes)])
    ranked = [
        Ranking(targets[:, c], probabilities[:, c]).scores(np.ones((1, len(targets)), dtype=int))
        for c in ranked_classes(targets, classes)
    ]
    average_precision, roc_auc = np.mean(ranked, axis=0)[:, 0].tolist() if ranked else (0.0, 0.0)
    found["average_precision"], found["roc_auc"] = average_precision, roc_auc
    found["log_loss"] = log_loss(targets, probabilities, classes.multilabel)
    found["calibration_error"] = calibration_error(targets, probabilities, classes.multilabel)
    names = get_args(Headline)
    if classes.multilabel:
        found["f1_samples"] = float(f1_of_rows(targets, predicted).mean())
        names += OF_LABELS
    return {name: found[name] for name in names}


def per_class(
    targets: np.ndarray, predicted: np.ndarray, classes: Classes
) -> dict[str, dict[str, float]]:
    """Return {"f1": {class: value}, ...}: f1, recall, precision, support, predicted.

    `support` counts the rows that have the class, `predicted` those that were given it.
    """
    hits, support, given = tally(targets, predicted)
    columns = {
        "f1": share(2 * hits, support + given),
        "recall": share(hits, support),
        "precision": share(hits, given),
        "support": support,
        "predicted": given,
    }
    return {
        name: dict(zip(classes.names, column.tolist(), strict=True))
        for name, column in columns.items()
    }


def tally(targets: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the hits, the rows with and the rows given each class; each of shape (classes,)."""
    columns = (targets & predicted, targets, predicted)
    hits, support, given = (column.sum(axis=0, dtype=np.int64) for column in columns)
    return hits, support, given


def of_counts(
    hits: np.ndarray, support: np.ndarray, given: np.ndarray, rows: float, classes: Classes
) -> dict[str, np.ndarray]:
    """Return the headline scores that `tally` is enough for.

    Args:
        hits: counts as `tally` returns them, or expected ones, shape (..., classes).
        support: likewise.
        given: likewise.
        rows: number of rows.
        classes: for the task.

    Returns:
        Values of shape (...,) by name.
    """
    # Products of counts, of four for the correlation, would not fit integers.
    hits, support, given = (np.asarray(count, dtype=float) for count in (hits, support, given))
    recall, present = share(hits, support), support > 0
    found = {"f1_macro": share(2 * hits, support + given).mean(axis=-1)}
    if classes.multilabel:
        recall = (recall + share(rows - support - given + hits, rows - support)) / 2
        both = rows * hits - support * given
        spread = support * given * (rows - support) * (rows - given)
        found["mcc"] = share(both, np.sqrt(spread)).mean(axis=-1)
        found["f1_micro"] = share(2 * hits.sum(axis=-1), (support + given).sum(axis=-1))
    else:
        both = rows * hits.sum(axis=-1) - (support * given).sum(axis=-1)
        spreads = [np.maximum(rows**2 - (n**2).sum(axis=-1), 0) for n in (support, given)]
        found["mcc"] = share(both, np.sqrt(spreads[0]) * np.sqrt(spreads[1]))
    found["balanced_accuracy"] = share((recall * present).sum(axis=-1), present.sum(axis=-1))
    return found


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, 0 where there is nothing."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def rarest(targets: np.ndarray, classes: Classes) -> int:
    """Return the class with the fewest training rows of those that `targets` has."""
    return int(np.where(targets.any(axis=0), classes.counts, np.inf).argmin())


def ranked_classes(targets: np.ndarray, classes: Classes) -> list[int]:
    """Return the classes whose ranking counts: those that some rows have and some have not."""
    support = targets.sum(axis=0, dtype=np.int64)
    columns = range(targets.shape[1]) if classes.positive is None else [classes.positive]
    return [c for c in columns if 0 < support[c] < len(targets)]


def f1_of_rows(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return each row's F1 over its labels, 1 where it has and was given none; shape (rows,)."""
    hits, has, given = (
        column.sum(axis=1, dtype=np.int64) for column in (targets & predicted, targets, predicted)
    )
    return np.where(has + given > 0, share(2 * hits, has + given), 1.0)


def log_loss(targets: np.ndarray, probabilities: np.ndarray, multilabel: bool) -> float:
    """Return the mean of -log p(true class) over rows, or multi-label over rows and labels."""
    return float(row_losses(targets, probabilities, multilabel).mean())


def row_losses(targets: np.ndarray, probabilities: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return the terms of `log_loss`, shape (rows,); multi-label, each row's mean over labels."""
    if multilabel:
        true = np.where(targets > 0, probabilities, 1 - probabilities)
    else:
        true = (targets * probabilities).sum(axis=1, keepdims=True)
    # A float32 score can round to 0; a bound keeps the mean finite and the row visibly bad.
    return -np.log(np.maximum(true, 1e-15)).mean(axis=1)


def calibration_error(
    targets: np.ndarray, probabilities: np.ndarray, multilabel: bool, bins: int = 10
) -> float:
    """Return the expected calibration error: sum_b n_b / n |share right - mean confidence|.

    Of the most probable class (multi-label: of every label), in `bins` bins of equal row counts
    (Nixon et al., Measuring Calibration in Deep Learning, 2019).
    """
    gaps = row_gaps(targets, probabilities, multilabel, bins)
    return float(np.abs(gaps.mean(axis=0)).sum())


def row_gaps(
    targets: np.ndarray, probabilities: np.ndarray, multilabel: bool, bins: int = 10
) -> np.ndarray:
    """Return what each row adds to the gap of each bin of `calibration_error`.

    Right (1 or 0) minus confidence, in the column of the confidence's bin; a multi-label row's
    labels add their shares of it. Equal confidences between two bins stand in both by parts, so
    that the order of the rows does not matter.

    Returns:
        Shape (rows, bins); the error is the sum of the absolute values of the column means.
    """
    if multilabel:
        confidence, right = probabilities, targets
    else:
        top = probabilities.argmax(axis=1)[:, None]
        confidence = np.take_along_axis(probabilities, top, axis=1)
        right = np.take_along_axis(targets, top, axis=1)
    rows, width = confidence.shape
    bins = min(bins, confidence.size)
    # Bins as array_split makes them: the first few have one more.
    sizes = np.full(bins, confidence.size // bins)
    sizes[: confidence.size % bins] += 1
    after = np.cumsum(sizes)
    ordered = np.sort(confidence, axis=None)
    edges = ordered[after[:-1]]
    gap = (right - confidence) / width
    columns = np.zeros((rows, bins))
    for edge in np.unique(edges):
        first, last = (np.searchsorted(ordered, edge, side=side) for side in ("left", "right"))
        shares = np.minimum(last, after) - np.maximum(first, after - sizes)
        places = np.nonzero(confidence == edge)
        for b in np.flatnonzero(shares > 0):
            np.add.at(columns[:, b], places[0], gap[places] * (shares[b] / (last - first)))
        gap[places] = 0
    cells = np.searchsorted(edges, confidence, side="right") + bins * np.arange(rows)[:, None]
    inside = np.bincount(cells.ravel(), weights=gap.ravel(), minlength=rows * bins)
    return columns + inside.reshape(rows, bins)
