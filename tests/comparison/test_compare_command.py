"""`ballast compare` through a real Git repository: what it reads, says, refuses, and exits with."""

import csv
import hashlib
import io
import json
import os
import subprocess
import sys

import pytest
from closure import ROOT
from defaults import parameters
from ruamel.yaml import YAML
from typer.testing import CliRunner

from ballast.cli import app

ROWS = 300
CLASSES = ("common", "rare")


def rows_of(wrong=(), start=0) -> list[list[str]]:
    """Return 300 rows, every tenth one rare, of which the numbered ones are taken wrongly."""
    rows = []
    for row in range(start, start + ROWS):
        actual = row % 10 == 0
        rows.append([f"{row:04}", CLASSES[actual], CLASSES[actual ^ (row in wrong)]])
    return rows


PIPELINE = {
    "split": {"cmd": "python src/split.py", "outs": ["data/split"]},
    "train": {
        "cmd": "python src/train.py",
        "deps": ["src/train.py"],
        "params": ["loss", "losses.${loss}"],
        "outs": ["models/network"],
    },
    "evaluate": {"cmd": "python src/evaluate.py", "outs": ["metrics/predictions.csv"]},
}


class Project:
    """A Git repository with results made by hand."""

    def __init__(self, folder):
        self.folder = folder
        self.params = parameters({"losses.focal": {"gamma": 2.0, "alpha": None}})
        folder.mkdir()
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("config", "user.name", "Test")
        self.git("config", "user.email", "test@example.org")

    def git(self, *command) -> str:
        done = subprocess.run(["git", *command], cwd=self.folder, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def write(self, rows, *, trained="1", classes=None, scores=None):
        """Write what a run with these predictions leaves."""
        (self.folder / "metrics").mkdir(exist_ok=True)
        stream = io.StringIO()
        csv.writer(stream, lineterminator="\n").writerows([["id", "actual", "predicted"], *rows])
        (self.folder / "metrics/predictions.csv").write_text(stream.getvalue(), "utf-8")
        headline = {"f1_macro": 0.9, "f1_macro_low": 0.8, "log_loss": 0.3} | (scores or {})
        (self.folder / "metrics/metrics.json").write_text(json.dumps(headline), "utf-8")
        f1 = dict.fromkeys(classes or sorted({actual for _, actual, _ in rows}), 0.9)
        (self.folder / "metrics/per_class.json").write_text(json.dumps({"f1": f1}), "utf-8")
        YAML(typ="safe").dump(self.params, self.folder / "params.yaml")
        YAML(typ="safe").dump({"stages": PIPELINE}, self.folder / "dvc.yaml")
        loss = self.params["loss"]
        settings = {"loss": loss, f"losses.{loss}": self.params["losses"][loss] or {}}
        md5 = hashlib.md5(stream.getvalue().encode()).hexdigest()
        stages = {
            "split": {"cmd": "python src/split.py", "outs": [{"path": "data/split", "md5": "1"}]},
            "train": {
                "cmd": "python src/train.py",
                "deps": [{"path": "src/train.py", "md5": trained}],
                "params": {"params.yaml": settings},
                "outs": [{"path": "models/network", "md5": loss}],
            },
            "evaluate": {
                "cmd": "python src/evaluate.py",
                "outs": [{"path": "metrics/predictions.csv", "md5": md5}],
            },
        }
        YAML(typ="safe").dump({"schema": "2.0", "stages": stages}, self.folder / "dvc.lock")

    def commit(self, rows, branch=None, **options):
        if branch:
            self.git("checkout", "--quiet", "-B", branch)
        self.write(rows, **options)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "results")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """On main, 12 of 30 rare rows and 6 of 270 common ones are wrong."""
    project = Project(tmp_path / "project")
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("COLUMNS", "80")
    project.commit(rows_of([*range(0, 120, 10), *range(1, 7)]))
    return project


