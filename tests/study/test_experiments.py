"""Cells as DVC's experiments, and experiments judged as a study judges: on common test rows."""

import csv
import io
import json
import subprocess

import pytest
import studied
import workspace
from defaults import parameters
from dvc.utils.serialize import dump_yaml

from ballast.project import params
from ballast.project.errors import UserError
from ballast.study.experiments import judge_experiments
from ballast.study.plan import Plan

CLASSES = ("common", "rare")
ROWS = 200


def rows_of(wrong=(), start=0) -> list[list[str]]:
    """Return rows, every fifth one rare, of which the numbered ones are taken wrongly."""
    rows = []
    for row in range(start, start + ROWS):
        actual = row % 5 == 0
        rows.append([f"{row:04}", CLASSES[actual], CLASSES[actual ^ (row in wrong)]])
    return rows


# Of 40 rare rows, 20 and 30 are wrong.
GOOD, BAD = rows_of(range(0, 100, 5)), rows_of(range(0, 150, 5))


class Project:
    """A Git repository with results made by hand, and experiments as DVC keeps them."""

    def __init__(self, folder):
        self.folder = folder
        (folder / ".dvc").mkdir(parents=True)
        (folder / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
        (folder / ".dvc/.gitignore").write_text("/tmp\n/cache\n", encoding="utf-8")
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")
        self.write(BAD)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "results")

    def git(self, *command: str) -> str:
        done = subprocess.run(["git", *command], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, rows, **chosen) -> None:
        """Write what a run leaves."""
        (self.folder / "metrics").mkdir(exist_ok=True)
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([["id", "actual", "predicted"], *rows])
        (self.folder / "metrics/predictions.csv").write_text(stream.getvalue(), encoding="utf-8")
        f1 = {"f1": dict.fromkeys(sorted({label for row in rows for label in row[1:]}), 0.9)}
        (self.folder / "metrics/per_class.json").write_text(json.dumps(f1), encoding="utf-8")
        dump_yaml(self.folder / "params.yaml", parameters(**chosen))

    def experiment(self, name: str, rows, **chosen) -> None:
        """Make an experiment that began from HEAD, and go back there."""
        head = self.git("rev-parse", "HEAD")
        self.write(rows, **chosen)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", name)
        self.git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/{name}", "HEAD")
        self.git("reset", "--quiet", "--hard", head)


