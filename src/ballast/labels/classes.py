"""The classes: their names, their numbers of training rows, the task."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa

from ballast.project import storage
from ballast.project.errors import UserError, did_you_mean

FILE = Path("data/prepared/classes.json")
# true class -> predicted class -> cost
Costs = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class LabelSet:
    """The labels of a data set, as prepare has counted them.

    Attributes:
        task: binary or multiclass where every row has one label.
        labels: their names, sorted.
        positive: the class that a binary task is about; None for other tasks.
    """

    task: Literal["binary", "multiclass", "multilabel"]
    labels: tuple[str, ...]
    positive: str | None = None

    def save(self, file: Path = FILE) -> None:
        """Write the label set."""
        storage.write_json(file, {key: v for key, v in asdict(self).items() if v is not None})

    @classmethod
    def load(cls, file: Path = FILE) -> "LabelSet":
        """Read what `save` wrote.

        Raises:
            UserError: there is no such file yet.
        """
        values = storage.read_json(file)
        return cls(**values | {"labels": tuple(values["labels"])})

    def classes(self, targets: np.ndarray, costs: Costs | None = None) -> "Classes":
        """Return the classes of some rows.

        Args:
            targets: multi-hot labels of these rows, shape (rows, classes).
            costs: `costs` in params.yaml.

        Raises:
            UserError: costs of an unknown class, or in a multi-label task.
        """
        classes = Classes(
            names=self.labels,
            counts=targets.sum(axis=0, dtype=np.int64),
            rows=len(targets),
            multilabel=self.task == "multilabel",
            positive=None if self.positive is None else self.labels.index(self.positive),
            costs=costs or None,
        )
        if costs and classes.multilabel:
            raise UserError(
                "params.yaml: costs: a row may have several labels, and none is predicted in place "
                "of another. Leave costs empty, and use false_positive and false_negative of "
                "decision: cost_matrix."
            )
        for true, row in (costs or {}).items():
            classes.check_names([true], "costs")
            classes.check_names(row, f"costs.{true}")
        return classes


@dataclass(frozen=True)
class Classes:
    """The classes of a data set.

    Attributes:
        names: class names, in the order of every array's class axis.
        counts: number of training rows with each class, shape (classes,); after resampling, of
            examples expected in an epoch, which may be fractions.
        rows: number of these rows or examples (less than the sum of `counts` where rows have many
            labels).
        multilabel: whether a row may have several labels; else exactly one.
        positive: index of the class that a binary task is about; None for other tasks.
        costs: of predicting one class for another, by name; None if there are none.
    """

    names: tuple[str, ...]
    counts: np.ndarray
    rows: int
    multilabel: bool = False
    positive: int | None = None
    costs: Costs | None = None

    @property
    def prior(self) -> np.ndarray:
        """Share of the training rows that have each class, shape (classes,)."""
        return self.counts / self.rows

    def index(self, name: str) -> int:
        """Return the position of a class name."""
        return self.names.index(name)

    def check_names(self, names: Iterable[str], place: str) -> None:
        """Raise a `UserError` about `place` in params.yaml if a name is not that of a class."""
        unknown = set(names) - set(self.names)
        if unknown:
            name = min(unknown)
            raise UserError(
                f"params.yaml: {place}: {name!r} is no class of this data set: there are "
                f"{', '.join(self.names)}.{did_you_mean(name, self.names)}"
            )

    def by_name(self, values: Mapping[str, float] | None, rest: float, place: str) -> np.ndarray:
        """Return an option by class name as an array, shape (classes,).

        Args:
            values: value by class name; None is an empty mapping.
            rest: value of the classes that are not named.
            place: the option's name in params.yaml, for the message.

        Raises:
            UserError: an unknown class.
        """
        values = values or {}
        self.check_names(values, place)
        return np.array([values.get(name, rest) for name in self.names])


def multi_hot(labels: pa.ChunkedArray, count: int) -> np.ndarray:
    """Return lists of label numbers as a matrix of 0 and 1, uint8, shape (rows, count)."""
    lists = labels.combine_chunks()
    rows = np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))
    matrix = np.zeros((len(lists), count), dtype=np.uint8)
    matrix[rows, lists.flatten().to_numpy()] = 1
    return matrix


def text_of(labels: Sequence[str], multilabel: bool) -> str:
    """Return a row's labels as one text that `labels_of` reads: a name, or several as JSON."""
    return json.dumps(list(labels), ensure_ascii=False) if multilabel else labels[0]


def labels_of(text: str, multilabel: bool) -> list[str]:
    """Return the labels in a text that `text_of` has written.

    Raises:
        ValueError: it is no JSON list of names.
    """
    if not multilabel:
        return [text]
    labels = json.loads(text)
    if isinstance(labels, list) and all(isinstance(label, str) for label in labels):
        return labels
    raise ValueError(f"no list of labels: {text!r}")


def texts_of(matrix: np.ndarray, names: Sequence[str], multilabel: bool) -> list[str]:
    """Return each row's labels as `text_of` writes them.

    Args:
        matrix: multi-hot labels, shape (rows, classes).
        names: of the classes.
        multilabel: whether a row may have several labels.
    """
    labels = [names[c] for c in np.nonzero(matrix)[1].tolist()]
    ends = np.cumsum(matrix.sum(axis=1, dtype=np.int64)).tolist()
    return [text_of(labels[a:b], multilabel) for a, b in zip([0, *ends], ends, strict=False)]
