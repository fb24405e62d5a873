"""The multi-label demo: reproducible, of one to three labels, clean, neither easy nor lost."""

import csv
import io
import json
import random
import re
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from closure import ROOT
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics import f1_score
from sklearn.model_selection import train_test_split
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from test_demo import near_duplicates
from typer.testing import CliRunner

from ballast.cli import app
from ballast.project import params
from ballast.setup import demo

COMMITTED = ROOT / "data/raw/demo_multilabel/demo_multilabel.csv"


@pytest.fixture(scope="module")
def corpus() -> list[tuple[str, str]]:
    return demo.generate_multilabel()


@pytest.fixture(scope="module")
def texts(corpus) -> list[str]:
    return [text for text, _ in corpus]


@pytest.fixture(scope="module")
def targets(corpus) -> np.ndarray:
    return np.array([[name in joined.split("|") for name in demo.labels()] for _, joined in corpus])


def test_same_seed_same_corpus_other_seed_other_corpus():
    state = random.getstate()
    assert demo.generate_multilabel(300, seed=4) == demo.generate_multilabel(300, seed=4)
    assert random.getstate() == state
    assert not set(demo.generate_multilabel(300, seed=4)) & set(demo.generate_multilabel(300, 5))


def test_too_few_rows_are_refused():
    with pytest.raises(ValueError, match="at least 9"):
        demo.generate_multilabel(8)


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> Path:
    """What the command writes."""
    folder = tmp_path_factory.mktemp("written")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert CliRunner().invoke(app, ["demo", "--multilabel"]).exit_code == 0
    return folder / "data/raw/demo_multilabel/demo_multilabel.csv"


def test_committed_file_is_what_the_command_writes(file):
    if not COMMITTED.exists():
        pytest.skip("this project has no multi-label demo corpus")
    assert file.read_bytes() == COMMITTED.read_bytes()
    assert file.stat().st_size < 2**20


def test_options_of_the_command(tmp_path):
    file = tmp_path / "new" / "news.csv"
    options = ["--multilabel", "--rows", "20", "--seed", "3", "--output", str(file)]
    assert CliRunner().invoke(app, ["demo", *options]).exit_code == 0
    _, *rows = csv.reader(io.StringIO(file.read_text(encoding="utf-8"), newline=""))
    assert [tuple(row) for row in rows] == demo.generate_multilabel(20, seed=3)


def test_file_reads_back(corpus, file):
    content = file.read_bytes()
    assert b"\r" not in content
    header, *rows = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    assert header == ["text", "labels"]
    assert [tuple(row) for row in rows] == corpus


def test_one_to_three_labels_in_the_order_of_the_classes(corpus):
    assert len(corpus) == 3000
    order = demo.labels()
    for _, joined in corpus:
        named = joined.split("|")
        assert named == sorted(set(named), key=order.index)
    numbers = Counter(joined.count("|") + 1 for _, joined in corpus)
    for number, share in demo.TOPICS.items():
        assert abs(numbers[number] / 3000 - share) < 0.03


def test_labels_are_imbalanced_as_the_classes_are(targets):
    counts = targets.sum(axis=0)
    assert 8 < counts.max() / counts.min() < 16
    assert counts.min() > 100
    assert list(np.argsort(-counts)[:4]) == [0, 1, 2, 3]


def test_texts_are_clean_sentences(texts):
    for text in texts:
        assert re.match(r"(« )?[A-ZÀÂÉÈÊÎÔŒ]", text), text
        assert text.endswith("."), text
        assert not re.search(r"\s\s|[\t\n\r]|[\[\]{}<>|]|\s[,.]|,,|\.\.|[,:;]\.", text), text


def test_elisions_and_contractions_are_made(texts):
    missed = re.compile(r"\b([dlns]e|la|que) [aeiouàâéèêîô]|\bde (le|les|des)\b|\bà les?\b", re.I)
    for text in texts:
        assert not missed.search(text), text


def test_few_near_duplicates(texts):
    assert len({text.casefold() for text in texts}) == len(texts)
    assert len(near_duplicates(texts, 0.8)) < 0.01 * len(texts)


def test_baseline_is_neither_lost_nor_perfect(texts, targets):
    train, test, known, wanted = train_test_split(texts, targets, test_size=0.2, random_state=0)
    linear = OneVsRestClassifier(LinearSVC(class_weight="balanced"))
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), linear).fit(train, known)
    scores = f1_score(wanted, model.predict(test), average=None)
    assert 0.6 < scores.mean() < 0.9
    assert scores.min() > 0.3
    assert scores[-2:].mean() < scores.mean() < scores[:2].mean()


def test_block_in_params_reads_every_row(project, file):
    blocks = params.load(ROOT / "params.yaml")["datasets"]
    if "demo_multilabel" not in blocks:
        pytest.skip("this project has no multi-label demo corpus")
    shutil.copy(file, project.raw)
    project.describe(**blocks["demo_multilabel"])
    done = project.run("prepare")
    assert done.returncode == 0, done.stderr
    classes = json.loads((project.folder / "data/prepared/classes.json").read_text())
    assert classes["task"] == "multilabel"
    assert sorted(classes["labels"]) == sorted(demo.labels())
    facts = json.loads((project.folder / "data/prepared/counts.json").read_text())
    assert facts["kept"] == facts["rows"] == 3000
