"""The cheap vector space in which samplers search for neighbours."""

from collections.abc import Sequence

import numpy as np
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import StandardScaler, normalize

from ballast.texts.tokens import tokenize

DIMENSIONS = 100


def space(texts: Sequence[str] | None, features: np.ndarray, seed: int) -> np.ndarray:
    """Return a vector for each row, fitted on these rows; float64, shape (rows, dimensions).

    Numeric columns: scaled to mean 0 and variance 1. Texts: TF-IDF, reduced by a truncated
    singular value decomposition (latent semantic analysis, Deerwester et al. 1990), length 1.
    If there are both, they are concatenated.

    Args:
        texts: text of each row, or None.
        features: numeric columns, shape (rows, columns); columns may be 0.
        seed: seed of the decomposition.
    """
    parts = []
    if features.shape[1]:
        parts.append(StandardScaler().fit_transform(features))
    if texts is not None:
        tfidf = TfidfVectorizer(analyzer=tokenize, sublinear_tf=True).fit_transform(texts)
        dimensions = min(DIMENSIONS, *(side - 1 for side in tfidf.shape))
        if dimensions > 0:
            reduced = TruncatedSVD(dimensions, random_state=seed).fit_transform(tfidf)
        else:
            reduced = tfidf.toarray()
        parts.append(normalize(reduced))
    return np.hstack(parts)
