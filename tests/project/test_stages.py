"""dvc.yaml, params.yaml and src/ballast say the same."""

import json
import re
import runpy
import subprocess
import sys
from typing import get_args

import pytest
from closure import (
    PIPELINE,
    ROOT,
    SOURCE,
    STAGES,
    closure,
    code_of,
    families,
    members,
    selectors,
)
from defaults import CHOSEN, create, parameters
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dump_yaml, load_yaml, modify_yaml

from ballast.evaluation.scores import OF_LABELS, Headline
from ballast.project import params
from ballast.setup import demo
from ballast.setup.checking import check_params
from ballast.setup.fetch import REGISTRY

ORDER = ["prepare", "split", "resample", "embed", "train", "evaluate"]
# What a stage runs for, each time as a stage of its own.
SLOTS = {"embed": params.EMBEDDINGS, "train": params.MODELS}
# A model's file names its own.
LEARNERS = list((SOURCE / "ballast/training/learners").glob("*.py"))
# From a model's outputs to probabilities leads the inverse of its loss.
INVERSES = {"evaluate": {"loss", "second_loss"}}


def test_a_check_of_all_selectors_and_six_stages_stand_in_order_one_script_each():
    assert list(PIPELINE) == ["check", *ORDER]
    assert sorted(PIPELINE["check"]["params"]) == sorted([*params.FILES, *params.FAMILIES])
    assert sorted(file.stem for file in SOURCE.glob("*.py")) == sorted(PIPELINE)
    for name, stage in PIPELINE.items():
        slot = SLOTS.get(name, ("",))[0]
        assert stage["cmd"] == f"python src/{name}.py {slot}".rstrip()


def test_embed_runs_for_each_of_the_embeddings():
    assert STAGES["embed"]["foreach"] == {name: f"${{{name}}}" for name in params.EMBEDDINGS}
    for name in params.EMBEDDINGS:
        assert {f"data/embedded/{name}", f"models/{name}"} <= set(PIPELINE["train"]["deps"])


def test_train_runs_for_each_of_the_models_with_a_loss_and_a_weighting_of_its_own():
    assert STAGES["train"]["foreach"] == {
        f"{prefix}model": {"prefix": prefix}
        | {name: f"${{{prefix}{name}}}" for name in ("model", "loss", "weighting")}
        for prefix in ("", "second_")
    }
    assert tuple(STAGES["train"]["foreach"]) == params.MODELS
    for name in params.MODELS:
        assert f"data/scored/{name}" in PIPELINE["evaluate"]["deps"]
    second = STAGES["train"]["do"]["params"]
    assert {"${item.prefix}loss", "${item.prefix}model", "${item.prefix}weighting"} <= set(second)


