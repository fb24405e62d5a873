"""ballast predict: the same as evaluation on the same rows, in every format, and no row is lost."""

import csv
import gzip
import io
import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from defaults import create, parameters
from problems import ROOT
from staged import STAGES, check_prediction, evaluated, read_csv, stage
from typer.testing import CliRunner

from ballast.cli import app
from ballast.evaluation.decision import Decision
from ballast.labels.classes import texts_of
from ballast.prediction import sources
from ballast.prediction.bundle import load
from ballast.probabilities.rules import Rule
from ballast.project import storage
from ballast.setup import demo

pytestmark = pytest.mark.pipeline

CLASSES = ("contrats", "justice", "social")
SMALL = {
    "embeddings.random": {"dimensions": 8, "max_tokens": 12},
    "models.two_channel_cnn": {"filters": 8, "widths": [2, 3]},
    "models.mlp": {"hidden": [8]},
    "training": {"epochs": 2},
    "evaluation": {"replicates": 100},
}
TEXTS = [
    (text, label)
    for text, label in demo.generate(rows=300)
    if label in ("contrats", "justice", "social")
]


def run_stages(folder, block: dict, **chosen) -> None:
    """Run the pipeline in a folder with raw data."""
    base = {"weighting": "balanced", "decision": "max_f1"}
    create(folder, parameters(SMALL, dataset="mine", datasets={"mine": block}, **base | chosen))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for name in STAGES:
            stage(name).main()


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    """A run on texts with two numeric columns: two channels, a weighting, offsets."""
    folder = tmp_path_factory.mktemp("mixed")
    (folder / "data/raw/mine").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = [[text, label, *rng.normal(size=2).round(3).tolist()] for text, label in TEXTS]
    # Prediction must strip a text like prepare.
    rows[0][0] = f"  {rows[0][0]}\n"
    storage.write_csv(folder / "data/raw/mine/all.csv", ["body", "topic", "a", "b"], rows)
    block = {"files": "all.csv", "text": "body", "label": "topic", "features": ["b", "a"]}
    block["missing"] = "reject"
    embeddings = {"embedding": "random", "second_embedding": "columns"}
    run_stages(folder, block, **embeddings, model="two_channel_cnn")
    return folder


@pytest.fixture
def here(mixed, monkeypatch, tmp_path):
    monkeypatch.chdir(mixed)
    return tmp_path


def predict(*arguments, stdin: bytes | None = None, code: int = 0):
    """Run the command; return its result."""
    done = CliRunner().invoke(app, ["predict", *map(str, arguments)], input=stdin)
    assert done.exit_code == code, (done.stderr, done.exception)
    return done


# The same as the evaluation.


def test_texts_with_numeric_columns_are_predicted_as_evaluated(here):
    check_prediction()


def test_the_raw_file_is_predicted_as_evaluated(here, mixed):
    predict("data/raw/mine/all.csv", "--output", here / "out.csv")
    rows = read_csv(here / "out.csv")
    ids, labels, probabilities = evaluated()
    prepared = {row["id"]: row for row in pq.read_table("data/prepared/rows.parquet").to_pylist()}
    # A row's line, from the lines that the ones before it take.
    lines, line = {}, 2
    for number, row in enumerate(rows):
        lines[line] = number
        line += 1 + row["body"].count("\n")
    chosen = [rows[lines[prepared[name]["line"]]] for name in ids]
    assert [row["predicted"] for row in chosen] == labels
    p = [[float(row[f"p_{name}"]) for name in CLASSES] for row in chosen]
    np.testing.assert_allclose(p, probabilities, rtol=1e-4, atol=1e-5)
    assert len(rows) == len(TEXTS)


