"""What study.yaml may say: each fault is told by its place, and what doesn't fit is left out."""

import pytest
from closure import ROOT
from defaults import create, parameters
from dvc.utils.serialize import dump_yaml

from ballast.project.errors import UserError
from ballast.rows.dataset import Dataset
from ballast.study.plan import FILE, load, strategies

TEXTS = Dataset(files="demo.csv", text="text", label="label")
TABLE = Dataset(files="demo.csv", features=["a", "b"], label="label")
PLAIN = {"baseline": "plain", "strategies": {"plain": {}}}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """A project's folder with its recipes."""
    (tmp_path / "recipes").symlink_to(ROOT / "recipes")
    create(tmp_path, parameters())
    monkeypatch.chdir(tmp_path)
    return tmp_path


def read(**content):
    dump_yaml(FILE, PLAIN | content)
    return load()


def asked(blocks: dict, dataset=TEXTS, several_labels=False, project=None, **content):
    """Return the strategies of a plan that begins with a plain one, and why others don't fit."""
    plan = read(strategies={"plain": {}} | blocks, **content)
    fit, left_out = strategies(plan, project or parameters(), dataset, several_labels)
    return {strategy.name: strategy for strategy in fit}, left_out


# What is wrong with the file.


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"baseline": "plane"}, "the baseline 'plane' is none of the strategies. Did you mean"),
        ({"seeds": [0, 1, 0]}, "study.yaml: seeds names one of its values twice"),
        ({"learning_curve": [0.5, 0.5]}, "study.yaml: learning_curve names one of its values"),
        ({"seeds": []}, "study.yaml: seeds: "),
        ({"seeds": [-1]}, "study.yaml: seeds: "),
        ({"seeds": [0.5]}, "study.yaml: seeds: "),
        ({"level": 1.0}, "study.yaml: level: "),
        ({"learning_curve": [0.0, 1.0]}, "study.yaml: learning_curve: "),
        ({"score": "f1_marco"}, "study.yaml: score: "),
        ({"seed": [0]}, "study.yaml: unknown option seed. Did you mean 'seeds'?"),
        ({"strategies": {"plain": {}, "two words": {}}}, "study.yaml: strategies: "),
        ({"strategies": {"plain": ["focal"]}}, "study.yaml: strategies: "),
        ({"strategies": None}, "study.yaml: strategies: "),
    ],
)
def test_faults_of_the_plan_are_told_by_their_place(content, said):
    with pytest.raises(UserError) as error:
        read(**content)
    assert said in str(error.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("strategies: {a: [", "study.yaml cannot be read: "),
        ("- plain\n", "study.yaml must be a block of options"),
        ("", "study.yaml must be a block of options"),
        ("seeds: [0]\nseeds: [1]\n", "study.yaml cannot be read: "),
    ],
)
def test_what_is_no_plan_is_told(folder, text, said):
    (folder / FILE).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        load()


def test_a_missing_plan_is_told():
    with pytest.raises(UserError, match=r"study\.yaml cannot be read"):
        load()


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"loss": "fokal"}, "strategies.odd: params.yaml: loss: 'fokal' is not a member of losses"),
        ({"loss": "fokal"}, "Did you mean 'focal'?"),
        ({"losses": {"focal": {"gama": 2.0}}}, "strategies.odd: no recipe sets losses.focal.gama."),
        ({"losses": {"focal": {"gama": 2.0}}}, "Did you mean 'losses.focal.gamma'?"),
        ({"los": "focal"}, "study.yaml: strategies.odd: no recipe sets los."),
        ({"split": {"test": 0.3}}, "study.yaml: strategies.odd: no recipe sets split."),
        ({"seed": 3}, "study.yaml: strategies.odd: no recipe sets seed."),
        ({"loss": "focal", "losses": {"focal": {"gamma": "two"}}}, "losses.focal.gamma: "),
        ({"recipe": "text"}, "there is no recipe 'text'"),
        ({"recipe": "text"}, "Did you mean 'texts'?"),
        ({"recipe": 3}, "strategies.odd.recipe: there is no recipe '3'"),
    ],
)
def test_faults_of_a_strategy_are_told_by_its_name(block, said):
    with pytest.raises(UserError) as error:
        asked({"odd": block})
    assert said in str(error.value)
    assert "strategies.odd" in str(error.value)


def test_faults_of_several_strategies_are_told_at_once():
    with pytest.raises(UserError) as error:
        asked({"one": {"loss": "fokal"}, "two": {"sampler": "smot"}, "three": {"model": "lineer"}})
    assert [name for name in ("one", "two", "three") if f"strategies.{name}" in str(error.value)]
    assert len(str(error.value).splitlines()) == 3


