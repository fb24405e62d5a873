"""The steps of a study: each is what DVC makes of the stage, and its key says when it runs anew."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import pytest
from closure import ROOT, closure
from defaults import create, parameters
from dvc.dependency.param import ParamsDependency
from dvc.repo import Repo
from dvc.utils.serialize import dump_yaml

from ballast.project import params
from ballast.study import scoring, steps, testing
from ballast.study.plan import Strategy
from ballast.study.steps import Step, judging, pipeline

SHIPPED = params.load(ROOT / "params.yaml")
JUDGES = (scoring, testing)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The code and the pipeline, without data, as the current folder."""
    for name in ("dvc.yaml", "src", "recipes"):
        (tmp_path / name).symlink_to(ROOT / name)
    create(tmp_path, parameters())
    monkeypatch.chdir(tmp_path)
    forget()
    yield tmp_path
    forget()


def forget() -> None:
    """A study is a process, and what it has read of a file holds for all of it."""
    steps._stages.cache_clear()
    steps._of_files.cache_clear()


def resolved(folder: Path, values: dict) -> dict[str, tuple]:
    """Return command, dependencies, parameters and outputs of each stage, as DVC has them."""
    (folder / ".dvc").mkdir(exist_ok=True)
    (folder / ".dvc/config").write_text("[core]\nno_scm = true\nanalytics = false\n", "utf-8")
    dump_yaml(folder / "params.yaml", values)
    stages = {}
    with Repo(str(folder)) as repo:
        for stage in repo.index.stages:
            found, paths = {}, set()
            for dep in stage.deps:
                if isinstance(dep, ParamsDependency):
                    found |= dict.fromkeys(dep.params) | dep.read_params()
                else:
                    paths.add(dep.def_path)
            stages[stage.addressing] = stage.cmd, paths, found, {o.def_path for o in stage.outs}
    return stages


@pytest.mark.parametrize(
    "chosen",
    [
        SHIPPED,
        parameters(),
        parameters({"losses.focal": {"gamma": 3.0}}, loss="focal", sampler="smote"),
        parameters(
            {"models.mlp": {"hidden": [8]}},
            second_model="mlp",
            second_loss="ldam",
            second_weighting="balanced",
            second_embedding="tfidf_svd",
        ),
        parameters(second_embedding="sentence", encoder="minilm", third_embedding="columns"),
        parameters(dataset="demo_multilabel", decision="max_f1", vectors="cc.fr.300.vec"),
    ],
    ids=["shipped", "defaults", "loss and sampler", "second model", "encoder", "multi-label"],
)
def test_steps_are_what_dvc_makes_of_the_stages(folder, chosen):
    stages = resolved(folder, chosen)
    made = pipeline(chosen)
    for step in made:
        seen = step.command, {*step.code, *step.reads}, step.params, set(step.writes)
        assert seen == stages.pop(step.name)
    # Check writes nothing, and a study judges otherwise.
    assert list(stages) == ["check", "evaluate"]
    order = [step.name for step in made]
    for place, step in enumerate(made):
        for later in made[place:]:
            assert not set(step.reads) & set(later.writes), (step.name, later.name)
    assert len(set(order)) == len(order)


@pytest.mark.parametrize("module", JUDGES)
def test_judging_depends_on_what_evaluate_does_but_on_no_report(folder, module):
    _, paths, values, _ = resolved(folder, SHIPPED)["evaluate"]
    step = judging(SHIPPED, module.__name__)
    left_out = paths - {*step.code, *step.reads}
    assert left_out == {"src/evaluate.py", "src/ballast/report", "models/input.json"}
    assert step.params.items() <= values.items()
    assert {"decision", "decisions.argmax", "evaluation", "costs", "seed"} == set(step.params)
    assert step.writes == (module.FOLDER.as_posix(),)


@pytest.mark.parametrize("module", JUDGES)
def test_all_that_judges_is_in_the_key_of_judging(module):
    step = judging(SHIPPED, module.__name__, ROOT)
    file = ROOT / "src" / f"{module.__name__.replace('.', '/')}.py"
    used = {path.relative_to(ROOT).as_posix() for path in closure(file)}
    used -= {"src/ballast/study/__init__.py"}
    assert [path for path in used if not within(path, step.code)] == []


def within(path: str, parts: tuple[str, ...]) -> bool:
    return any(path == part or path.startswith(f"{part}/") for part in parts)


# Which step has another key.


def keys(values: dict) -> dict[str, str]:
    """Return the keys of all steps, where what a step writes is told by its key."""
    forget()
    return keys_by_content(values, lambda step, key: key)


def keys_by_content(values: dict, content: Callable[[Step, str], str]) -> dict[str, str]:
    """Return the keys of all steps.

    Args:
        values: all parameters.
        content: from a step and its key to what it writes.
    """
    made = [*pipeline(values), *(judging(values, module.__name__) for module in JUDGES)]
    read = {path for step in made for path in step.reads}
    written: dict[str, str] = {}
    found = {}
    for step in made:
        key = found[step.name] = step.key(written)
        files = {path for path in read if within(path, step.writes)}
        written |= dict.fromkeys(files, content(step, key))
    return found


def changed(before: dict, after: dict) -> set[str]:
    return {name.removeprefix("ballast.study.") for name in before if before[name] != after[name]}


