"""Columns in prediction: numbers, names and dates are read as in training, gaps and all."""

import json
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pytest
from staged import check_prediction, read_csv
from test_prediction import predict, run_stages

from ballast.prediction.bundle import load
from ballast.probabilities import scored
from ballast.project import storage
from ballast.rows.prepared import Prepared
from ballast.texts.corpus import Contents

pytestmark = pytest.mark.pipeline

ROWS = 300
BLOCK = {
    "files": "all.csv",
    "text": "text",
    "features": ["x", "y"],
    "categories": ["kind"],
    "dates": {"day": "%d.%m.%Y"},
    "label": "label",
}


def some_rows() -> list[dict]:
    """Return rows whose label follows from any of the columns; a tenth of each is missing."""
    rng = np.random.default_rng(0)
    rows = []
    for number in range(ROWS):
        rare = number % 6 == 0
        day = date(2024, 1, 1) + timedelta(days=int(rng.integers(60)) + 200 * rare)
        row = {
            "text": " ".join(rng.choice(["goods", "sold", "late"] if rare else list("abcde"), 6)),
            "x": round(float(rng.normal() + 2 * rare), 3),
            "y": round(float(rng.normal(50, 20)), 3),
            "kind": str(rng.choice(["red", "blue"] if rare else ["blue", "green"])),
            "day": day.strftime("%d.%m.%Y"),
        }
        for name in ("x", "y", "kind", "day"):
            row[name] = "" if rng.random() < 0.1 else row[name]
        # No two texts are near-duplicates.
        row["text"] += f" {number}{number}"
        rows.append(row | {"label": "rare" if rare else "common"})
    return rows


def train(folder, **chosen) -> None:
    (folder / "data/raw/mine").mkdir(parents=True)
    rows = some_rows()
    storage.write_csv(
        folder / "data/raw/mine/all.csv", list(rows[0]), [row.values() for row in rows]
    )
    split = {"validation": 0.2, "test": 0.2, "folds": 1}
    block = BLOCK | {"near_duplicates": None}
    run_stages(folder, block, split=split, decision="argmax", **chosen)


@pytest.mark.parametrize(
    ("first", "second", "model"),
    [
        ("columns", "none", "linear"),
        ("columns", "none", "additive"),
        ("columns", "none", "mlp"),
        ("columns", "none", "boosting"),
        ("tfidf", "columns", "linear"),
        ("random", "columns", "two_channel_cnn"),
    ],
)
def test_rows_are_scored_as_in_training(tmp_path, monkeypatch, first, second, model):
    train(tmp_path, embedding=first, second_embedding=second, model=model)
    monkeypatch.chdir(tmp_path)
    check_prediction()
    prepared, predictor = Prepared(), load()
    place = {name: row for row, name in enumerate(prepared.ids)}
    for part in (scored.HELD_OUT, scored.TEST):
        table = storage.read_table(scored.FOLDER / "model" / part)
        rows = [place[name] for name in table["id"].to_pylist()]
        contents = Contents(
            [prepared.texts[row] for row in rows],
            *(each[rows] for each in (prepared.numbers, prepared.categories, prepared.dates)),
        )
        outputs = predictor.outputs(predictor.encoded(contents))["model"]
        expected = np.array(table["outputs"].to_pylist(), dtype=np.float32)
        np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("columns")
    train(folder, embedding="tfidf", second_embedding="columns", model="linear")
    return folder


@pytest.fixture
def here(trained, monkeypatch, tmp_path):
    monkeypatch.chdir(trained)
    return tmp_path


NEW = [
    {"text": "goods sold", "x": 2.5, "y": 50, "kind": "red", "day": "01.09.2024"},
    {"text": "a b c", "x": None, "y": None, "kind": None, "day": None},
    # A name that no row had is one more that is missing.
    {"text": "a b c", "x": None, "y": 51.5, "kind": "never seen", "day": "02.01.2024"},
]


