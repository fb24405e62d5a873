"""Headline scores and per-class scores of predicted labels and probabilities."""

import warnings
from typing import Literal

import numpy as np
from sklearn import metrics
from sklearn.exceptions import UndefinedMetricWarning

from ballast.classes import Classes

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
LOWER_IS_BETTER = ("log_loss", "calibration_error")


def headline(
    targets: np.ndarray, predicted: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> dict[str, float]:
    """Return the headline scores by name (`Headline`).

    f1_macro is the mean of the classes' F1 (Opitz and Burst 2019); balanced_accuracy the mean of
    the classes' recalls (multi-label: of each label's presence and absence); recall_rarest the
    recall of the class with the fewest training rows of those that `targets` has.
    average_precision and roc_auc are those of the positive class, or the mean of each class against
    the rest, over the classes for which the rows define them. mcc of a multi-label task is the mean
    over labels. A class without a row in `targets` counts with F1 0.

    Args:
        targets: multi-hot labels, shape (rows, classes).
        predicted: likewise.
        probabilities: shape (rows, classes).
        classes: the classes as they stand in the training rows.
    """
    by_class = per_class(targets, predicted, classes)
    f1 = np.array(list(by_class["f1"].values()))
    recall = np.array(list(by_class["recall"].values()))
    present = targets.any(axis=0)
    rarest = classes.names[int(np.where(present, classes.counts, np.inf).argmin())]
    if classes.multilabel:
        absent = metrics.recall_score(1 - targets, 1 - predicted, average=None, zero_division=0)
        balanced = float((recall + absent)[present].mean() / 2)
        columns = zip(targets.T, predicted.T, strict=True)
        mcc = float(np.mean([_mcc(*pair) for pair in columns]))
    else:
        balanced = float(recall[present].mean())
        mcc = _mcc(targets.argmax(axis=1), predicted.argmax(axis=1))
    return {
        "f1_macro": float(f1.mean()),
        "balanced_accuracy": balanced,
        "mcc": mcc,
        "recall_rarest": by_class["recall"][rarest],
        "average_precision": _ranking(
            metrics.average_precision_score, targets, probabilities, classes
        ),
        "roc_auc": _ranking(metrics.roc_auc_score, targets, probabilities, classes),
        "log_loss": log_loss(targets, probabilities, classes.multilabel),
        "calibration_error": calibration_error(targets, probabilities, classes.multilabel),
    }


def per_class(
    targets: np.ndarray, predicted: np.ndarray, classes: Classes
) -> dict[str, dict[str, float]]:
    """Return {"f1": {class: value}, ...} for f1, recall, precision and support."""
    values = metrics.precision_recall_fscore_support(
        targets, predicted, labels=range(len(classes.names)), average=None, zero_division=0
    )
    precision, recall, f1, support = (column.tolist() for column in values)
    columns = {"f1": f1, "recall": recall, "precision": precision, "support": support}
    return {name: dict(zip(classes.names, column, strict=True)) for name, column in columns.items()}


def log_loss(targets: np.ndarray, probabilities: np.ndarray, multilabel: bool) -> float:
    """Return the mean of -log p(true class) over rows, or multi-label over rows and labels."""
    if multilabel:
        true = np.where(targets > 0, probabilities, 1 - probabilities)
    else:
        true = (targets * probabilities).sum(axis=1)
    # A float32 score can round to 0; a bound keeps the mean finite and the row visibly bad.
    return float(-np.log(np.maximum(true, 1e-15)).mean())


def calibration_error(
    targets: np.ndarray, probabilities: np.ndarray, multilabel: bool, bins: int = 10
) -> float:
    """Return the expected calibration error: sum_b n_b / n |share right - mean confidence|.

    Of the most probable class (multi-label: of every label), in `bins` bins of equal row counts
    (Nixon et al., Measuring Calibration in Deep Learning, 2019).
    """
    if multilabel:
        confidence, right = probabilities.ravel(), targets.ravel()
    else:
        top = probabilities.argmax(axis=1)[:, None]
        confidence = np.take_along_axis(probabilities, top, axis=1)[:, 0]
        right = np.take_along_axis(targets, top, axis=1)[:, 0]
    # Rows of equal confidence share their mean: the order of the rows must not matter.
    _, level, count = np.unique(confidence, return_inverse=True, return_counts=True)
    right = (np.bincount(level, weights=right) / count)[level]
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, min(bins, len(order)))
    gaps = [abs(right[part].sum() - confidence[part].sum()) for part in parts]
    return float(np.sum(gaps) / len(order))


def _mcc(true: np.ndarray, predicted: np.ndarray) -> float:
    # Where one label is all there is, scikit-learn returns 0 as well, with a warning.
    if (true == true[0]).all() and (predicted == true[0]).all():
        return 0.0
    return float(metrics.matthews_corrcoef(true, predicted))


def _ranking(score, targets: np.ndarray, probabilities: np.ndarray, classes: Classes) -> float:
    columns = range(targets.shape[1]) if classes.positive is None else [classes.positive]
    with warnings.catch_warnings():
        # A class with no row, or with every row, has no ranking; the mean leaves it out.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        values = [
            score(targets[:, c], probabilities[:, c])
            for c in columns
            if 0 < targets[:, c].sum() < len(targets)
        ]
    return float(np.mean(values)) if values else 0.0
