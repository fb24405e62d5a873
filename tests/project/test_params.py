"""`params.yaml`: read as YAML 1.2, every mistake named with its place and what would be right."""

from typing import Annotated, Literal

import pytest
from conftest import REPO
from pydantic import Field
from ruamel.yaml import YAML

from ballast.project import params
from ballast.project.errors import UserError, run
from ballast.rows.dataset import Dataset, selected

FOLDERS = [folder for folder in params.SELECTORS if folder != "datasets"]
WHOLE = {
    **dict.fromkeys((*params.FILES, *params.FAMILIES), "none"),
    **{name: {} for name in ("datasets", *params.BLOCKS, *FOLDERS)},
    "seed": 0,
    "costs": {},
    "allow_double_correction": False,
}


def written(path, content):
    """Write parameters, as a mapping or as they stand, and return the file."""
    file = path / "params.yaml"
    if isinstance(content, dict):
        YAML(typ="safe").dump(content, file)
    else:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return file


def test_the_repositorys_own_parameters_load_and_every_block_passes_its_check():
    loaded = params.load(REPO / "params.yaml")
    for name in loaded["datasets"]:
        assert selected({**loaded, "dataset": name}).label


def test_values_are_read_as_yaml_1_2(tmp_path):
    text = "".join(f"{name}: {'{}' if value == {} else value}\n" for name, value in WHOLE.items())
    text = text.replace("training: {}", "training: {a: off, b: yes, c: 1e-4, d: 010, e: none}")
    assert params.load(written(tmp_path, text))["training"] == {
        "a": "off",
        "b": "yes",
        "c": 1e-4,
        "d": 10,
        "e": "none",
    }


@pytest.mark.parametrize(
    ("change", "needles"),
    [
        ({"sede": 1}, ["unknown parameter 'sede'", "'seed'"]),
        ({"zzz": 1}, ["unknown parameter 'zzz'", "dataset"]),
        ({1: 2}, ["unknown parameter 1"]),
        *[({"seed": seed}, ["seed must be a whole number", repr(seed)]) for seed in
          (True, -1, 1.0, "0", 2**32, None)],
        ({"loss": ["focal"]}, ["loss must be a name", "['focal']"]),
        ({"dataset": ["demo"]}, ["dataset must be a name"]),
        ({"vectors": None}, ["vectors must be a name", "None"]),
        ({"datasets": "demo"}, ["datasets must be a block", "'demo'"]),
        ({"losses": ["focal"]}, ["losses must be a block"]),
        ({"split": 0.2}, ["split must be a block", "0.2"]),
        (
            {"model": "linear", "second_model": "linear"},
            ["second_model, second_loss and second_weighting are those of the first"],
        ),
    ],
)  # fmt: skip
def test_a_mistake_at_the_top_is_named(tmp_path, change, needles):
    with pytest.raises(UserError) as error:
        params.load(written(tmp_path, {**WHOLE, **change}))
    assert all(needle in str(error.value) for needle in needles), str(error.value)


@pytest.mark.parametrize("name", ["seed", "loss", "datasets", "training"])
def test_a_missing_name_is_named(tmp_path, name):
    rest = {key: value for key, value in WHOLE.items() if key != name}
    with pytest.raises(UserError, match=f"lacks {name}"):
        params.load(written(tmp_path, rest))


def test_every_fault_at_the_top_has_its_line(tmp_path):
    rest = {key: value for key, value in WHOLE.items() if key not in ("model", "split")}
    changes = {"sede": 1, "seed": -1, "loss": ["focal"], "losses": 3, "datasets": {"a/b": {}}}
    with pytest.raises(UserError) as error:
        params.load(written(tmp_path, {**rest, **changes}))
    lines = str(error.value).splitlines()
    expected = ["lacks model", "lacks split", "'sede'", "seed must", "loss must", "losses must"]
    for part in [*expected, "'a/b' must be a name of letters"]:
        assert sum(part in line for line in lines) == 1, part
    assert len(lines) == len(expected) + 1


