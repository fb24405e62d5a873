"""A step runs in a folder of its own, and what it writes is kept whole or not at all."""

import json
import multiprocessing
import os
import signal
import time
from pathlib import Path

import pytest

from ballast.study.running import Task, run
from ballast.study.steps import Step
from ballast.study.store import Done, Store

SCRIPT = """
import sys
from pathlib import Path
from ballast.project.errors import UserError

def main(arguments=()):
    {body}
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "src").mkdir()
    return tmp_path


@pytest.fixture
def store(folder):
    return Store(folder / "store")


def task(store: Store, body: str = "", **changes) -> Task:
    """Return a task whose script has this body."""
    Path("src/stage.py").write_text(SCRIPT.format(body=body or "pass"), encoding="utf-8")
    step = Step(
        name=changes.get("name", "stage"),
        command=changes.get("command", "python src/stage.py"),
        code=("src/stage.py",),
        reads=changes.get("reads", ()),
        params={},
        writes=changes.get("writes", ("data/made",)),
    )
    inputs = changes.get("inputs", {})
    return Task(
        step, changes.get("key", "k" * 32), {"a": 1}, inputs, str(Path.cwd()), str(store.folder)
    )


WRITE = 'Path("data/made").mkdir(parents=True); Path("data/made/x").write_text("1")'


def test_what_a_step_writes_is_kept_with_its_digests(store):
    done = run(task(store, WRITE))
    assert (done.error, done.lasting, list(done.files)) == ("", True, ["data/made/x"])
    assert (store.place(done.key) / "data/made/x").read_text() == "1"
    assert store.load(done.key) == done
    # Nothing but the output and the record.
    assert sorted(p.name for p in store.place(done.key).iterdir()) == ["data", "step.json"]
    assert list((store.folder / "running").iterdir()) == []


def test_a_step_that_has_run_does_not_run_again(store):
    first = run(task(store, WRITE))
    assert run(task(store, "raise RuntimeError")) == first


def test_a_step_leaves_the_current_folder_and_the_project_alone(store, folder, capsys):
    before = sorted(folder.rglob("*"))
    run(task(store, f'print("loud"); sys.stderr.write("loud"); {WRITE}'))
    assert Path.cwd() == folder
    outside = [path for path in sorted(folder.rglob("*")) if store.folder not in path.parents]
    assert set(outside) - {store.folder, folder / "src/stage.py"} <= set(before)
    assert capsys.readouterr() == ("", "")


def test_a_step_has_the_parameters_and_the_arguments(store):
    body = 'Path("data").mkdir(); Path("data/made").write_text(str(arguments)'
    body += ' + Path("params.yaml").read_text())'
    done = run(task(store, body, command="python src/stage.py one"))
    assert (store.place(done.key) / "data/made").read_text() == "['one']{a: 1}\n"


def test_a_step_reads_what_steps_before_have_written_and_not_what_dvc_has_left(store, folder):
    for path in ("data/raw/x", "data/first/x", "data/first/stale"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"project {path}", encoding="utf-8")
    made = 'Path("data/first").mkdir(parents=True); Path("data/first/x").write_text("ours")'
    first = run(task(store, made, key="a" * 32, writes=("data/first",)))
    copy = (
        'Path("data/made").mkdir(); [Path("data/made", f.parent.name + f.name)'
        '.write_bytes(f.read_bytes()) for f in Path("data").glob("[fr]*/*")]'
    )
    done = run(
        task(
            store,
            copy,
            reads=("data/raw/x", "data/first/x", "data/first/stale"),
            inputs={"data/first": first.key},
        )
    )
    assert {
        file.name: file.read_text() for file in (store.place(done.key) / "data/made").iterdir()
    } == {"firstx": "ours", "rawx": "project data/raw/x"}
    assert [path.name for path in (store.place(first.key) / "data/first").iterdir()] == ["x"]


def test_of_a_trained_model_the_ledger_alone_is_kept(store):
    body = """for name in ("ledger.json", "network.json", "0/weights.npy"):
        for out in ("models/model", "data/scored/model"):
            Path(out, name).parent.mkdir(parents=True, exist_ok=True)
            Path(out, name).write_text(name)"""
    outs = ("data/scored/model", "models/model")
    done = run(task(store, body, name="train@model", writes=outs))
    place = store.place(done.key)
    assert [path.name for path in (place / "models/model").iterdir()] == ["ledger.json"]
    assert len(list((place / "data/scored/model").iterdir())) == 3
    # Digests are of all that it has written.
    assert len(done.files) == 6


def test_what_a_user_can_mend_is_kept(store):
    done = run(task(store, f'{WRITE}; raise UserError("no such column")'))
    assert (done.error, done.lasting, done.files) == ("no such column", True, {})
    assert store.load(done.key) == done
    assert [path.name for path in store.place(done.key).iterdir()] == ["step.json"]
    assert run(task(store, WRITE)) == done


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ('raise MemoryError("no more")', "MemoryError: no more (stage.py:7)"),
        ("[][1]", "IndexError: list index out of range (stage.py:7)"),
    ],
)
def test_any_other_error_is_told_and_tried_again(store, body, said):
    done = run(task(store, body))
    assert (done.error, done.lasting) == (said, False)
    assert store.load(done.key) is None
    assert run(task(store, WRITE)).error == ""


def test_a_module_is_run_by_its_name(store):
    """As the judging of rows is, which here finds nothing to judge."""
    done = run(task(store, command="ballast.study.scoring"))
    assert done.lasting
    assert done.error.startswith("params.yaml lacks seed")


# The store.


def test_a_step_that_was_faster_elsewhere_wins(store):
    first = Done("k" * 32, {}, 1.0)
    for done in (first, Done("k" * 32, {}, 2.0)):
        with store.workspace() as folder:
            store.save(done, folder)
    assert store.load("k" * 32) == first
    assert list((store.folder / "running").iterdir()) == []


def test_a_killed_step_leaves_nothing_that_counts(store):
    body = WRITE + "; import time; time.sleep(60)"
    waiting = task(store, body)
    process = multiprocessing.get_context("spawn").Process(target=run, args=(waiting,))
    process.start()
    for _ in range(600):
        if list(store.folder.glob("running/*/data/made/x")):
            break
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    assert list(store.folder.glob("running/*/data/made/x"))
    assert store.load(waiting.key) is None
    store.tidy()
    assert not (store.folder / "running").exists()
    assert run(task(store, WRITE)).error == ""


def test_tidying_leaves_what_is_kept(store):
    done = run(task(store, WRITE))
    store.tidy()
    assert store.load(done.key) == done
    assert json.loads((store.place(done.key) / "step.json").read_text())["key"] == done.key
