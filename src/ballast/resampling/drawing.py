"""The input of samplers, and helpers for those that select whole rows."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from imblearn.base import BaseSampler
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import OneHotEncoder, normalize

from ballast.project.errors import UserError
from ballast.texts.scaling import scales
from ballast.texts.tokens import tokenize

# Of the space of texts.
DIMENSIONS = 100


@dataclass(frozen=True)
class Rows:
    """The training rows, as a sampler sees them.

    Attributes:
        targets: multi-hot labels, uint8, shape (rows, classes).
        texts: text of each row, or None if the data set has no text.
        numbers: numeric columns, float64, shape (rows, columns), NaN where missing; columns may
            be 0.
        categories: names, None where missing, shape (rows, columns); likewise.
        seed: seed of the space.
    """

    targets: np.ndarray
    texts: Sequence[str] | None
    numbers: np.ndarray
    categories: np.ndarray = field(default_factory=lambda: np.empty((0, 0), dtype=object))
    seed: int = 0

    @cached_property
    def space(self) -> np.ndarray:
        """A cheap vector space for neighbour searches, float64, shape (rows, dimensions).

        Numeric columns: scaled to mean 0 and variance 1; what is missing is the mean. Categories:
        1 / sqrt(2) for the row's name, so that two rows with different ones are at distance 1.
        Texts: TF-IDF, reduced by a truncated singular value decomposition (latent semantic
        analysis, Deerwester et al. 1990), length 1. All stand side by side, fitted on these rows.
        """
        parts = []
        if self.numbers.shape[1]:
            mean, scale = scales(self.numbers)
            parts.append(np.nan_to_num((self.numbers - mean) / scale))
        if self.categories.shape[1]:
            names = OneHotEncoder(sparse_output=False).fit_transform(self.categories)
            parts.append(names * np.sqrt(0.5))
        if self.texts is not None:
            tfidf = TfidfVectorizer(analyzer=tokenize, sublinear_tf=True).fit_transform(self.texts)
            dimensions = min(DIMENSIONS, *(side - 1 for side in tfidf.shape))
            if dimensions > 0:
                svd = TruncatedSVD(dimensions, random_state=self.seed)
                parts.append(normalize(svd.fit_transform(tfidf)))
            else:
                parts.append(normalize(tfidf.toarray()))
        return np.hstack(parts)


def labels_of_one(targets: np.ndarray, sampler: str) -> np.ndarray:
    """Return each row's only label number, shape (rows,).

    Raises:
        UserError: rows have several labels, so single-label samplers do not apply.
    """
    if (targets.sum(axis=1) != 1).any():
        raise UserError(
            f"params.yaml: sampler: {sampler} needs exactly one label per row, and this data set "
            "is multi-label: repeating a row for one of its labels repeats its other labels too. "
            "Use sampler: none, or one made for label sets: ml_ros, mlsmote."
        )
    return targets.argmax(axis=1)


def lacking(labels: np.ndarray, ratio: float) -> Iterator[tuple[np.ndarray, int]]:
    """Yield the row numbers of each class below ratio * max n, and how many rows it lacks."""
    wanted = int(np.round(ratio * np.bincount(labels).max()))
    for number in np.unique(labels):
        members = np.flatnonzero(labels == number)
        if len(members) < wanted:
            yield members, wanted - len(members)


def fewer(labels: np.ndarray, ratio: float) -> dict[int, int]:
    """Return {label number: rows to keep} of the classes with more than min n / ratio rows."""
    numbers, counts = np.unique(labels, return_counts=True)
    limit = int(np.round(counts.min() / ratio))
    return {int(number): limit for number in numbers[counts > limit]}


def larger(labels: np.ndarray) -> list[int]:
    """Return the label numbers of the classes that have more rows than the smallest."""
    return list(fewer(labels, 1.0))


def pick(sampler: BaseSampler, labels: np.ndarray, space: np.ndarray | None = None) -> np.ndarray:
    """Return the row numbers that an imbalanced-learn sampler selects, in its order.

    If it would remove a class entirely, all rows of the class are appended.

    Args:
        sampler: one with `sample_indices_`.
        labels: label number of each row.
        space: vectors to search for neighbours; None for samplers that draw at random.
    """
    if len(np.unique(labels)) == 1:
        return np.arange(len(labels))
    sampler.fit_resample(np.arange(len(labels))[:, None] if space is None else space, labels)
    picked = sampler.sample_indices_
    return np.concatenate([picked, np.flatnonzero(~np.isin(labels, labels[picked]))])


def times(sampler: BaseSampler, labels: np.ndarray, space: np.ndarray | None = None) -> np.ndarray:
    """Return how often `pick` selects each row, shape (rows,)."""
    return np.bincount(pick(sampler, labels, space), minlength=len(labels))