@pytest.mark.parametrize(("model", "decision"), [("mlp", "argmax"), ("boosting", "cost_matrix")])
def test_numeric_rows_of_a_file_without_header_line(tmp_path, monkeypatch, model, decision):
    (tmp_path / "data/raw/mine").mkdir(parents=True)
    rng = np.random.default_rng(0)
    positive = np.arange(300) % 10 == 0
    values = (rng.normal(size=(300, 2)) + positive[:, None]).round(3).tolist()
    rows = [[*map(str, row), f"'{int(yes)}'"] for row, yes in zip(values, positive, strict=True)]
    lines = [",".join(row) for row in rows]
    (tmp_path / "data/raw/mine/all.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    block = {"files": "all.csv", "quote": "'", "columns": ["x", "y", "label"]}
    block |= {"features": ["x", "y"], "label": "label", "label_names": {"0": "no", "1": "yes"}}
    options = {"embedding": "columns", "model": model, "decision": decision}
    run_stages(tmp_path, block, loss="squared_hinge", **options)
    monkeypatch.chdir(tmp_path)
    check_prediction()
    # The files' own form, and one with a header line and without labels.
    predict("data/raw/mine/all.csv", "-o", "a.csv")
    named = ["y,name,x", *(f"{y},'row, {n}',{x}" for n, (x, y) in enumerate(values))]
    (tmp_path / "named.csv").write_text("\n".join(named), encoding="utf-8")
    predict("named.csv", "-o", "b.csv")
    first, second = ([row[-4:] for row in csv_rows(tmp_path / name)] for name in ("a.csv", "b.csv"))
    assert first == second
    assert csv_rows(tmp_path / "b.csv")[7][1] == "row, 6"


NUMBERS = {"files": "all.csv", "features": ["x", "y"], "label": "label"}


def numeric_rows(folder: Path) -> None:
    """Write rows of two numeric columns and two classes, one of them rare."""
    rng = np.random.default_rng(1)
    rare = np.arange(400) % 8 == 0
    values = (rng.normal(size=(400, 2)) + 1.5 * rare[:, None]).round(3).tolist()
    rows = [[*row, "rare" if yes else "common"] for row, yes in zip(values, rare, strict=True)]
    storage.write_csv(folder / "data/raw/mine/all.csv", ["x", "y", "label"], rows)


TWO = {
    "mean": {"second_model": "linear", "second_loss": "squared_hinge"},
    # Of one kind: their losses tell them apart.
    "best": {"second_model": "mlp", "second_loss": "focal", "second_weighting": "balanced"},
}


@pytest.mark.parametrize("decision", ["argmax", "max_f1"])
@pytest.mark.parametrize("combine", TWO)
def test_two_models_are_predicted_as_evaluated(tmp_path, monkeypatch, combine, decision):
    numeric_rows(tmp_path)
    chosen = {"embedding": "columns", "model": "mlp", "decision": decision, **TWO[combine]}
    run_stages(tmp_path, NUMBERS, evaluation={"replicates": 100, "combine": combine}, **chosen)
    monkeypatch.chdir(tmp_path)
    check_prediction()
    slots = [part.slot for part in load().decision.mixture.parts]
    assert len(slots) == (2 if combine == "mean" else 1)
    names = {line["model"] for line in read_csv(tmp_path / "metrics/history.csv")}
    same = {"mlp, cross_entropy", "mlp, focal"}
    assert names == ({"mlp", "linear"} if combine == "mean" else same)
    page = (tmp_path / "metrics/report.html").read_text(encoding="utf-8")
    assert all(f"{name}: val f1 macro" in page for name in names)


@pytest.mark.parametrize("decision", ["argmax", "cost_matrix"])
def test_costs_reach_the_headline_of_every_file(tmp_path, monkeypatch, decision):
    numeric_rows(tmp_path)
    costs = {"rare": {"common": 10.0}}
    chosen = {"embedding": "columns", "model": "mlp", "loss": "expected_cost", "weighting": "none"}
    run_stages(tmp_path, NUMBERS, costs=costs, decision=decision, **chosen)
    monkeypatch.chdir(tmp_path)
    check_prediction()
    headline = storage.read_json(Path("metrics/metrics.json"))
    rows = read_csv(Path("metrics/predictions.csv"))
    paid = [
        (10 if row["actual"] == "rare" else 1) * (row["actual"] != row["predicted"]) for row in rows
    ]
    assert headline["expected_cost"] == pytest.approx(np.mean(paid))
    assert headline["expected_cost_low"] <= np.mean(paid) <= headline["expected_cost_high"]
    assert len(headline) <= 30
    assert "val_expected_cost" in storage.read_json(Path("metrics/validation.json"))
    baselines = storage.read_json(Path("metrics/baselines.json"))
    # Whoever always says `common` pays 10 for every eighth row.
    assert baselines["always_majority"]["expected_cost"] == pytest.approx(10 / 8, abs=0.05)
    page = Path("metrics/report.html").read_text(encoding="utf-8")
    assert "expected cost per row (lower is better)" in page
    shown = CliRunner().invoke(app, ["show"], env={"COLUMNS": "120"})
    assert "expected_cost" in shown.stdout


def csv_rows(path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.reader(stream, quotechar="'"))


def test_keras_and_tensorflow_are_not_imported(here, mixed):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / 'src')!r})\n"
        "from ballast.cli import app\n"
        "try: app()\n"
        "finally: print(sorted({'tensorflow', 'keras', 'pandas', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, "predict", "data/raw/mine/all.csv"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == "[]"
    assert f"{len(TEXTS)} of {len(TEXTS)} rows predicted" in done.stderr


