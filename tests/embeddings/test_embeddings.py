"""Embeddings: what every member promises, vocabularies of training rows, files of vectors."""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from problems import ROOT, check_blocks, check_contract, contents_of, corpus_of

from ballast.embeddings import fasttext, pretrained, word2vec
from ballast.embeddings import random as drawn
from ballast.project import params, storage
from ballast.project.errors import UserError
from ballast.texts.corpus import Corpus
from ballast.texts.embedded import Embedded, Terms, Vectors

MEMBERS = params.members("embeddings")
# What each yields for texts; the others yield nothing.
WORDS = ["fasttext", "pretrained", "random", "word2vec"]
TERMS = ["tfidf", "tfidf_svd"]
# Those of a pretrained model.
ENCODED = ["sentence", "wordpieces"]
YIELDS = {name: Embedded for name in [*WORDS, "wordpieces"]}
YIELDS |= {"tfidf": Terms, "tfidf_svd": Vectors, "sentence": Vectors}
OF_TEXTS = list(YIELDS)
YIELDS |= {"columns": Vectors}
SMALL = {"tfidf_svd": {"dimensions": 3}}
TEXTS = ["the cat sat", "The dog sat!", "a cat and a dog", "", "the zebra sat", "cat dog"]
TRAINING = np.array([True, True, True, True, False, False])
GLOVE = "the 1 2 3\nCat 4 5 6\nDOG 7 8 9\ndog -7 -8 -9\nDog 70 80 90\nzebra 5 5 5\nmouse 6 6 6\n"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BALLAST_CACHE", str(tmp_path / "cache"))


def corpus(texts=TEXTS, **folders: Path) -> Corpus:
    numbers = [[number] for number in range(len(TRAINING))]
    return corpus_of(contents_of(texts, numbers=numbers), TRAINING, **folders)


def model_of(name: str, folder: Path) -> Path:
    """Return the folder of a pretrained model, for the members that read one."""
    if name not in ENCODED:
        return folder / "none"
    pytest.importorskip("tokenizers", reason="the extra `encoder` is not installed")
    from tiny_models import write_model

    return write_model(folder / "tiny")


