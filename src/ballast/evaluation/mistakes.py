"""The hardest errors: rows whose true labels had the lowest probabilities."""

from dataclasses import dataclass

import numpy as np

from ballast.evaluation.scores import row_losses
from ballast.labels.classes import Classes


@dataclass(frozen=True)
class Mistake:
    """A wrongly predicted test row.

    Attributes:
        row: its number among the test rows.
        actual: names of its labels.
        predicted: names of the predicted labels.
        probabilities: of the labels in either, by name.
    """

    row: int
    actual: list[str]
    predicted: list[str]
    probabilities: dict[str, float]


def hardest(
    targets: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    most: int,
) -> list[Mistake]:
    """Return the mistakes with the largest log-loss, largest first.

    Args:
        targets: multi-hot labels of the test rows, shape (rows, classes).
        predicted: likewise.
        probabilities: shape (rows, classes).
        classes: for the names and the task.
        most: largest number of mistakes.
    """
    wrong = np.flatnonzero((targets != predicted).any(axis=1))
    losses = row_losses(targets[wrong], probabilities[wrong], classes.multilabel)
    names, mistakes = classes.names, []
    for row in wrong[np.argsort(-losses, kind="stable")[:most]].tolist():
        codes = [np.flatnonzero(labels[row]).tolist() for labels in (targets, predicted)]
        by_name = {names[c]: float(probabilities[row, c]) for side in codes for c in side}
        mistakes.append(Mistake(row, *([names[c] for c in side] for side in codes), by_name))
    return mistakes
