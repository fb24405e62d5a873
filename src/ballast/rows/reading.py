"""Read CSV, TSV, JSON Lines and Parquet, plain or gzipped; no record is lost silently."""

import csv
import gzip
import json
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from ballast.project.errors import UserError, did_you_mean
from ballast.project.params import listed
from ballast.rows.dataset import Layout

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}
# A field may be a whole document; the csv module's default limit is 128 KiB.
csv.field_size_limit(2**31 - 1)


class Record(NamedTuple):
    """One record of a file: its fields by column name, or the reason why it cannot be read.

    `row` is the line on which the record starts (CSV, TSV, JSON Lines) or its number (Parquet),
    counted from 1.
    """

    row: int
    fields: dict[str, Any]
    fault: str | None = None
    raw: str = ""


def read(path: Path, dataset: Layout) -> Iterator[Record]:
    """Yield every record of a file.

    Raises:
        UserError: the file or a column is missing, the file is damaged, the format or the encoding
            is unknown, a quotation mark is never closed.
    """
    if not path.is_file():
        siblings = sorted(p.name for p in path.parent.glob("*"))
        raise UserError(
            f"{path} does not exist. {path.parent}/ contains: {', '.join(siblings) or 'nothing'}. "
            "Put the file there (for a public data set: `ballast fetch NAME`), or correct the file "
            "name in the dataset's block in params.yaml."
        )
    form = dataset.format or format_of(path)
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with explained(path, dataset):
        if form == "parquet":
            yield from _read_parquet(path, dataset)
            return
        # newline="": a field may contain line breaks of any kind.
        with opener(path, "rt", newline="", **decoding(dataset)) as stream:
            yield from records(stream, form, dataset, path)[1]


def decoding(layout: Layout) -> dict[str, str]:
    """Return how a file's bytes are decoded, as arguments of `open`."""
    is_utf8 = layout.encoding.lower() in ("utf-8", "utf8")
    # surrogateescape keeps undecodable bytes, so that a message can name the row.
    return {"encoding": "utf-8-sig" if is_utf8 else layout.encoding, "errors": "surrogateescape"}


@contextmanager
def explained(path: Path, layout: Layout) -> Iterator[None]:
    """Turn errors while a file is read into a `UserError`."""
    try:
        yield
    except LookupError as error:
        raise UserError(f"params.yaml: encoding {layout.encoding!r} is not known.") from error
    except UnicodeError as error:
        raise UserError(
            f"{path} is not in the encoding {layout.encoding!r} ({error}). Set `encoding` in the "
            "dataset's block in params.yaml."
        ) from error
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise UserError(
            f"{path} is not a complete gzip file: {error}. Download or compress it again."
        ) from error
    except pa.ArrowException as error:
        raise UserError(
            f"{path} is not a complete Parquet file: {error}. Download or write it again."
        ) from error


def records(
    stream: Iterable[str], form: str, layout: Layout, path: Path
) -> tuple[list[str] | None, Iterator[Record]]:
    """Return the columns in their order (None where each record has its own), and every record.

    Args:
        stream: the file's lines, with their line breaks.
        form: csv, tsv or jsonl.
        layout: separator, quotation mark and columns.
        path: for messages.

    Raises:
        UserError: a column is missing, a quotation mark is never closed.
    """
    if form == "jsonl":
        return None, _read_jsonl(stream, layout, path)
    return _read_csv(stream, layout, path, "\t" if form == "tsv" else ",")


def format_of(path: Path) -> str:
    """Return the format that a file's suffix stands for.

    Raises:
        UserError: the suffix is unknown.
    """
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    if suffix.lower() not in SUFFIXES:
        raise UserError(
            f"{path}: the file's suffix does not tell its format. Set `format` in the dataset's "
            "block in params.yaml to csv, tsv, jsonl or parquet."
        )
    return SUFFIXES[suffix.lower()]