@pytest.fixture
def edited(folder):
    """Return the names of the steps whose keys change when a file of the project does."""
    (folder / "src").unlink()

    def edited(name: str, values: dict) -> set[str]:
        before = keys(values)
        file = folder / name
        content = file.read_bytes()
        file.write_bytes(content + b"# edited\n")
        after = keys(values)
        file.write_bytes(content)
        return changed(before, after)

    for file in (ROOT / "src").rglob("*.py"):
        copy = folder / file.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(file.read_bytes())
    return edited


TRAIN = {"train@model", "train@second_model"}
JUDGE = {"scoring", "testing"}
EMBED = {f"embed@{name}" for name in params.EMBEDDINGS}
FOCAL = parameters(loss="focal", second_loss="ldam")


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("losses/focal.py", FOCAL, {"train@model", *JUDGE}),
        ("losses/ldam.py", FOCAL, {"train@second_model", *JUDGE}),
        ("losses/cross_entropy.py", FOCAL, set()),
        ("samplers/smote.py", FOCAL, set()),
        ("samplers/none.py", FOCAL, {"resample", *EMBED, *TRAIN, *JUDGE}),
        ("decisions/argmax.py", FOCAL, JUDGE),
        ("decisions/max_f1.py", FOCAL, set()),
        ("evaluation/judging.py", FOCAL, JUDGE),
        ("study/scoring.py", FOCAL, JUDGE),
        ("study/judging.py", FOCAL, set()),
        ("report/__init__.py", FOCAL, set()),
        ("splitting/stratified.py", FOCAL, {"split", "resample", *EMBED, *TRAIN, *JUDGE}),
    ],
)
def test_an_edited_file_changes_the_keys_of_what_uses_it(edited, name, values, expected):
    assert edited(f"src/ballast/{name}", values) == expected


def test_byte_code_changes_no_key(folder, edited):
    before = keys(FOCAL)
    cache = folder / "src/ballast/labels/__pycache__"
    cache.mkdir()
    (cache / "classes.pyc").write_bytes(b"anything")
    assert keys(FOCAL) == before


def test_raw_data_change_the_keys_of_what_reads_them(folder):
    raw = folder / "data/raw/demo"
    raw.mkdir(parents=True)
    (raw / "demo.csv").write_text("text,label\n", encoding="utf-8")
    before = keys(FOCAL)
    (raw / "demo.csv").write_text("text,label\na,b\n", encoding="utf-8")
    assert changed(before, keys(FOCAL)) == set(names(before))


def names(found: dict) -> list[str]:
    return [name.removeprefix("ballast.study.") for name in found]


@pytest.mark.parametrize(
    "path",
    ["data/prepared/rows.parquet", "data/embedded/embedding/a.npy", "models/model/ledger.json"],
)
def test_what_dvc_repro_has_left_changes_no_key(folder, path):
    before = keys(FOCAL)
    (folder / path).parent.mkdir(parents=True)
    (folder / path).write_text("of another run", encoding="utf-8")
    assert keys(FOCAL) == before


def with_(values: dict, **changes) -> dict:
    return deepcopy(values) | changes


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (with_(FOCAL, decision="max_f1"), JUDGE),
        (with_(FOCAL, weighting="balanced"), {"train@model", *JUDGE}),
        (with_(FOCAL, second_model="mlp"), {"train@second_model", *JUDGE}),
        (with_(FOCAL, training={"epochs": 1}), {*TRAIN, *JUDGE}),
        (with_(FOCAL, third_embedding="columns"), {"embed@third_embedding", *TRAIN, *JUDGE}),
        # What is not chosen.
        (with_(FOCAL, losses=FOCAL["losses"] | {"poly1": {"epsilon": 2.0}}), set()),
        (with_(FOCAL, allow_double_correction=True), {*TRAIN, *JUDGE}),
    ],
)
def test_another_parameter_changes_the_keys_of_what_reads_it(folder, other, expected):
    assert changed(keys(FOCAL), keys(other)) == expected


def test_a_sampler_without_new_texts_leaves_the_embeddings_alone(folder):
    """Its plan is another, and the file of new texts, which embeddings read, the same."""

    def embeddings(sampler: str, plan: str, texts: str) -> str:
        (step,) = [
            step
            for step in pipeline(with_(FOCAL, sampler=sampler))
            if step.name == "embed@embedding"
        ]
        written = {"plan.parquet": plan, "augmented.parquet": texts}
        return step.key({f"data/resampled/{name}": value for name, value in written.items()})

    assert embeddings("none", "each", "no texts") == embeddings("random_over", "more", "no texts")
    assert embeddings("none", "each", "no texts") != embeddings("eda", "each", "texts")


def test_another_seed_is_another_run_of_all_but_preparing(folder):
    strategy = Strategy("plain", FOCAL, {}, {})
    first, second = (
        keys_by_content(strategy.with_seed(seed), lambda step, key: step.name) for seed in (0, 1)
    )
    assert changed(first, second) == set(names(first)) - {"prepare"}


def test_the_same_fingerprint_is_the_same_study(folder):
    (folder / "study.yaml").write_text("baseline: plain\n", encoding="utf-8")

    def fingerprint(values: dict = FOCAL, every_seed: bool = False) -> str:
        forget()
        return steps.fingerprint(values, every_seed)

    first = fingerprint()
    assert fingerprint() == first
    assert fingerprint(every_seed=True) != first
    (folder / "study.yaml").write_text("baseline: other\n", encoding="utf-8")
    assert fingerprint() != first
