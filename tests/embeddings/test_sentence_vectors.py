"""embedding: sentence, and models brought into the project."""

import shutil
import sys
from types import ModuleType

import numpy as np
import pytest
from typer.testing import CliRunner

pytest.importorskip("tokenizers", reason="the extra `encoder` is not installed")

from problems import contents_of, corpus_of
from tiny_models import HIDDEN, describe, write_model

from ballast.cli import app
from ballast.embeddings import sentence
from ballast.encoders.encoder import SentenceEncoder
from ballast.project.errors import UserError
from ballast.setup import encoders as fetching
from ballast.setup.encoders import fetch_encoder
from ballast.texts.corpus import Corpus

TEXTS = ["the cat sat", "", "a dog ran", "the cat sat", "the big dog sat on a cat " * 9]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BALLAST_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def folder(tmp_path):
    return describe(write_model(tmp_path / "encoders" / "tiny"), "mean_tokens", "Normalize")


@pytest.fixture
def encoded(monkeypatch):
    """Every text that is really encoded."""
    encoded, original = [], SentenceEncoder.__call__

    def call(self, texts):
        encoded.extend(texts)
        return original(self, texts)

    monkeypatch.setattr(SentenceEncoder, "__call__", call)
    return encoded


def corpus(texts, folder) -> Corpus:
    contents = contents_of(texts, numbers=[()] * len(texts or TEXTS))
    return corpus_of(contents, vectors=folder, encoder=folder)


def test_each_text_has_its_vector(folder, capfd):
    embedded = sentence.embed(corpus(TEXTS, folder), 0)
    expected, _ = SentenceEncoder(folder)(TEXTS)
    assert embedded.values.dtype == np.float32
    assert embedded.values.tobytes() == expected.tobytes()
    assert embedded.kept["encoder/model.safetensors"] == folder / "model.safetensors"
    out = capfd.readouterr().out
    assert "4 distinct texts: 4 to encode, 0 in " in out
    assert "1 of them are read in several windows of up to 16 tokens" in out


def test_nothing_is_encoded_twice(folder, encoded, capfd, monkeypatch):
    monkeypatch.setattr(sentence, "CHUNK", 2)
    first = sentence.embed(corpus(TEXTS, folder), 0)
    assert sorted(encoded) == sorted(set(TEXTS))
    capfd.readouterr()
    encoded.clear()
    turned = sentence.embed(corpus([*TEXTS[::-1], "on"], folder), 1)
    assert encoded == ["on"]
    assert turned.values[:-1].tobytes() == first.values[::-1].tobytes()
    assert "1 of them are read in several windows" in capfd.readouterr().out
    encoded.clear()
    assert sentence.embed(corpus(TEXTS, folder), 0).values.tobytes() == first.values.tobytes()
    assert encoded == []


def test_another_model_another_prefix_or_a_broken_file_are_encoded_anew(
    folder, encoded, cache, tmp_path
):
    plain = sentence.embed(corpus(TEXTS, folder), 0).values
    prefixed = sentence.embed(corpus(TEXTS, folder), 0, prefix="big ").values
    assert (prefixed != plain).any(axis=1).all()
    encoded.clear()
    shutil.copytree(folder, tmp_path / "copy")
    describe(tmp_path / "copy", "max_tokens", "Normalize")
    other = sentence.embed(corpus(TEXTS, tmp_path / "copy"), 0).values
    assert len(encoded) == 4
    assert (other != plain).any(axis=1).all()
    encoded.clear()
    for file in cache.rglob("*.sqlite"):
        file.write_bytes(b"broken" * 1000)
    assert sentence.embed(corpus(TEXTS, folder), 0).values.tobytes() == plain.tobytes()
    assert len(encoded) == 4


@pytest.mark.parametrize("prefix", ["", "big "])
def test_prediction_reads_the_copy_of_the_model(folder, tmp_path, prefix):
    embedded = sentence.embed(corpus(TEXTS, folder), 0, prefix=prefix)
    for name, file in embedded.kept.items():
        place = tmp_path / "embedding" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, place)
    read = sentence.reader(tmp_path / "embedding", {"prefix": prefix})
    assert read(contents_of(TEXTS[2:])).tobytes() == embedded.values[2:].tobytes()


