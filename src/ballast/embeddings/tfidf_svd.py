"""TF-IDF of words and characters, brought down to a short vector a text (latent semantics)."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

from ballast.project.errors import UserError
from ballast.texts import terms
from ballast.texts.corpus import Corpus, texts_of
from ballast.texts.embedded import Vectors

NEEDS = [{"text"}]


def embed(
    corpus: Corpus,
    seed: int,
    *,
    dimensions: Annotated[int, Field(ge=1)] = 200,
    words: terms.Lengths = [1, 2],  # noqa: B006
    characters: terms.Lengths = [2, 5],  # noqa: B006
    min_count: Annotated[int, Field(ge=1)] = 2,
    vocabulary: Annotated[int, Field(ge=1)] = 200_000,
) -> Vectors:
    """Return texts as vectors: their terms' weights along the directions that hold most of them.

    The directions are the first right singular vectors of the training rows' weights; vectors have
    Euclidean length 1. Source: Deerwester, Dumais, Furnas, Landauer and Harshman, Indexing by
    latent semantic analysis, 1990.

    Args:
        corpus: all rows; terms and directions are those of the training rows.
        seed: of the randomised decomposition.
        dimensions: numbers a vector.
        words: fewest and most words of a term; null leaves words out.
        characters: fewest and most characters of a term; null leaves them out.
        min_count: terms in fewer training rows are left out.
        vocabulary: at most so many terms of each kind, the most frequent ones.

    Raises:
        UserError: the data set has no text, or fewer rows or terms are left than dimensions.
    """
    texts = np.array(texts_of(corpus, "tfidf_svd"), dtype=object)
    lengths = {"words": words, "characters": characters}
    found = terms.fit(texts[corpus.training], lengths, min_count, vocabulary)
    weights = terms.weigh(found, texts)
    most = min(corpus.training.sum(), weights.shape[1])
    if dimensions > most:
        raise UserError(
            f"params.yaml: embeddings.tfidf_svd.dimensions: {dimensions} is more than the training "
            f"rows or their terms give, {most}."
        )
    svd = TruncatedSVD(dimensions, random_state=seed).fit(weights[corpus.training])
    directions = svd.components_.T.astype(np.float32)
    return Vectors(_along(weights, directions), terms.kept(found) | {"directions": directions})


def reader(folder: Path, options: dict[str, Any]) -> Callable[[Sequence[str]], np.ndarray]:
    """Return the way from texts to the vectors that `embed` gives them.

    Args:
        folder: what `embed` kept.
        options: what it was called with.
    """
    found = terms.read(folder, {kind: options[kind] for kind in terms.KINDS})
    directions = np.load(folder / "directions.npy")
    return lambda texts: _along(terms.weigh(found, texts), directions)


def _along(weights, directions: np.ndarray) -> np.ndarray:
    return normalize(weights @ directions)
