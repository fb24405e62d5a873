"""`ballast stale` on fresh clones of a small DVC project: what it names, what it leaves alone."""

import re
import subprocess
import sys

import pytest
import workspace
from typer.testing import CliRunner

from ballast.cli import app

PIPELINE = """
stages:
  prepare:
    cmd: python prepare.py
    deps: [prepare.py, "data/raw/${dataset}"]
    params: [dataset]
    outs: [data/prepared]
  train:
    cmd: python train.py
    deps: [data/prepared, data/prepared/rows.csv, "losses/${loss}.py", train.py]
    params: [loss, "losses.${loss}"]
    outs: [model]
  evaluate:
    cmd: python evaluate.py
    deps: [data/prepared/rows.csv, evaluate.py, model]
    metrics: [{metrics/metrics.json: {cache: false}}]
"""
pytestmark = pytest.mark.pipeline

FILES = {
    ".gitignore": "/data/prepared\n/model\n/data/raw/mine\n",
    "dvc.yaml": PIPELINE,
    "params.yaml": (
        "dataset: demo\nloss: plain\nlosses:\n  plain: {tau: 1.0}\n  focal: {gamma: 2.0}\n"
    ),
    "data/raw/demo/demo.csv": "a,b\n",
    "data/raw/mine/mine.csv": "c,d\n",
    "losses/plain.py": "",
    "losses/focal.py": "",
    "prepare.py": (
        "import os, shutil\nos.makedirs('data/prepared', exist_ok=True)\n"
        "shutil.copy('data/raw/demo/demo.csv', 'data/prepared/rows.csv')\n"
    ),
    "train.py": "open('model', 'w').write('weights')\n",
    "evaluate.py": (
        "import os\nos.makedirs('metrics', exist_ok=True)\n"
        "open('metrics/metrics.json', 'w').write('{\"f1\": 0.9}')\n"
    ),
}
RECIPE = "Run `dvc repro`, then `git add dvc.lock metrics && git commit`."


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    project = workspace.Workspace(tmp_path_factory.mktemp("stale") / "origin")
    for name, text in FILES.items():
        (project.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (project.folder / name).write_text(text, encoding="utf-8")
    project.run("git", "init", "--quiet", "--initial-branch", "main")
    project.run("git", "config", "user.name", "Test")
    project.run("git", "config", "user.email", "test@example.org")
    project.run("dvc", "init", "--quiet")
    project.run("dvc", "repro", "--quiet")
    project.run("dvc", "add", "--quiet", "data/raw/mine")
    project.commit("results")
    return project


@pytest.fixture
def clone(origin, tmp_path, monkeypatch):
    """A clone without data, as a workflow has it."""
    origin.run("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    monkeypatch.chdir(tmp_path / "clone")
    assert not (tmp_path / "clone/data/prepared").exists()
    return workspace.Workspace(tmp_path / "clone")


def edit(project, name, old, new):
    text = project.text(name)
    assert old in text
    (project.folder / name).write_bytes(text.replace(old, new, 1).encode())


def refusal():
    done = CliRunner().invoke(app, ["stale"])
    assert done.exit_code == 1
    return done.stderr


def test_a_fresh_clone_is_up_to_date(clone):
    done = CliRunner().invoke(app, ["stale"])
    assert (done.exit_code, done.stdout) == (0, "dvc.lock is up to date: 3 stages.\n")


def test_so_is_the_checkout_with_its_data_whatever_became_of_them(origin, monkeypatch):
    monkeypatch.chdir(origin.folder)
    (origin.folder / "model").unlink()
    assert CliRunner().invoke(app, ["stale"]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "old", "new", "expected"),
    [
        ("train.py", "'w'", "'wt'", "  train: train.py\n"),
        ("train.py", "\n", "\r\n", "  train: train.py\n"),
        ("params.yaml", "tau: 1.0", "tau: 2.0", "  train: losses.plain in params.yaml\n"),
        (
            "params.yaml",
            "loss: plain",
            "loss: focal",
            "  train: losses/focal.py, loss in params.yaml, losses.focal in params.yaml\n",
        ),
        ("dvc.yaml", "python train.py", "python -u train.py", "  train: its command\n"),
        ("dvc.yaml", "evaluate.py, model", "evaluate.py, model, losses", "  evaluate: losses\n"),
        ("dvc.yaml", "outs: [model]", "outs: [model, more]", "  train: more (not in dvc.lock)\n"),
        ("data/raw/demo/demo.csv", "a,b", "a,c", "  prepare: data/raw/demo\n"),
        ("metrics/metrics.json", "0.9", "1.0", "  evaluate: metrics/metrics.json\n"),
    ],
)
def test_what_changed_is_named_with_its_stage_and_what_to_run(clone, name, old, new, expected):
    edit(clone, name, old, new)
    printed = refusal()
    assert expected in printed
    assert RECIPE in printed
    # One line of reason: nothing else is held to have changed.
    assert printed.count("\n  ") == 1


def test_a_stage_that_the_lock_lacks_is_named_and_so_is_one_that_it_has_too_much(clone):
    edit(clone, "dvc.lock", "  evaluate:", "  other:")
    printed = refusal()
    assert "  evaluate: not in dvc.lock\n" in printed
    assert RECIPE in printed
    assert "  other: lines " in printed


def test_stages_that_only_the_lock_has_are_told_with_the_lines_to_delete(clone):
    lock = clone.text("dvc.lock")
    head, entry, tail = lock.partition("  evaluate:\n")
    # In between, at the end, and what a stage leaves that now runs for each of several.
    extra = ["  embed:\n    cmd: python embed.py\n", "  train@model:\n    cmd: python train.py\n"]
    longer = head + extra[0] + entry + tail + extra[1]
    (clone.folder / "dvc.lock").write_text(longer, "utf-8")
    printed = refusal()
    assert "never removes them" in printed
    assert RECIPE not in printed
    places = re.findall(r"  (\S+): lines (\d+) to (\d+)\n", printed)
    assert [name for name, _, _ in places] == ["embed", "train@model"]
    lines = longer.splitlines(keepends=True)
    for _, first, last in reversed(places):
        del lines[int(first) - 1 : int(last)]
    assert "".join(lines) == lock
    (clone.folder / "dvc.lock").write_text(lock, "utf-8")
    assert CliRunner().invoke(app, ["stale"]).exit_code == 0


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("losses/focal.py", "", "# edited\n"),
        ("params.yaml", "gamma: 2.0", "gamma: 3.0"),
        ("dvc.yaml", "cmd: python train.py", "frozen: true\n    cmd: python train.py"),
    ],
)
def test_what_nothing_depends_on_may_change(clone, name, old, new):
    edit(clone, name, old, new)
    assert CliRunner().invoke(app, ["stale"]).exit_code == 0


