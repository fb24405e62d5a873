"""Numbers, categories and dates as numeric columns; they can stand beside an embedding of texts."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ballast.project.errors import UserError
from ballast.project.storage import read_json
from ballast.texts.corpus import Contents, Corpus, Count
from ballast.texts.embedded import Vectors
from ballast.texts.scaling import scales

NEEDS = [{"columns"}]
# No name of a category is empty, or begins with a space.
MISSING, OTHER = "", " "


def embed(corpus: Corpus, seed: int, *, smallest: Count = 5, most: Count = 100) -> Vectors:
    """Return a row's numbers, categories and dates side by side.

    - Numbers, and dates as days, are scaled to mean 0 and variance 1 over the training rows. What
      is missing stays NaN: trees learn where it goes, all others read the mean, 0. Beside each
      column with gaps stands one that is 1 where the number is missing.
    - A category is one column for each name, 1 where it is the row's. Names that are rare, or were
      never seen, share a column; so do gaps.
    - A date is also its weekday and its month, as categories.

    Args:
        corpus: all rows; means, variances and names are those of the training rows.
        seed: not used.
        smallest: names in fewer training rows are rare.
        most: largest number of names of a category; the most frequent ones have columns.

    Raises:
        UserError: the data set has no such columns, or numbers too large to be scaled.
    """
    if not corpus.has_columns:
        raise UserError(
            "params.yaml: embedding: columns needs columns, and the dataset's block names no "
            "`features`, `categories` or `dates`. Use embedding: tfidf for texts."
        )
    numbers = _numbers(corpus)[corpus.training]
    mean, scale = scales(numbers)
    encoder = ColumnEncoder(
        mean.tolist(),
        scale.tolist(),
        np.flatnonzero(np.isnan(numbers).any(axis=0)).tolist(),
        [_names(column, smallest, most) for column in _categories(corpus)[corpus.training].T],
    )
    values = encoder(corpus)
    scaled = values[:, : len(mean)]
    huge = ~np.isfinite([mean, scale]).all(axis=0) | np.isinf(scaled).any(axis=0)
    if huge.any():
        raise UserError(
            f"column {huge.argmax() + 1} of the dataset's `features` has numbers too large to be "
            "scaled: correct them in the data, or take the column out of the block in params.yaml."
        )
    return Vectors(values, {"columns": asdict(encoder)})


def reader(folder: Path, options: dict[str, Any]) -> Callable[[Contents], np.ndarray]:
    """Return the function from rows' contents to numeric columns, as `embed` makes them.

    Args:
        folder: contains the columns as fitted.
        options: the member's options.
    """
    return ColumnEncoder(**read_json(folder / "columns.json"))


@dataclass(frozen=True)
class ColumnEncoder:
    """Columns as fitted.

    Attributes:
        mean: of each number and each date in days.
        scale: likewise, their standard deviation.
        gaps: the numbers of those that a training row lacks.
        names: of each category those that have a column, at last `OTHER` if training rows have
            others; a name that is not here has no column where there is none for others.
    """

    mean: list[float]
    scale: list[float]
    gaps: list[int]
    names: list[list[str]]

    def __call__(self, contents: Contents) -> np.ndarray:
        """Return the columns of some rows, float32, shape (rows, columns).

        NaN stands for a missing number, infinity for one that is too large.
        """
        numbers = _numbers(contents)
        with np.errstate(over="ignore", invalid="ignore"):
            scaled = ((numbers - np.array(self.mean)) / np.array(self.scale)).astype(np.float32)
        parts = [scaled, np.isnan(numbers[:, self.gaps])]
        for names, column in zip(self.names, _categories(contents).T, strict=True):
            number = {name: place for place, name in enumerate(names)}
            other = number.get(OTHER, -1)
            codes = np.array([number.get(name, other) for name in column.tolist()], dtype=np.int64)
            parts.append(codes[:, None] == np.arange(len(names)))
        return np.hstack(parts, dtype=np.float32)


def _numbers(contents: Contents) -> np.ndarray:
    """Return numbers and dates side by side, NaN where missing."""
    return np.hstack([contents.numbers, contents.dates])


def _categories(contents: Contents) -> np.ndarray:
    """Return the categories, then each date's weekday and month, as strings; MISSING for none."""
    given = np.where(np.equal(contents.categories, None), MISSING, contents.categories)
    gaps = np.isnan(contents.dates)
    days = np.where(gaps, 0, np.floor(contents.dates)).astype("datetime64[D]")
    # The first of January 1970 was a Thursday.
    weekdays = (days.astype(np.int64) + 3) % 7
    months = days.astype("datetime64[M]").astype(np.int64) % 12 + 1
    parts = [
        np.where(gaps, MISSING, each.astype(str)).astype(object) for each in (weekdays, months)
    ]
    return np.hstack([given, *parts])


def _names(column: np.ndarray, smallest: int, most: int) -> list[str]:
    """Return the names that have a column, sorted; at last OTHER if there are more."""
    counts = Counter(column.tolist())
    ranked = sorted(counts, key=lambda name: (-counts[name], name))
    frequent = [name for name in ranked[:most] if counts[name] >= smallest]
    return sorted(frequent) + [OTHER] * (len(frequent) < len(ranked))