def test_missing_texts_models_and_files_are_named(folder):
    with pytest.raises(UserError, match=r"sentence needs texts.*columns"):
        sentence.embed(corpus(None, folder), 0)
    with pytest.raises(UserError, match=r"needs a model: fetch one with `ballast fetch-encoder"):
        sentence.embed(corpus(TEXTS, folder.parent / "none"), 0)
    with pytest.raises(UserError, match="other does not exist"):
        sentence.embed(corpus(TEXTS, folder.parent / "other"), 0)


# Models brought into the project.

NAMES = ["1_Pooling", "config.json", "model.safetensors", "modules.json", "tokenizer.json"]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_is_copied_without_what_is_not_read(folder, tmp_path):
    for name in ("README.md", ".gitattributes", "pytorch_model.bin"):
        (folder / name).write_text(name, encoding="utf-8")
    root = tmp_path / "data" / "encoders"
    fetched = fetch_encoder("mine", str(folder), root)
    assert fetched == root / "mine"
    assert names(fetched) == NAMES
    assert names(root) == ["mine"]
    assert (
        SentenceEncoder(fetched)(TEXTS)[0].tobytes() == SentenceEncoder(folder)(TEXTS)[0].tobytes()
    )
    with pytest.raises(UserError, match="mine is already there"):
        fetch_encoder("mine", str(folder), root)


def test_what_is_no_model_leaves_nothing_behind(folder, tmp_path):
    (folder / "tokenizer.json").unlink()
    root = tmp_path / "data" / "encoders"
    with pytest.raises(UserError, match=r"tokenizer\.json does not exist"):
        fetch_encoder("mine", str(folder), root)
    assert names(root) == []


@pytest.mark.parametrize("name", ["none", "../up", ".hidden", "a/b", ""])
def test_names_that_no_folder_here_can_have_are_refused(folder, tmp_path, name):
    with pytest.raises(UserError, match="can't be a folder's name"):
        fetch_encoder(name, str(folder), tmp_path)


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("package:no-such-package-at-all", "no-such-package-at-all is not installed"),
        ("package:pytest", "holds 0 models"),
        ("nowhere", "is no folder"),
        ("https://example.org/model", "is no folder"),
    ],
)
def test_sources_that_are_none_are_told(tmp_path, source, words):
    with pytest.raises(UserError, match=words):
        fetch_encoder("mine", source, tmp_path)


def hub(monkeypatch, download) -> None:
    """Put a function in the place of the hub's."""
    stand_in = ModuleType("huggingface_hub")
    stand_in.snapshot_download = download
    monkeypatch.setitem(sys.modules, "huggingface_hub", stand_in)


def test_the_hub_is_asked_for_what_is_read_and_no_more(folder, tmp_path, monkeypatch):
    asked = []

    def download(name, *, revision, allow_patterns, local_dir):
        asked.append((name, revision))
        assert "model.safetensors" in allow_patterns
        assert not {"*", "*.bin", "README.md"} & set(allow_patterns)
        shutil.copytree(folder, local_dir)
        (local_dir / ".cache").mkdir()

    hub(monkeypatch, download)
    assert names(fetch_encoder("one", "owner/model", tmp_path / "data")) == NAMES
    fetch_encoder("two", "owner/model-v1.5@refs/pr/1", tmp_path / "data")
    assert asked == [("owner/model", None), ("owner/model-v1.5", "refs/pr/1")]


def test_a_failed_download_is_told(tmp_path, monkeypatch):
    def download(name, **options):
        raise ConnectionError("no route to the hub")

    hub(monkeypatch, download)
    with pytest.raises(UserError, match=r"owner/model .*ConnectionError: no route"):
        fetch_encoder("one", "owner/model", tmp_path)
    assert names(tmp_path) == []


def test_an_installed_package_is_a_source(tmp_path, monkeypatch, folder):
    class Packed:
        name = "model.safetensors"

        def locate(self):
            return folder / self.name

    packed = ModuleType("packed")
    packed.files = [Packed()]
    monkeypatch.setattr(fetching, "distribution", lambda name: packed)
    assert names(fetch_encoder("mine", "package:some", tmp_path / "data")) == NAMES


def test_the_command_says_what_came(folder, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["fetch-encoder", "mine", str(folder)])
    assert done.exit_code == 0
    assert "data/encoders/mine: 1_Pooling, config.json" in done.output
    assert (tmp_path / "data/encoders/mine/model.safetensors").is_file()
    assert SentenceEncoder(tmp_path / "data/encoders/mine").dimensions == HIDDEN
