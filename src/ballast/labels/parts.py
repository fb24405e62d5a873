"""The parts of the split by name, which rows are held out, and the file of the split."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ballast.labels.classes import multi_hot
from ballast.project import storage

# Spare are training rows that are not learnt from, for learning curves.
TRAIN, VALIDATION, TEST, EXCLUDED, SPARE = range(5)
PARTS = ("train", "validation", "test", "excluded", "spare")
FOLDER = Path("data/split")


@dataclass(frozen=True)
class Split:
    """Every row's place, in the order of the ids, which every later table keeps.

    Attributes:
        ids: the rows' ids.
        parts: number of each row's part in `PARTS`, shape (rows,).
        folds: each training or spare row's fold, -1 for none, shape (rows,).
        targets: multi-hot labels, uint8, shape (rows, classes).
    """

    ids: list[str]
    parts: np.ndarray
    folds: np.ndarray
    targets: np.ndarray

    @property
    def training(self) -> np.ndarray:
        """Numbers of the training rows, without spare ones."""
        return np.flatnonzero(self.parts == TRAIN)

    @property
    def held_out(self) -> np.ndarray:
        """Numbers of the held-out rows: validation rows, and training or spare rows with a fold.

        Each is scored by networks not trained on it. Epoch, strength of the regularisation,
        combination, calibration and decision are chosen on them.
        """
        return np.flatnonzero((self.parts == VALIDATION) | (self.folds >= 0))

    @property
    def test(self) -> np.ndarray:
        """Numbers of the test rows."""
        return np.flatnonzero(self.parts == TEST)

    @property
    def sizes(self) -> dict[str, int]:
        """Number of rows in each part; spare is left out where there is none."""
        sizes = np.bincount(self.parts, minlength=len(PARTS)).tolist()
        counted = dict(zip(PARTS, sizes, strict=True))
        return {part: size for part, size in counted.items() if size or part != PARTS[SPARE]}

    def names(self, rows: np.ndarray) -> list[str]:
        """Return the ids of some rows."""
        return [self.ids[row] for row in rows]


def save(split: Split, folder: Path = FOLDER) -> None:
    """Write the split: id, part, fold and label numbers of each row."""
    rows, labels = np.nonzero(split.targets)
    ends = np.searchsorted(rows, np.arange(len(split.ids) + 1)).astype(np.int32)
    columns = {
        "id": split.ids,
        "part": [PARTS[part] for part in split.parts],
        "fold": split.folds,
        "labels": pa.ListArray.from_arrays(ends, labels.astype(np.int32)),
    }
    storage.fresh_folder(folder)
    storage.write_table(folder / "rows.parquet", columns)


def load(classes: int, folder: Path = FOLDER) -> Split:
    """Read what `save` wrote.

    Args:
        classes: their number.
        folder: where from.

    Raises:
        UserError: there is no such file yet.
    """
    table = storage.read_table(folder / "rows.parquet")
    number = {name: code for code, name in enumerate(PARTS)}
    return Split(
        ids=table["id"].to_pylist(),
        parts=np.array([number[name] for name in table["part"].to_pylist()]),
        folds=table["fold"].to_numpy(),
        targets=multi_hot(table["labels"], classes),
    )