@pytest.mark.parametrize("place", ["data/prepared", "data/prepared/rows.csv", "model"])
def test_a_lock_put_together_from_two_runs_is_found_without_the_data(clone, place):
    head, path, tail = clone.text("dvc.lock").rpartition(f"path: {place}\n")
    tail = tail.replace("md5: ", "md5: 0", 2).replace("hash: md5: 0", "hash: md5: ", 1)
    (clone.folder / "dvc.lock").write_text(head + path + tail, "utf-8")
    assert f"{place} (dvc.lock or a .dvc file names another one elsewhere)" in refusal()


def test_data_under_dvc_are_told_by_their_dvc_file(clone):
    for name in ("params.yaml", "dvc.lock"):
        edit(clone, name, "dataset: demo", "dataset: mine")
    edit(clone, "dvc.lock", "data/raw/demo", "data/raw/mine")
    assert "  prepare: data/raw/mine (dvc.lock or a .dvc file names" in refusal()
    raw = clone.text("dvc.lock").split("path: data/raw/mine")[1].split("md5: ")[1].split()[0]
    new = clone.text("data/raw/mine.dvc").split("md5: ")[1].split()[0]
    edit(clone, "dvc.lock", raw, new)
    assert CliRunner().invoke(app, ["stale"]).exit_code == 0


@pytest.mark.parametrize(
    ("stage", "name"), [("train", "train.py"), ("evaluate", "metrics/metrics.json")]
)
def test_a_file_that_was_not_committed_is_said_to_be_missing(clone, stage, name):
    (clone.folder / name).unlink()
    assert f"  {stage}: {name} (neither in this checkout nor under DVC)" in refusal()


def test_conflict_markers_and_broken_files_are_said_not_traced(clone):
    text = clone.text("dvc.lock")
    (clone.folder / "dvc.lock").write_text(f"<<<<<<< HEAD\n{text}", "utf-8")
    assert "dvc.lock has conflict markers: take either side with `git checkout" in refusal()
    (clone.folder / "dvc.lock").write_text("stages: [", "utf-8")
    assert "DVC cannot read the project: unable to read: 'dvc.lock'" in refusal()
    (clone.folder / "dvc.lock").unlink()
    assert "dvc.lock does not exist. Run `dvc repro`" in refusal()
    edit(clone, "params.yaml", "loss: plain", "lost: plain")
    (clone.folder / "dvc.lock").write_text(text, "utf-8")
    assert "Could not find 'loss'" in refusal()


def test_tensorflow_is_not_asked(clone):
    code = (
        "import sys; from typer.testing import CliRunner; from ballast.cli import app; "
        "assert CliRunner().invoke(app, ['stale']).exit_code == 0; "
        "print({'tensorflow', 'keras', 'pandas'} & set(sys.modules))"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    source = str(workspace.ROOT / "src")
    done = subprocess.run(command, capture_output=True, text=True, env={"PYTHONPATH": source})
    assert (done.stdout.strip(), done.stderr) == ("set()", "")