def run(*arguments):
    return CliRunner().invoke(app, ["compare", *arguments])


def compared(*arguments):
    done = run(*arguments, "--json")
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_better_branch_is_told_from_git_alone(project):
    project.params["loss"] = "focal"
    project.commit(rows_of([0, 10, 2]), branch="other")
    project.git("checkout", "--quiet", "main")
    comparison = compared("main", "other")
    assert (comparison["base"], comparison["head"], comparison["verdict"]) == (
        "main",
        "other",
        "better",
    )
    assert comparison["rows"] == {
        "base": 300,
        "head": 300,
        "compared": 300,
        "other_labels": 0,
        "discordant": 15,
    }
    assert comparison["mcnemar"]["head_only"] == 15
    assert comparison["classes"]["rare"]["rows"] == 30
    assert comparison["params"]["in_effect"] == [
        {"name": "loss", "base": "cross_entropy", "head": "focal"}
    ]
    assert comparison["stages"]["split"] == {"status": "unchanged", "changed": []}
    assert comparison["stages"]["train"]["status"] == "other outputs"
    assert "loss" in comparison["stages"]["train"]["changed"]
    assert comparison["warnings"] == []
    assert comparison["untested"] == {"log_loss": {"base": 0.3, "head": 0.3, "difference": 0}}
    assert compared("other", "main")["verdict"] == "worse"


def test_the_expected_cost_is_shown_where_both_revisions_have_it(project):
    cost = {"expected_cost": 0.5, "expected_cost_low": 0.4, "expected_cost_high": 0.6}
    project.params["costs"] = {"rare": {"common": 10.0}}
    project.commit(rows_of([0, 10, 2]), branch="other", scores=cost)
    assert "expected_cost" not in compared("main", "other")["untested"]
    project.commit(rows_of([0]), branch="third", scores=cost | {"expected_cost": 0.25})
    assert compared("other", "third")["untested"]["expected_cost"] == {
        "base": 0.5,
        "head": 0.25,
        "difference": -0.25,
    }
    for form in ([], ["--md"]):
        shown = run("other", "third", *form).stdout
        assert "expected_cost" in shown
        assert "-.250" in shown


def test_the_keys_of_the_json_stay(project):
    comparison = compared("main")
    assert list(comparison) == [
        "base",
        "head",
        "level",
        "rows",
        "verdict",
        "reason",
        "more_rows_needed",
        "p_value",
        "mcnemar",
        "scores",
        "classes",
        "untested",
        "params",
        "stages",
        "warnings",
    ]
    assert list(comparison["scores"]) == ["f1_macro", "balanced_accuracy", "mcc", "accuracy"]
    bounds = ["base", "head", "difference", "low", "high"]
    assert all(list(values) == bounds for values in comparison["scores"].values())
    keys = ["rows", "f1", "recall", "base_only", "head_only", "p_value", "p_holm"]
    assert all(list(values) == keys for values in comparison["classes"].values())
    assert run("main", "--json").stdout == run("main", "--json").stdout


def test_the_workspace_is_the_other_side_by_default(project):
    comparison = compared("main")
    assert (comparison["head"], comparison["verdict"]) == ("workspace", "cannot be told")
    project.write(rows_of(), trained="2")
    comparison = compared("HEAD")
    assert (comparison["head"], comparison["verdict"]) == ("workspace", "better")
    assert comparison["stages"]["train"] == {"status": "same outputs", "changed": ["src/train.py"]}


def test_the_terminal_holds_80_columns_and_shows_names_as_they_are(project):
    long = {"common": "common", "rare": "[red] rare :smile: | " + "x" * 40}

    def renamed(wrong):
        return [[row, *(long[label] for label in labels)] for row, *labels in rows_of(wrong)]

    project.commit(renamed([0, 10]), branch="a-branch-with-quite-a-long-name")
    project.commit(renamed([0, 10, 20]))
    done = run("HEAD~", "a-branch-with-quite-a-long-name")
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "[red]" in done.stdout
    assert ":smile:" in done.stdout
    done = run("HEAD~", "--md")
    assert "[red] rare :smile: \\| xxx" in done.stdout


