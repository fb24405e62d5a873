"""`ballast new`: from one file to a block that is in order, all of it or nothing."""

import csv
import shutil

import pandas as pd
import pytest
from closure import ROOT
from columns import LABELS, NUMBERS, ROWS, TEXTS, cycled
from defaults import create, parameters, written_out
from documents import BEGINNING
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dump_yaml, load_yaml
from typer.testing import CliRunner

import prepare
from ballast.cli import app
from ballast.project import params
from ballast.rows import dataset as datasets
from ballast.rows.cleaning import assign_ids, settle
from ballast.setup import demo, new
from ballast.setup.checking import check_params

PLAIN = {"text": TEXTS, "label": LABELS}
ODD = [
    "a: b",
    "[x]",
    "#n",
    'it\'s "so"',
    "größe",
    "two\nlines",
    "- c",
    "yes",
    "2019",
    "{a}",
    "*b",
    "%d",
]


@pytest.fixture(scope="module")
def beginning(tmp_path_factory):
    """All parameters with a comment, and the recipes."""
    folder = tmp_path_factory.mktemp("new")
    create(folder, written_out(parameters(**BEGINNING)))
    text = (folder / "params.yaml").read_text("utf-8").replace("seed: 0", "seed: 0   # mine")
    (folder / "params.yaml").write_text(f"# Ours.\n{text}", encoding="utf-8")
    shutil.copytree(ROOT / "recipes", folder / "recipes")
    demo.write(folder / "data/raw/demo/demo.csv", rows=20)
    return folder


@pytest.fixture
def project(beginning, tmp_path, monkeypatch):
    """A folder of one's own with these, and without DVC."""
    folder = tmp_path / "project"
    shutil.copytree(beginning, folder)
    monkeypatch.chdir(folder)
    return folder


def write(path, columns):
    """Write columns as a CSV file."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([columns, *zip(*columns.values(), strict=True)])
    return path


def run(*arguments, answer=None):
    """Run the command, and return its exit code and all that it printed."""
    done = CliRunner().invoke(app, ["new", *map(str, arguments)], input=answer)
    return done.exit_code, done.output


def content(folder):
    """Return every file of a folder."""
    return {path: path.is_file() and path.read_bytes() for path in folder.rglob("*")}


def block_of(file, *arguments):
    """Add a file, and return its block, of which `check` and `prepare` have to think the same."""
    code, printed = run(file, "--yes", *arguments)
    assert code == 0, printed
    check_params()
    values = load_yaml("params.yaml")
    plan_of_prepare(values, printed)
    return values["datasets"][values["dataset"]]


def plan_of_prepare(values, printed):
    """Prepare's rows are those that were announced."""
    dataset = datasets.selected(values)
    folder = new.RAW / values["dataset"]
    rows, _, _ = settle(prepare.read_rows(folder, dataset), dataset, dataset.label_names)
    rows = assign_ids(rows, has_ids=dataset.id is not None)
    total = len(rows.kept) + len(rows.rejected)
    assert f"{total:,} rows; {len(rows.kept):,} can be used" in printed
    lost = sum(not item.asked for item in rows.rejected)
    assert lost <= dataset.max_rejected * total


def test_a_messy_table_is_added_with_one_command(project, tmp_path):
    columns = {
        "id": range(ROWS),
        "text": ["", *TEXTS[1:]],
        "size": ["", *NUMBERS[1:]],
        "kind": cycled("a", "b", ""),
        "day": [f"{i % 28 + 1:02}.{i % 12 + 1:02}.2020" for i in range(ROWS)],
        "result": [int(label == "spam") for label in LABELS],
        "label": ["", *(label.upper() if i % 9 == 0 else label for i, label in enumerate(LABELS))][
            :ROWS
        ],
    }
    before = (project / "params.yaml").read_text("utf-8")
    columns["result"] = [int(label.lower() == "spam") for label in columns["label"]]
    block = block_of(write(tmp_path / "messy.v1.csv", columns))
    assert block == {
        "files": "messy.v1.csv",
        "text": "text",
        "features": ["size"],
        "categories": ["kind"],
        "dates": {"day": "%d.%m.%Y"},
        "label": "label",
        "id": "id",
        "label_names": {"HAM": "ham", "SPAM": "spam"},
    }
    text = (project / "params.yaml").read_text("utf-8")
    assert {line for line in before.splitlines() if "#" in line} <= {*text.splitlines()}
    assert load_yaml("params.yaml")["second_embedding"] == "columns"
    # As `dvc exp run -S` does: no other line changes.
    apply_overrides(project / "params.yaml", ["seed=1"])
    assert (project / "params.yaml").read_text("utf-8") == text.replace("seed: 0", "seed: 1")