def test_a_rule_that_looks_at_all_rows_reads_standard_input_once(here, monkeypatch, tmp_path):
    shutil.copytree("models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    decision = Decision.load(tmp_path / "models")
    rule = Rule(np.zeros(3), False, prior=np.array([0.9, 0.05, 0.05]), prior_rows=1.0)
    replace(decision, rule=rule).save(tmp_path / "models")
    texts = [*(text for text, _ in TEXTS), ""]
    lines = [json.dumps({"body": text, "a": 1, "b": 2}) + "\n" for text in texts]
    stdin = "".join(lines).encode()
    rows = read(predict("-", "--format", "jsonl", stdin=stdin).stdout_bytes, "jsonl")
    assert len(rows) == len(TEXTS) + 1
    probabilities = np.array(
        [[row[f"p_{name}"] for name in CLASSES] for row in rows if not row["error"]]
    )
    labels = texts_of(rule.predict(probabilities), CLASSES, multilabel=False)
    assert [row["predicted"] for row in rows if not row["error"]] == labels
    # Adapted to the shares of these rows, some labels are others.
    plain = replace(rule, prior=None).predict(probabilities)
    assert labels != texts_of(plain, CLASSES, multilabel=False)
    assert rows[-1]["error"].endswith("empty text")


# Formats.


ROWS = [
    {"id": "é1", "body": 'Un contrat, "signé"\nhier', "a": "0.5", "b": "-1"},
    {"id": "2", "body": "Le tribunal juge", "a": "1e-1", "b": "2"},
]


def as_csv(separator: str = ",") -> bytes:
    stream = io.StringIO(newline="")
    writer = csv.DictWriter(stream, ROWS[0], delimiter=separator)
    writer.writeheader()
    writer.writerows(ROWS)
    return stream.getvalue().encode()


def as_parquet() -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), sink)
    return sink.getvalue()


CONTENT = {
    "csv": as_csv(),
    "tsv": as_csv("\t"),
    "jsonl": "".join(json.dumps(row) + "\n" for row in ROWS).encode(),
    "parquet": as_parquet(),
}


def read(content: bytes, form: str) -> list[dict]:
    """Return predicted rows with their numbers as such."""
    if form == "parquet":
        rows = pq.read_table(io.BytesIO(content)).to_pylist()
    elif form == "jsonl":
        rows = [json.loads(line) for line in content.decode().splitlines()]
    else:
        text = io.StringIO(content.decode(), newline="")
        rows = list(csv.DictReader(text, delimiter="\t" if form == "tsv" else ","))
    return [
        {k: float(v) if v and k.startswith("p_") else v or None for k, v in row.items()}
        for row in rows
    ]


def assert_same(rows: list[dict], expected: list[dict]) -> None:
    """Formats write different numbers of digits."""
    for row, other in zip(rows, expected, strict=True):
        assert row == pytest.approx(other, abs=2e-6)


@pytest.fixture(scope="module")
def expected(mixed):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(mixed)
        return read(predict("-", stdin=CONTENT["csv"]).stdout_bytes, "csv")


@pytest.mark.parametrize("packed", ["", ".gz"])
@pytest.mark.parametrize("to", CONTENT)
@pytest.mark.parametrize("form", CONTENT)
def test_every_format_gives_the_same(here, expected, form, to, packed):
    content = CONTENT[form]
    (here / f"in.{form}{packed}").write_bytes(gzip.compress(content) if packed else content)
    predict(here / f"in.{form}{packed}", "--output", here / f"out.{to}{packed}")
    written = (here / f"out.{to}{packed}").read_bytes()
    assert_same(read(gzip.decompress(written) if packed else written, to), expected)
    assert list(expected[0]) == [
        *ROWS[0],
        "predicted",
        "p_contrats",
        "p_justice",
        "p_social",
        "error",
    ]
    assert sum(
        expected[0][f"p_{name}"] for name in ("contrats", "justice", "social")
    ) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("form", CONTENT)
def test_standard_input_comes_out_in_its_own_format(here, expected, form, packed):
    stdin = gzip.compress(CONTENT[form]) if packed else CONTENT[form]
    assert_same(read(predict("-", "--format", form, stdin=stdin).stdout_bytes, form), expected)


def test_types_of_parquet_are_kept(here):
    table = pa.table({"body": ["Un contrat"], "a": [1.5], "b": [2], "n": pa.array([3], pa.int8())})
    pq.write_table(table, here / "in.parquet")
    predict(here / "in.parquet", "-o", here / "out.parquet")
    written = pq.read_table(here / "out.parquet")
    assert written.schema.field("n").type == pa.int8()
    assert written.select(table.column_names) == table


def test_chunks_make_no_difference(here, monkeypatch):
    predict("data/raw/mine/all.csv", "-o", here / "one.csv")
    monkeypatch.setattr(sources, "ROWS", 7)
    predict("data/raw/mine/all.csv", "-o", here / "many.csv")
    one, many = (read_csv(here / name) for name in ("one.csv", "many.csv"))
    assert [row["predicted"] for row in one] == [row["predicted"] for row in many]
    for a, b in zip(one, many, strict=True):
        assert float(a["p_social"]) == pytest.approx(float(b["p_social"]), abs=1e-6)


