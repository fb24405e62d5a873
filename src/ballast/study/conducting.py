"""Conduct a study: train every strategy with every seed, judge, and look at the test rows once."""

import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ballast.labels.classes import LabelSet
from ballast.project import params
from ballast.project.errors import UserError
from ballast.rows.dataset import Layout
from ballast.study import testing
from ballast.study.cells import Cell, Engine, Workshop
from ballast.study.judged import Rows, gather
from ballast.study.judgement import Judgement
from ballast.study.learning_curve import LearningCurve, learning_curve
from ballast.study.plan import Plan, Strategy, strategies
from ballast.study.running import Task, run
from ballast.study.scoring import FOLDER
from ballast.study.steps import judging, pipeline
from ballast.study.store import Store

# Models that are trained without TensorFlow, in seconds.
FAST = ("linear", "boosting")


@dataclass(frozen=True)
class Study:
    """What came of a study.

    Attributes:
        plan: what was asked.
        project: all of params.yaml.
        cells: every training on all training rows.
        left_out: why strategies do not fit the data, by name.
        judgement: on held-out rows.
        test: the same on test rows, of the winner and the baseline alone.
        on_shares: every training on some of them, for the learning curve.
        curve: of the winner, or the baseline; None if none was asked for.
        held_out: the rows behind `judgement`.
        tested: those behind `test`.
    """

    plan: Plan
    project: dict[str, Any]
    cells: list[Cell]
    left_out: dict[str, str]
    judgement: Judgement
    test: Judgement
    on_shares: list[Cell]
    curve: LearningCurve | None
    held_out: Rows
    tested: Rows


def conduct(
    plan: Plan,
    store: Store,
    engine: Engine,
    told: Callable[[Cell], None],
    begin: Callable[[int], None],
    minutes: float | None = None,
    every_seed: bool = False,
) -> Study:
    """Run what has not run yet, and judge.

    Args:
        plan: the study's.
        store: of what has run.
        engine: runs steps.
        told: is called with each cell when it ends.
        begin: is called with the number of cells that are about to run.
        minutes: begin nothing new after so many.
        every_seed: train all strategies with all seeds, those too that can't win any more.

    Raises:
        UserError: the data can't be read or split, or the baseline can't be trained.
    """
    project = params.load()
    store.tidy()
    deadline = None if minutes is None else time.monotonic() + 60 * minutes
    workshop = Workshop(store, engine, Path.cwd(), told, deadline)
    layout, labels = _prepared(project, store)
    known, left_out = strategies(plan, project, layout, labels.task == "multilabel")
    trained = _train(plan, known, workshop, begin, every_seed)
    rows = _held_out(plan, trained, store)
    judgement = rows.judge(plan)
    best = judgement.winner or plan.baseline
    by_share = _on_shares(plan, next(each for each in known if each.name == best), workshop, begin)
    finalists = [cell for cell in trained if cell.strategy.name in {best, plan.baseline}]
    test = _test(plan, finalists, store)
    return Study(
        plan=plan,
        project=project,
        cells=trained,
        left_out=left_out,
        judgement=judgement,
        test=test.judge(plan),
        on_shares=[cell for each in by_share.values() for cell in each],
        curve=_curve(plan, best, by_share, store),
        held_out=rows,
        tested=test,
    )


def cells(plan: Plan, store: Store) -> list[Cell]:
    """Return every cell of a plan that fits the data.

    Raises:
        UserError: as `conduct`.
    """
    project = params.load()
    layout, labels = _prepared(project, store)
    known, _ = strategies(plan, project, layout, labels.task == "multilabel")
    return [Cell(strategy, seed) for seed in plan.seeds for strategy in known]


def _prepared(project: dict[str, Any], store: Store) -> tuple[Layout, LabelSet]:
    """Prepare the data set, and return its columns and labels."""
    step = pipeline(project)[0]
    task = Task(step, step.key({}), project, {}, str(Path.cwd()), str(store.folder))
    done = run(task)
    if done.error:
        raise UserError(done.error)
    place = store.place(done.key)
    return Layout.load(place / "models"), LabelSet.load(place / "data/prepared/classes.json")


