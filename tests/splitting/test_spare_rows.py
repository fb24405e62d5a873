"""The stages with spare rows: held out and scored, but nothing is learnt from them."""

import json
from itertools import islice, permutations
from pathlib import Path

import numpy as np
import pytest
from defaults import create, parameters
from dvc.utils.serialize import dump_yaml
from staged import STAGES, stage

from ballast.labels import parts
from ballast.labels.parts import SPARE, TEST
from ballast.probabilities import scored
from ballast.project import storage
from ballast.resampling import plans
from ballast.rows.prepared import Prepared

pytestmark = pytest.mark.pipeline

ROWS, CLASSES = 150, 2
OWN_WORDS = ["".join(letters) for letters in islice(permutations("abcdefg", 6), ROWS)]
BLOCKS = {
    "embeddings.tfidf": {"words": [1, 1], "characters": None, "min_count": 1},
    "training": {"epochs": 2},
    "evaluation": {"replicates": 100},
}


@pytest.fixture
def project(tmp_path, monkeypatch, undrawn):
    """A folder with a data set in which each row has a word of its own."""
    rng, rows = np.random.default_rng(0), []
    for number in range(ROWS):
        rare = number % 5 == 0
        words = rng.choice(["goods", "sold", "late"] if rare else ["paid", "well", "early"], 4)
        rows.append([f"{' '.join(words)} {OWN_WORDS[number]}", "rare" if rare else "common"])
    storage.write_csv(tmp_path / "data/raw/mine/all.csv", ["text", "label"], rows)
    block = {"files": "all.csv", "text": "text", "label": "label", "near_duplicates": None}
    create(tmp_path, {})
    monkeypatch.chdir(tmp_path)

    def run(run_seed=0, **split) -> parts.Split:
        chosen = {"embedding": "tfidf", "model": "linear", "sampler": "random_over"}
        data = {"dataset": "mine", "datasets": {"mine": block}, "split": split}
        values = parameters(BLOCKS, seed=run_seed, **data, **chosen)
        dump_yaml(Path("params.yaml"), values)
        for name in STAGES:
            stage(name).main()
        return parts.load(CLASSES)

    return run


def held_out() -> list[str]:
    return storage.read_table(scored.FOLDER / "model" / scored.HELD_OUT)["id"].to_pylist()


def test_spare_rows_are_scored_and_nothing_is_learnt_from_them(project):
    whole = project(folds=3)
    scored_rows = held_out()
    assert "spare" not in json.loads(Path("metrics/split.json").read_text())
    split = project(folds=3, share=0.5)
    # The same rows are held out, and all of them are scored.
    assert held_out() == scored_rows == split.names(np.flatnonzero(split.parts != TEST))
    assert (whole.folds == split.folds).all()
    texts = Prepared().texts
    vocabulary = storage.read_json(Path("models/embedding/words.json"))
    assert set(vocabulary) & set(OWN_WORDS) == {texts[row].split()[-1] for row in split.training}
    plan = plans.load(split.ids, CLASSES)
    assert set(plan.rows.tolist()) == set(split.training.tolist())
    ledger = json.loads(Path("models/model/ledger.json").read_text())
    assert ledger["rows"] == len(split.training)
    sizes = json.loads(Path("metrics/split.json").read_text())
    assert sizes["spare"] == (split.parts == SPARE).sum()
    assert sum(sizes.values()) == ROWS
    assert "Spare rows are training rows" in Path("metrics/report.html").read_text("utf-8")


def test_with_one_fold_spare_rows_are_left_out(project, capsys):
    split = project(folds=1, validation=0.2, share=0.5)
    spare = np.flatnonzero(split.parts == SPARE)
    assert f"{len(spare)} training rows are spare, since split.share is 0.5: not used" in (
        capsys.readouterr().out
    )
    assert not set(held_out()) & set(split.names(spare))


def test_rows_are_the_same_for_another_seed_of_the_run(project):
    first = project(folds=3, seed=0)
    rows = Path("metrics/predictions.csv").read_text().splitlines()
    second = project(run_seed=1, folds=3, seed=0)
    assert (first.parts == second.parts).all()
    assert (first.folds != second.folds).any()
    again = Path("metrics/predictions.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows] == [row.split(",")[:2] for row in again]