# Rows that can't be predicted.


def test_no_row_is_lost(here):
    stdin = (
        b"id,body,a,b\n1,Un contrat,1,2\n2,   ,1,2\n3,Un contrat,x,2\n4,Un contrat,1\n\n"
        b"6,caf\xe9,1,2\n7,Un contrat,1e300,2\n8,Un contrat,1,2\n"
    )
    done = predict("-", stdin=stdin)
    lines = done.stdout_bytes.split(b"\n")[1:-1]
    assert len(lines) == 8
    assert lines[5].startswith(b"6,caf\xe9,1,2,,")
    rows = [line.decode("latin-1").split(",") for line in lines]
    reasons = [row[-1] for row in rows]
    assert reasons == [
        "",
        "record 2 (line 3): empty text",
        "record 3 (line 4): column a is not a finite number: 'x'",
        "record 4 (line 5): 3 fields instead of 4",
        "record 5 (line 6): empty line",
        "record 6 (line 7): broken encoding",
        "record 7 (line 8): a numeric column holds a number too large to be scaled",
        "",
    ]
    assert [bool(row[4]) for row in rows] == [not reason for reason in reasons]
    assert rows[0][4:] == rows[-1][4:]
    assert "2 of 8 rows predicted; 6 not" in done.stderr
    assert "1 x empty text" in done.stderr


def test_faulty_rows_of_json_lines_stay_in_place(here):
    stdin = b'{"body": "Un contrat", "a": 1, "b": 2}\nnonsense\n{"a": 1}\n'
    lines = predict("-", "--format", "jsonl", stdin=stdin).stdout.splitlines()
    rows = [json.loads(line) for line in lines]
    assert [row["predicted"] is None for row in rows] == [False, True, True]
    assert [row["p_social"] is None for row in rows] == [False, True, True]
    assert rows[1]["error"].startswith("record 2 (line 2): not JSON")
    assert rows[2]["error"] == "record 3 (line 3): empty text"


def test_where_no_row_can_be_predicted_the_command_fails(here):
    done = predict("-", stdin=b"body,a,b\n,1,2\n", code=1)
    assert "no row could be predicted" in done.stderr
    assert "empty text" in done.stderr


def test_a_header_line_alone_gives_one(here):
    done = predict("-", stdin=b"id,body,a,b\n")
    assert done.stdout == "id,body,a,b,predicted,p_contrats,p_justice,p_social,error\n"


# Error messages.


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (["none.csv"], None, "none.csv does not exist"),
        (["-"], b"", "no columns 'body'"),
        (["-"], b"Body,a,b\nx,1,2\n", "Did you mean 'Body'"),
        (["-"], b"body,a,b,error\nx,1,2,3\n", "already has a column 'error'.*--prefix"),
        (["-"], b"body,a,b,c,c\nx,1,2,3,4\n", "more than one column 'c'"),
        (["-", "--format", "parquet"], b"nonsense", "not a complete parquet file"),
        (["params.yaml"], None, "--format"),
        (["-", "-o", "out.txt"], b"body,a,b\nx,1,2\n", "out.txt: the file's suffix"),
        (["-", "-o", "no/out.csv"], b"body,a,b\nx,1,2\n", "no folder no"),
    ],
)
def test_mistakes_are_explained(here, arguments, stdin, message):
    done = predict(*arguments, stdin=stdin, code=1)
    assert re.search(message, done.stderr), done.stderr
    assert done.stdout == ""


def test_a_prefix_makes_names_differ(here):
    stdin = b"body,a,b,error\nUn contrat,1,2,3\n"
    header = predict("-", "--prefix", "new_", stdin=stdin).stdout.splitlines()[0]
    assert header.split(",")[3:5] == ["error", "new_predicted"]


def test_a_broken_input_leaves_no_output(here):
    (here / "in.csv.gz").write_bytes(gzip.compress(CONTENT["csv"])[:-9])
    done = predict(here / "in.csv.gz", "-o", here / "out.csv", code=1)
    assert "not a complete gzip file" in done.stderr
    assert [path.name for path in here.iterdir()] == ["in.csv.gz"]


def test_without_a_run_the_command_says_what_to_do(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "Run `dvc repro`" in predict("-", stdin=b"", code=1).stderr


def test_pieces_of_different_runs_are_refused(mixed, tmp_path, monkeypatch):
    shutil.copytree(mixed / "models", tmp_path / "models")
    monkeypatch.chdir(tmp_path)
    words = storage.read_json(tmp_path / "models/embedding/vocabulary.json")
    storage.write_json(tmp_path / "models/embedding/vocabulary.json", [*words, "more"])
    assert "not those of one run" in predict("-", stdin=b"", code=1).stderr
