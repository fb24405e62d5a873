"""Conduct a study: train every strategy with every seed, judge, and look at the test rows once."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ballast.labels import parts
from ballast.labels.classes import Classes, LabelSet
from ballast.labels.parts import Split
from ballast.project import params
from ballast.project.errors import UserError
from ballast.rows.dataset import Layout
from ballast.rows.grouping import units
from ballast.rows.prepared import Prepared
from ballast.study import learning_curve, scoring, testing
from ballast.study.cells import Cell, Engine, Workshop
from ballast.study.judging import Judgement, contenders, judge
from ballast.study.plan import Plan, Strategy, strategies
from ballast.study.running import Task, run
from ballast.study.steps import judging, pipeline
from ballast.study.store import Store

# Models that are trained without TensorFlow, in seconds.
FAST = ("linear", "boosting")


@dataclass(frozen=True)
class Data:
    """The rows on which strategies are held against each other.

    Attributes:
        split: of the data set, the same test rows for all.
        classes: those of the training rows.
        units: of each row of the data set, shape (rows,).
    """

    split: Split
    classes: Classes
    units: np.ndarray


@dataclass(frozen=True)
class Study:
    """What came of a study.

    Attributes:
        plan: what was asked.
        project: all of params.yaml.
        data: the rows.
        cells: every training of all training rows.
        curve_cells: those of smaller shares, with the strategy of the learning curve.
        left_out: why strategies do not fit the data, by name.
        judgement: on held-out rows.
        test: the same of the winner and the baseline on test rows; of the baseline, its scores.
        curve: the learning curve, None if none was asked for.
    """

    plan: Plan
    project: dict[str, Any]
    data: Data
    cells: list[Cell]
    curve_cells: list[Cell]
    left_out: dict[str, str]
    judgement: Judgement
    test: Judgement
    curve: learning_curve.Curve | None


def conduct(
    plan: Plan,
    engine: Engine,
    told: Callable[[Cell], None],
    begin: Callable[[int], None],
    minutes: float | None = None,
) -> Study:
    """Run what has not run yet, and judge.

    Args:
        plan: the study's.
        engine: runs steps.
        told: is called with each cell when it ends.
        begin: is called with the number of cells that are about to run.
        minutes: begin nothing new after so many, and drop strategies that can't win any more.

    Raises:
        UserError: the data can't be read or split, or the baseline can't be trained.
    """
    project, store = params.load(), Store()
    store.tidy()
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    workshop = Workshop(store, engine, Path.cwd(), told, deadline)
    layout, labels = _prepared(project, store)
    known, left_out = strategies(plan, project, layout, labels.task == "multilabel")
    cells = (_all_at_once if minutes is None else _race)(plan, known, workshop, begin)
    judgement, data = _judge(plan, cells, store)
    best = judgement.winner or plan.baseline
    curve_cells = _smaller(plan, next(each for each in known if each.name == best))
    begin(len(curve_cells))
    workshop.run(curve_cells)
    whole = [cell for cell in cells if cell.strategy.name == best]
    return Study(
        plan,
        project,
        data,
        cells,
        curve_cells,
        left_out,
        judgement,
        _test(plan, [cell for cell in cells if cell.strategy.name in {best, plan.baseline}], store),
        _curve([*curve_cells, *whole], data, plan, store) if curve_cells else None,
    )


def _prepared(project: dict[str, Any], store: Store) -> tuple[Layout, LabelSet]:
    """Prepare the data set, and return its columns and labels."""
    step = pipeline(project)[0]
    task = Task(step, step.key({}), project, {}, str(Path.cwd()), str(store.folder))
    done = run(task)
    if done.error:
        raise UserError(done.error)
    place = store.place(done.key)
    return Layout.load(place / "models"), LabelSet.load(place / "data/prepared/classes.json")


def _all_at_once(
    plan: Plan, known: Sequence[Strategy], workshop: Workshop, begin: Callable[[int], None]
) -> list[Cell]:
    cells = [Cell(strategy, seed) for seed in plan.seeds for strategy in known]
    begin(len(cells))
    # What takes longest goes first, so that no process is left with it at the end.
    workshop.run(sorted(cells, key=lambda cell: cell.params["model"] in FAST))
    return cells


def _race(
    plan: Plan, known: Sequence[Strategy], workshop: Workshop, begin: Callable[[int], None]
) -> list[Cell]:
    """Train all strategies with the first seed, then those that can still win with another."""
    cells: list[Cell] = []
    left = list(known)
    for seed in plan.seeds:
        spent = _seconds(cells)
        order = [Cell(strategy, seed) for strategy in left]
        order.sort(
            key=lambda cell: (
                cell.strategy.name != plan.baseline,
                cell.params["model"] not in FAST,
                spent.get(cell.strategy.name, 0.0),
            )
        )
        begin(len(order))
        workshop.run(order)
        cells += order
        judgement, _ = _judge(plan, cells, workshop.store)
        still = contenders(judgement, looks=len(plan.seeds))
        left = [strategy for strategy in left if strategy.name in still]
    return cells


def _seconds(cells: Iterable[Cell]) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    for cell in cells:
        spent[cell.strategy.name] += cell.seconds
    return spent


def _judge(plan: Plan, cells: Sequence[Cell], store: Store) -> tuple[Judgement, Data]:
    judged = [cell for cell in cells if cell.judged]
    if plan.baseline not in {cell.strategy.name for cell in judged}:
        reasons = [
            cell.error for cell in cells if cell.strategy.name == plan.baseline and cell.error
        ]
        why = reasons[0] if reasons else "the time was up before it was trained"
        raise UserError(f"the baseline {plan.baseline} has no result: {why}")
    data = _data(judged[0], store)
    rows = data.split.held_out
    predicted: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    for cell in judged:
        predicted[cell.strategy.name][cell.seed] = _labels(cell, data, store)
    return (
        judge(
            data.split.targets[rows],
            predicted,
            plan.baseline,
            data.classes,
            data.units[rows],
            score=plan.score,
            level=plan.level,
        ),
        data,
    )


def _data(cell: Cell, store: Store) -> Data:
    prepared = cell.place(store, "data/prepared") / "data/prepared"
    labels = LabelSet.load(prepared / "classes.json")
    split = parts.load(len(labels.labels), cell.place(store, "data/split") / "data/split")
    rows = Prepared(prepared)
    classes = labels.classes(split.targets[split.training], cell.params["costs"])
    return Data(split, classes, units(rows.groups, rows.duplicates))


def _labels(cell: Cell, data: Data, store: Store) -> np.ndarray:
    """Return the labels that a cell gives the held-out rows, in the order of the split."""
    place = cell.place(store, str(scoring.FOLDER)) / scoring.FOLDER
    ids, labels, _ = scoring.load(place, len(data.classes.names))
    assert ids == data.split.names(data.split.held_out), "held-out rows differ between seeds"
    return labels


def _test(plan: Plan, cells: Sequence[Cell], store: Store) -> Judgement:
    """Judge on the test rows: the only look at them."""
    predicted: dict[str, dict[int, np.ndarray]] = defaultdict(dict)
    for cell in cells:
        if not cell.judged:
            continue
        step = judging(cell.params, testing.__name__)
        inputs = dict(cell.inputs)
        root = str(Path.cwd())
        done = run(
            Task(step, step.key(cell.written), cell.params, inputs, root, str(store.folder))
        )
        if done.error:
            raise UserError(done.error)
        data = _data(cell, store)
        place = store.place(done.key) / testing.FOLDER
        predicted[cell.strategy.name][cell.seed] = scoring.load(place, len(data.classes.names))[1]
    rows = data.split.test
    return judge(
        data.split.targets[rows],
        predicted,
        plan.baseline,
        data.classes,
        data.units[rows],
        score=plan.score,
        level=plan.level,
    )


def _smaller(plan: Plan, strategy: Strategy) -> list[Cell]:
    shares = [share for share in plan.learning_curve or [] if share < 1]
    return [Cell(strategy, seed, share) for share in shares for seed in plan.seeds]