def test_markdown_has_the_verdict_first_and_whole_tables(project):
    project.params["loss"] = "focal"
    project.commit(rows_of([0, 10, 2]), branch="other")
    lines = run("main", "other", "--md").stdout.splitlines()
    assert lines[0] == "### other against main: better"
    assert lines[1].startswith("macro-F1 +.")
    tables = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    assert tables[0] == ["score", "main", "other", "difference (95 % interval)"]
    assert [row[0] for row in tables[1:5]] == ["f1_macro", "balanced_accuracy", "mcc", "accuracy"]
    assert [len(row) for row in tables] == [4] * 6 + [8] * 3
    assert "- loss: cross_entropy -> focal" in lines


def test_exit_codes_are_a_gate(project):
    project.commit(rows_of([0, 10, 2]), branch="other")
    assert run("other", "main").exit_code == 0
    assert run("other", "main", "--fail-if", "worse").exit_code == 1
    assert run("main", "other", "--fail-if", "worse").exit_code == 0
    assert run("main", "other", "--fail-if", "not-better").exit_code == 0
    assert run("other", "other", "--fail-if", "worse").exit_code == 0
    assert run("other", "other", "--fail-if", "not-better").exit_code == 1
    assert run("main", "--fail-if", "sideways").exit_code == 2
    assert run("main", "--md", "--json").exit_code == 2
    assert run("main", "--level", "7").exit_code == 2


def test_a_wider_level_is_a_wider_interval(project):
    project.write(rows_of([0, 10, 2]))
    ends = [compared("main", "--level", level)["scores"]["f1_macro"] for level in ("0.8", "0.99")]
    assert ends[1]["low"] < ends[0]["low"] < ends[0]["high"] < ends[1]["high"]


def test_an_unknown_revision_is_one_clear_message(project):
    project.git("update-ref", "refs/remotes/origin/release", "HEAD")
    done = run("release")
    assert done.exit_code == 2
    assert "'release' is no revision that Git knows here, nor an experiment" in done.stderr
    assert "Did you mean 'origin/release'?" in done.stderr
    assert "Did you mean 'main'?" in run("mian").stderr
    assert run("--", "--all").exit_code == 2


def test_a_shallow_clone_says_what_to_do(project, tmp_path, monkeypatch):
    first = project.git("rev-parse", "HEAD")
    project.commit(rows_of())
    url = project.folder.as_uri()
    project.git("clone", "--quiet", "--depth", "1", url, str(tmp_path / "shallow"))
    monkeypatch.chdir(tmp_path / "shallow")
    assert run("HEAD").exit_code == 0
    for revision in ("HEAD~", first):
        done = run(revision)
        assert done.exit_code == 2
        assert "shallow" in done.stderr
        assert "fetch-depth: 0" in done.stderr


def test_a_branch_is_compared_with_where_it_left_the_other(project):
    left = project.git("rev-parse", "HEAD")
    project.commit(rows_of([0]), branch="other")
    head = project.git("rev-parse", "HEAD")
    project.git("checkout", "--quiet", "main")
    project.commit(rows_of())
    comparison = compared("main", "other", "--merge-base")
    assert (comparison["base"], comparison["verdict"]) == (left[:9], "better")
    assert compared("main", head)["head"] == head[:9]
    project.git("checkout", "--quiet", "--orphan", "alone")
    project.commit(rows_of())
    done = run("main", "--merge-base")
    assert (done.exit_code, "have no commit in common" in done.stderr) == (2, True)


