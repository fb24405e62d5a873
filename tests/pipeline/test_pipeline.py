"""The whole pipeline through real `dvc`: what reruns, what stays the same, what is shown."""

import csv
import json

import pytest
import workspace
from closure import ROOT
from ruamel.yaml import YAML

from ballast.project import params
from ballast.setup import offline

pytestmark = pytest.mark.pipeline

EMBED = [f"embed@{name}" for name in params.EMBEDDINGS]
FIRST, SECOND, _ = EMBED
TRAIN = [f"train@{name}" for name in params.MODELS]
MODEL, SECOND_MODEL = TRAIN
ALL = ["prepare", "split", "resample", *EMBED, *TRAIN, "evaluate"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    project = workspace.create(tmp_path_factory.mktemp("project"))
    assert project.stages_run("repro") == ALL
    project.commit("first results")
    return project


@pytest.fixture
def clean(project):
    project.restore()
    return project


def test_a_second_repro_runs_nothing(clean):
    assert clean.stages_run("repro") == []


@pytest.mark.parametrize(
    ("changes", "stages"),
    [
        (["loss=focal"], [MODEL, "evaluate"]),
        (["weighting=balanced"], [MODEL, "evaluate"]),
        (["model=two_channel_cnn"], [MODEL, "evaluate"]),
        (["second_model=two_channel_cnn", "second_loss=focal"], [SECOND_MODEL, "evaluate"]),
        (["sampler=random_over"], ["resample", *TRAIN, "evaluate"]),
        (["decision=max_f1"], ["evaluate"]),
        (["evaluation.level=0.9"], ["evaluate"]),
        (["embedding=random"], [FIRST, *TRAIN, "evaluate"]),
        (["second_embedding=tfidf"], [SECOND, *TRAIN, "evaluate"]),
        (
            ["model=wide_and_deep", "second_embedding=tfidf", "embedding=random"],
            [FIRST, SECOND, *TRAIN, "evaluate"],
        ),
        (["split.test=0.3"], ALL[1:]),
        # Options of members that are not chosen.
        (
            [
                "losses.focal.gamma=3",
                "samplers.random_over.ratio=0.5",
                "decisions.max_f1.average=positive",
                "embeddings.tfidf.min_count=1",
            ],
            [],
        ),
    ],
    ids=lambda value: " ".join(value) or "nothing",
)
def test_an_experiment_reruns_its_stages_alone(clean, changes, stages):
    options = [part for change in changes for part in ("--set-param", change)]
    assert clean.stages_run("exp", "run", *options) == stages


@pytest.mark.parametrize(
    ("files", "stages"),
    [
        (["losses/focal.py", "samplers/random_over.py", "decisions/max_f1.py"], []),
        (["decisions/argmax.py"], ["evaluate"]),
        # Both models have this loss, and evaluate goes back to probabilities by its inverse.
        (["losses/cross_entropy.py"], [*TRAIN, "evaluate"]),
    ],
)
def test_an_edited_file_reruns_what_uses_it(clean, files, stages):
    for file in files:
        with (clean.folder / "src/ballast" / file).open("a", encoding="utf-8") as stream:
            stream.write("# edited\n")
    assert clean.stages_run("repro") == stages


def test_a_network_that_was_trained_before_comes_back_from_the_run_cache(clean):
    clean.run("dvc", "exp", "run", "-S", "weighting=balanced")
    trained = clean.text("metrics/history.csv")
    clean.restore()
    printed = clean.run("dvc", "exp", "run", "-S", "weighting=balanced", "-S", "decision=max_f1")
    assert "Stage 'train@model' is cached" in printed
    assert clean.text("metrics/history.csv") == trained


def test_outputs_are_the_same_to_the_bit_when_run_again(clean):
    before = clean.text("dvc.lock")
    assert clean.stages_run("repro", "--force", "--no-run-cache") == ALL
    assert clean.text("dvc.lock") == before
    assert clean.run("git", "status", "--porcelain") == ""


def test_outputs_are_the_same_to_the_bit_in_another_folder(clean, tmp_path):
    clean.run("git", "clone", "--quiet", ".", str(tmp_path / "clone"))
    clone = workspace.Workspace(tmp_path / "clone")
    # A fresh clone has no cache: everything runs.
    assert clone.stages_run("repro") == ALL
    assert clone.run("git", "status", "--porcelain") == ""


def test_temporary_and_queued_experiments_use_their_own_code(clean):
    code = clean.folder / "src/ballast/evaluation/judging.py"
    text = code.read_text(encoding="utf-8")
    changed = text.replace("low, high = bounds[name]", "low, high = -1, 7")
    assert changed != text
    code.write_text(changed, "utf-8")
    clean.run("dvc", "exp", "run", "--temp", "--name", "temporary", "-S", "evaluation.level=0.8")
    clean.run("dvc", "exp", "run", "--queue", "--name", "queued", "-S", "decision=max_f1")
    # From here on the workspace has other code than the queued experiment.
    code.write_text(text, encoding="utf-8")
    clean.run("dvc", "exp", "run", "--run-all")
    references = clean.run("git", "for-each-ref", "--format=%(refname)", "refs/exps").split()
    for name in ("temporary", "queued"):
        (reference,) = [found for found in references if found.endswith(f"/{name}")]
        stored = json.loads(clean.run("git", "show", f"{reference}:metrics/metrics.json"))
        assert (stored["f1_macro_low"], stored["f1_macro_high"]) == (-1.0, 7.0), name


def test_rows_are_accounted_for(clean):
    data = json.loads(clean.text("metrics/data.json"))
    parts = json.loads(clean.text("metrics/split.json"))
    assert data["rows"] == data["kept"] + data["rejected"]
    assert sum(parts.values()) == data["kept"]
    with (clean.folder / "metrics/predictions.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == len({row["id"] for row in rows}) == parts["test"]


def test_metrics_diff_shows_the_change_of_f1_between_branches(clean):
    clean.run("git", "checkout", "--quiet", "-B", "other")
    try:
        clean.run("dvc", "exp", "run", "-S", "split.test=0.3", "-S", "training.epochs=1")
        clean.commit("other split")
        shown = json.loads(clean.run("dvc", "metrics", "diff", "main", "other", "--json"))
    finally:
        clean.run("git", "checkout", "--quiet", "--force", "main")
    change = shown["metrics/metrics.json"]["f1_macro"]
    assert change["diff"] == pytest.approx(change["new"] - change["old"])


def test_plots_of_two_revisions_are_drawn_without_network(clean, visit):
    offline.write(clean.folder / ".dvc")
    clean.run("dvc", "exp", "run", "-S", "decision=max_f1")
    clean.run("dvc", "plots", "diff", "HEAD", "workspace", "--out", "plots")
    page = visit(clean.folder / "plots/index.html")
    page.wait_for_selector("svg.marks")
    titles = [
        "Confusion matrix",
        "Precision and recall by class",
        "ROC by class",
        "F1 by threshold",
    ]
    for title in [*titles, "Reliability by class", "Macro-F1 on held-out rows", "Training loss"]:
        assert title in page.content()
    assert "<DVC_METRIC" not in page.content()
    marks = page.locator("svg.marks").evaluate_all(
        "all => all.map(s => s.querySelectorAll('path, rect').length)"
    )
    # What a class's name brings into the page does not load either.
    policy = page.locator("meta[http-equiv='Content-Security-Policy']").get_attribute("content")
    assert policy.startswith("default-src 'none'")
    assert "http" not in policy
    assert len(marks) == len(YAML(typ="safe").load(ROOT / "dvc.yaml")["plots"])
    assert min(marks) > 5


def test_metrics_diff_of_two_decisions_holds_80_columns(clean):
    clean.run("dvc", "exp", "run", "-S", "decision=max_f1", "-S", "decisions.max_f1.shrink=0")
    shown = clean.run("dvc", "metrics", "diff").splitlines()
    assert max(map(len, shown)) <= 80
    for name in ("metrics.json", "per_class.json", "validation.json"):
        assert any(line.startswith(f"metrics/{name} ") for line in shown), name
    # Names that two files share would have to be given with their file to sort experiments.
    clean.run("dvc", "exp", "show", "--sort-by", "f1_macro")
    clean.run("dvc", "exp", "show", "--sort-by", "val_f1_macro")


def test_a_stage_without_its_input_says_what_to_run(clean):
    (clean.folder / "data/split/rows.parquet").unlink()
    printed = clean.run("python", "src/resample.py", check=False)
    assert "data/split/rows.parquet does not exist" in printed
    assert "dvc repro" in printed
    assert "Traceback" not in printed


def test_an_unknown_member_is_named_with_the_list(clean):
    clean.run("dvc", "exp", "run", "-S", "loss=fokal", check=False)
    printed = clean.run("python", "src/train.py", "model", check=False)
    assert "'fokal' is not a member of losses" in printed
    assert "cross_entropy" in printed
    assert "poly1" in printed
    assert "Traceback" not in printed


def test_the_same_prior_corrected_twice_is_refused(clean):
    options = ["-S", "weighting=balanced", "-S", "loss=logit_adjustment"]
    printed = clean.run("dvc", "exp", "run", *options, check=False)
    assert "weighting: balanced (1.00) and loss: logit_adjustment (1.00)" in printed
    assert "Traceback (most recent call last)" not in printed
    options += ["-S", "allow_double_correction=true"]
    assert clean.stages_run("exp", "run", *options) == [*TRAIN, "evaluate"]


def test_dag_shows_the_order_of_the_stages(project):
    edges = project.run("dvc", "dag", "--mermaid")
    assert all(f'"{name}"' in edges for name in ALL)