@pytest.mark.parametrize(
    "content",
    ["a: b: c", "seed: 0\nseed: 1\n", "- seed", "", "a: 1\n---\nb: 1\n", b"seed: \xe9", "[", None],
)
def test_an_unreadable_file_is_a_user_error(tmp_path, content):
    path = tmp_path / "params.yaml" if content is None else written(tmp_path, content)
    with pytest.raises(UserError, match=r"params\.yaml"):
        params.load(path)


def test_the_members_of_a_family_are_its_files():
    for folder in FOLDERS:
        names = params.members(folder)
        assert names == sorted(names)
        assert names
        assert all((REPO / "src/ballast" / folder / f"{name}.py").is_file() for name in names)
        assert "__init__" not in names


def test_an_unknown_member_is_answered_with_the_members_and_the_nearest():
    with pytest.raises(UserError) as error:
        params.select({**WHOLE, "sampler": "random_ovr"}, "sampler")
    assert all(name in str(error.value) for name in params.members("samplers"))
    assert "Did you mean 'random_over'?" in str(error.value)


def test_a_member_without_a_block_takes_its_defaults():
    selected_member = params.select({**WHOLE, "sampler": "random_over"}, "sampler")
    empty = {**WHOLE, "sampler": "random_over", "samplers": {"random_over": None}}
    assert selected_member == params.select(empty, "sampler")
    assert selected_member[1]


def member(
    rows,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 0.5,
    steps: Annotated[int, Field(ge=1)] = 3,
    mode: Literal["mean", "max"] = "mean",
    sizes: list[int] = [1],  # noqa: B006
    needed: float | None,
):
    """A function whose keyword-only arguments are a schema."""


def test_options_are_filled_with_the_defaults_and_whole_numbers_serve_as_numbers():
    assert params.options(member, {"needed": None, "ratio": 1}, "here") == {
        "ratio": 1.0,
        "steps": 3,
        "mode": "mean",
        "sizes": [1],
        "needed": None,
    }


@pytest.mark.parametrize(
    ("change", "needles"),
    [
        ({"ratio": True}, ["here.ratio", "number", "found True"]),
        ({"ratio": "0.5"}, ["here.ratio", "number", "found '0.5'"]),
        ({"ratio": 0}, ["here.ratio", "greater than 0", "found 0"]),
        ({"ratio": 1.01}, ["here.ratio", "less than or equal to 1", "found 1.01"]),
        ({"ratio": float("nan")}, ["here.ratio"]),
        ({"ratio": float("inf")}, ["here.ratio"]),
        ({"ratio": None}, ["here.ratio", "found None"]),
        ({"steps": 3.0}, ["here.steps", "integer", "found 3.0"]),
        ({"steps": True}, ["here.steps", "integer", "found True"]),
        ({"steps": 0}, ["here.steps", "greater than or equal to 1"]),
        ({"mode": "man"}, ["here.mode", "'mean' or 'max'", "found 'man'"]),
        ({"sizes": 3}, ["here.sizes", "list"]),
        ({"sizes": ["3"]}, ["here.sizes", "found '3'"]),
        ({"ratoi": 1}, ["unknown option here.ratoi", "Did you mean 'ratio'?"]),
        ({"zzzz": 1}, ["unknown option here.zzzz", "Known: ratio, steps, mode, sizes, needed"]),
        ({"rows": 1}, ["unknown option here.rows"]),
        ({1: 1}, ["here.1"]),
    ],
)
def test_an_option_that_does_not_fit_is_named_with_its_place_and_value(change, needles):
    with pytest.raises(UserError) as error:
        params.options(member, {"needed": 1.0, **change}, "here")
    message = str(error.value)
    assert all(needle in message for needle in needles), message
    assert len(message.splitlines()) == 1


def test_every_fault_of_a_block_has_its_line():
    with pytest.raises(UserError) as error:
        params.options(member, {"ratio": 2, "steps": "1"}, "here")
    assert [place in line for place, line in zip(
        ("here.ratio", "here.steps", "here.needed is missing"),
        str(error.value).splitlines(), strict=True)] == [True] * 3  # fmt: skip


@pytest.mark.parametrize("block", [[], 3, "text", True])
def test_a_block_that_is_no_mapping_is_refused(block):
    with pytest.raises(UserError, match="here must be a block of options"):
        params.options(member, block, "here")