def test_where_nothing_can_be_compared_the_comment_says_why(project):
    project.git("rm", "--quiet", "-r", "metrics")
    project.git("commit", "--quiet", "--message", "no results")
    done = run("HEAD", "HEAD~", "--md")
    assert done.exit_code == 2
    assert done.stdout.startswith("### No comparison\n\nHEAD has no metrics/predictions.csv: run")


def test_no_repository_and_no_results_are_said(project, tmp_path, monkeypatch):
    project.git("rm", "--quiet", "-r", "metrics")
    project.git("commit", "--quiet", "--message", "no results")
    done = run("HEAD", "HEAD~")
    assert done.exit_code == 2
    assert "HEAD has no metrics/predictions.csv: run `dvc repro` on HEAD and commit" in done.stderr
    assert "workspace has no metrics/predictions.csv: run `dvc repro`." in run("HEAD~").stderr
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    done = run("main")
    assert done.exit_code == 2
    assert "is in no Git repository" in done.stderr


def test_an_experiment_is_found_by_its_name(project):
    head = project.git("rev-parse", "HEAD")
    project.commit(rows_of([0, 10]), branch="scratch")
    trial = project.git("rev-parse", "HEAD")
    project.git("checkout", "--quiet", "main")
    project.git("branch", "--quiet", "-D", "scratch")
    project.git("update-ref", f"refs/exps/{head[:2]}/{head[2:]}/swish-lean", trial)
    assert compared("main", "swish-lean")["verdict"] == "better"
    # The same name under other commits: that of this commit is meant, or none.
    project.git("update-ref", f"refs/exps/{trial[:2]}/{trial[2:]}/swish-lean", head)
    assert compared("main", "swish-lean")["verdict"] == "better"
    project.commit(rows_of())
    done = run("main", "swish-lean")
    assert done.exit_code == 2
    assert "swish-lean names several experiments" in done.stderr


def test_only_common_rows_are_compared_and_it_says_why_they_differ(project):
    project.params["seed"] = 1
    project.write(rows_of([0, 10], start=100))
    comparison = compared("main")
    assert (comparison["rows"]["base"], comparison["rows"]["compared"]) == (300, 200)
    assert comparison["untested"] == {}
    (warning,) = comparison["warnings"]
    assert "only 200 are common to main (300) and workspace (300), since seed changed" in warning


def test_rows_with_other_true_labels_are_left_out_and_told(project):
    rows = rows_of()
    rows[5][1] = rows[5][2] = "rare"
    project.write(rows)
    comparison = compared("main")
    assert (comparison["rows"]["compared"], comparison["rows"]["other_labels"]) == (299, 1)
    assert comparison["warnings"] == [
        "1 rows have other true labels in workspace than in main and are left out"
    ]


def test_no_common_row_is_refused_with_the_reason(project):
    project.params["seed"] = 1
    project.params["split"] = project.params["split"] | {"test": 0.3}
    project.write(rows_of(start=1000))
    done = run("main")
    assert done.exit_code == 2
    assert "have no test row in common, since seed, split.test changed" in done.stderr
    project.write(
        [
            [row, "common", "rare"] if label == "rare" else [row, "rare", "common"]
            for row, label, _ in rows_of()
        ]
    )
    assert "disagree on the true labels of all 300 rows" in run("main").stderr


def test_options_of_a_member_that_is_not_chosen_change_nothing_and_it_says_so(project):
    project.params["losses"]["focal"] = {"gamma": 3.5, "alpha": None}
    rows = rows_of([*range(0, 120, 10), *range(1, 7)])
    project.write(rows)
    comparison = compared("main")
    assert comparison["params"]["in_effect"] == []
    (change,) = comparison["params"]["not_chosen"]
    assert (change["name"], change["head"]) == ("losses.focal.gamma", 3.5)
    assert comparison["warnings"] == [
        "losses.focal.gamma changed, but loss: cross_entropy is chosen: nothing could change by it"
    ]
    project.params["loss"] = "focal"
    project.write(rows)
    comparison = compared("main")
    assert [change["name"] for change in comparison["params"]["in_effect"]] == [
        "loss",
        "losses.focal.gamma",
    ]
    assert comparison["warnings"] == []


