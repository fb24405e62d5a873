"""Sparse TF-IDF of n-grams of words and of characters."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from scipy.sparse import csr_array

from ballast.texts import terms
from ballast.texts.corpus import Contents, Corpus, Count
from ballast.texts.embedded import Terms

NEEDS = [{"text"}]


def embed(
    corpus: Corpus,
    seed: int,
    *,
    words: terms.Lengths = [1, 2],  # noqa: B006
    characters: terms.Lengths = [2, 5],  # noqa: B006
    min_count: Count = 2,
    vocabulary: Count = 200_000,
) -> Terms:
    """Return texts as weights of their terms, (1 + log count) (1 + log((1 + n) / (1 + n_t))).

    n is the number of training rows and n_t of those with the term. The weights of a text's words,
    and those of its characters, are each scaled to Euclidean length 1. No text is truncated.
    Source: Salton and Buckley, Term-weighting approaches in automatic text retrieval, 1988;
    characters inside words, with a space at both ends: Cavnar and Trenkle, N-gram-based text
    categorization, 1994.

    Args:
        corpus: all rows; terms and their frequencies are those of the training rows.
        seed: not used.
        words: fewest and most words of a term; null leaves words out.
        characters: fewest and most characters of a term; null leaves them out.
        min_count: terms in fewer training rows are left out.
        vocabulary: largest number of terms of each kind; the most frequent ones are used.

    Raises:
        UserError: the data set has no text, or no term is left.
    """
    lengths = {"words": words, "characters": characters}
    vectorizers, weights = terms.fit(corpus, "tfidf", lengths, min_count, vocabulary)
    return Terms(weights, terms.files(vectorizers))


def reader(folder: Path, options: dict[str, Any]) -> Callable[[Contents], csr_array]:
    """Return the function from contents to weights.

    Args:
        folder: contains the terms.
        options: the member's options.
    """
    vectorizers = terms.read(folder, options)
    return lambda contents: terms.weigh(vectorizers, contents.texts)
