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
            part for each in _changes(before, params.flat(cell.params)) for part in ("-S", each)
        ]
        command = [sys.executable, "-m", "dvc", "exp", "run", "--queue", "--force", "--name", name]
        done = subprocess.run([*command, *settings], capture_output=True, text=True)
        if done.returncode:
            raise UserError(f"DVC does not queue {name}: {done.stderr.strip() or done.stdout}")
        yield name


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Yield what leads from some parameters to others, as `dvc exp run -S` takes it."""
    for place, value in after.items():
        if place not in before or before[place] != value:
            # What params.yaml lacks is added.
            sign = "" if place in before else "++"
            yield f"{sign}{place}={json.dumps(value, ensure_ascii=False)}"
    for place in sorted(before.keys() - after.keys()):
        block, _, _ = place.rpartition(".")
        # Unless the block became a value.
        if any(other.startswith(f"{block}.") for other in after):
            yield f"~{place}"


def judge_experiments(plan: Plan) -> Judgement:
    """Judge the experiments that began from HEAD, and the workspace, on their common test rows.

    Those whose parameters differ in seeds alone are one strategy. The baseline is the plan's if
    there is an experiment of that name, else what the workspace has.

    Raises:
        UserError: there are no experiments, or they have no test rows or no seed in common.
    """
    from dvc.repo import Repo

    with Repo() as repo:
        found = [name for pairs in repo.experiments.ls().values() for name, _ in pairs if name]
    if not found:
        raise UserError(
            "there are no experiments that began from HEAD: `ballast study --queue` and "
            "`dvc queue start` make some."
        )
    here = read(None)
    runs = [*(read(name) for name in found), here]
    strategies = _strategies(runs)
    baseline = plan.baseline
    if baseline not in strategies:
        (baseline,) = (
            name
            for name, seeds in strategies.items()
            if _settings(next(iter(seeds.values()))) == _settings(here)
        )
    _require_seeds(strategies, baseline)
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
        # The workspace may be one of the experiments.
        groups[_settings(run)].setdefault(run.params["seed"], run)
    strategies: dict[str, dict[int, Revision]] = {}
    for seeds in groups.values():
        first = next(iter(seeds.values())).name
        named = re.fullmatch(NAME.format(strategy="(.+)", seed=r"\d+"), first)
        # An older study's experiments may have a strategy's name, and other settings.
        is_new = named is not None and named[1] not in strategies
        strategies[named[1] if is_new else first] = dict(sorted(seeds.items()))
    return strategies


def _require_seeds(strategies: Mapping[str, Mapping[int, Revision]], baseline: str) -> None:
    """Refuse runs that can't be held against the baseline's, seed by seed."""
    seeds = strategies[baseline].keys()
    for name, runs in strategies.items():
        if not seeds & runs.keys():
            listed = ", ".join(map(str, seeds))
            raise UserError(
                f"{name} has no seed of the baseline {baseline} ({listed}): run it with one of "
                f"these, or remove it with `dvc exp remove {next(iter(runs.values())).name}`."
            )


def _settings(run: Revision) -> str:
    """Return what all runs of a strategy have in common."""
    flat = params.flat(run.params)
    return json.dumps({place: flat[place] for place in sorted(flat) if place not in OF_SEEDS})


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