def _train(
    plan: Plan,
    known: Sequence[Strategy],
    workshop: Workshop,
    begin: Callable[[int], None],
    every_seed: bool,
) -> list[Cell]:
    """Train all strategies with the first seed, and then those that can still win with others."""
    trained: list[Cell] = []
    left, rounds = list(known), [plan.seeds] if every_seed else _rounds(plan.seeds)
    for seeds in rounds:
        if trained:
            still = _held_out(plan, trained, workshop.store).contenders(plan, len(rounds) - 1)
            left = [strategy for strategy in left if strategy.name in still]
        new = [Cell(strategy, seed) for seed in seeds for strategy in left]
        begin(len(new))
        in_time = workshop.deadline is not None
        workshop.run(_in_order(new, plan.baseline, _seconds(trained), in_time))
        trained += new
    return trained


def _rounds(seeds: Sequence[int]) -> list[Sequence[int]]:
    """Return the seeds of each round: one, then two, then four, and so on.

    >>> _rounds([0, 1, 2, 3, 4])
    [[0], [1, 2], [3, 4]]
    """
    ends = [2**number - 1 for number in range(len(seeds).bit_length() + 1)]
    return [seeds[begin:end] for begin, end in pairwise(ends) if seeds[begin:end]]


def _in_order(
    cells: Sequence[Cell], baseline: str, spent: Mapping[str, float], in_time: bool
) -> list[Cell]:
    """Return the baseline first, without which nothing can be judged, then the others by cost.

    Against the clock, the cheapest come first. Else the dearest do, so that no process is left with
    one of them at the end. Before a cost is known, TensorFlow's models are the dear ones.
    """

    def cost(cell: Cell) -> tuple[bool, float]:
        return cell.params["model"] not in FAST, spent.get(cell.strategy.name, 0.0)

    ordered = sorted(cells, key=cost, reverse=not in_time)
    return sorted(ordered, key=lambda cell: cell.strategy.name != baseline)


def _seconds(cells: Iterable[Cell]) -> dict[str, float]:
    spent: dict[str, float] = defaultdict(float)
    for cell in cells:
        spent[cell.strategy.name] += cell.seconds
    return spent


def _held_out(plan: Plan, cells: Sequence[Cell], store: Store) -> Rows:
    """Return the held-out rows as the cells label them.

    Raises:
        UserError: the baseline has none.
    """
    if not any(cell.judged for cell in cells if cell.strategy.name == plan.baseline):
        errors = [cell.error for cell in cells if cell.strategy.name == plan.baseline]
        why = next(filter(None, errors), "the time was up before it was trained")
        raise UserError(f"the baseline {plan.baseline} has no result: {why}")
    return _labelled(cells, store)


def _labelled(cells: Sequence[Cell], store: Store) -> Rows:
    folders = {cell: cell.place(store, str(FOLDER)) / FOLDER for cell in cells if cell.judged}
    return gather(folders, store, lambda split: split.held_out)


def _test(plan: Plan, cells: Sequence[Cell], store: Store) -> Rows:
    """Return the test rows as some cells label them: the only look at them."""
    folders = {}
    for cell in cells:
        if cell.judged:
            step = judging(cell.params, testing.__name__)
            done = run(cell.task_of(step, step.key(cell.written), store, Path.cwd()))
            if done.error:
                raise UserError(done.error)
            folders[cell] = store.place(done.key) / testing.FOLDER
    return gather(folders, store, lambda split: split.test)


def _on_shares(
    plan: Plan, strategy: Strategy, workshop: Workshop, begin: Callable[[int], None]
) -> dict[float, list[Cell]]:
    """Train a strategy on the shares of the learning curve, from the smallest."""
    shares = sorted(plan.learning_curve or [])
    cells = {share: [Cell(strategy, seed, share) for seed in plan.seeds] for share in shares}
    everything = [cell for each in cells.values() for cell in each]
    begin(len(everything))
    workshop.run(everything)
    return cells


def _curve(
    plan: Plan, name: str, cells: Mapping[float, Sequence[Cell]], store: Store
) -> LearningCurve | None:
    """Return the learning curve of a strategy, None where it has less than two points."""
    if len(cells) < 2 or not all(cell.judged for each in cells.values() for cell in each):
        return None
    by_share = [_labelled(each, store) for each in cells.values()]
    last = by_share[-1]
    return learning_curve(
        np.stack([rows.classes.counts for rows in by_share]),
        last.targets,
        [rows.predicted[name] for rows in by_share],
        last.classes,
        last.units,
        score=plan.score,
        level=plan.level,
    )
