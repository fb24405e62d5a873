"""Two models' labels for the same rows: which rows are the same, their counts, their scores."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.sparse import csr_array

from ballast.labels.classes import labels_of


@dataclass(frozen=True)
class Common:
    """The rows that two revisions both predict.

    Attributes:
        rows: (true, first, second) labels of each row, in the order of the ids.
        conflicting: ids that both have, with other true labels; left out of `rows`.
    """

    rows: list[tuple[str, str, str]]
    conflicting: list[str]


def common(first: Mapping[str, tuple[str, str]], second: Mapping[str, tuple[str, str]]) -> Common:
    """Match two revisions' {id: (true label, predicted label)} by id."""
    rows, conflicting = [], []
    for name in sorted(first.keys() & second.keys()):
        (true, one), (also_true, other) = first[name], second[name]
        if true == also_true:
            rows.append((true, one, other))
        else:
            conflicting.append(name)
    return Common(rows, conflicting)


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
    def right(self) -> tuple[np.ndarray, np.ndarray]:
        """Whether each model has every label right, shape (cells,)."""
        first, second = ((side == self.true).all(axis=1) for side in (self.first, self.second))
        return first, second

    @property
    def summands(self) -> csr_array:
        """What one row of each cell adds to the sums that `scores` reads, (cells, sums)."""
        return csr_array(summands(self.true, self.first, self.second)).astype(np.float64)

    def swapped(self) -> "Pairs":
        """Return the same cells with the two models' labels swapped."""
        return replace(self, first=self.second, second=self.first)


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
    arrays = []
    for side in range(3):
        texts = [labels[side] for labels, _ in ordered]
        numbers = {text: number for number, text in enumerate(dict.fromkeys(texts))}
        distinct = np.zeros((len(numbers), len(names)), dtype=np.uint8)
        for text, number in numbers.items():
            for label in labels_of(text, multilabel):
                distinct[number, place[label]] = 1
        arrays.append(distinct[[numbers[text] for text in texts]])
    return Pairs(*arrays, np.array([number for _, number in ordered]), multilabel)


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


def scores(sums: np.ndarray, rows: int, multilabel: bool) -> tuple[dict, dict]:
    """Return the scores by name of the first and of the second model.

    They are those of `evaluation.scores`: f1_macro, balanced_accuracy, mcc and accuracy (of several
    labels: all right) of shape (...), f1 and recall of shape (..., classes).

    Args:
        sums: of `summands` over rows, shape (..., sums).
        rows: number of these rows.
        multilabel: whether a row may have several labels.
    """
    classes = (sums.shape[-1] - 2) // 5
    ends = np.cumsum([classes, classes, classes, 1, classes, classes])
    support, *sides = np.split(sums, ends, axis=-1)
    return tuple(
        _scores(support, hits, predicted, exact[..., 0], rows, multilabel)
        for hits, predicted, exact in (sides[:3], sides[3:])
    )


def _scores(
    support: np.ndarray,
    hits: np.ndarray,
    predicted: np.ndarray,
    exact: np.ndarray,
    rows: int,
    multilabel: bool,
) -> dict[str, np.ndarray]:
    f1 = _ratio(2 * hits, support + predicted)
    recall = _ratio(hits, support)
    present = support > 0
    if multilabel:
        absent = _ratio(rows - support - predicted + hits, rows - support)
        balanced = _ratio((present * (recall + absent)).sum(-1) / 2, present.sum(-1))
        spread = support * (rows - support) * predicted * (rows - predicted)
        mcc = _ratio(rows * hits - support * predicted, np.sqrt(spread)).mean(-1)
    else:
        balanced = _ratio(recall.sum(-1), present.sum(-1))
        spread = (rows**2 - (support**2).sum(-1)) * (rows**2 - (predicted**2).sum(-1))
        agreed = rows * hits.sum(-1) - (support * predicted).sum(-1)
        mcc = _ratio(agreed, np.sqrt(np.maximum(spread, 0)))
    return {
        "f1_macro": f1.mean(-1),
        "balanced_accuracy": balanced,
        "mcc": mcc,
        "accuracy": exact / rows,
        "f1": f1,
        "recall": recall,
    }


def _ratio(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    # A score that the rows leave undefined is 0, as in scikit-learn.
    above, below = np.asarray(above, dtype=np.float64), np.asarray(below)
    return np.divide(above, below, out=np.zeros_like(above), where=below > 0)
