"""Headline scores and per-class scores of predicted labels and probabilities."""

from typing import Literal, get_args

import numpy as np

from ballast.evaluation.ranking import Ranking
from ballast.labels.classes import Classes
from ballast.probabilities.costs import cost_matrix

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
# Further scores of multi-label tasks, and of tasks with costs.
OF_LABELS, OF_COSTS = ("f1_micro", "f1_samples"), ("expected_cost",)
LOWER_IS_BETTER = ("log_loss", "calibration_error", *OF_COSTS)
# Of the calibration error.
BINS = 10


def headline(
    targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> dict[str, float]:
    """Return the headline scores by name: `Headline`, multi-label `OF_LABELS`, or `OF_COSTS`.

    f1_macro is the mean of the classes' F1 (Opitz and Burst 2019); balanced_accuracy the mean of
    the classes' recalls (multi-label: of each label's presence and absence); recall_rarest the
    recall of the class with the fewest training rows of those that occur in `targets`.
    average_precision and roc_auc are those of the positive class, or the mean of each class against
    the rest, over the classes for which the rows define them. mcc of a multi-label task is the mean
    over labels, f1_micro the F1 of all labels pooled, f1_samples the mean of the rows' F1.
    expected_cost, if there are costs, is the mean cost of a row.

    A class that no row has and that is never predicted is left out of f1_macro, as by scikit-learn
    of label numbers; one that is predicted nevertheless has an F1 of 0.

    Args:
        targets: multi-hot labels, shape (rows, classes).
        predicted: likewise.
        probabilities: shape (rows, classes).
        classes: the classes of the training rows.
    """
    counts = tally(targets, predicted)
    values = of_counts(*counts, len(targets), classes)
    result = {name: float(value) for name, value in values.items()}
    result["recall_rarest"] = float(share(*counts[:2])[rarest(targets, classes)])
    ranked = [
        Ranking(targets[:, c], probabilities[:, c]).scores(np.ones((1, len(targets)), dtype=int))
        for c in ranked_classes(targets, classes)
    ]
    average_precision, roc_auc = np.mean(ranked, axis=0)[:, 0].tolist() if ranked else (0.0, 0.0)
    result["average_precision"], result["roc_auc"] = average_precision, roc_auc
    result["log_loss"] = float(row_losses(targets, probabilities, classes.multilabel).mean())
    result["calibration_error"] = calibration_error(targets, probabilities, classes.multilabel)
    for name, column in of_rows(targets, predicted, classes).items():
        result[name] = float(column.mean())
    names = (*get_args(Headline), *OF_LABELS, *OF_COSTS)
    return {name: result[name] for name in names if name in result}


def per_class(
    targets: np.ndarray, predicted: np.ndarray, classes: Classes
) -> dict[str, dict[str, float]]:
    """Return {"f1": {class: value}, ...}: f1, recall, precision, support, predicted.

    `support` is the number of rows with the class, `predicted` of those predicted to have it.
    """
    hits, support, positives = tally(targets, predicted)
    columns = {
        "f1": share(2 * hits, support + positives),
        "recall": share(hits, support),
        "precision": share(hits, positives),
        "support": support,
        "predicted": positives,
    }
    return {
        name: dict(zip(classes.names, column.tolist(), strict=True))
        for name, column in columns.items()
    }


def tally(targets: np.ndarray, predicted: np.ndarray, axis: int = 0) -> tuple[np.ndarray, ...]:
    """Return each class's true positives, rows, and predicted positives, each (classes,).

    Along axis 1, each row's right, true and predicted labels.
    """
    columns = (targets & predicted, targets, predicted)
    return tuple(column.sum(axis=axis, dtype=np.int64) for column in columns)


def kinds(targets: np.ndarray, predicted: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return true and predicted labels of each kind of row, and the number of such rows."""
    # As byte strings, which are sorted much faster than rows of numbers.
    bits = np.packbits(np.hstack([targets, predicted]), axis=1)
    _, first, times = np.unique(
        bits.view(f"V{bits.shape[1]}").ravel(), return_index=True, return_counts=True
    )
    return targets[first], predicted[first], times


def of_counts(
    hits: np.ndarray,
    support: np.ndarray,
    positives: np.ndarray,
    rows: float,
    classes: Classes,
    occurs: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Return the headline scores that follow from the counts of `tally`.

    Args:
        hits: counts as `tally` returns them, or expected ones, shape (..., classes).
        support: likewise.
        positives: likewise.
        rows: number of rows.
        classes: for the task.
        occurs: the classes whose F1 counts, bool, shape (classes,); by default those with a row or
            a prediction.

    Returns:
        Values of shape (...,) by name.
    """
    # Products of counts, of up to four for the correlation, would overflow integers.
    hits, support, positives = (np.asarray(n, dtype=float) for n in (hits, support, positives))
    recall, present = share(hits, support), support > 0
    occurs = support + positives > 0 if occurs is None else occurs
    f1 = share(2 * hits, support + positives)
    result = {"f1_macro": share((f1 * occurs).sum(axis=-1), occurs.sum(axis=-1))}
    if classes.multilabel:
        recall = (recall + share(rows - support - positives + hits, rows - support)) / 2
        covariance = rows * hits - support * positives
        variances = support * positives * (rows - support) * (rows - positives)
        result["mcc"] = share(covariance, np.sqrt(variances)).mean(axis=-1)
        result["f1_micro"] = share(2 * hits.sum(axis=-1), (support + positives).sum(axis=-1))
    else:
        covariance = rows * hits.sum(axis=-1) - (support * positives).sum(axis=-1)
        variances = [np.maximum(rows**2 - (n**2).sum(axis=-1), 0) for n in (support, positives)]
        result["mcc"] = share(covariance, np.sqrt(variances[0]) * np.sqrt(variances[1]))
    result["balanced_accuracy"] = share((recall * present).sum(axis=-1), present.sum(axis=-1))
    return result


def share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return part / whole, 0 where whole is 0."""
    part, whole = np.asarray(part, dtype=float), np.asarray(whole, dtype=float)
    return np.divide(part, whole, out=np.zeros(np.broadcast(part, whole).shape), where=whole > 0)


def rarest(targets: np.ndarray, classes: Classes) -> int:
    """Return the class with the fewest training rows of those that occur in `targets`."""
    return int(np.where(targets.any(axis=0), classes.counts, np.inf).argmin())


def ranked_classes(targets: np.ndarray, classes: Classes) -> list[int]:
    """Return the classes to rank: the positive one, or all that some rows have and others lack."""
    support = targets.sum(axis=0, dtype=np.int64)
    columns = range(targets.shape[1]) if classes.positive is None else [classes.positive]
    return [c for c in columns if 0 < support[c] < len(targets)]


def f1_of_rows(targets: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """Return each row's F1 over its labels, shape (rows,); 1 for no labels, true or predicted."""
    hits, support, positives = tally(targets, predicted, axis=1)
    return np.where(support + positives > 0, share(2 * hits, support + positives), 1.0)


def of_rows(targets: np.ndarray, predicted: np.ndarray, classes: Classes) -> dict[str, np.ndarray]:
    """Return the headline scores that are means over rows: each row's by name, shape (rows,)."""
    if classes.multilabel:
        return {"f1_samples": f1_of_rows(targets, predicted)}
    if classes.costs is None:
        return {}
    pairs = targets.argmax(axis=1), predicted.argmax(axis=1)
    return {"expected_cost": cost_matrix(classes)[pairs]}


def row_losses(targets: np.ndarray, probabilities: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return each row's -log p(true class), whose mean is the log-loss, shape (rows,).

    Multi-label: the mean over the labels.
    """
    if multilabel:
        true = np.where(targets > 0, probabilities, 1 - probabilities)
    else:
        true = (targets * probabilities).sum(axis=1, keepdims=True)
    # A float32 probability can round to 0; the bound keeps the mean finite.
    return -np.log(np.maximum(true, 1e-15)).mean(axis=1)


def calibration_error(targets: np.ndarray, probabilities: np.ndarray, multilabel: bool) -> float:
    """Return the expected calibration error: sum_b n_b / n |accuracy - mean confidence|.

    Of the most probable class (multi-label: of every label), in `BINS` bins of equal row counts
    (Nixon et al., Measuring Calibration in Deep Learning, 2019).
    """
    return float(np.abs(row_gaps(targets, probabilities, multilabel).mean(axis=0)).sum())


def row_gaps(targets: np.ndarray, probabilities: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return each row's contribution to the gap of each bin of `calibration_error`.

    Correct (1 or 0) minus confidence, in the column of the confidence's bin; for multi-label rows
    the mean over labels. Equal confidences at the edge of bins are divided between them, so that
    the order of the rows does not matter.

    Returns:
        Shape (rows, bins); the error is the sum of the absolute values of the column means.
    """
    if multilabel:
        confidence, correct = probabilities, targets
    else:
        top = probabilities.argmax(axis=1)[:, None]
        confidence = np.take_along_axis(probabilities, top, axis=1)
        correct = np.take_along_axis(targets, top, axis=1)
    rows, width = confidence.shape
    bins = min(BINS, confidence.size)
    # Bins as array_split makes them: the first few have one more.
    sizes = np.full(bins, confidence.size // bins)
    sizes[: confidence.size % bins] += 1
    after = np.cumsum(sizes)
    ordered = np.sort(confidence, axis=None)
    edges = ordered[after[:-1]]
    gap = (correct - confidence) / width
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
