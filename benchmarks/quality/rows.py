"""The rows that every system sees: what the stages prepare and split left in a folder."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
from our_recipes import LONG

from ballast.labels import classes, parts
from ballast.labels.classes import Classes, LabelSet
from ballast.rows import prepared as prepared_rows
from ballast.rows.prepared import Prepared

Inputs = list[str] | np.ndarray


@dataclass(frozen=True)
class Part:
    """Rows of one part.

    Attributes:
        inputs: texts, or numbers of shape (rows, features).
        targets: multi-hot labels, shape (rows, classes).
    """

    inputs: Inputs
    targets: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        """Class number of each row that has one label."""
        return self.targets.argmax(axis=1)

    def __add__(self, other: "Part") -> "Part":
        """Return the rows of both."""
        if isinstance(self.inputs, list):
            inputs = self.inputs + other.inputs
        else:
            inputs = np.concatenate([self.inputs, other.inputs])
        return Part(inputs, np.concatenate([self.targets, other.targets]))


@dataclass(frozen=True)
class Rows:
    """All rows of a data set under one split.

    Attributes:
        ids: of the rows.
        parts: train, validation, test or excluded, shape (rows,).
        texts: None where there are none; the systems then see the numbers.
        features: shape (rows, features).
        targets: multi-hot labels, shape (rows, classes).
        classes: the classes as they stand in the training rows.
    """

    ids: np.ndarray
    parts: np.ndarray
    texts: list[str] | None
    features: np.ndarray
    targets: np.ndarray
    classes: Classes

    def part(self, name: str) -> Part:
        """Return the rows of a part."""
        chosen = np.flatnonzero(self.parts == name)
        if self.texts is None:
            return Part(self.features[chosen], self.targets[chosen])
        return Part([self.texts[i] for i in chosen], self.targets[chosen])

    @property
    def test_ids(self) -> np.ndarray:
        """Ids of the test rows, in their order."""
        return self.ids[self.parts == "test"]

    @property
    def kind(self) -> str:
        """Kind of data, by which recipes and peers are chosen."""
        if self.texts is None:
            return "numbers"
        if self.classes.multilabel:
            return "several labels"
        long = np.median([len(text.split()) for text in self.texts]) > LONG
        return "long texts" if long else "short texts"

    @property
    def digest(self) -> str:
        """What is the same only if ids, parts and labels are."""
        content = [self.ids.tolist(), self.parts.tolist(), self.targets.tolist()]
        return blake2b(json.dumps(content).encode(), digest_size=8).hexdigest()


def joined(labels: np.ndarray, names: Sequence[str]) -> list[str]:
    """Return each row's labels as one text, as they are kept: several joined by |."""
    return ["|".join(names[code] for code in np.flatnonzero(row)) for row in labels]


def read(folder: Path) -> Rows:
    """Read the rows in a folder in which the stages prepare and split have run."""
    prepared = Prepared(folder / prepared_rows.FOLDER)
    labels = LabelSet.load(folder / classes.FILE)
    split = parts.load(len(labels.labels), folder / parts.FOLDER)
    return Rows(
        ids=np.array(split.ids),
        parts=np.array([parts.PARTS[part] for part in split.parts]),
        texts=prepared.texts,
        features=prepared.numbers,
        targets=split.targets,
        classes=labels.classes(split.targets[split.training]),
    )