def test_loss_and_weighting_of_no_second_model_change_nothing_and_it_says_so(project):
    project.params |= {"second_loss": "focal", "second_weighting": "balanced"}
    project.write(rows_of([*range(0, 120, 10), *range(1, 7)]))
    comparison = compared("main")
    assert comparison["params"]["in_effect"] == []
    assert comparison["warnings"] == [
        "second_loss, second_weighting changed, but second_model: none is chosen: nothing could "
        "change by it"
    ]
    project.params["second_model"] = "cnn"
    project.write(rows_of([*range(0, 120, 10), *range(1, 7)]))
    names = [change["name"] for change in compared("main")["params"]["in_effect"]]
    assert sorted(names) == ["second_loss", "second_model", "second_weighting"]


def test_results_that_are_not_those_of_the_parameters_are_told(project):
    text = (project.folder / "params.yaml").read_text("utf-8")
    changed = text.replace("loss: cross_entropy", "loss: focal")
    (project.folder / "params.yaml").write_text(changed, "utf-8")
    (warning,) = compared("main")["warnings"]
    assert warning == (
        "workspace: params.yaml has loss: focal, but the results are those of cross_entropy: "
        "run `dvc repro`"
    )
    (project.folder / "params.yaml").write_text(text, "utf-8")
    file = project.folder / "metrics/predictions.csv"
    file.write_text(file.read_text("utf-8").replace("0001,common,rare", "0001,common,common"))
    (warning,) = compared("main")["warnings"]
    assert "metrics/predictions.csv is not the one of dvc.lock" in warning


def test_what_dvc_yaml_has_no_longer_is_left_out_of_dvc_lock(project):
    locked = project.folder / "dvc.lock"
    lock = YAML(typ="safe").load(locked)
    removed = {"cmd": "python src/embed.py", "params": {"params.yaml": {"embedding": "word2vec"}}}
    lock["stages"] |= dict.fromkeys(["embed", "train@model"], removed)
    lock["stages"]["train"]["params"]["params.yaml"]["seed"] = 7
    YAML(typ="safe").dump(lock, locked)
    comparison = compared("main")
    assert comparison["warnings"] == []
    assert set(comparison["stages"]) == {"split", "train", "evaluate"}
    assert comparison["stages"]["train"]["status"] == "unchanged"


def test_a_stage_that_became_one_of_several_is_only_in_one_of_the_two(project):
    lock = YAML(typ="safe").load(project.folder / "dvc.lock")
    lock["stages"]["train@model"] = lock["stages"]["train"]
    items = {"model": {"loss": "${loss}"}}
    pipeline = PIPELINE | {"train": {"foreach": items, "do": PIPELINE["train"]}}
    YAML(typ="safe").dump({"stages": pipeline}, project.folder / "dvc.yaml")
    YAML(typ="safe").dump(lock, project.folder / "dvc.lock")
    comparison = compared("main")
    assert comparison["warnings"] == []
    statuses = {name: stage["status"] for name, stage in comparison["stages"].items()}
    assert statuses == {
        "split": "unchanged",
        "train": "only in base",
        "evaluate": "unchanged",
        "train@model": "only in head",
    }


def test_a_revision_with_more_columns_is_compared_with_one_that_lacks_them(project):
    rows = [[0.5, row, actual, predicted] for row, actual, predicted in rows_of()]
    stream = io.StringIO()
    csv.writer(stream).writerows([["p", "id", "actual", "predicted"], *rows])
    (project.folder / "metrics/predictions.csv").write_text(stream.getvalue(), "utf-8")
    (project.folder / "metrics/metrics.json").write_text('{"expected_cost": 0.1}', "utf-8")
    comparison = compared("main")
    assert (comparison["rows"]["compared"], comparison["verdict"]) == (300, "better")
    assert comparison["untested"] == {}