def file_of(folder: Path, text: str | bytes, name: str = "vectors.txt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def vector_of(embedded: Embedded, word: str) -> list[float]:
    return embedded.vectors[embedded.vocabulary.index(word) + 2].tolist()


def test_every_member_has_its_block_of_options():
    check_blocks("embedding")


def embed(name: str, tmp_path: Path, texts=TEXTS, seed: int = 3, **changes):
    """Return a member's result on some texts, with every word in the vocabulary."""
    module, options = check_contract("embedding", name)
    options |= {"min_count": 1} if "min_count" in options else {}
    rows = corpus(texts, vectors=file_of(tmp_path, GLOVE), encoder=model_of(name, tmp_path))
    return module.embed(rows, seed, **options | SMALL.get(name, {}) | changes)


def rows_of(embedded) -> list[np.ndarray]:
    """Return what a network reads, an array per row."""
    if isinstance(embedded, Embedded):
        return np.split(embedded.tokens, embedded.offsets[1:-1])
    return list(embedded.weights.toarray() if isinstance(embedded, Terms) else embedded.values)


@pytest.mark.parametrize("name", MEMBERS)
def test_contract(name, tmp_path):
    embedded = embed(name, tmp_path)
    if name not in YIELDS:
        assert embedded is None
        return
    assert isinstance(embedded, YIELDS[name])
    rows, again = rows_of(embedded), embed(name, tmp_path)
    assert len(rows) == len(TEXTS)
    for row, other in zip(rows, rows_of(again), strict=True):
        np.testing.assert_array_equal(row, other)
    for file, values in embedded.files().items():
        np.testing.assert_array_equal(again.files()[file], values)


@pytest.mark.parametrize("name", [*WORDS, "wordpieces"])
def test_tokens_are_those_of_the_vocabulary(name, tmp_path):
    embedded = embed(name, tmp_path)
    size = len(embedded.vocabulary)
    assert embedded.vectors.dtype == np.float32
    assert embedded.vectors.shape[0] == size + 2
    assert np.isfinite(embedded.vectors).all()
    assert not embedded.vectors[0].any(), "padding has the zero vector"
    assert embedded.offsets.shape == (len(TEXTS) + 1,)
    assert embedded.offsets[0] == 0
    assert embedded.offsets[-1] == len(embedded.tokens)
    assert np.issubdtype(embedded.tokens.dtype, np.unsignedinteger)
    assert ((embedded.tokens >= 1) & (embedded.tokens < size + 2)).all()


@pytest.mark.parametrize("name", TERMS)
def test_terms_are_finite_numbers_of_unit_length(name, tmp_path):
    embedded = embed(name, tmp_path)
    for text, row in zip(TEXTS, rows_of(embedded), strict=True):
        assert row.dtype == np.float32
        # Words and characters each have length 1; a vector has it as a whole.
        length = np.sqrt(2) if name == "tfidf" else 1
        assert np.linalg.norm(row) == pytest.approx(length if text else 0, rel=1e-5)


@pytest.mark.parametrize("name", YIELDS)
def test_prediction_reads_new_texts_as_the_stage_did(name, tmp_path):
    embedded = embed(name, tmp_path)
    for file, values in embedded.files().items():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        if isinstance(values, Path):
            shutil.copyfile(values, tmp_path / file)
        elif isinstance(values, np.ndarray):
            np.save(tmp_path / f"{file}.npy", values)
        else:
            storage.write_json(tmp_path / f"{file}.json", values)
    module, options = check_contract("embedding", name)
    read = module.reader(tmp_path, options | SMALL.get(name, {}))(corpus())
    if isinstance(embedded, Embedded):
        read = np.split(read[0], read[1][1:-1])
    elif name == "tfidf":
        read = read.toarray()
    for row, other in zip(rows_of(embedded), read, strict=True):
        np.testing.assert_array_equal(row, other)


@pytest.mark.parametrize("name", YIELDS)
def test_other_rows_change_nothing(name, tmp_path):
    embedded = embed(name, tmp_path)
    others = embed(name, tmp_path, [*TEXTS[:4], "dog dog dog cat", "quagga"])
    for file, values in embedded.files().items():
        np.testing.assert_array_equal(others.files()[file], values)
    for row, other in zip(rows_of(embedded)[:4], rows_of(others)[:4], strict=True):
        np.testing.assert_array_equal(row, other)


# Not of wordpieces: its vocabulary is the pretrained model's, whatever the training rows have.
@pytest.mark.parametrize("name", WORDS)
def test_words_of_other_rows_are_unknown(name, tmp_path):
    embedded = embed(name, tmp_path)
    assert "zebra" not in embedded.vocabulary
    texts = rows_of(embedded)
    assert texts[4][1] == 1
    assert [embedded.vocabulary[token - 2] for token in texts[0]] == ["the", "cat", "sat"]


def test_weights_of_terms_are_those_of_the_formula(tmp_path):
    """One kind, by hand: 4 training rows, of which "the" occurs in 2, "cat" in 2, "sat" in 2."""
    embedded = embed("tfidf", tmp_path, words=[1, 1], characters=None)
    assert embedded.kept["words"] == sorted({"the", "cat", "sat", "dog", "a", "and", "!"})
    terms = dict(zip(embedded.kept["words"], embedded.weights.toarray().T, strict=True))
    once = 1 + np.log(5 / 3)
    rare = 1 + np.log(5 / 2)
    # "a cat and a dog": a twice in its one row.
    row = {"a": (1 + np.log(2)) * rare, "cat": once, "and": rare, "dog": once}
    length = np.sqrt(sum(value**2 for value in row.values()))
    for term, value in row.items():
        assert terms[term][2] == pytest.approx(value / length, rel=1e-6)


def test_terms_of_characters_stay_inside_words(tmp_path):
    embedded = embed("tfidf", tmp_path, words=None, characters=[2, 3])
    assert {"th", " th", "he "} <= set(embedded.kept["characters"])
    assert not [term for term in embedded.kept["characters"] if " " in term.strip()]


def test_latent_directions_keep_as_much_as_they_can(tmp_path):
    """All directions that there are keep the angles between training rows."""
    weights = embed("tfidf", tmp_path).weights.toarray()[:3]
    vectors = embed("tfidf_svd", tmp_path).values[:3]
    np.testing.assert_allclose(vectors @ vectors.T, weights @ weights.T / 2, atol=1e-5)


@pytest.mark.parametrize("name", TERMS)
def test_what_gives_no_terms_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="can't both be null"):
        embed(name, tmp_path, words=None, characters=None)
    with pytest.raises(UserError, match=r"\[3, 2\]"):
        embed(name, tmp_path, words=[3, 2])
    with pytest.raises(UserError, match="no term of words occurs in 4"):
        embed(name, tmp_path, min_count=4)


