"""Pretrained word vectors from a text file: GloVe, word2vec or fastText (.vec), also gzipped."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from ballast.project.errors import UserError
from ballast.project.progress import bars
from ballast.texts.corpus import Corpus, Count, random_vectors, read_words, tokenize_corpus
from ballast.texts.embedded import Embedded
from ballast.texts.tokens import RESERVED

NEEDS = [{"text"}, {"vectors"}]

reader = read_words


def embed(
    corpus: Corpus,
    seed: int,
    *,
    vocabulary: Count = 30_000,
    min_count: Count = 1,
    max_tokens: Count = 400,
) -> Embedded:
    """Return texts as token numbers, with the vector that the file has for each token.

    The file is the one in `data/vectors/` that `vectors` in params.yaml names. It is streamed; only
    words of the vocabulary stay in memory. A word that the file has only in another case gets that
    vector; a missing one gets a random vector (Kim 2014).

    Args:
        corpus: all rows.
        seed: seed of the random vectors.
        vocabulary: largest number of tokens; the most frequent ones of the training rows are used.
        min_count: tokens with fewer occurrences in the training rows are unknown.
        max_tokens: longer texts are truncated.

    Raises:
        UserError: there is no text or no file, or the file has another format.
    """
    if corpus.vectors.name == "none":
        raise UserError(
            "params.yaml: embedding: pretrained needs a file of vectors: put one into "
            f"{corpus.vectors.parent}/, run `dvc add` on it, and name it under `vectors`."
        )
    tokenized = tokenize_corpus(corpus, "pretrained", vocabulary, min_count, max_tokens)
    rows = {token: row for row, token in enumerate(tokenized.vocabulary, RESERVED)}
    known, dimensions = read_vectors(corpus.vectors, rows)
    share = len(known) / len(rows)
    print(f"{len(known)} of {len(rows)} words ({share:.1%}) have a vector in {corpus.vectors}")
    if not known:
        raise UserError(
            f"{corpus.vectors} has no word of the training texts: use vectors of their language."
        )
    vectors = random_vectors(len(rows), dimensions, seed)
    vectors[list(known)] = list(known.values())
    return tokenized.embedded(vectors)


def read_vectors(path: Path, rows: dict[str, int]) -> tuple[dict[int, np.ndarray], int]:
    """Return {row: vector, float32} for the wanted words, and the vectors' dimensions.

    Args:
        path: lines `word v1 ... vd`, maybe after a line `count dimensions`; .gz is decompressed.
        rows: wanted word in lower case -> its row.

    Raises:
        UserError: a line has another format, or the file is not UTF-8 text.
    """
    exact: dict[int, np.ndarray] = {}
    other_case: dict[int, np.ndarray] = {}
    dimensions = 0
    for number, line in _lines(path):
        if number == 1 and len(line.split()) == 2:
            continue
        # Words of some files contain spaces, so the numbers are counted from the right.
        dimensions = dimensions or len(line.split()) - 1
        word, *values = line.rstrip().rsplit(" ", dimensions)
        if len(values) != dimensions or not dimensions:
            raise UserError(
                f"{path}, line {number}: {len(values)} numbers after the word instead of "
                f"{dimensions}. Lines must be `word v1 ... vd` as in GloVe, word2vec text or "
                "fastText .vec files."
            )
        row = rows.get(word.lower())
        if row is None:
            continue
        # Files list words by frequency: of several spellings the first is the most common.
        target = exact if word in rows else other_case
        if row not in target:
            target[row] = _vector(values, path, number)
    return other_case | exact, dimensions


def _vector(values: list[str], path: Path, number: int) -> np.ndarray:
    try:
        with np.errstate(over="ignore"):
            vector = np.array(values, dtype=np.float32)
    except ValueError as error:
        raise UserError(f"{path}, line {number}: not a number: {error}.") from error
    if not np.isfinite(vector).all():
        raise UserError(f"{path}, line {number}: the vector is not finite.")
    return vector


def _lines(path: Path):
    with bars() as progress, progress.open(path, "rb", description="reading vectors") as packed:
        stream = gzip.GzipFile(fileobj=packed) if path.suffix == ".gz" else packed
        try:
            for number, line in enumerate(stream, 1):
                yield number, line.decode("utf-8")
        except (UnicodeDecodeError, gzip.BadGzipFile, zlib.error, EOFError) as error:
            raise UserError(
                f"{path} is not a text file of vectors ({error}). Save binary files (.bin) as text "
                "first."
            ) from error
