"""What the README promises: its commands run, its tables are those of the code."""

import gzip
import importlib
import json
import re
import shlex

import numpy as np
import pytest
import tiny_models
import workspace
from closure import PIPELINE, ROOT
from defaults import CHOSEN

from ballast.project import params
from ballast.setup import demo

# What the commands change.
BEGINNING = {
    "embedding": "tfidf",
    "model": "linear",
    "loss": "squared_hinge",
    "weighting": "balanced",
}
README = (ROOT / "README.md").read_text(encoding="utf-8")
RECIPES = re.findall(
    r"^    (dvc exp run .*)$", README.split("## Recipes")[1].split("\n## ")[0], re.M
)


def strategy_table() -> str:
    """Return the README's table of strategies, made from the code."""
    lines = ["| in `params.yaml` | member | what it is |", "|---|---|---|"]
    for folder, (selector, *_) in params.SELECTORS.items():
        for name in params.members(folder) if folder != "datasets" else []:
            module = importlib.import_module(f"ballast.{folder}.{name}")
            text = module.__doc__.strip().splitlines()[0].rstrip(".")
            lines.append(f"| `{selector}` | [`{name}`](src/ballast/{folder}/{name}.py) | {text} |")
    return "\n".join(lines)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A small project with small stand-ins for the data sets, in the form of the real files."""
    blocks = params.load(ROOT / "params.yaml")["datasets"] | CHOSEN["datasets"]
    folder = tmp_path_factory.mktemp("readme")
    project = workspace.create(folder, **BEGINNING, datasets=blocks)
    rng = np.random.default_rng(0)
    texts = demo.generate(rows=300)
    messages = "".join(
        f"{'spam' if label == 'contrats' else 'ham'}\t{text}\n" for text, label in texts
    )
    write(project.folder / "data/raw/sms_spam/SMSSpamCollection", messages)
    positive = np.arange(600) % 20 == 0
    columns = rng.normal(size=(600, 6)) + positive[:, None]
    rows = [
        ",".join([*map(str, row), "'1'" if found else "'-1'"])
        for row, found in zip(columns, positive, strict=True)
    ]
    write(project.folder / "data/raw/mammography/mammography.csv", "\n".join(rows) + "\n")
    words = sorted({word for text, _ in texts for word in text.split()})
    vectors = [f"{word} {' '.join(f'{x:.3f}' for x in rng.normal(size=300))}" for word in words]
    lines = "\n".join([f"{len(words)} 300", *vectors])
    (project.folder / "data/vectors/cc.fr.300.vec.gz").write_bytes(gzip.compress(lines.encode()))
    tiny_models.write_model(project.folder / "data/encoders/minilm")
    project.commit("stand-ins")
    return project


def write(path, text):
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")


def test_there_are_recipes_for_the_four_systems():
    assert len(RECIPES) >= 4


@pytest.mark.pipeline
@pytest.mark.parametrize("command", RECIPES)
def test_recipe_runs(project, command):
    project.run("git", "checkout", "--quiet", ".")
    project.run(*shlex.split(command))
    headline = json.loads(project.text("metrics/metrics.json"))
    assert 0 < headline["f1_macro"] <= 1
    assert json.loads(project.text("metrics/per_class.json"))["recall"]
    assert len(project.text("metrics/roc.csv").splitlines()) > 2


def test_strategy_table_is_that_of_the_code():
    table = strategy_table()
    assert table in README, f"put this table under Strategies in README.md:\n{table}"


def test_every_strategy_has_its_line_of_results():
    page = (ROOT / "docs/strategies.md").read_text(encoding="utf-8")
    for selector in ("sampler", "loss", "weighting", "decision"):
        for name in params.members(params.FAMILIES[selector][0]):
            assert f"-S {selector}={name}" in page, "run `make strategies`"


def test_tree_names_every_stage_and_family():
    for name in [*PIPELINE, *(folder for folder, _ in params.FAMILIES.values())]:
        assert name in README


def test_every_file_that_the_readme_names_exists():
    for name in re.findall(r"`((?:src|data|models|metrics)/[\w./]+\.\w+)`", README):
        made_by_a_run = name.startswith(("models/", "metrics/", "data/prepared"))
        assert made_by_a_run or (ROOT / name).is_file(), name