class _Lines:
    """A stream's lines, counted; those of a malformed record can be read again."""

    def __init__(self, stream: Iterable[str]) -> None:
        self.stream = iter(stream)
        self.pushed_back: deque[str] = deque()
        self.record: list[str] = []
        self.number = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.pushed_back.popleft() if self.pushed_back else next(self.stream)
        self.number += 1
        self.record.append(line)
        return line

    def give_up(self) -> str:
        """Return the first line of the record; the lines after it will be read again."""
        first, *others = self.record
        self.pushed_back.extendleft(reversed(others))
        self.number -= len(others)
        return first


def _read_csv(
    stream: Iterable[str], dataset: Layout, path: Path, separator: str
) -> tuple[list[str], Iterator[Record]]:
    lines = _Lines(stream)
    separator = dataset.separator or separator
    reader = csv.reader(
        lines,
        delimiter=separator,
        quotechar=dataset.quote,
        quoting=csv.QUOTE_NONE if dataset.quote is None else csv.QUOTE_MINIMAL,
        strict=True,
    )
    columns = dataset.columns
    if columns is None:
        try:
            columns = next(reader, [])
        except csv.Error as error:
            raise UserError(f"{path}: the header line has malformed quoting ({error}).") from error
    require(columns, dataset, path)
    return columns, _csv_records(lines, reader, columns, separator, path)


def _csv_records(
    lines: _Lines, reader: Iterator[list[str]], columns: list[str], separator: str, path: Path
) -> Iterator[Record]:
    while True:
        row = lines.number + 1
        lines.record = []
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise UserError(
                    f"{path}, row {row}: a quotation mark opens here and never closes, so the rest "
                    "of the file would be one field. Correct the row, or set `quote: null` in the "
                    "dataset's block in params.yaml if quotation marks are plain text."
                ) from error
            yield Record(row, {}, "malformed quoting", lines.give_up())
            continue
        raw = separator.join(values)
        if not values:
            yield Record(row, {}, "empty line", raw)
        elif len(values) != len(columns):
            yield Record(row, {}, f"{len(values)} fields instead of {len(columns)}", raw)
        else:
            yield Record(row, dict(zip(columns, values)), None, raw)  # noqa: B905


def _read_jsonl(stream: Iterable[str], dataset: Layout, path: Path) -> Iterator[Record]:
    seen: set[str] = set()
    for row, line in enumerate(stream, 1):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield Record(row, {}, f"not JSON ({error})", line)
            continue
        if not isinstance(fields, dict):
            yield Record(row, {}, "not a JSON object", line)
            continue
        seen |= fields.keys()
        yield Record(row, fields, None, line)
    # Single objects may lack a key; a key that no object has is a wrong name.
    require(sorted(seen), dataset, path)


def _read_parquet(path: Path, dataset: Layout) -> Iterator[Record]:
    packed = path.suffix.lower() == ".gz"
    source = pa.BufferReader(gzip.decompress(path.read_bytes())) if packed else path
    table = pq.ParquetFile(source)
    require(table.schema_arrow.names, dataset, path)
    row = 0
    for batch in table.iter_batches(columns=dataset.used_columns()):
        for fields in batch.to_pylist():
            row += 1
            yield Record(row, fields, None, str(fields))


def require(columns: list[str], dataset: Layout, path: Path) -> None:
    """Raise a `UserError` unless a file has each column that is used, once; it names them all."""
    faults = []
    for name in dict.fromkeys(dataset.used_columns()):
        if name not in columns:
            faults.append(
                f"{path} has no column {name!r}, which the dataset's block in params.yaml names; "
                f"found: {', '.join(columns) or 'none'}.{did_you_mean(name, columns)} A file "
                "without a header line needs `columns`."
            )
        elif columns.count(name) > 1:
            faults.append(f"{path} has more than one column {name!r}: rename all but one.")
    if faults:
        raise UserError(listed(faults))