def test_more_directions_than_rows_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"dimensions: 9 is more than .* 4"):
        embed("tfidf_svd", tmp_path, dimensions=9)


@pytest.mark.parametrize("name", OF_TEXTS)
def test_a_data_set_without_text_is_refused(name, tmp_path):
    with pytest.raises(UserError, match=f"embedding: {name} needs texts.*columns"):
        embed(name, tmp_path, None)


@pytest.mark.parametrize("name", WORDS)
def test_long_texts_rare_words_and_large_vocabularies_are_cut(name, tmp_path):
    embedded = embed(name, tmp_path, max_tokens=2)
    assert (np.diff(embedded.offsets) == [2, 2, 2, 0, 2, 2]).all()
    assert embedded.cut == sum(len(text.split()) > 2 for text in TEXTS)
    assert embed(name, tmp_path).cut == 0
    embedded = embed(name, tmp_path, vocabulary=2)
    assert embedded.vocabulary == ["a", "cat"]  # twice each, as are dog, sat and the
    embedded = embed(name, tmp_path, min_count=2)
    assert embedded.vocabulary == ["a", "cat", "dog", "sat", "the"]
    with pytest.raises(UserError, match="min_count"):
        embed(name, tmp_path, min_count=3)


@pytest.mark.parametrize("module", [drawn, word2vec, fasttext])
def test_vectors_have_their_dimensions_and_follow_the_seed(module):
    options = {"dimensions": 7, "min_count": 1}
    embedded = [module.embed(corpus(), seed, **options).vectors for seed in (0, 1)]
    assert embedded[0].shape[1] == 7
    assert (embedded[0][2:] != embedded[1][2:]).any()


def test_random_vectors_are_uniform_and_wait_for_training():
    embedded = drawn.embed(corpus(), 0, dimensions=400)
    inner = embedded.vectors[1:]
    assert np.abs(inner).max() <= 0.25
    assert inner.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.05)


SCRIPT = """
import hashlib, numpy as np
from pathlib import Path
from ballast.texts.corpus import Corpus
from ballast.embeddings import NAME
rng = np.random.default_rng(0)
words = [f"w{chr(97 + k)}" for k in range(26)]
texts = [" ".join(rng.choice(words, 12)) for _ in range(40)]
none = np.empty((40, 0))
corpus = Corpus(texts, none, none, none, np.arange(40) < 30, Path("none"))
embedded = NAME.embed(corpus, 5, dimensions=12, epochs=3)
print(hashlib.sha256(embedded.vectors.tobytes() + embedded.tokens.tobytes()).hexdigest())
"""


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["word2vec", "fasttext"])
def test_skip_gram_is_the_same_in_processes_that_hash_differently(name):
    digests, script = set(), SCRIPT.replace("NAME", name)
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(
            [sys.executable, "-c", script], env=env, check=True, capture_output=True, text=True
        )
        digests.add(done.stdout.split()[-1])
    assert len(digests) == 1