@pytest.mark.parametrize("name", SLOTS)
def test_a_script_names_the_selectors_where_there_is_none_of_that_name(name, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", [f"{name}.py", "modell"])
    with pytest.raises(SystemExit) as end:
        runpy.run_path(str(SOURCE / f"{name}.py"), run_name="__main__")
    assert end.value.code == 1
    known = ", ".join(SLOTS[name])
    assert f"there is no selector 'modell'. Known: {known}" in capsys.readouterr().err


def script_of(name: str) -> str:
    """Return a stage's script as it runs for the first of its slots."""
    script = (SOURCE / f"{name}.py").read_text(encoding="utf-8")
    slot = SLOTS.get(name, ("",))[0]
    script = re.sub(r"(settings\[|select\(settings, )slot", rf'\1"{slot}"', script)
    # Beside a model its loss and its weighting.
    pair = """params.select(settings, f"{prefix}{name}") for name in ("loss", "weighting")"""
    selects = [f'params.select(settings, "{name}")' for name in ("loss", "weighting")]
    return script.replace(pair, ", ".join(selects))


@pytest.mark.parametrize("name", ORDER)
def test_code_dependencies_are_the_import_closure(name):
    stage = PIPELINE[name]
    needed = closure(
        SOURCE / f"{name}.py", *families(stage), *(LEARNERS if name == "train" else ())
    )
    assert code_of(stage) == needed - set(members(stage))


@pytest.mark.parametrize("name", ORDER)
def test_a_folder_stands_where_a_stage_uses_all_of_it(name):
    """No longer list than need be: files of one folder are named only where others aren't used."""
    deps = [dep for dep in PIPELINE[name]["deps"] if dep.endswith(".py") and "${" not in dep]
    chosen_from = {SOURCE / "ballast" / folder for folder in selectors(PIPELINE[name]).values()}
    for folder in (
        {(ROOT / dep).parent for dep in deps} - chosen_from - {SOURCE, SOURCE / "ballast"}
    ):
        named = {ROOT / dep for dep in deps if (ROOT / dep).parent == folder}
        assert named < set(folder.rglob("*.py")), folder


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_depends_on_the_families_it_selects_from(name):
    script = script_of(name)
    chosen = set(re.findall(r'params\.select\(settings, "(\w+)"\)', script))
    assert set(selectors(PIPELINE[name])) == chosen | INVERSES.get(name, set())
    for selector in selectors(PIPELINE[name]):
        folder = params.FAMILIES[selector][0]
        assert {selector, f"{folder}.${{{selector}}}"} <= set(PIPELINE[name]["params"])


@pytest.mark.parametrize("name", ORDER)
def test_a_stage_depends_on_the_parameters_it_reads(name):
    script = script_of(name)
    read = set(re.findall(r'settings\["(\w+)"\]', script))
    assert len(re.findall(r"settings\[", script)) == len(re.findall(r'settings\["', script))
    declared = {param.split(".")[0] for param in PIPELINE[name]["params"]}
    assert read <= declared
    plain = {param for param in declared if param in ("seed", "vectors", "encoder", *params.BLOCKS)}
    # The report shows all that is in effect.
    assert plain <= read or "params.flat(settings)" in script


@pytest.fixture(scope="module")
def imported():
    """What of TensorFlow one process has imported after each stage but train."""
    stages = {}
    for name in (name for name in ORDER if name != "train"):
        modules = [file.relative_to(SOURCE).with_suffix("") for file in families(PIPELINE[name])]
        stages[name] = [name, *(".".join(module.parts) for module in modules)]
    code = (
        f"import importlib, json, sys; sys.path.insert(0, {str(SOURCE)!r})\n"
        # Only the tests have it: scikit-learn takes it where it is, and must do without.
        "sys.modules['pandas'] = None\n"
        "found = {}\n"
        f"for stage, names in {stages!r}.items():\n"
        "    for name in names: importlib.import_module(name)\n"
        "    found[stage] = sorted({'tensorflow', 'keras'} & set(sys.modules))\n"
        "print(json.dumps(found))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", [name for name in ORDER if name != "train"])
def test_only_train_imports_tensorflow(name, imported):
    assert imported[name] == []


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A project of the tests' own: parameters, and what they name in data/."""
    monkeypatch.chdir(tmp_path)
    create(tmp_path, parameters())
    demo.write(tmp_path / "data/raw/demo/demo.csv", rows=20)
    return tmp_path


def test_every_block_of_params_yaml_is_in_order(here):
    """Whatever a fork has chosen, and whether or not its data are there."""
    blocks = params.load(ROOT / "params.yaml")
    blocks["datasets"] |= CHOSEN["datasets"]
    selectors = {name: CHOSEN[name] for name in (*params.FILES, *params.FAMILIES)}
    dump_yaml(here / "params.yaml", blocks | selectors)
    check_params()


def test_check_imports_no_tensorflow(here):
    code = (
        f"import sys; sys.path.insert(0, {str(SOURCE)!r})\n"
        "from ballast.cli import app\n"
        "try: app(['check'])\n"
        "finally: print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["params.yaml is in order.", "[]"]


def shipped() -> str:
    """Return params.yaml without the blocks of the data sets that a fork has added."""
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    head, blocks, tail = re.fullmatch(r"(?ms)(.*^datasets:\n)(.*?)(^\S.*)", text).groups()
    block = re.compile(r"(?m)^  ([\w-]+):.*\n(?:(?:   .*)?\n)*")
    names = {*REGISTRY, *CHOSEN["datasets"]}
    return head + "".join(each[0] for each in block.finditer(blocks) if each[1] in names) + tail


def test_params_yaml_stays_as_it_is_written_when_dvc_sets_a_value(tmp_path):
    text = shipped()
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    epochs = params.load(tmp_path / "params.yaml")["training"]["epochs"]
    # As `dvc exp run -S` does.
    apply_overrides(tmp_path / "params.yaml", [f"training.epochs={epochs + 1}"])
    found = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    assert found == text.replace(f"\n  epochs: {epochs}", f"\n  epochs: {epochs + 1}", 1)


def test_params_yaml_reads_alike_in_dvc():
    assert params.load(ROOT / "params.yaml") == load_yaml(ROOT / "params.yaml")


def test_values_that_yaml_1_1_reads_otherwise_read_alike_in_dvc(tmp_path):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("\ndatasets:\n", "\ndatasets:\n  off: {files: yes, near: 1e-4}\n")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    read = params.load(tmp_path / "params.yaml")
    assert read == load_yaml(tmp_path / "params.yaml")
    assert read["datasets"]["off"] == {"files": "yes", "near": 1e-4}


def test_an_experiment_changes_no_other_line_of_params_yaml(tmp_path):
    copy = tmp_path / "params.yaml"
    copy.write_text(shipped(), encoding="utf-8")
    before = shipped().splitlines()
    loss = "poly1" if "loss: focal" in before else "focal"
    with modify_yaml(copy) as values:
        values["loss"] = loss
    after = copy.read_text(encoding="utf-8").splitlines()
    assert [line for line in after if line not in before] == [f"loss: {loss}"]
    assert len(after) == len(before)


def test_check_names_every_fault_at_once(here):
    with modify_yaml(here / "params.yaml") as values:
        values["loss"] = "fokal"
        values["dataset"] = "mine"
        values["datasets"]["mine"] = values["datasets"]["demo"] | {"files": "mine.csv"}
        values["losses"]["focal"]["gama"] = 2
        values["samplers"]["random_over"]["ratio"] = 7
        values["datasets"]["demo"]["txt"] = "text"
        values["models"]["cnm"] = {}
        values["training"]["epochs"] = "many"
    with pytest.raises(params.UserError) as caught:
        check_params()
    message = str(caught.value)
    for part in [
        "'fokal'",
        "'focal'",
        "losses.focal.gama",
        "'gamma'",
        "samplers.random_over.ratio",
        "no folder data/raw/mine",
        "dvc pull",
    ]:
        assert part in message
    for part in ["datasets.demo.txt", "models.cnm", "Did you mean 'cnn'", "training.epochs"]:
        assert part in message


def test_the_headline_is_at_most_ten_numbers():
    """Each with two bounds in metrics.json; `dvc metrics diff` should fit on a screen."""
    assert len(get_args(Headline)) + len(OF_LABELS) <= 10