@pytest.mark.parametrize(
    ("block", "needles"),
    [
        ({"text": "t", "label": "l"}, ["files"]),
        ({"files": [], "text": "t", "label": "l"}, ["files"]),
        ({"files": "", "text": "t", "label": "l"}, ["files"]),
        ({"test": "b.csv", "text": "t", "label": "l"}, ["files"]),
        ({"files": "a.csv", "train": "b.csv", "text": "t", "label": "l"}, ["exclude each other"]),
        ({"train": "b.csv", "split": "s", "text": "t", "label": "l"}, ["exclude each other"]),
        ({"files": "a.csv", "label": "l"}, ["`text`", "`features`"]),
        ({"files": "a.csv", "text": "t"}, ["label is missing"]),
        ({"files": "a.csv", "text": "t", "lable": "l"}, ["mine.lable", "Did you mean 'label'?"]),
        ({"files": "a.csv", "text": "t", "label": "l", "task": "multi"}, ["'multilabel'"]),
        ({"files": "a.csv", "text": "t", "label": "l", "positive": [1]}, ["positive", "found [1]"]),
        ({"files": "a.csv", "text": "t", "label": "l", "quote": "''"}, ["quote"]),
        ({"files": "a.csv", "text": "t", "label": "l", "label_separator": ""}, ["separator"]),
        ({"files": "a.csv", "text": "t", "label": "l", "near_duplicates": 0}, ["near_dup"]),
        ({"files": "a.csv", "text": "t", "label": "l", "near_duplicates": 1.1}, ["near_dup"]),
        ({"files": "a.csv", "text": "t", "label": "l", "near_duplicates": True}, ["near_dup"]),
        ({"files": "a.csv", "text": "t", "label": "l", "label_names": [1]}, ["label_names"]),
        (None, ["must be a block"]),
    ],
)
def test_a_data_set_that_is_not_described_well_is_refused(block, needles):
    with pytest.raises(UserError) as error:
        selected({"dataset": "mine", "datasets": {"mine": block}})
    assert all(needle in str(error.value) for needle in ["datasets.mine", *needles])
    assert "{'files'" not in str(error.value)


@pytest.mark.parametrize("blocks", [{"demo": {}, "other": {}}, {}])
def test_an_unknown_data_set_is_answered_with_those_there_are(blocks):
    with pytest.raises(UserError, match="'dmeo' has no block") as error:
        selected({"dataset": "dmeo", "datasets": blocks})
    assert all(name in str(error.value) for name in blocks or {})


def test_given_parts_are_read_in_order():
    dataset = Dataset(test="t", train=["a", "b"], validation="v", text="x", label="y")
    assert dataset.parts() == [("train", "a"), ("train", "b"), ("validation", "v"), ("test", "t")]


def test_a_user_error_ends_the_process_with_1_and_other_faults_keep_their_traceback(capsys):
    def mistaken():
        raise UserError("mend it")

    with pytest.raises(SystemExit) as ended:
        run(mistaken)
    assert ended.value.code == 1
    assert capsys.readouterr().err == "\nerror: mend it\n\n"
    with pytest.raises(ZeroDivisionError):
        run(lambda: 1 / 0)


def test_an_empty_block_is_a_block_without_entries(tmp_path):
    loaded = params.load(written(tmp_path, WHOLE | {"samplers": None, "datasets": None}))
    assert loaded["samplers"] == {}
    assert loaded["datasets"] == {}


@pytest.mark.parametrize("name", ["my.news", "a/b", 1, ""])
def test_names_that_dvc_could_not_look_up_are_refused(tmp_path, name):
    with pytest.raises(UserError, match="must be a name of letters"):
        params.load(written(tmp_path, WHOLE | {"datasets": {name: {}}}))


@pytest.mark.parametrize("name", ["../other/news.csv", "/data/news.csv"])
def test_files_outside_the_folder_of_the_data_set_are_refused(name):
    block = {"files": name, "text": "text", "label": "label"}
    with pytest.raises(UserError, match="is not inside the data set's folder"):
        params.check(Dataset, block, "datasets.mine")
