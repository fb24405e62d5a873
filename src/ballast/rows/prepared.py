"""The clean rows between prepare and the stages after it."""

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ballast.project import storage

FOLDER = Path("data/prepared")
STRINGS = pa.string()


class Prepared:
    """The clean rows in the order of their ids; a column is read when it is first asked for."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Take the folder that `save` has written to."""
        self.folder, self.file = folder, folder / "rows.parquet"

    @cached_property
    def counts(self) -> dict[str, int]:
        """Numbers of rows: read, kept, rejected, duplicates, conflicting labels."""
        return storage.read_json(self.folder / "counts.json")

    @cached_property
    def ids(self) -> list[str]:
        """The rows' ids."""
        return self._column("id").to_pylist()

    @cached_property
    def texts(self) -> list[str] | None:
        """A text a row; None where the data set has no text."""
        column = self._column("text")
        return None if column.null_count else column.to_pylist()

    @cached_property
    def numbers(self) -> np.ndarray:
        """Numeric columns, float64, shape (rows, columns); NaN where missing; columns may be 0."""
        return self._matrix("numbers")

    @cached_property
    def categories(self) -> np.ndarray:
        """Names of categories, None where missing, shape (rows, columns); columns may be 0."""
        return self._matrix("categories")

    @cached_property
    def dates(self) -> np.ndarray:
        """Dates as days since 1970, float64, as `numbers`."""
        return self._matrix("dates")

    @cached_property
    def labels(self) -> list[list[str]]:
        """Label names of each row."""
        return self._column("labels").to_pylist()

    @cached_property
    def groups(self) -> list[str | None]:
        """What rows have in common that stay on one side of the split."""
        return self._column("group").to_pylist()

    @cached_property
    def times(self) -> np.ndarray | None:
        """When each row was, as a number, shape (rows,); None where the data set does not say."""
        column = self._column("time")
        return None if column.null_count else column.to_numpy()

    @cached_property
    def parts(self) -> list[str | None]:
        """Given part of each row."""
        return self._column("part").to_pylist()

    @cached_property
    def exact_duplicates(self) -> np.ndarray:
        """A number for each row, equal for equal contents."""
        return self._column("exact_duplicates").to_numpy()

    @cached_property
    def duplicates(self) -> np.ndarray:
        """A number for each row, equal for near-duplicates and equal contents."""
        return self._column("duplicates").to_numpy()

    def rows(self, ids: Sequence[str]) -> list[dict]:
        """Return some rows whole, with `file`, `record` and `line`, where they come from."""
        table = storage.read_table(self.file)
        chosen = table.filter(pc.is_in(table["id"], pa.array(ids, STRINGS)))
        by_id = {row["id"]: row for row in chosen.to_pylist()}
        return [by_id[name] for name in ids]

    def _matrix(self, name: str) -> np.ndarray:
        column = self._column(name).combine_chunks()
        return column.flatten().to_numpy(zero_copy_only=False).reshape(len(column), -1)

    def _column(self, name: str) -> pa.ChunkedArray:
        return storage.read_table(self.file, [name])[name]


def save(
    rows: Sequence,
    exact: np.ndarray,
    duplicates: np.ndarray,
    counts: dict[str, int],
    folder: Path = FOLDER,
) -> None:
    """Write the rows in the order of their ids; every later table keeps that order.

    Args:
        rows: as `ballast.rows.cleaning` makes them.
        exact: a number for each row, equal for equal contents.
        duplicates: likewise, equal for near-duplicates too.
        counts: numbers of rows, by name.
        folder: where to.
    """
    columns = {
        "id": [row.id for row in rows],
        "text": pa.array([row.content.text for row in rows], STRINGS),
        "numbers": pa.array([row.content.numbers for row in rows], pa.list_(pa.float64())),
        "categories": pa.array([row.content.categories for row in rows], pa.list_(STRINGS)),
        "dates": pa.array([row.content.dates for row in rows], pa.list_(pa.float64())),
        "labels": pa.array([row.labels for row in rows], pa.list_(STRINGS)),
        "group": pa.array([row.group for row in rows], STRINGS),
        "time": pa.array([row.time for row in rows], pa.float64()),
        "part": pa.array([row.part for row in rows], STRINGS),
        "exact_duplicates": exact,
        "duplicates": duplicates,
        "file": [row.file for row in rows],
        "record": [row.row for row in rows],
        "line": pa.array([row.line for row in rows], pa.int64()),
    }
    storage.write_table(folder / "rows.parquet", columns)
    storage.write_json(folder / "counts.json", counts)
