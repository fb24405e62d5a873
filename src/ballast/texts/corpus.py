"""The input of embeddings, and what embeddings of words share."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ballast.project.errors import UserError
from ballast.project.progress import track
from ballast.project.storage import read_json
from ballast.texts.embedded import Embedded
from ballast.texts.tokens import RESERVED, Encoder, build_vocabulary, tokenize

# The type of most options: a whole number from 1 on.
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True)
class Contents:
    """What a network sees of some rows, before it is embedded.

    Attributes:
        texts: text of each row, or None if the data set has no text.
        numbers: float64, shape (rows, columns), NaN where missing; columns may be 0.
        categories: names, None where missing, shape (rows, columns); likewise.
        dates: as days since 1970, as `numbers`.
    """

    texts: Sequence[str] | None
    numbers: np.ndarray
    categories: np.ndarray
    dates: np.ndarray

    @property
    def has_columns(self) -> bool:
        """Whether there is more than a text."""
        return any(each.shape[1] for each in (self.numbers, self.categories, self.dates))


@dataclass(frozen=True)
class Corpus(Contents):
    """All rows of a data set, the sampler's new texts last.

    Attributes:
        training: mask of the rows to fit on, bool, shape (rows,).
        vectors: the file of pretrained vectors that `vectors` in params.yaml names.
        encoder: the folder of a pretrained model that `encoder` in params.yaml names.
    """

    training: np.ndarray
    vectors: Path
    encoder: Path = Path("data/encoders/none")


@dataclass(frozen=True)
class Tokenized:
    """Texts with the vocabulary of the training rows: the start of every embedding of words."""

    vocabulary: list[str]
    tokens: np.ndarray
    offsets: np.ndarray
    cut: int
    training: list[list[str]]

    def embedded(self, vectors: np.ndarray) -> Embedded:
        """Return the texts with a vector for each token number."""
        return Embedded(self.vocabulary, self.tokens, self.offsets, vectors, self.cut)


def texts_of(corpus: Corpus, embedding: str) -> Sequence[str]:
    """Return the texts.

    Args:
        corpus: all rows.
        embedding: name of the member, for the message.

    Raises:
        UserError: the data set has no text.
    """
    if corpus.texts is None:
        raise UserError(
            f"params.yaml: embedding: {embedding} needs texts, and the dataset's block names no "
            "`text` column: `ballast use columns` sets a recipe for rows without text."
        )
    return corpus.texts


def model_of(corpus: Corpus, embedding: str) -> Path:
    """Return the folder of the pretrained model.

    Args:
        corpus: all rows.
        embedding: name of the member, for the message.

    Raises:
        UserError: none is selected.
    """
    if corpus.encoder.name == "none":
        raise UserError(
            f"params.yaml: embedding: {embedding} needs a model: fetch one with `ballast "
            f"fetch-encoder NAME SOURCE` into {corpus.encoder.parent}/, and name it under "
            "`encoder`."
        )
    return corpus.encoder


def tokenize_corpus(
    corpus: Corpus, embedding: str, vocabulary: int, min_count: int, max_tokens: int
) -> Tokenized:
    """Tokenize all texts; the vocabulary is that of the training rows.

    Raises:
        UserError: the data set has no text.
    """
    texts = [tokenize(text) for text in track(texts_of(corpus, embedding), "tokenizing")]
    training = [texts[row] for row in np.flatnonzero(corpus.training)]
    words = build_vocabulary(training, vocabulary, min_count)
    tokens, offsets = Encoder(words, max_tokens)(corpus.texts)
    truncated = sum(len(text) > max_tokens for text in texts)
    print(
        f"{len(words)} words in the vocabulary; {truncated} of {len(texts)} texts are truncated "
        f"after {max_tokens} tokens"
    )
    return Tokenized(words, tokens, offsets, truncated, training)


def random_vectors(count: int, dimensions: int, seed: int) -> np.ndarray:
    """Return uniform(-.25, .25) vectors (Kim 2014), float32, shape (count + 2, dimensions).

    Padding has the zero vector.
    """
    rng = np.random.default_rng(seed)
    vectors = rng.uniform(-0.25, 0.25, (count + RESERVED, dimensions)).astype(np.float32)
    vectors[0] = 0
    return vectors


def read_words(
    folder: Path, options: dict[str, Any]
) -> Callable[[Contents], tuple[np.ndarray, np.ndarray]]:
    """Return the function from contents to token numbers that all embeddings of words share.

    Args:
        folder: contains the vocabulary.
        options: the member's options.
    """
    encoder = Encoder(read_json(folder / "vocabulary.json"), options["max_tokens"])
    return lambda contents: encoder(contents.texts)
