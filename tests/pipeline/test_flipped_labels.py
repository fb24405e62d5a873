"""Labels of the demo corpus are made wrong: how many of them the list of suspects has."""

import random

import pytest
from defaults import create, parameters
from documents import BEGINNING
from staged import STAGES, read_csv, stage

from ballast.project import storage
from ballast.setup import demo

pytestmark = pytest.mark.pipeline

ROWS, FLIPPED = 2500, 0.05


def corrupted() -> tuple[list[tuple[str, str]], dict[str, str]]:
    """Return texts with labels, some of them wrong, and the right label of these by text."""
    chance, right, rows = random.Random(0), {}, []
    for text, label in demo.generate(ROWS):
        if chance.random() < FLIPPED:
            right[text] = label
            label = chance.choice([name for name in demo.labels() if name != label])
        rows.append((text, label))
    return rows, right


def test_most_wrong_labels_are_suspected_and_stand_first(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # The generator's own wrong labels are not known one by one.
    monkeypatch.setattr(demo, "LABEL_NOISE", 0.0)
    rows, right = corrupted()
    storage.write_csv(tmp_path / "data/raw/demo/demo.csv", ("text", "label"), rows)
    split = {"validation": 0.0, "test": 0.2, "folds": 5}
    create(tmp_path, parameters(split=split, **BEGINNING))
    for name in STAGES:
        stage(name).main()
    parts = storage.read_table(tmp_path / "data/split/rows.parquet", ["id", "part"]).to_pylist()
    prepared = storage.read_table(tmp_path / "data/prepared/rows.parquet", ["id", "text"])
    texts = {row["id"]: row["text"] for row in prepared.to_pylist()}
    held_out = {texts[row["id"]] for row in parts if row["part"] == "train"}
    wrong = {text: label for text, label in right.items() if text in held_out}
    listed = read_csv(tmp_path / "metrics/label_issues.csv")
    found = [row for row in listed if texts[row["id"]] in wrong]
    named = [row for row in found if row["suspected"] == wrong[texts[row["id"]]]]
    first = [row for row in listed[: len(wrong)] if texts[row["id"]] in wrong]
    figures = {
        "recall": len(found) / len(wrong),
        "precision": len(found) / len(listed),
        "precision of the first": len(first) / len(wrong),
        "right label named": len(named) / len(found),
    }
    # docs/evaluation.md has the figures: .71, .36, .62 and .95, where 6 % of the labels are wrong.
    least = {
        "recall": 0.65,
        "precision": 0.3,
        "precision of the first": 0.55,
        "right label named": 0.85,
    }
    assert {name: figures[name] for name in least if figures[name] < least[name]} == {}
