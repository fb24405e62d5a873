"""A small project with a study of linear models on short texts, run in this process."""

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import workspace
from click.testing import Result
from defaults import parameters, written_out
from dvc.utils.serialize import dump_yaml
from typer.testing import CliRunner
from workspace import Workspace

from ballast.cli import app
from ballast.setup import demo
from ballast.study import commands, conducting, plan, steps
from ballast.study.cells import Cell
from ballast.study.store import Store

ROWS = 260
# The demo corpus has nine classes: its others are one.
KEPT = ("resultats", "nominations")
STRATEGIES: dict[str, dict | None] = {
    "plain": None,
    "balanced": {"weighting": "balanced"},
    "moved": {"decision": "max_f1"},
    "focal": {"loss": "focal", "losses": {"focal": {"gamma": 1.5}}},
    "trees": {"recipe": "columns"},
}
PLAN = {
    "baseline": "plain",
    "seeds": [0, 1],
    "learning_curve": [0.5, 1.0],
    "common": {
        "loss": "cross_entropy",
        "weighting": "none",
        "decision": "argmax",
        "training": {"epochs": 3},
        "embeddings": {"tfidf": {"characters": None}},
    },
    "strategies": STRATEGIES,
}


def create(folder: Path, **content: Any) -> Workspace:
    """Commit the project's own code with some texts of three classes, and a plan."""
    project = workspace.copy(workspace.listed(*workspace.PARTS), folder)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    file = folder / "data/raw/demo/demo.csv"
    demo.write(file, rows=ROWS)
    lines = file.read_text(encoding="utf-8").splitlines()
    merged = [
        line if line.endswith(KEPT) else f"{line.rpartition(',')[0]},autre" for line in lines[1:]
    ]
    file.write_text("\n".join([lines[0], *merged, ""]), encoding="utf-8")
    values = parameters(model="linear", embedding="tfidf")
    values["split"] |= {"validation": 0.0, "folds": 3}
    values["evaluation"] |= {"replicates": 100}
    dump_yaml(folder / "params.yaml", written_out(values))
    write_plan(folder, **content)
    project.commit("start")
    return project


def write_plan(folder: Path, **content: Any) -> None:
    """Write `study.yaml`."""
    dump_yaml(folder / "study.yaml", PLAN | content)


def copy(project: Path, folder: Path) -> Path:
    """Copy a project with all that its study has left."""
    return Path(shutil.copytree(project, folder, symlinks=True))


def ballast(folder: Path, *arguments: str) -> Result:
    """Run a command in a folder, as a process of its own would that has this code."""
    with _in(folder), mock.patch.object(commands, "_require_own_code"):
        return CliRunner().invoke(app, arguments)


def study(folder: Path, *arguments: str) -> dict[str, Any]:
    """Run a study in this process, and return its results."""
    if "--engine" not in arguments:
        arguments = (*arguments, "--engine", "local:1")
    done = ballast(folder, "study", *arguments)
    assert done.exit_code == 0, (done.output, done.exception)
    return results(folder)


def results(folder: Path) -> dict[str, Any]:
    """Return what a study has found."""
    return json.loads((folder / "study/results.json").read_text(encoding="utf-8"))


def without_seconds(found: dict[str, Any]) -> str:
    """Return results without the time that they took, and as they are written."""
    for entry in found["strategies"].values():
        del entry["seconds"]
    return json.dumps(found)


def keys(folder: Path) -> set[str]:
    """Return the keys of all steps that have run."""
    return {record.parent.name for record in folder.glob("study/cache/??/*/step.json")}


def cells(folder: Path, name: str) -> list[Cell]:
    """Return the cells of a strategy that have run, learning curve included."""
    shares = {1.0, *(plan.load(folder / plan.FILE).learning_curve or [])}
    with _in(folder):
        those = [cell for cell in _cells(shares) if cell.strategy.name == name]
        return [cell for cell in those if _taken(cell, Store())]


def all_cells(folder: Path) -> list[Cell]:
    """Return every cell on all rows, run or not."""
    with _in(folder):
        return _cells({1.0})


def _cells(shares: set[float]) -> list[Cell]:
    asked, store = plan.load(), Store()
    return [
        Cell(cell.strategy, cell.seed, share)
        for cell in conducting.cells(asked, store)
        for share in shares
    ]


@contextlib.contextmanager
def _in(folder: Path) -> Iterator[None]:
    """Be in a project's folder, with its files as they are now."""
    steps._stages.cache_clear()
    steps._of_files.cache_clear()
    with contextlib.chdir(folder):
        yield


def _taken(cell: Cell, store: Store) -> bool:
    """Let a cell take what has run, and return whether that is all of it."""
    while not cell.ended:
        done = store.load(cell.steps[cell.taken].key(cell.written))
        if done is None:
            return False
        cell.take(done)
    return True
