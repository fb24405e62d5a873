"""The rows of several cells side by side: true labels, and those that each cell gives."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ballast.labels import parts
from ballast.labels.classes import Classes, LabelSet
from ballast.labels.parts import Split
from ballast.project.errors import UserError
from ballast.rows.grouping import units
from ballast.rows.prepared import Prepared
from ballast.study import scoring
from ballast.study.cells import Cell
from ballast.study.contending import contenders
from ballast.study.judgement import Judgement
from ballast.study.judging import judge
from ballast.study.plan import Plan
from ballast.study.store import Store


@dataclass(frozen=True)
class Rows:
    """Rows on which strategies are held against each other.

    Attributes:
        ids: the rows' ids.
        targets: multi-hot labels, uint8, shape (rows, classes).
        units: rows with the same number are duplicates, or of one group, shape (rows,).
        classes: those of the training rows.
        predicted: {strategy: {seed: labels, likewise}}.
        scores: {strategy: {seed: headline scores by name}}.
    """

    ids: list[str]
    targets: np.ndarray
    units: np.ndarray
    classes: Classes
    predicted: dict[str, dict[int, np.ndarray]]
    scores: dict[str, dict[int, dict[str, float]]]

    def judge(self, plan: Plan) -> Judgement:
        """Judge the strategies against the plan's baseline."""
        return judge(
            self.targets,
            self.predicted,
            plan.baseline,
            self.classes,
            self.units,
            score=plan.score,
            level=plan.level,
        )

    def contenders(self, plan: Plan, looks: int) -> set[str]:
        """Return the strategies that can still win, asked so often in all."""
        return contenders(
            self.targets,
            self.predicted,
            plan.baseline,
            self.classes,
            self.units,
            looks=looks,
            score=plan.score,
        )


def gather(
    folders: Mapping[Cell, Path], store: Store, wanted: Callable[[Split], np.ndarray]
) -> Rows:
    """Read what some cells have predicted.

    Args:
        folders: what `scoring.save` has written, by cell; at least one.
        store: of what has run.
        wanted: from the split to the numbers of the rows.

    Raises:
        UserError: the rows of two cells differ.
    """
    first = next(iter(folders))
    prepared = first.place(store, "data/prepared") / "data/prepared"
    labels = LabelSet.load(prepared / "classes.json")
    split = parts.load(len(labels.labels), first.place(store, "data/split") / "data/split")
    rows, places = Prepared(prepared), wanted(split)
    ids = split.names(places)
    predicted: dict = defaultdict(dict)
    scores: dict = defaultdict(dict)
    for cell, folder in folders.items():
        own_ids, own, headline = scoring.load(folder, len(labels.labels))
        if own_ids != ids:
            raise UserError(f"{cell.strategy.name}, seed {cell.seed}, has other rows than others.")
        predicted[cell.strategy.name][cell.seed] = own
        scores[cell.strategy.name][cell.seed] = headline
    return Rows(
        ids=ids,
        targets=split.targets[places],
        units=units(rows.groups, rows.duplicates)[places],
        classes=labels.classes(split.targets[split.training], first.params["costs"]),
        predicted=dict(predicted),
        scores=dict(scores),
    )
