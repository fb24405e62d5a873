"""Embeddings: what every member promises, vocabularies of training rows, files of vectors."""

import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from problems import ROOT, check_blocks, check_contract

from ballast import params
from ballast.corpus import Corpus, Embedded
from ballast.embeddings import numeric, pretrained, word2vec
from ballast.embeddings import random as drawn
from ballast.errors import UserError

MEMBERS = params.members("embeddings")
TEXTS = ["the cat sat", "The dog sat!", "a cat and a dog", "", "the zebra sat", "cat dog"]
TRAINING = np.array([True, True, True, True, False, False])
GLOVE = "the 1 2 3\nCat 4 5 6\nDOG 7 8 9\ndog -7 -8 -9\nDog 70 80 90\nzebra 5 5 5\nmouse 6 6 6\n"


def corpus(texts=TEXTS, columns: int = 2, vectors: Path = Path("data/vectors/none")) -> Corpus:
    return Corpus(texts, np.ones((len(TRAINING), columns)), TRAINING, vectors)


def file_of(folder: Path, text: str | bytes, name: str = "vectors.txt") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def vector_of(embedded: Embedded, word: str) -> list[float]:
    return embedded.vectors[embedded.vocabulary.index(word) + 2].tolist()


def test_every_member_has_its_block_of_options():
    check_blocks("embedding")


@pytest.mark.parametrize("name", MEMBERS)
def test_contract(name, tmp_path):
    module, options = check_contract("embedding", name)
    given = corpus(vectors=file_of(tmp_path, GLOVE))
    options |= {"min_count": 1} if "min_count" in options else {}
    found = module.embed(given, 3, **options)
    if found is None:
        return
    size = len(found.vocabulary)
    assert found.vectors.dtype == np.float32
    assert found.vectors.shape[0] == size + 2
    assert np.isfinite(found.vectors).all()
    assert not found.vectors[0].any(), "padding has the zero vector"
    assert found.offsets.shape == (len(TEXTS) + 1,)
    assert found.offsets[0] == 0
    assert found.offsets[-1] == len(found.tokens)
    assert np.issubdtype(found.tokens.dtype, np.unsignedinteger)
    assert ((found.tokens >= 1) & (found.tokens < size + 2)).all()

    again = module.embed(given, 3, **options)
    assert again.vocabulary == found.vocabulary
    np.testing.assert_array_equal(again.tokens, found.tokens)
    np.testing.assert_array_equal(again.vectors, found.vectors)


@pytest.mark.parametrize("name", MEMBERS)
def test_words_of_other_rows_are_unknown_and_change_nothing(name, tmp_path):
    module, options = check_contract("embedding", name)
    vectors = file_of(tmp_path, GLOVE)
    options |= {"min_count": 1} if "min_count" in options else {}
    found = module.embed(corpus(vectors=vectors), 3, **options)
    if found is None:
        return
    assert "zebra" not in found.vocabulary
    texts = np.split(found.tokens, found.offsets[1:-1])
    assert texts[4][1] == 1
    assert [found.vocabulary[token - 2] for token in texts[0]] == ["the", "cat", "sat"]

    others = module.embed(
        corpus([*TEXTS[:4], "dog dog dog cat", "quagga"], vectors=vectors), 3, **options
    )
    assert others.vocabulary == found.vocabulary
    np.testing.assert_array_equal(others.vectors, found.vectors)


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "numeric"])
def test_a_data_set_without_text_is_refused(name, tmp_path):
    module, options = check_contract("embedding", name)
    with pytest.raises(UserError, match=f"embedding: {name}.*numeric"):
        module.embed(corpus(None, vectors=file_of(tmp_path, GLOVE)), 0, **options)


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "numeric"])
def test_long_texts_rare_words_and_large_vocabularies_are_cut(name, tmp_path):
    module, _ = check_contract("embedding", name)
    vectors = file_of(tmp_path, GLOVE)
    found = module.embed(corpus(vectors=vectors), 0, max_tokens=2, min_count=1)
    assert (np.diff(found.offsets) == [2, 2, 2, 0, 2, 2]).all()
    found = module.embed(corpus(vectors=vectors), 0, vocabulary=2, min_count=1)
    assert found.vocabulary == ["a", "cat"]  # twice each, as are dog, sat and the
    found = module.embed(corpus(vectors=vectors), 0, min_count=2)
    assert found.vocabulary == ["a", "cat", "dog", "sat", "the"]
    with pytest.raises(UserError, match="min_count"):
        module.embed(corpus(vectors=vectors), 0, min_count=3)


def test_numeric_needs_columns():
    assert numeric.embed(corpus(), 0) is None
    with pytest.raises(UserError, match="numeric needs numeric columns"):
        numeric.embed(corpus(columns=0), 0)