def test_faults_of_what_is_common_are_told_by_their_place():
    with pytest.raises(UserError, match=r"study.yaml: common: no recipe sets los\."):
        asked({}, common={"los": "focal"})


# What doesn't fit.


def test_strategies_for_columns_are_left_out_on_texts():
    fit, left_out = asked({"trees": {"recipe": "columns"}, "weighted": {"weighting": "balanced"}})
    assert list(fit) == ["plain", "weighted"]
    assert list(left_out) == ["trees"]
    assert left_out["trees"].startswith("embedding: columns needs columns")


def test_strategies_for_texts_are_left_out_on_a_table():
    fit, left_out = asked({"words": {"recipe": "texts"}, "order": {"recipe": "word_order"}}, TABLE)
    assert list(fit) == ["plain"]
    assert list(left_out) == ["words", "order"]
    assert "needs text" in left_out["words"]


def test_a_baseline_that_does_not_fit_is_an_error():
    with pytest.raises(UserError, match="the baseline trees can't be trained: embedding: columns"):
        asked({"trees": {"recipe": "columns"}}, baseline="trees")


# What a strategy has.


def test_a_strategy_is_what_is_common_with_what_it_says():
    common = {"loss": "focal", "losses": {"focal": {"gamma": 3.0}}}
    fit, _ = asked({"moved": {"decision": "max_f1"}, "sharp": {"loss": "poly1"}}, common=common)
    assert [fit[name].params["loss"] for name in fit] == ["focal", "focal", "poly1"]
    assert fit["plain"].params["losses"]["focal"]["gamma"] == 3.0
    assert fit["moved"].differs == {"decision": "max_f1"}
    assert fit["plain"].differs == {}
    assert fit["plain"].settings.items() >= {"loss": "focal", "losses.focal.gamma": 3.0}.items()
    assert fit["moved"].settings["decision"] == "max_f1"


def test_a_recipe_is_taken_without_what_is_common():
    fit, _ = asked({"order": {"recipe": "word_order"}}, common={"weighting": "square_root"})
    assert fit["plain"].params["weighting"] == "square_root"
    assert fit["order"].params["weighting"] != "square_root"
    assert fit["order"].differs == {"recipe": "word_order"}


def test_what_params_yaml_says_of_a_strategy_counts_for_none():
    project = parameters({"losses.focal": {"gamma": 5.0}}, loss="focal", model="mlp")
    fit, _ = asked({"focal": {"loss": "focal"}}, project=project)
    assert fit["plain"].params["loss"] != "focal"
    assert fit["focal"].params["losses"]["focal"]["gamma"] == 2.0
    assert project == parameters({"losses.focal": {"gamma": 5.0}}, loss="focal", model="mlp")


def test_what_params_yaml_says_of_data_and_costs_counts_for_all():
    project = parameters(costs={"a": {"b": 10.0}}, evaluation={"level": 0.9})
    project["split"]["test"] = 0.3
    fit, _ = asked({"focal": {"loss": "focal"}}, project=project)
    for strategy in fit.values():
        assert strategy.params["split"]["test"] == 0.3
        assert strategy.params["costs"] == {"a": {"b": 10.0}}
        assert strategy.params["evaluation"]["level"] == 0.9


# Seeds and shares.


@pytest.mark.parametrize(("drawn", "expected"), [(None, 4), (9, 9)])
def test_another_seed_has_the_projects_test_rows(drawn, expected):
    project = parameters(seed=4)
    project["split"]["seed"] = drawn
    fit, _ = asked({}, project=project)
    for seed in (0, 1):
        values = fit["plain"].with_seed(seed)
        assert (values["seed"], values["split"]["seed"]) == (seed, expected)
        assert values["split"]["test"] == project["split"]["test"]
    assert fit["plain"].params["split"]["seed"] is drawn


@pytest.mark.parametrize(("share", "of_project"), [(1.0, None), (0.5, None), (0.5, 0.4)])
def test_a_share_is_one_of_the_rows_that_the_project_trains_on(share, of_project):
    project = parameters()
    if of_project is not None:
        project["split"]["share"] = of_project
    fit, _ = asked({}, project=project)
    values = fit["plain"].with_seed(0, share)
    assert values["split"]["share"] == pytest.approx(share * (of_project or 1.0))


def test_the_plan_that_comes_with_the_project_is_in_order():
    for dataset in (TEXTS, TABLE):
        fit, left_out = strategies(load(ROOT / FILE), parameters(), dataset, False)
        assert len(fit) + len(left_out) == len(load(ROOT / FILE).strategies)
        assert load(ROOT / FILE).baseline in {strategy.name for strategy in fit}
