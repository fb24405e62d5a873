"""Studies as DVC has them: cells as queued experiments, and any experiments judged as a study is.

An experiment's results in Git are the labels of test rows. Many experiments that are judged on them
wear them out, which a study on held-out rows does not.
"""

import json
import re
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ballast.comparison.pairs import is_multilabel
from ballast.comparison.revisions import Revision, read
from ballast.labels.classes import Classes, labels_of
from ballast.project import params
from ballast.project.errors import UserError
from ballast.study.cells import Cell
from ballast.study.judgement import Judgement
from ballast.study.judging import judge
from ballast.study.plan import Plan

# Experiments that `queue` names are those of one strategy with several seeds.
NAME = "study-{strategy}-{seed}"
# The run that the workspace has.
WORKSPACE = "workspace"
# What two seeds of one strategy differ in.
OF_SEEDS = ("seed", "split.seed")


def queue(cells: Sequence[Cell], project: Mapping[str, Any]) -> Iterator[str]:
    """Make each cell an experiment in DVC's queue, and yield its name.

    Args:
        cells: of a study.
        project: all of params.yaml.

    Raises:
        UserError: DVC refuses one.
    """
    before = params.flat(project)
    for cell in cells:
        name = NAME.format(strategy=cell.strategy.name, seed=cell.seed)
        settings = [
            part
            for place, value in params.flat(cell.params).items()
            if place not in before or before[place] != value
            # What params.yaml lacks is added.
            for part in ("-S", f"{'' if place in before else '++'}{place}={json.dumps(value)}")
        ]
        command = [sys.executable, "-m", "dvc", "exp", "run", "--queue", "--force", "--name", name]
        done = subprocess.run([*command, *settings], capture_output=True, text=True)
        if done.returncode:
            raise UserError(f"DVC does not queue {name}: {done.stderr.strip() or done.stdout}")
        yield name


def judge_experiments(plan: Plan) -> Judgement:
    """Judge the experiments that began from HEAD, and the workspace, on their common test rows.

    Those whose parameters differ in seeds alone are one strategy. The baseline is the plan's if
    there is an experiment of that name, else the workspace.

    Raises:
        UserError: there are no experiments, or their test rows have nothing in common.
    """
    from dvc.repo import Repo

    with Repo() as repo:
        found = [name for pairs in repo.experiments.ls().values() for name, _ in pairs if name]
    if not found:
        raise UserError(
            "there are no experiments that began from HEAD: `ballast study --queue` and "
            "`dvc queue start` make some."
        )
    runs = [read(name) for name in found]
    strategies = _strategies([*runs, read(None)])
    baseline = plan.baseline if plan.baseline in strategies else WORKSPACE
    ids, rows = _common([run for seeds in strategies.values() for run in seeds.values()])
    names = sorted({name for run in runs for name in run.classes})
    several = is_multilabel([row for run in runs for row in run.predictions.values()], names)
    place = {name: number for number, name in enumerate(names)}
    targets = _multi_hot([labels_of(row, several) for row in rows], place)
    predicted = {
        strategy: {
            seed: _multi_hot([labels_of(run.predictions[i][1], several) for i in ids], place)
            for seed, run in seeds.items()
        }
        for strategy, seeds in strategies.items()
    }
    classes = Classes(tuple(names), targets.sum(axis=0), len(ids), several)
    units = np.arange(len(ids))
    return judge(targets, predicted, baseline, classes, units, score=plan.score, level=plan.level)


def _strategies(runs: Sequence[Revision]) -> dict[str, dict[int, Revision]]:
    """Return the runs by strategy and seed."""
    groups: dict[str, dict[int, Revision]] = defaultdict(dict)
    for run in runs:
        flat = params.flat(run.params)
        settings = {place: value for place, value in flat.items() if place not in OF_SEEDS}
        # The workspace may be one of the experiments.
        groups[json.dumps(settings, sort_keys=True)].setdefault(flat["seed"], run)
    return {_name(list(seeds.values())): seeds for seeds in groups.values()}


def _name(runs: Sequence[Revision]) -> str:
    named = re.fullmatch(NAME.format(strategy="(.+)", seed=r"\d+"), runs[0].name)
    return named[1] if named else runs[0].name


def _common(runs: Sequence[Revision]) -> tuple[list[str], list[str]]:
    """Return the ids that all runs have with the same true labels, and these."""
    first, *others = runs
    ids = [
        row
        for row, (actual, _) in first.predictions.items()
        if all(run.predictions.get(row, (None,))[0] == actual for run in others)
    ]
    if not ids:
        raise UserError(
            "the experiments have no test row in common: run all with the same data, `split` and, "
            "where seeds differ, the same `split.seed`."
        )
    return ids, [first.predictions[row][0] for row in ids]


def _multi_hot(rows: Sequence[Sequence[str]], place: Mapping[str, int]) -> np.ndarray:
    matrix = np.zeros((len(rows), len(place)), dtype=np.uint8)
    for number, labels in enumerate(rows):
        matrix[number, [place[label] for label in labels]] = 1
    return matrix