def test_broken_files_are_said_not_traced(project):
    file = project.folder / "metrics/predictions.csv"
    text = file.read_text("utf-8")
    broken = {
        text + "0001,common,common\n": "line 302 has the id '0001' of an earlier line",
        text + "0999,common\n": "line 302 has 2 columns instead of 3",
        "a,b\n": "must have the columns id, actual, predicted",
    }
    for content, message in broken.items():
        file.write_text(content, "utf-8")
        done = run("main")
        assert done.exit_code == 2
        assert message in done.stderr
    file.write_text(text, "utf-8")
    (project.folder / "params.yaml").write_text("a: [", "utf-8")
    assert "workspace: params.yaml cannot be read" in run("main").stderr
    (project.folder / "metrics/metrics.json").write_text("{", "utf-8")
    assert "workspace: a file in metrics/ is no JSON" in run("main").stderr


def test_several_labels_a_row(project):
    rows = [
        [row, '["common", "rare"]' if label == "rare" else f'["{label}"]', f'["{predicted}"]']
        for row, label, predicted in rows_of()
    ]
    project.commit(rows, classes=CLASSES)
    better = [[row, label, label] for row, label, _ in rows]
    project.write(better, classes=CLASSES)
    comparison = compared("HEAD")
    assert comparison["verdict"] == "better"
    assert list(comparison["classes"]) == ["common", "rare"]
    assert comparison["classes"]["common"]["head_only"] == 30
    assert comparison["classes"]["rare"]["head_only"] == 0


@pytest.mark.parametrize("told_by", ["metrics.json", "predictions", "nothing"])
def test_several_labels_are_known_where_the_rows_in_common_have_one_each(project, told_by):
    first, second = rows_of(), rows_of([160], start=150)
    if told_by != "nothing":
        first, second = (
            [[row, *(f'["{label}"]' for label in labels)] for row, *labels in rows]
            for rows in (first, second)
        )
    if told_by == "predictions":
        first[1][1] = '["common", "rare"]'
    scores = {"f1_micro": 0.9, "f1_samples": 0.9} if told_by == "metrics.json" else {}
    project.commit(first, branch="one", classes=CLASSES, scores=scores)
    project.commit(second, branch="other", classes=CLASSES, scores=scores)
    comparison = compared("one", "other")
    assert comparison["rows"]["compared"] == 150
    # One rare row is taken for a common one: where each label is asked for, both are wrong.
    assert comparison["classes"]["rare"]["base_only"] == 1
    assert comparison["classes"]["common"]["base_only"] == (told_by != "nothing")


def test_several_labels_in_an_older_form_are_refused(project):
    project.commit([["1", "common|rare", "common"]], classes=CLASSES, scores={"f1_micro": 0.9})
    done = run("HEAD")
    assert done.exit_code == 2
    assert "no JSON list: run `dvc repro`" in done.stderr


def test_a_project_in_a_folder_of_a_larger_repository(project, monkeypatch):
    (project.folder / "inner").mkdir()
    for name in ("metrics", "params.yaml", "dvc.yaml", "dvc.lock"):
        project.git("mv", name, f"inner/{name}")
    project.git("commit", "--quiet", "--message", "moved")
    monkeypatch.chdir(project.folder / "inner")
    assert compared("HEAD")["rows"]["compared"] == 300


def test_neither_tensorflow_nor_pandas_is_asked(project):
    code = (
        "import sys; from typer.testing import CliRunner; from ballast.cli import app; "
        "done = CliRunner().invoke(app, ['compare', 'main']); assert done.exit_code == 0; "
        "print({'tensorflow', 'keras', 'pandas', 'dvc'} & set(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": os.environ["PATH"]},
    )
    assert (done.stdout.strip(), done.stderr) == ("set()", "")