@pytest.mark.parametrize("module", [word2vec, fasttext])
def test_skip_gram_knows_which_words_keep_company(module):
    rng = np.random.default_rng(0)
    topics = [[first + second for second in "abcdefghijklmnopqrstuvwxyz"] for first in "xy"]
    texts = [" ".join(rng.choice(topics[row % 2], 10)) for row in range(1000)]
    rows = corpus_of(contents_of(texts))
    embedded = module.embed(rows, 0, dimensions=10, epochs=20)
    assert not embedded.vectors[:2].any()
    vectors = embedded.vectors[2:] / np.linalg.norm(embedded.vectors[2:], axis=1, keepdims=True)
    similarity = vectors @ vectors.T
    same = np.equal.outer(*[[word[0] for word in embedded.vocabulary]] * 2)
    assert similarity[same].mean() > similarity[~same].mean() + 0.2


def test_words_of_shared_letters_are_near_in_fasttext_and_not_in_word2vec():
    """Rare words, three of each stem, in texts that do not show which belong together."""
    rng = np.random.default_rng(0)
    common = ["".join(rng.choice(list("abcdefg"), 7)) for _ in range(60)]
    stems = ["".join(rng.choice(list("hijklmnopqrstuvwxyz"), 8)) for _ in range(10)]
    rare = [stem + ending for stem in stems for ending in ("", "e", "es")]
    texts = [" ".join([*rng.choice(common, 9), word]) for word in 4 * rare]
    rows = corpus_of(contents_of(texts))
    own = np.equal.outer(*[np.arange(30) // 3] * 2)

    def nearest_are_of_the_stem(module) -> float:
        embedded = module.embed(rows, 0, dimensions=50, epochs=5)
        vectors = np.array([vector_of(embedded, word) for word in rare])
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        similarity = vectors @ vectors.T - 2 * np.eye(30)
        return own[np.arange(30), similarity.argmax(axis=1)].mean()

    assert nearest_are_of_the_stem(fasttext) > 0.9
    assert nearest_are_of_the_stem(word2vec) < 0.3


def test_fasttext_takes_its_ngrams_as_told():
    whole = fasttext.embed(corpus(), 0, dimensions=8)
    for changes in ({"shortest": 2}, {"longest": 3}, {"buckets": 5}):
        embedded = fasttext.embed(corpus(), 0, dimensions=8, **changes)
        assert (embedded.vectors != whole.vectors).any(), changes
    with pytest.raises(UserError, match=r"longest \(2\) is less than shortest \(3\)"):
        fasttext.embed(corpus(), 0, longest=2)


# Files of vectors.


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("glove.txt", GLOVE),
        ("glove.txt", GLOVE.replace("\n", "\r\n")),
        ("word2vec.txt", "7 3\n" + GLOVE),
        ("fasttext.vec", "7 3\n" + GLOVE.replace("\n", " \n")),
        ("glove.txt.gz", gzip.compress(GLOVE.encode())),
        ("fasttext.vec.gz", gzip.compress(b"7 3\n" + GLOVE.encode())),
    ],
    ids=["glove", "crlf", "word2vec", "fasttext", "glove_gz", "fasttext_gz"],
)
def test_every_format_gives_the_same_vectors(name, content, tmp_path, capsys):
    embedded = pretrained.embed(corpus(vectors=file_of(tmp_path, content, name)), 0)
    assert embedded.vectors.shape == (len(embedded.vocabulary) + 2, 3)
    assert vector_of(embedded, "the") == [1, 2, 3]
    # "Cat" is all that the file has of "cat"; of "dog" it has the very word.
    assert vector_of(embedded, "cat") == [4, 5, 6]
    assert vector_of(embedded, "dog") == [-7, -8, -9]
    assert f"3 of {len(embedded.vocabulary)} words" in capsys.readouterr().out


def test_of_several_spellings_the_first_is_taken(tmp_path):
    content = "DOG 1 1\nDog 2 2\nthe 3 3\nthe 4 4\n"
    embedded = pretrained.embed(corpus(vectors=file_of(tmp_path, content)), 0)
    assert vector_of(embedded, "dog") == [1, 1]
    assert vector_of(embedded, "the") == [3, 3]


