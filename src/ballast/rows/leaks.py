"""Columns that give the label away."""

from collections import Counter
from collections.abc import Hashable, Sequence
from itertools import pairwise
from random import Random

# A column gives the label away if, of the rows without the most frequent one, it tells so many.
LEAK = 0.99
# So many rows are looked at; of so many rows to a value, values are many.
ROWS, MANY = 10_000, 10


def gives_away(values: Sequence[float | str | None], labels: Sequence[Hashable]) -> bool:
    """Return whether a column alone tells nearly every row's label.

    Where there are many values, numbers tell the label of the next smaller or larger one, and names
    only whether there is one.

    Args:
        values: of each row; None where there is none.
        labels: of each row.
    """
    step = 1 + len(values) // ROWS
    values, labels = values[::step], labels[::step]
    if not labels:
        return False
    (_, largest), *_ = Counter(labels).most_common(1)
    if len(set(values)) <= len(values) / MANY:
        told = _by_value(values, labels)
    else:
        told = _by_value([value is None for value in values], labels)
        if not any(isinstance(value, str) for value in values):
            told = max(told, _by_neighbour(values, labels))
    return told - largest > LEAK * (len(labels) - largest)


def _by_value(values: Sequence[Hashable], labels: Sequence[Hashable]) -> int:
    """Return of how many rows the label is the most frequent one that stands with their value."""
    best: dict[Hashable, int] = {}
    for (value, _), count in Counter(zip(values, labels, strict=True)).items():
        best[value] = max(count, best.get(value, 0))
    return sum(best.values())


def _by_neighbour(values: Sequence[float | None], labels: Sequence[Hashable]) -> int:
    """Return of how many rows a neighbour has the label; those without a number are alike."""
    rows = list(zip(values, labels, strict=True))
    # The order of the file, which may be that of the labels, must not part equal numbers.
    Random(0).shuffle(rows)
    known = sorted((row for row in rows if row[0] is not None), key=lambda row: row[0])
    alike = [False, *(one[1] == other[1] for one, other in pairwise(known)), False]
    missing = Counter(label for value, label in rows if value is None)
    return sum(map(max, pairwise(alike))) + max(missing.values(), default=0)
