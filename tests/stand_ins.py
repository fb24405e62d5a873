"""Small files in the place of the public data sets, of word vectors and of an encoder.

They have the form of the real ones, so what README and docs say of these runs anywhere.
"""

import csv
import gzip
from pathlib import Path

import numpy as np
import tiny_models

from ballast.setup import demo

ROWS = 300
EMOTIONS = ["joy", "anger", "grief", "neutral"]
# As params.yaml has them, whatever a fork has made of that.
BLOCKS = {
    "sms_spam": {
        "files": "SMSSpamCollection",
        "format": "tsv",
        "quote": None,
        "columns": ["label", "text"],
        "text": "text",
        "label": "label",
        "positive": "spam",
    },
    "reuters8": {
        "train": "R8_train.txt",
        "test": "R8_test.txt",
        "format": "tsv",
        "quote": None,
        "columns": ["label", "text"],
        "text": "text",
        "label": "label",
    },
    "goemotions": {
        "train": "goemotions_train.tsv",
        "validation": "goemotions_dev.tsv",
        "test": "goemotions_test.tsv",
        "quote": None,
        "columns": ["text", "label", "comment"],
        "text": "text",
        "label": "label",
        "label_separator": ",",
        "label_names": "goemotions_labels.txt",
    },
    "mammography": {
        "files": "mammography.csv",
        "quote": "'",
        "columns": [*(f"f{number}" for number in range(6)), "label"],
        "features": [f"f{number}" for number in range(6)],
        "label": "label",
        "label_names": {"-1": "benign", "1": "malignant"},
        "positive": "malignant",
    },
    "french_sources": {"files": "french_sources.csv", "text": "text", "label": "label"},
    "letters": {"files": "letters.csv", "text": "text", "features": ["age"], "label": "label"},
    # That of README and docs.
    "news": {"files": "news.csv.gz", "text": "body", "label": "topic"},
}
# What recipes are for; the others are for the demo corpus, too.
OF_RECIPES = {
    "short_texts": "sms_spam",
    "several_labels": "demo_multilabel",
    "columns": "mammography",
    "additive_columns": "mammography",
    "texts_with_columns": "letters",
    "two_channels": "sms_spam",
    "binary_texts": "sms_spam",
}


def write(data: Path) -> None:
    """Write all of them into a project's folder `data/`."""
    rng = np.random.default_rng(0)
    texts = demo.generate(rows=ROWS)
    raw = {name: data / "raw" / name for name in [*BLOCKS, "demo_multilabel"]}
    for folder in raw.values():
        folder.mkdir(parents=True, exist_ok=True)
    _lines(raw["sms_spam"] / "SMSSpamCollection", [(_spam(label), text) for text, label in texts])
    for part in ("train", "test"):
        _lines(
            raw["reuters8"] / f"R8_{part}.txt", [(label, f"{text} {part}") for text, label in texts]
        )
    for part in ("train", "dev", "test"):
        rows = [(f"{text} {part}", _numbers(rng), "x") for text, _ in texts[: ROWS // 2]]
        _lines(raw["goemotions"] / f"goemotions_{part}.tsv", rows)
    _lines(raw["goemotions"] / "goemotions_labels.txt", [(name,) for name in EMOTIONS])
    positive = np.arange(2 * ROWS) % 20 == 0
    columns = rng.normal(size=(len(positive), 6)) + positive[:, None]
    labels = np.where(positive, "'1'", "'-1'")
    rows = [(*map(str, row), label) for row, label in zip(columns, labels, strict=True)]
    _lines(raw["mammography"] / "mammography.csv", rows, ",")
    _table(raw["french_sources"] / "french_sources.csv", ["text", "label"], texts)
    letters = [(text, label, number % 7) for number, (text, label) in enumerate(texts)]
    _table(raw["letters"] / "letters.csv", ["text", "label", "age"], letters)
    news = [(text, label, f"source {number % 50}") for number, (text, label) in enumerate(texts)]
    for ending in ("csv", "csv.gz"):
        _table(raw["news"] / f"news.{ending}", ["body", "topic", "source"], news)
    for part, begin in {"train": 0, "dev": 200, "test": 250}.items():
        _table(raw["news"] / f"{part}.tsv", ["body", "topic"], news[begin:][:200], "\t")
    demo.write(raw["demo_multilabel"] / "demo_multilabel.csv", rows=ROWS, multilabel=True)
    _write_vectors(data / "vectors", texts, rng)
    tiny_models.write_model(data / "encoders/minilm")


def _write_vectors(folder: Path, texts: list[tuple[str, str]], rng: np.random.Generator) -> None:
    words = sorted({word for text, _ in texts for word in text.split()})
    lines = [f"{word} {' '.join(f'{x:.3f}' for x in rng.normal(size=300))}" for word in words]
    content = "\n".join([f"{len(words)} 300", *lines])
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "cc.fr.300.vec.gz").write_bytes(gzip.compress(content.encode()))


def _spam(label: str) -> str:
    return "spam" if label == "contrats" else "ham"


def _numbers(rng: np.random.Generator) -> str:
    chosen = rng.choice(len(EMOTIONS), size=rng.integers(1, 3), replace=False)
    return ",".join(map(str, chosen))


def _lines(file: Path, rows: list[tuple], separator: str = "\t") -> None:
    file.write_text("".join(f"{separator.join(row)}\n" for row in rows), encoding="utf-8")


def _table(file: Path, header: list[str], rows: list[tuple], separator: str = ",") -> None:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "wt", encoding="utf-8", newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows([header, *rows])
