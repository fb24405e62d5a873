"""Weights of a text's terms: n-grams of words and of characters."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array, hstack
from sklearn.feature_extraction.text import TfidfVectorizer

from ballast.project.errors import UserError
from ballast.project.storage import read_json
from ballast.texts.corpus import Corpus, Count, texts_of
from ballast.texts.tokens import tokenize

# How scikit-learn extracts each kind of term from a text.
KINDS = {
    "words": {"tokenizer": tokenize, "token_pattern": None, "lowercase": False},
    "characters": {"analyzer": "char_wb"},
}
Lengths = Annotated[list[Count], Field(min_length=2, max_length=2)] | None
Vectorizers = Mapping[str, TfidfVectorizer]


def fit(
    corpus: Corpus, embedding: str, lengths: Mapping[str, Lengths], min_count: int, vocabulary: int
) -> tuple[Vectorizers, csr_array]:
    """Return a vectorizer for each kind of term, fitted on training rows, and all texts' weights.

    Args:
        corpus: all rows.
        embedding: name of the member, for the message.
        lengths: fewest and most words or characters of a term, by kind; None leaves a kind out.
        min_count: terms in fewer texts are left out.
        vocabulary: largest number of terms of each kind; the most frequent ones are used.

    Raises:
        UserError: the data set has no text, or no kind or no term is left.
    """
    texts = np.array(texts_of(corpus, embedding), dtype=object)
    vectorizers = _vectorizers(lengths, min_df=min_count, max_features=vocabulary)
    for kind, vectorizer in vectorizers.items():
        try:
            vectorizer.fit(texts[corpus.training])
        except ValueError as error:
            raise UserError(
                f"no term of {kind} occurs in {min_count} training texts: lower min_count in the "
                f"embedding's block in params.yaml, or set `{kind}` to null."
            ) from error
    return vectorizers, weigh(vectorizers, texts)


def weigh(vectorizers: Vectorizers, texts: Sequence[str]) -> csr_array:
    """Return the weights of texts' terms, float32, shape (texts, terms); kinds concatenated."""
    parts = [vectorizer.transform(texts) for vectorizer in vectorizers.values()]
    return csr_array(hstack(parts, format="csr"))


def files(vectorizers: Vectorizers) -> dict[str, list[str] | np.ndarray]:
    """Return terms and inverse document frequencies by file name, for `read`."""
    contents = {}
    for kind, vectorizer in vectorizers.items():
        contents[kind] = vectorizer.get_feature_names_out().tolist()
        contents[f"{kind}_idf"] = vectorizer.idf_
    return contents


def read(folder: Path, options: Mapping[str, Any]) -> Vectorizers:
    """Return the vectorizers that `fit` returned, from the files of `files`.

    Args:
        folder: contains the files.
        options: the member's, the lengths of `fit` among them.
    """
    vectorizers = _vectorizers(options)
    for kind, vectorizer in vectorizers.items():
        vectorizer.vocabulary = read_json(folder / f"{kind}.json")
        vectorizer.idf_ = np.load(folder / f"{kind}_idf.npy")
    return vectorizers


def _vectorizers(lengths: Mapping[str, Lengths], **options) -> Vectorizers:
    selected = {kind: tuple(lengths[kind]) for kind in KINDS if lengths[kind]}
    if not selected:
        raise UserError(
            "params.yaml: an embedding of terms needs words, characters or both: they can't both "
            "be null."
        )
    for kind, (fewest, most) in selected.items():
        if fewest > most:
            raise UserError(
                f"params.yaml: {kind}: [{fewest}, {most}] must be the fewest, then the most in a "
                "term: swap them."
            )
    return {
        kind: TfidfVectorizer(
            **KINDS[kind], ngram_range=bounds, sublinear_tf=True, dtype=np.float32, **options
        )
        for kind, bounds in selected.items()
    }
