"""Files that are the same to the byte whenever their content is: JSON, CSV and Parquet."""

import csv
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ballast.project.errors import UserError


def fresh_folder(path: Path) -> Path:
    """Return the folder, new and empty, whatever stood there."""
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(parents=True)
    return path


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON; NaN and infinities are refused."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path) -> Any:
    """Read what `write_json` wrote.

    Raises:
        UserError: there is no such file yet.
    """
    _require(path)
    return json.loads(path.read_text(encoding="utf-8"))


def write_csv(path: Path, columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write rows under a header line, with line feeds on every system."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # backslashreplace shows the undecodable bytes of rejected rows.
    with path.open("w", encoding="utf-8", newline="", errors="backslashreplace") as stream:
        # The writer quotes what stands in its line end; it writes a line at a time.
        ends = SimpleNamespace(write=lambda line: stream.write(f"{line[:-2]}\n"))
        writer = csv.writer(ends, lineterminator="\r\n")
        writer.writerow(columns)
        writer.writerows(rows)


def write_table(path: Path, columns: dict[str, Any]) -> None:
    """Write columns (sequences or pyarrow arrays, by name) as Parquet."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Read the named columns (all unless named) of a Parquet file.

    Raises:
        UserError: there is no such file yet.
    """
    _require(path)
    return pq.read_table(path, columns=columns)


def _require(path: Path) -> None:
    if not path.is_file():
        raise UserError(f"{path} does not exist: an earlier stage makes it. Run `dvc repro`.")
