"""Two branches of a real project: their merge as the docs have it, and the comment on it."""

import re

import forge
import pytest
import workspace
from closure import ROOT
from typer.testing import CliRunner

from ballast.cli import app

pytestmark = pytest.mark.pipeline

PAGE = (ROOT / "docs/pull-requests.md").read_text(encoding="utf-8")
BLOCK = PAGE.split("## Two branches")[1].split("```sh\n")[1].split("```")[0]
MERGE, *RECIPE = [line.partition("#")[0].split() for line in BLOCK.splitlines()]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """On `mine`, which has another decision; `main` meanwhile has another loss."""
    project = workspace.create(tmp_path_factory.mktemp("branches"))
    project.run("dvc", "repro")
    project.commit("first results")
    project.run("git", "checkout", "--quiet", "-b", "mine")
    project.run("dvc", "exp", "run", "-S", "decision=max_f1")
    project.commit("another decision")
    project.run("git", "checkout", "--quiet", "main")
    project.run("dvc", "exp", "run", "-S", "loss=focal")
    project.commit("another loss")
    project.run("git", "checkout", "--quiet", "mine")
    return project


@pytest.fixture(autouse=True)
def _inside(project, monkeypatch):
    monkeypatch.chdir(project.folder)


def run(*arguments):
    return CliRunner().invoke(app, arguments)


def test_the_recipe_settles_a_conflict(project):
    ours = project.text("dvc.lock")
    printed = project.run(*MERGE, check=False)
    assert "Merge conflict in dvc.lock" in printed
    assert "Merge conflict in metrics/metrics.json" in printed
    assert "Merge conflict in params.yaml" not in printed
    # No line of theirs, no marker: the file is whole.
    assert project.text("dvc.lock") == ours
    assert "  train@model: " in run("stale").stderr
    printed = "".join(project.run(*command) for command in RECIPE)
    # Main's networks come from the run cache; the two choices together are new.
    assert "Stage 'train@model' is cached" in printed
    assert "Running stage 'evaluate'" in printed
    assert project.run("git", "status", "--porcelain") == ""
    assert project.run("git", "rev-list", "--merges", "--count", "HEAD").strip() == "1"
    assert "up to date" in project.run("dvc", "status")
    assert run("stale").exit_code == 0
    lock = project.text("dvc.lock")
    assert "losses/focal.py" in lock
    assert "decisions/max_f1.py" in lock


def test_the_comment_is_written_once(project, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/mine")
    done = run("compare", "--merge-base", "main", "mine", "--md")
    assert done.exit_code == 0
    (project.folder / "comment.md").write_text(done.stdout, "utf-8")
    with forge.running() as server:
        monkeypatch.setenv("GITHUB_API_URL", server.url)
        for _ in range(2):
            done = run("comment", "comment.md", "--number", "7")
            assert done.exit_code == 0, done.output
        (body,) = server.bodies()
    for expected in (
        r"### mine against [0-9a-f]{9}: (better|worse|cannot be told)",
        r"\| f1_macro \| 0\.\d{3} \| 0\.\d{3} \| [+-]?0?\.\d{3} \([+-]",
        r"\| justice \| \d+ \|",
        r"- decision: argmax -> max_f1",
    ):
        assert re.search(expected, body), body