@pytest.fixture
def project(tmp_path, monkeypatch):
    project = Project(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    return project


PLAN = Plan(baseline="plain", strategies={"plain": {}, "focal": {}})


def test_experiments_that_differ_in_seeds_are_one_strategy(project):
    for seed in (0, 1):
        split = parameters()["split"] | {"seed": 0}
        project.experiment(f"study-plain-{seed}", BAD, seed=seed, split=split, model="mlp")
        project.experiment(
            f"study-focal-{seed}", GOOD, seed=seed, split=split, model="mlp", loss="focal"
        )
    judgement = judge_experiments(PLAN)
    assert judgement.baseline_name == "plain"
    assert judgement.baseline.seeds == (0, 1)
    assert set(judgement.strategies) == {"focal", "workspace"}
    assert judgement.strategies["focal"].seeds == (0, 1)
    assert judgement.winner == "focal"
    # The workspace has the seed of its params.yaml.
    assert judgement.strategies["workspace"].seeds == (0,)
    assert judgement.strategies["workspace"].gain == 0.0
    assert judgement.support == {"common": 160, "rare": 40}


def test_without_the_plans_baseline_the_workspace_is_it(project):
    project.experiment("swish-lean", GOOD, loss="focal")
    judgement = judge_experiments(PLAN)
    assert judgement.baseline_name == "workspace"
    assert judgement.strategies["swish-lean"].verdict == "helps"


@pytest.mark.parametrize("seed", [0, 1])
def test_the_workspace_may_be_one_of_the_experiments(project, seed):
    """As after `dvc exp apply`; with another seed it is another run of that strategy."""
    project.experiment("tidy-ants", BAD, seed=seed)
    project.experiment("swish-lean", GOOD, loss="focal")
    judgement = judge_experiments(PLAN)
    assert judgement.baseline_name == "tidy-ants"
    assert set(judgement.strategies) == {"swish-lean"}
    assert judgement.baseline.seeds == ((0,) if seed == 0 else (0, 1))


def test_experiments_of_an_older_study_are_told_apart(project):
    project.experiment("study-plain-0", BAD, model="mlp")
    project.experiment("study-plain-00", GOOD, model="mlp", training={"epochs": 9})
    judgement = judge_experiments(PLAN)
    names = {judgement.baseline_name, *judgement.strategies}
    assert names == {"plain", "study-plain-00", "workspace"}


def test_an_experiment_without_a_seed_of_the_baseline_is_told(project):
    project.experiment("swish-lean", GOOD, loss="focal", seed=3)
    with pytest.raises(UserError, match=r"swish-lean has no seed of the baseline workspace \(0\)"):
        judge_experiments(PLAN)


def test_rows_that_some_lack_are_left_out(project):
    project.experiment("swish-lean", rows_of(range(0, 100, 5), start=50), loss="focal")
    assert sum(judge_experiments(PLAN).support.values()) == ROWS - 50


def test_a_class_that_one_run_alone_has_counts(project):
    rows = [[name, actual, "odd" if name == "0001" else said] for name, actual, said in GOOD]
    project.experiment("swish-lean", rows, loss="focal")
    assert judge_experiments(PLAN).support["common"] == 160
    project.write(rows)
    project.git("commit", "--quiet", "--all", "--message", "odd")
    project.experiment("swish-lean", GOOD, loss="focal")
    assert judge_experiments(PLAN).support["common"] == 160


def test_without_experiments_there_is_nothing_to_judge(project):
    with pytest.raises(UserError, match="there are no experiments that began from HEAD"):
        judge_experiments(PLAN)


def test_experiments_without_common_rows_are_told(project):
    project.experiment("swish-lean", rows_of(start=ROWS), loss="focal")
    with pytest.raises(UserError, match="the experiments have no test row in common"):
        judge_experiments(PLAN)


# The queue.

WEIGHTS = {"resultats": 0.25, "nominations": 0.5}
STRATEGIES = {
    "plain": {"loss": "cross_entropy"},
    "focal": {
        "loss": "focal",
        "losses": {"focal": {"gamma": 0.00005, "alpha": WEIGHTS}},
        "embeddings": {"sentence": {"prefix": "requête: "}, "tfidf": {"words": [1, 1]}},
        "training": {"learning_rate": 0.00003, "epochs": 1},
        "allow_double_correction": True,
    },
}


@pytest.mark.pipeline
def test_cells_are_queued_as_experiments(tmp_path):
    folder = studied.create(tmp_path / "project", strategies=STRATEGIES, seeds=[7]).folder
    # Options that a strategy has otherwise: a block for none, and one of other classes.
    values = params.load(folder / "params.yaml")
    values["losses"]["focal"]["alpha"] = {"autre": 0.9, "resultats": 0.1}
    del values["training"]["defer_weights"]
    dump_yaml(folder / "params.yaml", values)
    project = workspace.Workspace(folder)
    project.commit("options")
    done = studied.ballast(folder, "study", "--queue")
    assert done.exit_code == 0, done.output
    assert "2 experiments are queued" in done.output
    names = {f"study-{name}-7" for name in STRATEGIES}
    shown = project.run("dvc", "queue", "status")
    assert {line.split()[1] for line in shown.splitlines() if "study-" in line} == names
    found = json.loads(project.run("dvc", "exp", "show", "--json"))
    queued = {
        experiment["name"]: experiment["revs"][0]["data"]["params"]["params.yaml"]["data"]
        for revision in found
        for experiment in revision["experiments"] or []
    }
    assert set(queued) == names
    expected = {
        f"study-{cell.strategy.name}-{cell.seed}": cell.params for cell in studied.all_cells(folder)
    }
    assert {name: params.flat(each) for name, each in queued.items()} == {
        name: params.flat(each) for name, each in expected.items()
    }
    assert queued["study-focal-7"]["losses"]["focal"]["alpha"] == WEIGHTS
    assert queued["study-plain-7"]["losses"]["focal"]["alpha"] is None
    # The workspace is left as it was.
    assert params.load(folder / "params.yaml") == values
