"""Two models' labels for the same rows: which rows are the same, their counts, their scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

from ballast.evaluation.scores import of_counts, share
from ballast.labels.classes import Classes, labels_of


def common(
    first: Mapping[str, tuple[str, str]], second: Mapping[str, tuple[str, str]]
) -> tuple[list[tuple[str, str, str]], int]:
    """Match two revisions' {id: (true label, predicted label)} by id.

    Returns:
        (true, first, second) labels of each row that both predict, in the order of the ids; and
        how many rows are left out, as both have them with other true labels.
    """
    both = [(*first[name], *second[name]) for name in sorted(first.keys() & second.keys())]
    rows = [(true, one, other) for true, one, also_true, other in both if true == also_true]
    return rows, len(both) - len(rows)


def is_multilabel(rows: Iterable[tuple[str, ...]], names: Sequence[str]) -> bool:
    """Return whether rows have lists of labels: each text that is no class's name is one."""
    try:
        return any(
            labels_of(text, True) is not None
            for text in {text for row in rows for text in row} - set(names)
        )
    except ValueError:
        return False


@dataclass(frozen=True)
class Pairs:
    """Distinct (true, first, second) labels and their counts: all that any score needs.

    Attributes:
        true: multi-hot labels, shape (cells, classes).
        first: likewise, as the first model predicts them.
        second: likewise, as the second model predicts them.
        counts: rows of each cell, shape (cells,).
        multilabel: whether a row may have several labels; else exactly one.
    """

    true: np.ndarray
    first: np.ndarray
    second: np.ndarray
    counts: np.ndarray
    multilabel: bool

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.counts.sum())

    @property
    def discordant(self) -> np.ndarray:
        """Whether the two models predict different labels, shape (cells,)."""
        return (self.first != self.second).any(axis=1)

    @property
    def summands(self) -> csr_array:
        """What one row of each cell adds to the sums that `scores` reads, (cells, sums)."""
        return csr_array(summands(self.true, self.first, self.second)).astype(np.float64)


def count(
    cells: Mapping[tuple[str, str, str], int], names: Sequence[str], multilabel: bool = False
) -> Pairs:
    """Return rows, counted by their (true, first, second) labels, as arrays.

    Args:
        cells: number of rows with each three labels; several labels of a row are a JSON list.
        names: the classes, in the order of the arrays' class axis.
        multilabel: whether a row may have several labels.
    """
    ordered = sorted(cells.items())
    place = {name: index for index, name in enumerate(names)}
    number = {text: row for row, text in enumerate({text for cell in cells for text in cell})}
    distinct = np.zeros((len(number), len(names)), dtype=np.uint8)
    for text, row in number.items():
        distinct[row, [place[label] for label in labels_of(text, multilabel)]] = 1
    sides = (distinct[[number[cell[side]] for cell, _ in ordered]] for side in range(3))
    return Pairs(*sides, np.array([rows for _, rows in ordered]), multilabel)


def summands(true: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return what one row of each cell adds to the sums that `scores` reads, (cells, sums).

    Args:
        true: multi-hot labels, shape (cells, classes).
        first: likewise, as the first model predicts them.
        second: likewise, as the second model predicts them.
    """
    columns = [true]
    for predicted in (first, second):
        columns += [true * predicted, predicted, (true == predicted).all(axis=1, keepdims=True)]
    return np.hstack(columns)


def sums(pairs: Pairs) -> np.ndarray:
    """Return what `scores` reads, of all rows."""
    return pairs.counts @ pairs.summands


def scores(pairs: Pairs, total: np.ndarray) -> tuple[dict, dict]:
    """Return the scores by name of the first and of the second model.

    They are those of `evaluation.scores`: f1_macro, balanced_accuracy, mcc and accuracy (of several
    labels: all right) of shape (...), f1 and recall of shape (..., classes). But f1_macro is over
    the same classes for both models: those with a row, or predicted by either.

    Args:
        pairs: for the number of rows and the task.
        total: sums of `summands` over so many rows, shape (..., sums).
    """
    classes = pairs.true.shape[1]
    ends = np.cumsum([classes, classes, classes, 1, classes, classes])
    support, *sides = np.split(total, ends, axis=-1)
    task = Classes((), support, pairs.rows, pairs.multilabel)
    occurs = (pairs.true | pairs.first | pairs.second).any(axis=0)
    return tuple(
        of_counts(hits, support, predicted, pairs.rows, task, occurs)
        | {
            "accuracy": exact[..., 0] / pairs.rows,
            "f1": share(2 * hits, support + predicted),
            "recall": share(hits, support),
        }
        for hits, predicted, exact in (sides[:3], sides[3:])
    )