def written(folder, form: str):
    """Write the new rows in a format, and return the file."""
    import pandas as pd
    import pyarrow.feather

    file = folder / f"new.{form}"
    if form == "json":
        file.write_text(json.dumps(NEW, indent=1), "utf-8")
    elif form == "jsonl":
        file.write_text("".join(json.dumps(row) + "\n" for row in NEW), "utf-8")
    elif form == "feather":
        pyarrow.feather.write_feather(pa.Table.from_pylist(NEW), file)
    elif form == "xlsx":
        pd.DataFrame(NEW).to_excel(file, index=False)
    else:
        storage.write_csv(file, list(NEW[0]), [row.values() for row in NEW])
    return file


def test_every_format_says_the_same_of_gaps_and_new_names(here):
    found = {}
    for form in ("csv", "jsonl", "json", "feather", "xlsx"):
        output = here / f"{form}.csv"
        predict(written(here, form), "-o", output)
        rows = read_csv(output)
        assert [row["error"] for row in rows] == [""] * len(NEW)
        found[form] = [[float(row[f"p_{name}"]) for name in ("common", "rare")] for row in rows]
    for form, probabilities in found.items():
        np.testing.assert_allclose(probabilities, found["csv"], rtol=1e-5, err_msg=form)
    assert found["csv"][0][1] > 0.5 > found["csv"][1][1]


@pytest.mark.parametrize("form", ["json", "feather", "xlsx"])
def test_formats_that_are_read_only_come_out_in_a_similar_one(here, form):
    file = written(here, form)
    done = predict(file)
    kind = {"json": b"{", "feather": b"PAR1", "xlsx": b"text,"}[form]
    assert done.stdout_bytes.startswith(kind)
    assert "are written as CSV, TSV" in predict(file, "-o", here / f"out.{form}", code=1).stderr


def test_a_date_of_another_form_is_a_fault_of_its_row(here):
    stdin = b"text,x,y,kind,day\ngoods,1,2,red,2024-09-01\ngoods,1,2,red,01.09.2024\n"
    first, second = predict("-", stdin=stdin).stdout.splitlines()[1:]
    assert first.endswith("(line 2): column day is not a date like %d.%m.%Y: '2024-09-01'")
    assert second.endswith(",")


def test_what_an_input_has_otherwise_is_told_and_set(here):
    file = here / "new.csv"
    lines = ["text;x;y;kind;day", *(f"goods sold é;{n},5;50;red;01.09.2024" for n in range(9))]
    file.write_bytes("\n".join(lines).encode("cp1252"))
    options = ["separator=';'", "encoding=cp1252", "decimal=','"]
    advice = predict(file, code=1).stderr
    assert all(f"`{option.replace('=', ': ')}`" in advice for option in options)
    assert "with -S" in advice
    settings = [word for option in options for word in ("-S", option)]
    assert "9 of 9 rows predicted" in predict(file, *settings, "-o", here / "out.csv").stderr
    assert "encodng" in predict(file, "-S", "encodng=cp1252", code=1).stderr


NAMES = ["a|b", 'the "best"', "two\nlines", "plain"]


def test_several_labels_are_a_list_whatever_their_names(tmp_path, monkeypatch):
    (tmp_path / "data/raw/mine").mkdir(parents=True)
    rng = np.random.default_rng(0)
    rows = []
    for number in range(200):
        chosen = [name for name in range(4) if rng.random() < 0.4] or [number % 4]
        text = " ".join(f"{'wxyz'[name]}{rng.integers(3)}" for name in chosen)
        rows.append({"text": f"{text} {number}", "label": [NAMES[name] for name in chosen]})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "data/raw/mine/all.jsonl").write_text(lines, "utf-8")
    block = {"files": "all.jsonl", "text": "text", "label": "label", "near_duplicates": None}
    run_stages(tmp_path, block, embedding="tfidf", model="linear", weighting="none")
    monkeypatch.chdir(tmp_path)
    classes = storage.read_json(tmp_path / "data/prepared/classes.json")["labels"]
    check_prediction()
    for file in ("metrics/predictions.csv", "predicted.csv"):
        found = [json.loads(row["predicted"]) for row in read_csv(tmp_path / file)]
        assert {name for labels in found for name in labels} <= set(classes)
        assert any(len(labels) > 1 for labels in found)
    assert set(classes) == set(NAMES)
