"""Cells go through their steps side by side: what they share runs once, and time may be up."""

import itertools

import pytest
from closure import ROOT
from defaults import create, parameters

from ballast.study import steps
from ballast.study.cells import Cell, Workshop
from ballast.study.plan import Strategy
from ballast.study.store import Done, Store

PLAIN = parameters(model="linear", embedding="tfidf")
STAGES = ["split", "resample", "embed@embedding", "train@model", "train@second_model"]


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    for name in ("dvc.yaml", "src"):
        (tmp_path / name).symlink_to(ROOT / name)
    create(tmp_path, PLAIN)
    monkeypatch.chdir(tmp_path)
    steps._stages.cache_clear()
    steps._of_files.cache_clear()
    yield tmp_path
    steps._stages.cache_clear()
    steps._of_files.cache_clear()


class Worker:
    """Runs nothing: what a step writes is told by its name and parameters."""

    def __init__(self, fails: str = "", last: str = "") -> None:
        self.fails = fails
        self.last = last
        self.is_late = False
        self.ran: list[str] = []

    def __call__(self, tasks):
        for task in tasks:
            self.ran.append(task.step.name)
            self.is_late |= task.step.name == self.last
            error = (
                "refused"
                if task.step.name == self.fails and task.params["loss"] != "cross_entropy"
                else ""
            )
            files = {
                f"{out}/file": f"{task.step.name}{task.step.params}" for out in task.step.writes
            }
            yield Done(task.key, {} if error else files, 1.0, error)


def cells(*changes: dict) -> list[Cell]:
    return [
        Cell(Strategy(str(number), PLAIN | change, {}, {}), 0)
        for number, change in enumerate(changes)
    ]


def run(worker: Worker, those: list[Cell], folder, monkeypatch, deadline=None) -> list[Cell]:
    told: list[Cell] = []
    clock = (1.0 if worker.is_late else 0.0 for _ in itertools.count())
    monkeypatch.setattr("ballast.study.cells.time.monotonic", lambda: next(clock))
    Workshop(Store(folder / "store"), worker, folder, told.append, deadline).run(those)
    return told


def test_what_cells_share_runs_once(folder, monkeypatch):
    worker, those = Worker(), cells({}, {"decision": "max_f1"}, {"weighting": "balanced"})
    assert run(worker, those, folder, monkeypatch) == those
    assert all(cell.judged for cell in those)
    assert [worker.ran.count(name) for name in STAGES] == [1, 1, 1, 2, 1]
    assert worker.ran.count("ballast.study.scoring") == 3
    # What is shared counts for each.
    assert {cell.seconds for cell in those} == {len(those[0].steps)}


def test_a_cell_that_fails_ends_alone(folder, monkeypatch):
    worker, those = Worker(fails="train@model"), cells({}, {"loss": "focal"})
    told = run(worker, those, folder, monkeypatch)
    assert told == [those[1], those[0]]
    assert (those[0].judged, those[1].judged, those[1].ended) == (True, False, True)
    assert those[1].error == "refused"


def test_nothing_begins_after_the_deadline(folder, monkeypatch):
    worker, those = Worker(), cells({})
    worker.is_late = True
    assert run(worker, those, folder, monkeypatch, deadline=0.5) == []
    assert worker.ran == []
    assert not those[0].ended


@pytest.mark.parametrize("second", ["none", "mlp"])
def test_what_is_trained_at_the_deadline_is_judged(folder, monkeypatch, second):
    worker = Worker(last="train@model")
    those = cells({"second_model": second}, {"second_model": second, "loss": "focal"})
    assert run(worker, those, folder, monkeypatch, deadline=0.5) == those[:1]
    assert worker.ran.count("train@model") == 1
    assert those[0].judged
    assert not those[1].ended
