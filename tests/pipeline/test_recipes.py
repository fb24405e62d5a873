"""Every recipe, and what README and docs tell a reader to do, done through real `dvc`."""

import json
import shutil

import columns
import documents
import pandas as pd
import pytest
import stand_ins
import workspace
from closure import ROOT
from defaults import CHOSEN
from documents import ADDED, BEGINNING, merge
from dvc.utils.serialize import modify_yaml
from ruamel.yaml import YAML

from ballast.setup import recipes

DOCS = ROOT / "docs"
# Done before a test begins, or in need of a network.
DONE = ("cd", "make", "source", "xdg-open")
SMALL = {
    (*place.split("."), option): value
    for place, options in workspace.SMALL.items()
    for option, value in options.items()
}
FOLDER = ROOT / "recipes"
# One that says nothing of its own is the default, with which every test here begins.
RECIPES = [
    name for name in recipes.names(FOLDER) if name != recipes.DEFAULT and recipes.load(name, FOLDER)
]

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A small project, committed with its first results, and the data that docs name."""
    folder = tmp_path_factory.mktemp("recipes")
    blocks = CHOSEN["datasets"] | stand_ins.BLOCKS
    project = workspace.create(folder, **BEGINNING, datasets=blocks)
    stand_ins.write(folder / "data")
    project.run("dvc", "repro")
    project.commit("first results")
    return project


@pytest.fixture
def clean(project):
    """The project as committed; a test may commit as well."""
    head = project.run("git", "rev-parse", "HEAD").strip()
    yield project
    project.run("git", "reset", "--quiet", "--hard", head)
    project.run("git", "clean", "--quiet", "--force", "-d")
    project.run("dvc", "checkout", "--quiet", "--force")


def do(project, block: str, page) -> list[str]:
    """Run the lines of a block of shell lines, and return what each printed."""
    commands = documents.commands_of(block, page)
    return [project.run(*command.words) for command in commands if command.words[0] not in DONE]


def check_results(project) -> None:
    headline = json.loads(project.text("metrics/metrics.json"))
    assert 0 < headline["f1_macro"] <= 1
    assert json.loads(project.text("metrics/per_class.json"))["recall"]
    assert len(project.text("metrics/roc.csv").splitlines()) > 2


def block_with(page, language: str, words: str) -> str:
    (block,) = {block for block in documents.blocks(page, language) if words in block}
    return block


@pytest.mark.parametrize("name", RECIPES)
def test_recipe_runs(name, clean):
    with modify_yaml(clean.folder / "params.yaml") as values:
        values["dataset"] = stand_ins.OF_RECIPES.get(name, "demo")
        # At their defaults, networks would have their full size.
        recipes.put(values, recipes.complete(name, FOLDER) | SMALL)
    clean.run("dvc", "repro")
    check_results(clean)


def test_a_strategy_is_tried_compared_and_taken_back(clean):
    readme = ROOT / "README.md"
    (clean.folder / "notes.txt").write_text("not committed\n", encoding="utf-8")
    code = clean.folder / "src/ballast/losses/poly1.py"
    code.write_text(f"{code.read_text('utf-8')}# not committed\n", encoding="utf-8")
    printed = do(clean, block_with(readme, "sh", "ballast compare HEAD"), readme)
    assert "workspace against HEAD: " in printed[1]
    assert "f1_macro" in printed[2]
    assert "params.yaml" in clean.run("git", "status", "--porcelain")
    do(clean, block_with(readme, "sh", "git restore"), readme)
    # What else the reader was at is still there.
    changed = clean.run("git", "status", "--porcelain").split()
    assert changed == ["M", "src/ballast/losses/poly1.py", "??", "notes.txt"]
    assert clean.stages_run("repro") == []


def test_new_data_are_added_committed_and_run(clean):
    readme = ROOT / "README.md"
    with modify_yaml(clean.folder / "params.yaml") as values:
        del values["datasets"]["news"]
    clean.commit("without the news")
    shutil.move(clean.folder / "data/raw/news/news.csv", clean.folder / "news.csv")
    shutil.rmtree(clean.folder / "data/raw/news")
    # A reader would be asked.
    block = block_with(readme, "sh", "ballast new").replace("news.csv ", "news.csv --yes ")
    printed = do(clean, block, readme)
    assert "data/raw/news is under DVC. Now: dvc repro" in printed[0]
    added = YAML(typ="safe").load(clean.folder / "params.yaml")["datasets"]["news"]
    shown = YAML(typ="safe").load(block_with(readme, "yaml", "news:"))
    assert shown == {"datasets": {"news": added}}
    check_results(clean)
    # Going back leaves the new block: it is committed.
    (clean.folder / "news.csv").unlink()
    do(clean, block_with(readme, "sh", "git restore"), readme)
    assert "news" in YAML(typ="safe").load(clean.folder / "params.yaml")["datasets"]
    assert clean.run("git", "status", "--porcelain") == ""


def test_a_text_a_category_a_date_and_gaps_go_from_new_to_prediction(clean):
    days = [f"{i % 28 + 1:02}.{i % 12 + 1:02}.2020" if i % 5 else "" for i in range(columns.ROWS)]
    table = pd.DataFrame(
        {
            "body": ["", *columns.TEXTS[1:]],
            "kind": columns.cycled("a", "b", ""),
            "day": days,
            "topic": columns.LABELS,
        }
    )
    table.to_csv(clean.folder / "mine.csv", index=False)
    clean.run("ballast", "new", "mine.csv", "--yes")
    clean.run("ballast", "check")
    clean.run("dvc", "repro")
    check_results(clean)
    table.drop(columns="topic").to_csv(clean.folder / "rows.csv", index=False)
    printed = clean.run("ballast", "predict", "rows.csv", "--output", "labelled.csv")
    assert f"{columns.ROWS} of {columns.ROWS} rows predicted" in printed
    # The same columns by themselves.
    with modify_yaml(clean.folder / "params.yaml") as values:
        del values["datasets"]["mine"]["categories"], values["datasets"]["mine"]["dates"]
        values["datasets"]["mine"]["features"] = "auto"
    clean.run("ballast", "check")
    before = clean.text("metrics/predictions.csv")
    assert "features: auto is kind, day" in clean.run("dvc", "repro")
    assert clean.text("metrics/predictions.csv") == before
    assert "kind = a" in clean.text("metrics/report.html")


def test_an_experiment_is_taken_up_again(clean):
    page = DOCS / "pull-requests.md"
    clean.run("dvc", "exp", "run", "--name", "focal", "-S", "loss=focal")
    do(clean, block_with(page, "sh", "git restore"), page)
    assert "focal" in clean.run("dvc", "exp", "show", "--csv")
    do(clean, block_with(page, "sh", "dvc exp apply"), page)
    assert "loss: focal" in clean.text("params.yaml")
    assert "try-focal" in clean.run("git", "branch")
    clean.run("git", "branch", "--quiet", "-D", "try-focal")


def test_new_rows_are_predicted(clean):
    page = DOCS / "prediction.md"
    (clean.folder / "new.csv").write_text("number,text\n1,Le chiffre d'affaires\n2,\n", "utf-8")
    line, *_ = documents.blocks(page, "sh")
    (command, *_) = documents.commands_of(line, page)
    assert "1 of 2 rows predicted" in clean.run(*command.words)
    header, _, second = clean.text("labelled.csv").splitlines()
    assert header.startswith("number,text,predicted,p_")
    assert header.endswith(",error")
    assert second.endswith("empty text")


def test_a_loss_is_one_file_and_its_block(clean):
    page = DOCS / "contributing.md"
    (code,) = documents.blocks(page, "python")
    (clean.folder / f"src/ballast/losses/{ADDED}.py").write_text(code, encoding="utf-8")
    merge(clean.folder / "params.yaml", block_with(page, "yaml", "losses:"))
    options = ["-S", f"loss={ADDED}", "-S", f"losses.{ADDED}.power=2.0"]
    assert clean.stages_run("exp", "run", *options)[-2:] == ["train@model", "evaluate"]
    check_results(clean)
