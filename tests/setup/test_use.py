"""`ballast use`: params.yaml says what a recipe says, and nothing else of a strategy."""

import shutil

import pytest
import stand_ins
from closure import ROOT
from defaults import create, parameters, written_out
from documents import BEGINNING
from dvc.utils.serialize import dump_yaml, load_yaml, modify_yaml
from typer.testing import CliRunner

from ballast.cli import app
from ballast.project import params
from ballast.setup import demo, recipes
from ballast.setup.checking import check_params

RECIPES = ROOT / "recipes"
NAMES = recipes.names(RECIPES)
OURS = params.load(ROOT / "params.yaml")


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A folder with the recipes, and with all parameters at their defaults."""
    monkeypatch.chdir(tmp_path)
    create(tmp_path, written_out(parameters(**BEGINNING)))
    shutil.copytree(RECIPES, tmp_path / "recipes")
    demo.write(tmp_path / "data/raw/demo/demo.csv", rows=20)
    return tmp_path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Files in the place of all data that a recipe may need."""
    folder = tmp_path_factory.mktemp("data")
    create(folder, {})
    stand_ins.write(folder / "data")
    demo.write(folder / "data/raw/demo/demo.csv", rows=20)
    return folder


def use(*arguments: str) -> list[str]:
    """Run the command and return its lines."""
    done = CliRunner().invoke(app, ["use", *arguments], catch_exceptions=False)
    return (done.stderr.strip() if done.exit_code else done.stdout).splitlines()


def test_the_default_names_every_selector_and_nothing_else():
    named = recipes.load(recipes.DEFAULT, RECIPES)
    assert sorted(named) == sorted((name,) for name in recipes.CHOSEN)


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_says_what_it_is_for_and_then_only_what_differs(name):
    lines = recipes.comment(name, RECIPES)
    assert 1 <= len(lines) <= 3
    assert len(lines[0]) <= 90
    if name != recipes.DEFAULT:
        defaults = recipes.complete(recipes.DEFAULT, RECIPES)
        for place, value in recipes.load(name, RECIPES).items():
            assert value != defaults[place], place


@pytest.mark.thorough
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_is_in_order_on_data_that_it_is_for(name, data, monkeypatch):
    monkeypatch.chdir(data)
    chosen = {"dataset": stand_ins.OF_RECIPES.get(name, "demo")}
    values = written_out(parameters(**BEGINNING, **chosen))
    values["datasets"] |= stand_ins.BLOCKS
    dump_yaml(data / "params.yaml", values)
    recipes.use(name, folder=RECIPES)
    check_params()


def test_params_yaml_comes_as_the_default_has_it(tmp_path):
    """So the code's own defaults, which `use` goes back to, are those that a reader sees there."""
    wanted = recipes.complete(recipes.DEFAULT, RECIPES)
    chosen = {name: OURS[name] for name in recipes.CHOSEN}
    if OURS["dataset"] != "demo" or chosen != {name: wanted[name,] for name in chosen}:
        pytest.skip("params.yaml has other choices: those of a fork, or of a trial")
    assert recipes.changes(OURS, wanted, "params.yaml") == {}
    # After all the others, it brings back every byte.
    copy = tmp_path / "params.yaml"
    shutil.copyfile(ROOT / "params.yaml", copy)
    for name in reversed(NAMES):
        recipes.use(name, copy, RECIPES)
    assert copy.read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_whatever_params_yaml_says_a_recipe_leads_to_the_same(project):
    there = {
        "dataset": "mine",
        "seed": 7,
        "costs": {"a": {"b": 2.0}},
        "split": {"validation": 0.3, "test": 0.1, "folds": 1},
    }
    with modify_yaml(project / "params.yaml") as values:
        values |= there
        values |= {"sampler": "smote", "second_model": "cnn", "encoder": "mine"}
        values["evaluation"] |= {"level": 0.9, "combine": "mean", "calibration": "none"}
        values["training"]["epochs"] = 3
        values["losses"]["focal"] |= {"gamma": 9.0, "alpha": {"a": 0.25}}
        values["models"]["two_channel_cnn"]["widths"] = [9]
        values["embeddings"]["tfidf"]["characters"] = None
        values["decisions"]["max_f1"]["proven"] = 0
    use("several_labels")
    found = load_yaml(project / "params.yaml")
    assert {name: found[name] for name in there} == there
    assert found["evaluation"]["level"] == 0.9
    settings = dict(recipes._settings(found, ""))
    wanted = recipes.complete("several_labels")
    assert {place: settings[place] for place in wanted} == wanted
    assert found["decisions"]["max_f1"]["proven"] is False


def test_comments_and_the_form_of_lists_stay(project):
    text = (project / "params.yaml").read_text("utf-8").split("\nmodels:")[0]
    block = "\nmodels:\n  two_channel_cnn:\n    filters: 7    # few\n    widths: [9, 9]  # wide\n"
    (project / "params.yaml").write_text(text + block, encoding="utf-8")
    use("texts")
    found = (project / "params.yaml").read_text("utf-8")
    expected = block.replace("filters: 7  ", "filters: 100").replace("[9, 9]  #", "[3, 4, 5]  #")
    assert found.split("\nmodels:")[1].split() == expected.split("\nmodels:")[1].split()


