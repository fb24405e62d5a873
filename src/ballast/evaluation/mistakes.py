"""The hardest errors: rows that the network was surest not to be what they are."""

from dataclasses import dataclass

import numpy as np

from ballast.evaluation.scores import row_losses
from ballast.labels.classes import Classes


@dataclass(frozen=True)
class Mistake:
    """A test row that was given other labels than it has.

    Attributes:
        row: its place among the test rows.
        actual: its labels.
        predicted: those it was given.
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
    """Return the mistakes whose true labels had the least probability (the largest log-loss).

    Args:
        targets: multi-hot labels of the test rows, shape (rows, classes).
        predicted: likewise.
        probabilities: shape (rows, classes).
        classes: for the names and the task.
        most: how many at most.
    """
    wrong = np.flatnonzero((targets != predicted).any(axis=1))
    losses = row_losses(targets[wrong], probabilities[wrong], classes.multilabel)
    names, found = classes.names, []
    for row in wrong[np.argsort(-losses, kind="stable")[:most]].tolist():
        sides = [np.flatnonzero(labels[row]).tolist() for labels in (targets, predicted)]
        actual, given = ([names[c] for c in side] for side in sides)
        told = {names[c]: float(probabilities[row, c]) for side in sides for c in side}
        found.append(Mistake(row, actual, given, told))
    return found
