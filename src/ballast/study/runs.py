"""Scores of every strategy with every seed, on the held-out rows and on such rows drawn anew."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass

import numpy as np

from ballast.labels.classes import Classes
from ballast.study import redrawing

Predicted = Mapping[str, Mapping[Hashable, np.ndarray]]


@dataclass(frozen=True)
class Runs:
    """Scores of all strategies and seeds, as seen and on rows drawn anew.

    Attributes:
        places: {strategy: {seed: place of the run}}.
        seen: "score", shape (runs,), "f1" and "recall", shape (runs, classes).
        drawn: likewise, with a first axis for the replicates.
        seed: seed of the draws.
    """

    places: dict[str, dict[Hashable, int]]
    seen: dict[str, np.ndarray]
    drawn: dict[str, np.ndarray]
    seed: int

    def common(self, one: str, other: str | None) -> list[Hashable]:
        """Return the seeds of both strategies, or of one."""
        seeds = self.places[one]
        return [seed for seed in seeds if other is None or seed in self.places[other]]


def runs(
    targets: np.ndarray,
    predicted: Predicted,
    classes: Classes,
    units: np.ndarray,
    score: str,
    replicates: int,
    seed: int,
) -> Runs:
    """Return the scores of each strategy and seed, and on rows drawn anew, once for all of them.

    Args:
        targets: multi-hot labels, uint8, shape (rows, classes).
        predicted: {strategy: {seed: labels, likewise}}.
        classes: for the task.
        units: rows with the same number are drawn together, shape (rows,).
        score: as `evaluation.scores.of_counts` names it.
        replicates: number of draws, fewer where rows are many.
        seed: seed of the draws.
    """
    names = [(name, j) for name, by_seed in predicted.items() for j in by_seed]
    places: dict[str, dict[Hashable, int]] = {name: {} for name in predicted}
    for place, (name, j) in enumerate(names):
        places[name][j] = place
    labels = [predicted[name][j] for name, j in names]
    cells = redrawing.cells(targets, labels, units, classes.multilabel)
    numbers = {name: number for number, name in enumerate(predicted)}
    likely = redrawing.smoothed(cells, [numbers[name] for name, _ in names])
    drawn = redrawing.redraw(likely, score, seed, replicates)
    return Runs(places, cells.values(cells.counts @ cells.summands, score), drawn, seed)