def test_how_a_file_is_read_is_told(project, tmp_path):
    rows = [f"{label};{text}é" for text, label in zip(TEXTS, LABELS, strict=True)]
    (tmp_path / "a.dat").write_bytes("\n".join(rows).encode("cp1252"))
    code, printed = run(tmp_path / "a.dat", answer="n\n")
    assert code == 0, printed
    assert "read as csv, separator ';', encoding 'cp1252', no header line\n" in printed


def test_what_is_odd_is_told(project, tmp_path):
    columns = {
        **PLAIN,
        "is [red]": cycled("x"),
        "price": [f"$ {n}" for n in NUMBERS],
    }
    columns["label"] = [*LABELS[:-1], "rare"]
    columns["copy"] = columns["label"]
    columns["text"] = [TEXTS[1], *TEXTS[1:]]
    code, printed = run(write(tmp_path / "a.csv", columns), answer="y\n")
    assert code == 0, printed
    for line in (
        "read as csv\n",
        "1 are duplicates",
        "task: binary, 2 classes",
        'labels with fewer than 5 rows are left out: "rare" (1)',
        "left out: is [red] (it has one value only)",
        "left out: copy (it tells the label of nearly every row",
        "left out: price (it holds numbers that are written as '$ ",
        "recipe: texts\n",
        "Now: dvc repro",
    ):
        assert line in printed, line


@pytest.mark.parametrize("answer", ["n\n", ""])
def test_without_a_yes_nothing_is_written(project, tmp_path, answer):
    file, before = write(tmp_path / "a.csv", PLAIN), content(project)
    code, printed = run(file, answer=answer)
    assert "Add it to params.yaml as a?" in printed
    assert code == (answer == "")
    assert content(project) == before


@pytest.mark.parametrize("step", ["shutil.copyfile", "ballast.setup.recipes.use", "subprocess.run"])
def test_if_anything_fails_nothing_is_written(project, tmp_path, monkeypatch, step):
    (project / ".dvc").mkdir()
    file, before = write(tmp_path / "a.csv", PLAIN), content(project)

    def failing(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr(step, failing)
    code, _ = run(file, "--yes")
    assert code == 1
    assert content(project) == before


def test_a_name_is_taken_once(project, tmp_path):
    file = write(tmp_path / "a b.csv", PLAIN)
    assert "label" in block_of(file)
    before = content(project)
    code, printed = run(file, "--yes")
    assert code == 1
    assert "datasets.a_b is there already" in printed
    assert run(file, "--yes", "--name", "a/b")[0] == 1
    (project / "data/raw/other").mkdir()
    (project / "data/raw/other/a b.csv").write_text("mine", encoding="utf-8")
    code, printed = run(file, "--yes", "--name", "other")
    assert "is there already: remove it" in printed
    assert {path: before[path] for path in before} == {
        path: text for path, text in content(project).items() if path in before
    }
    assert block_of(file, "--name", "third")["files"] == "a b.csv"


def test_a_file_that_is_in_its_place_is_used_as_it_is(project):
    folder = project / "data/raw/mine/2024"
    folder.mkdir(parents=True)
    file = write(folder / "a.csv", PLAIN)
    before = content(project / "data/raw")
    assert block_of(file)["files"] == "2024/a.csv"
    assert load_yaml("params.yaml")["dataset"] == "mine"
    assert content(project / "data/raw") == before


def test_names_that_yaml_reads_otherwise_are_kept(project, tmp_path):
    columns = {name: [n + i for n in NUMBERS] for i, name in enumerate(ODD)}
    columns |= {"no": LABELS, "body: all": TEXTS}
    block = block_of(write(tmp_path / "a.csv", columns), "--label", "no")
    assert block["features"] == ODD
    assert (block["text"], block["label"]) == ("body: all", "no")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (cycled("1.0", "0.0"), {}),
        (cycled("1", "0", "1.0"), {"label_names": {"1.0": "1"}}),
        (cycled("True", "False"), {}),
        (cycled("a|b", "a", "b", ""), {"label_separator": "|"}),
        (cycled("a, b", "b, c", "a, c", "a", "b", "c", "a, b, c"), {"label_separator": ","}),
        (cycled("Sport, indoor", "Sport, outdoor", "Music"), {}),
        (cycled("['a', 'b']", "['a']", "[]"), {"label_list": True}),
        (cycled("a", "b", ""), {"max_rejected": 0.29}),
        (
            [f"rare {i}" if i < 6 else "ab"[i % 2] for i in range(ROWS)],
            {"rare": {"below": 5, "into": "other"}},
        ),
    ],
)  # fmt: skip
def test_labels_are_read_as_they_are_written(project, tmp_path, labels, expected):
    block = block_of(write(tmp_path / "a.csv", {"text": TEXTS, "label": labels}))
    assert block == {"files": "a.csv", "text": "text", "label": "label"} | expected


