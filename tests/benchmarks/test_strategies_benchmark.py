"""The study of every member runs, and says of each member what became of it."""

import re
import sys

import pytest
import workspace
from closure import ROOT

from ballast.project import params
from ballast.setup import demo

pytestmark = pytest.mark.pipeline

CHOSEN = "decision-min_recall,sampler-ml_ros"


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A small project whose members were studied once."""
    folder = tmp_path_factory.mktemp("strategies")
    project = workspace.create(folder, split={"validation": 0.0, "test": 0.2, "folds": 2})
    demo.write(folder / "data/raw/demo_multilabel/demo_multilabel.csv", rows=300, multilabel=True)
    for file in workspace.listed("benchmarks/strategies"):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes((ROOT / file).read_bytes())
    study(project)
    return project


def study(project):
    command = [sys.executable, "benchmarks/strategies", "--only", CHOSEN, "--output", "page.md"]
    project.run(*command)


def test_each_member_has_its_line_on_the_corpus_that_takes_it(project):
    one, several = project.text("page.md").split("\n## ")[1:]
    assert re.findall(r"`\.\.\. (.*?)`", one) == [
        "-S sampler=none -S loss=cross_entropy -S weighting=none -S decision=argmax",
        "-S decision=min_recall -S decisions.min_recall.label=justice",
    ]
    assert re.findall(r"`\.\.\. (.*?)`", several)[1:] == [
        "-S dataset=demo_multilabel -S sampler=ml_ros"
    ]
    for line in re.findall(r"^\| `\.\.\. .*-S \w+=(?:min_recall|ml_ros).*", one + several):
        assert re.search(r"\| (helps|hurts|cannot be told) \| [\d.]+ \| [\d.]+ \| \d+ \|$", line)


def test_what_has_run_is_not_run_again_and_the_projects_own_study_stays(project):
    cache = project.folder / "study/cache/members"
    before, page = set(cache.glob("*/*")), project.text("page.md")
    study(project)
    assert set(cache.glob("*/*")) == before
    assert project.text("page.md") == page
    assert not (project.folder / "study/results.json").exists()


def test_every_member_but_the_plain_ones_is_studied():
    done = workspace.Workspace(ROOT).run(
        sys.executable,
        "-c",
        "import sys; sys.path.insert(0, 'benchmarks/strategies'); import members\n"
        "print('\\n'.join(members.members()), len(members.PLAIN))",
    )
    families = {name: params.members(folder) for name, (folder, _) in params.FAMILIES.items()}
    all_members = sum(len(families[name]) for name in ("sampler", "loss", "weighting", "decision"))
    *names, plain = done.split()
    assert len(names) == all_members - int(plain)