@pytest.mark.parametrize("module", [drawn, word2vec])
def test_vectors_have_their_dimensions_and_follow_the_seed(module):
    options = {"dimensions": 7, "min_count": 1}
    found = [module.embed(corpus(), seed, **options).vectors for seed in (0, 1)]
    assert found[0].shape[1] == 7
    assert (found[0][2:] != found[1][2:]).any()


def test_random_vectors_are_uniform_and_wait_for_training():
    found = drawn.embed(corpus(), 0, dimensions=400)
    inner = found.vectors[1:]
    assert np.abs(inner).max() <= 0.25
    assert inner.std() == pytest.approx(0.25 / np.sqrt(3), rel=0.05)


SCRIPT = """
import hashlib, numpy as np
from pathlib import Path
from ballast.corpus import Corpus
from ballast.embeddings import word2vec
rng = np.random.default_rng(0)
words = [f"w{chr(97 + k)}" for k in range(26)]
texts = [" ".join(rng.choice(words, 12)) for _ in range(40)]
found = word2vec.embed(
    Corpus(texts, np.ones((40, 0)), np.arange(40) < 30, Path("none")), 5, dimensions=12, epochs=3
)
print(hashlib.sha256(found.vectors.tobytes() + found.tokens.tobytes()).hexdigest())
"""


def test_word2vec_is_the_same_in_processes_that_hash_differently():
    digests = set()
    for seed in ("1", "2"):
        env = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT / "src")}
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT], env=env, check=True, capture_output=True, text=True
        )
        digests.add(done.stdout.split()[-1])
    assert len(digests) == 1


def test_word2vec_knows_which_words_keep_company():
    rng = np.random.default_rng(0)
    topics = [[first + second for second in "abcdefghijklmnopqrstuvwxyz"] for first in "xy"]
    texts = [" ".join(rng.choice(topics[row % 2], 10)) for row in range(1000)]
    given = Corpus(texts, np.ones((1000, 0)), np.ones(1000, dtype=bool), Path("none"))
    found = word2vec.embed(given, 0, dimensions=10, epochs=20)
    assert not found.vectors[:2].any()
    vectors = found.vectors[2:] / np.linalg.norm(found.vectors[2:], axis=1, keepdims=True)
    alike = vectors @ vectors.T
    same = np.equal.outer(*[[word[0] for word in found.vocabulary]] * 2)
    assert alike[same].mean() > alike[~same].mean() + 0.2


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
    found = pretrained.embed(corpus(vectors=file_of(tmp_path, content, name)), 0)
    assert found.vectors.shape == (len(found.vocabulary) + 2, 3)
    assert vector_of(found, "the") == [1, 2, 3]
    # "Cat" is all that the file has of "cat"; of "dog" it has the very word.
    assert vector_of(found, "cat") == [4, 5, 6]
    assert vector_of(found, "dog") == [-7, -8, -9]
    assert f"3 of {len(found.vocabulary)} words" in capsys.readouterr().out


def test_of_several_spellings_the_first_is_taken(tmp_path):
    content = "DOG 1 1\nDog 2 2\nthe 3 3\nthe 4 4\n"
    found = pretrained.embed(corpus(vectors=file_of(tmp_path, content)), 0)
    assert vector_of(found, "dog") == [1, 1]
    assert vector_of(found, "the") == [3, 3]


def test_words_that_the_file_lacks_are_random_by_seed(tmp_path):
    given = corpus(vectors=file_of(tmp_path, GLOVE))
    first, again, other = (pretrained.embed(given, seed) for seed in (0, 0, 1))
    lacking = vector_of(first, "sat")
    assert any(lacking)
    assert max(np.abs(lacking)) <= 0.25
    assert vector_of(again, "sat") == lacking != vector_of(other, "sat")
    assert vector_of(other, "the") == [1, 2, 3]


def test_only_wanted_words_are_kept(tmp_path):
    lines = "".join(f"word{number} 1 2\n" for number in range(1000))
    found, dimensions = pretrained.read_vectors(
        file_of(tmp_path, "The 5 6\n" + lines), {"the": 2, "word7": 3, "absent": 4}
    )
    assert dimensions == 2
    assert {row: vector.tolist() for row, vector in found.items()} == {2: [5, 6], 3: [1, 2]}
    assert all(vector.dtype == np.float32 for vector in found.values())


def test_words_with_spaces_of_any_kind_are_read_over(tmp_path):
    content = "the 1 2\n. . . 3 4\n\u00a0 5 6\nnew\u0085york 7 8\ncat 9 10\n"
    found = pretrained.embed(corpus(vectors=file_of(tmp_path, content)), 0)
    assert vector_of(found, "the") == [1, 2]
    assert vector_of(found, "cat") == [9, 10]


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