def test_several_columns_of_0_and_1_are_labels(project, tmp_path):
    columns = {"text": TEXTS, "mean": cycled(0, 1), "rude": cycled(1, 0, 0)}
    block = block_of(write(tmp_path / "a.csv", columns), "--label", "rude", "--label", "mean")
    assert block == {"files": "a.csv", "text": "text", "label": ["rude", "mean"]}
    assert load_yaml("params.yaml")["decision"] == "max_f1"


@pytest.mark.parametrize("ending", ["parquet", "xlsx", "jsonl", "csv.gz"])
def test_every_format_is_added(project, tmp_path, ending):
    frame = pd.DataFrame({**PLAIN, "size": NUMBERS, "day": pd.Timestamp("2024-01-01")})
    frame["day"] += pd.to_timedelta(range(ROWS), unit="h")
    path = tmp_path / f"a.{ending}"
    if ending == "parquet":
        frame.to_parquet(path)
    elif ending == "xlsx":
        frame.to_excel(path, index=False)
    elif ending == "jsonl":
        frame.to_json(path, orient="records", lines=True, date_format="iso")
    else:
        frame.to_csv(path, index=False)
    block = block_of(path)
    assert (block["features"], block["dates"]) == (["size"], ["day"])


def test_an_index_is_left_out_and_ids_that_come_twice_are_none(project, tmp_path, monkeypatch):
    monkeypatch.setattr("ballast.rows.profile.ROWS", ROWS // 2)
    columns = {"": range(ROWS), "id": [*range(ROWS - 1), 0], **PLAIN}
    assert block_of(write(tmp_path / "a.csv", columns)) == {
        "files": "a.csv",
        "text": "text",
        "label": "label",
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"text": TEXTS}, "several columns"),
        ({"text": TEXTS, "n": NUMBERS}, "name one with --label"),
        ({"text": TEXTS, "label": ["a"] * ROWS}, "'label' is no label"),
        ({"text": TEXTS, "label": [f"x{i % 40}" for i in range(ROWS)]}, "'label' is no label"),
        ({"label": LABELS, "same": ["x"] * ROWS}, "a model could see: label (label), same"),
        ({"text": TEXTS, "label": ["a", "b"] * 10 + [""] * (ROWS - 20)}, "100 of 120 rows cannot"),
    ],
)  # fmt: skip
def test_what_cannot_be_added_is_refused(project, tmp_path, columns, message):
    before = content(project)
    label = ["--label", "label"] if "label" in columns else []
    code, printed = run(write(tmp_path / "a.csv", columns), "--yes", *label)
    assert code == 1
    assert message in printed
    assert "Traceback" not in printed
    assert content(project) == before


def test_a_column_that_is_there_twice_is_refused(project, tmp_path):
    path = tmp_path / "a.csv"
    rows = [f"{text},x,{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    path.write_text("\n".join(["text,label,label", *rows]), encoding="utf-8")
    code, printed = run(path, "--yes")
    assert code == 1
    assert "more than one column 'label': rename all but one" in printed


def test_a_wide_table_stays_readable(project, tmp_path):
    columns = {f"c{i}": [n + i for n in NUMBERS] for i in range(200)} | PLAIN
    code, printed = run(write(tmp_path / "a.csv", columns), answer="n\n")
    assert code == 0
    assert len(printed.splitlines()) < 50
    assert "│ label" in printed
    assert "and 172 more: number" in printed


@pytest.mark.parametrize("blocks", [None, {}])
def test_the_first_data_set_of_all_is_added(project, tmp_path, blocks):
    values = params.read(project / "params.yaml") | {"datasets": blocks}
    dump_yaml(project / "params.yaml", values)
    assert block_of(write(tmp_path / "a.csv", PLAIN))["text"] == "text"
