"""TF-IDF of words and characters, reduced to a short vector per text (latent semantic analysis)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

from ballast.project.errors import UserError
from ballast.texts import terms
from ballast.texts.corpus import Contents, Corpus, Count
from ballast.texts.embedded import Vectors

NEEDS = [{"text"}]


def embed(
    corpus: Corpus,
    seed: int,
    *,
    dimensions: Count = 200,
    words: terms.Lengths = [1, 2],  # noqa: B006
    characters: terms.Lengths = [2, 5],  # noqa: B006
    min_count: Count = 2,
    vocabulary: Count = 200_000,
) -> Vectors:
    """Return texts as vectors: their terms' weights, projected on the directions of most variation.

    The directions are the first right singular vectors of the training rows' weights; vectors have
    Euclidean length 1. Source: Deerwester, Dumais, Furnas, Landauer and Harshman, Indexing by
    latent semantic analysis, 1990.

    Args:
        corpus: all rows; terms and directions are those of the training rows.
        seed: seed of the randomized decomposition.
        dimensions: length of a vector.
        words: fewest and most words of a term; null leaves words out.
        characters: fewest and most characters of a term; null leaves them out.
        min_count: terms in fewer training rows are left out.
        vocabulary: largest number of terms of each kind; the most frequent ones are used.

    Raises:
        UserError: the data set has no text, or fewer rows or terms are left than dimensions.
    """
    lengths = {"words": words, "characters": characters}
    vectorizers, weights = terms.fit(corpus, "tfidf_svd", lengths, min_count, vocabulary)
    limit = min(corpus.training.sum(), weights.shape[1])
    if dimensions > limit:
        raise UserError(
            f"params.yaml: embeddings.tfidf_svd.dimensions: {dimensions} is more than the number "
            f"of training rows or of their terms; it can be at most {limit}."
        )
    svd = TruncatedSVD(dimensions, random_state=seed).fit(weights[corpus.training])
    directions = svd.components_.T.astype(np.float32)
    files = terms.files(vectorizers) | {"directions": directions}
    return Vectors(normalize(weights @ directions), files)


def reader(folder: Path, options: dict[str, Any]) -> Callable[[Contents], np.ndarray]:
    """Return the function from contents to vectors.

    Args:
        folder: contains terms and directions.
        options: the member's options.
    """
    vectorizers = terms.read(folder, options)
    directions = np.load(folder / "directions.npy")
    return lambda contents: normalize(terms.weigh(vectorizers, contents.texts) @ directions)