def test_words_that_the_file_lacks_are_random_by_seed(tmp_path):
    rows = corpus(vectors=file_of(tmp_path, GLOVE))
    first, again, other = (pretrained.embed(rows, seed) for seed in (0, 0, 1))
    lacking = vector_of(first, "sat")
    assert any(lacking)
    assert max(np.abs(lacking)) <= 0.25
    assert vector_of(again, "sat") == lacking != vector_of(other, "sat")
    assert vector_of(other, "the") == [1, 2, 3]


def test_only_wanted_words_are_kept(tmp_path):
    lines = "".join(f"word{number} 1 2\n" for number in range(1000))
    embedded, dimensions = pretrained.read_vectors(
        file_of(tmp_path, "The 5 6\n" + lines), {"the": 2, "word7": 3, "absent": 4}
    )
    assert dimensions == 2
    assert {row: vector.tolist() for row, vector in embedded.items()} == {2: [5, 6], 3: [1, 2]}
    assert all(vector.dtype == np.float32 for vector in embedded.values())


def test_words_with_spaces_of_any_kind_are_read_over(tmp_path):
    content = "the 1 2\n. . . 3 4\n\u00a0 5 6\nnew\u0085york 7 8\ncat 9 10\n"
    embedded = pretrained.embed(corpus(vectors=file_of(tmp_path, content)), 0)
    assert vector_of(embedded, "the") == [1, 2]
    assert vector_of(embedded, "cat") == [9, 10]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("the 1 2 3\ncat 4 5\n", "line 2: .*instead of 3"),
        ("2 3\nthe 1 2 3\ncat 4 5\n", "line 3: .*instead of 3"),
        ("the 1 2 3\ncat 4 x 6\n", "line 2: not a number"),
        ("the 1 2 3\ncat 4 nan 6\n", "line 2: the vector is not finite"),
        ("the 1 2 3\ncat 4 1e50 6\n", "line 2: the vector is not finite"),
        ("the\ncat\n", "line 1: "),
        ("the,1,2,3\n", "line 1: "),
    ],
)
def test_a_line_that_does_not_fit_is_named(content, message, tmp_path):
    path = file_of(tmp_path, content)
    with pytest.raises(UserError, match=message) as error:
        pretrained.embed(corpus(vectors=path), 0)
    assert str(path) in str(error.value)


def broken_gzip() -> bytes:
    packed = bytearray(gzip.compress(os.urandom(2000).hex().encode()))
    packed[10:60] = bytes(50)
    return bytes(packed)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("vectors.bin", b"3 2\nthe " + bytes([0x9A, 0x99, 0x99, 0x3F, 0xFF, 0xFE, 0, 0, 10])),
        ("vectors.txt", GLOVE.encode("utf-16")),
        ("vectors.gz", b"\x00\x01\x02"),
        ("vectors.gz", GLOVE.encode()),
        ("vectors.gz", gzip.compress(GLOVE.encode())[:-12]),
        ("vectors.gz", broken_gzip()),
        ("vectors.txt", gzip.compress(GLOVE.encode())),
    ],
    ids=["bin", "utf16", "short_gz", "plain_as_gz", "cut_gz", "broken_gz", "gz_as_plain"],
)
def test_a_file_that_is_no_text_is_refused(name, content, tmp_path):
    with pytest.raises(UserError, match="not a text file of vectors"):
        pretrained.embed(corpus(vectors=file_of(tmp_path, content, name)), 0)


@pytest.mark.parametrize("content", ["", "2 3\n", "chat 1 2\nchien 3 4\n"])
def test_a_file_without_a_word_of_the_texts_is_refused(content, tmp_path):
    with pytest.raises(UserError, match="no word of the training texts"):
        pretrained.embed(corpus(vectors=file_of(tmp_path, content)), 0)


def test_no_file_named_is_told_what_to_do():
    with pytest.raises(UserError, match="dvc add"):
        pretrained.embed(corpus(), 0)