def test_an_option_that_is_not_there_is_at_its_default(project):
    dump_yaml(project / "params.yaml", parameters(**BEGINNING))
    assert use("texts")[-1] == "params.yaml has the recipe texts already. Now: dvc repro"
    lines = use("several_labels")
    assert "models.linear.start: 0.1 -> 0.5" in lines
    found = load_yaml(project / "params.yaml")
    assert found["models"]["linear"] == {"start": 0.5}
    assert found["training"] == {"monitor": "average_precision", "patience": 2}


def test_a_selector_that_is_not_there_is_added(project):
    with modify_yaml(project / "params.yaml") as values:
        del values["second_loss"], values["training"]
    use("several_labels")
    found = load_yaml(project / "params.yaml")
    assert found["second_loss"] == "cross_entropy"
    assert found["training"]["patience"] == 2


def test_every_change_is_told_and_what_to_do_then(project):
    before = (project / "params.yaml").read_bytes()
    comment, *changes, last = use("several_labels", "--dry-run")
    assert comment == "Several labels a row: probabilities, and a threshold for each label."
    assert last == "Nothing is changed yet. Now: ballast use several_labels"
    assert (project / "params.yaml").read_bytes() == before
    assert changes == [
        "loss: squared_hinge -> cross_entropy",
        "weighting: balanced -> none",
        "decision: argmax -> max_f1",
        "training.patience: 4 -> 2",
        "training.monitor: f1_macro -> average_precision",
        "models.linear.start: 0.1 -> 0.5",
    ]
    assert use("several_labels") == [
        comment,
        *changes,
        "params.yaml has the recipe several_labels. Now: dvc repro",
    ]


def test_what_is_missing_is_told_with_the_way_to_it(project):
    *_, last = use("short_texts")
    assert last.startswith("Before that: params.yaml: encoder: there is no folder data/encoders/")
    assert "ballast fetch-encoder minilm" in last


def test_without_a_name_all_are_listed(project):
    (project / "recipes/mine.yaml").write_text("# Just mine.\n# More.\nloss: focal\n", "utf-8")
    lines = use()
    assert [line.split()[0] for line in lines] == [*NAMES[:1], *sorted([*NAMES[1:], "mine"])]
    assert any(line.split(maxsplit=1) == ["mine", "Just mine."] for line in lines)
    assert "loss: squared_hinge -> focal" in use("mine")


def test_an_unknown_name_is_answered_with_the_nearest_and_all(project):
    first, *lines = use("short_text")
    assert first == "error: there is no recipe 'short_text'. Did you mean 'short_texts'?"
    assert [line.split()[0] for line in lines] == NAMES
    assert use("../params")[0] == "error: there is no recipe '../params'."


@pytest.mark.parametrize(
    ("content", "needles"),
    [
        ("dataset: demo", ["recipes/mine.yaml: no recipe sets dataset.", "It sets sampler"]),
        ("split: {folds: 1}", ["no recipe sets split."]),
        ("evaluation: {level: 0.9}", ["no recipe sets evaluation.level."]),
        ("lss: focal", ["no recipe sets lss. Did you mean 'loss'?"]),
        ("models: {liner: {start: 1.0}}", ["sets models.liner.start", "'models.linear.start'?"]),
        ("a: 1\nb: 2", ["no recipe sets a.", "no recipe sets b."]),
        ("losses: {focal: 3}", ["recipes/mine.yaml: losses.focal must be a block; found 3."]),
        ("training: 3", ["training must be a block; found 3."]),
        ("- loss", ["recipes/mine.yaml must hold names and values; found list."]),
        ("loss: [", ["recipes/mine.yaml cannot be read"]),
    ],
)
def test_a_recipe_that_is_none_is_refused_and_nothing_changed(project, content, needles):
    before = (project / "params.yaml").read_bytes()
    (project / "recipes/mine.yaml").write_text(f"# Mine.\n{content}\n", encoding="utf-8")
    found = "\n".join(use("mine"))
    assert found.startswith("error: ")
    for needle in needles:
        assert needle in found
    assert (project / "params.yaml").read_bytes() == before


def test_a_value_that_is_none_is_told_as_params_yaml_has_it(project):
    (project / "recipes/mine.yaml").write_text("models: {linear: {start: -1}}\n", "utf-8")
    assert "models.linear.start: Input should be greater than 0" in use("mine")[-1]


def test_a_params_yaml_that_cannot_be_changed_is_left(project):
    with modify_yaml(project / "params.yaml") as values:
        values["losses"] = 3
    assert use("texts") == ["error: params.yaml: losses must be a block; found 3."]
    (project / "params.yaml").unlink()
    assert "params.yaml cannot be read" in use("texts")[0]


@pytest.mark.parametrize("arguments", [[], ["texts"]])
def test_elsewhere_the_place_is_told(tmp_path, monkeypatch, arguments):
    monkeypatch.chdir(tmp_path)
    (line,) = use(*arguments)
    assert line.startswith("error: there is no recipes/texts.yaml")
    assert "where params.yaml is" in line
    assert "git restore recipes" in line


def test_an_option_without_a_default_is_left(project, monkeypatch):
    def loss(labels, logits, classes, *, needed: float):
        """One that a user has added."""

    monkeypatch.setattr("ballast.losses.focal.loss", loss)
    with modify_yaml(project / "params.yaml") as values:
        values["losses"]["focal"] = {"needed": 3.0}
    use("word_order")
    assert load_yaml(project / "params.yaml")["losses"]["focal"] == {"needed": 3.0}
    # A recipe may set it.
    (project / "recipes/mine.yaml").write_text("losses: {focal: {needed: 2.0}}\n", "utf-8")
    assert "losses.focal.needed: 3.0 -> 2.0" in use("mine")
