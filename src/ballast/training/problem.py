"""What there is to learn, whatever the model: rows, plan, labels, folds."""

from dataclasses import dataclass, replace

import numpy as np

from ballast.labels.classes import Classes, LabelSet
from ballast.labels.parts import Split
from ballast.resampling.plans import Plan
from ballast.training.batches import Table


@dataclass(frozen=True)
class Problem:
    """All rows of the data set, and behind them the sampler's new texts.

    Attributes:
        table: all rows as networks take them.
        plan: the examples to train on, of row numbers of the table.
        targets: multi-hot labels of all rows, shape (rows, classes).
        folds: of all rows, shape (rows,); -1 for a row that every network may learn from, or none.
        origins: number of the row that each row comes from: its own, or a new text's source.
        training: numbers of the training rows.
        held_out: numbers of the held-out rows.
        before: the classes as they stand in the training rows.
        after: the same in the examples that a network sees in an epoch.
        seed: of the first weights, the order of the rows and whatever else is random.
    """

    table: Table
    plan: Plan
    targets: np.ndarray
    folds: np.ndarray
    origins: np.ndarray
    training: np.ndarray
    held_out: np.ndarray
    before: Classes
    after: Classes
    seed: int

    @property
    def network_count(self) -> int:
        """Number of networks: one for each fold."""
        return _count_networks(self.folds)


def build_problem(
    split: Split, plan: Plan, table: Table, labels: LabelSet, costs: dict | None, seed: int
) -> Problem:
    """Return the problem that the stages before training have prepared.

    Args:
        split: of the data set's rows, new texts excluded.
        plan: the sampler's.
        table: all rows, new texts last.
        labels: the label set.
        costs: `costs` in params.yaml.
        seed: the run's.
    """
    sources = np.array([source for source, _ in plan.texts], dtype=int)
    origins = np.concatenate([np.arange(len(split.ids)), sources])
    folds, targets = split.folds[origins], split.targets[origins]
    before = labels.classes(split.targets[split.training], costs)
    # An interpolation between rows of two folds is seen by fewer networks than a row itself.
    numbers = range(_count_networks(folds))
    seen = np.mean([plan.without(folds, fold) for fold in numbers], axis=0)
    times = plan.times * (seen / seen.max())
    return Problem(
        table=table,
        plan=plan,
        targets=targets,
        folds=folds,
        origins=origins,
        training=split.training,
        held_out=split.held_out,
        before=before,
        after=replace(before, counts=times @ plan.targets(targets), rows=times.sum()),
        seed=seed,
    )


def _count_networks(folds: np.ndarray) -> int:
    return max(1, int(folds.max()) + 1)
