"""Read CSV, TSV, JSON, Parquet, Feather and Excel, gzipped or not; no record is lost silently."""

import csv
import gzip
import json
import zlib
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zipfile import BadZipFile

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from ballast.project.errors import UserError, did_you_mean
from ballast.project.params import listed
from ballast.rows.dataset import FORMATS, Layout
from ballast.rows.places import place

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".feather": "feather",
    ".arrow": "feather",
    ".xlsx": "excel",
    ".xls": "excel",
    ".ods": "excel",
}
# What is read whole, as a table with types.
TABLES = ("parquet", "feather", "excel")
# What stands between the rows and is none of them.
EMPTY, HEADER = "empty line", "the header line once more"
NO_OBJECT = "not a JSON object"
# A field may be a whole document; the csv module's default limit is 128 KiB.
csv.field_size_limit(2**31 - 1)


class Record(NamedTuple):
    """One record of a file: its fields by column name, or the reason why it cannot be read.

    `row` is its number, counted from 1 after a header line; `line` the line on which it starts,
    None where the format has no lines.
    """

    row: int
    fields: dict[str, Any]
    fault: str | None = None
    raw: str = ""
    line: int | None = None

    @property
    def place(self) -> str:
        """Where the record is, in words."""
        return place(self.row, self.line)


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
        if form in TABLES:
            with opener(path, "rb") as stream:
                schema, _, batches = table_batches(stream, form, dataset)
                require(schema.names, dataset, path)
                row = 0
                for batch in batches:
                    for fields in batch.to_pylist():
                        row += 1
                        yield Record(row, fields, None, str(fields))
            return
        # newline="": a field may contain line breaks of any kind.
        with opener(path, "rt", newline="", **decoding(dataset)) as stream:
            yield from records(stream, form, dataset, path)[1]


def table_batches(
    stream: BinaryIO, form: str, layout: Layout, size: int = 10_000
) -> tuple[pa.Schema, int, Iterator[pa.RecordBatch]]:
    """Return the columns of a table with types, its number of rows, and these in batches.

    Args:
        stream: the file, which can be searched.
        form: parquet, feather or excel.
        layout: the sheet of an Excel file; the first one unless it names another.
        size: rows a batch.
    """
    if form == "parquet":
        file = pq.ParquetFile(stream)
        return file.schema_arrow, file.metadata.num_rows, file.iter_batches(batch_size=size)
    if form == "feather":
        table = pa.feather.read_table(stream)
    else:
        # Imported here: it takes half a second, and other formats do without.
        import pandas as pd

        frame = pd.read_excel(stream, layout.sheet or 0, dtype=object, na_filter=False)
        # A column of an Excel file may hold numbers, dates and texts.
        fields = [frame[name].map(_cell).tolist() for name in frame.columns]
        table = pa.table(
            {str(name): _column(cells) for name, cells in zip(frame.columns, fields, strict=True)}
        )
    return table.schema, len(table), iter(table.to_batches(size))


def _cell(value: Any) -> Any:
    return None if value == "" else value


def _column(cells: list[Any]) -> pa.Array:
    try:
        return pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([None if cell is None else str(cell) for cell in cells])


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
    except (pa.ArrowException, BadZipFile) as error:
        raise UserError(
            f"{path} is not a complete {layout.format or format_of(path)} file: {error}. Download "
            "or write it again."
        ) from error


def records(
    stream: Iterable[str], form: str, layout: Layout, path: Path
) -> tuple[list[str] | None, Iterator[Record]]:
    """Return the columns in their order (None where each record has its own), and every record.

    Args:
        stream: the file's lines, with their line breaks.
        form: csv, tsv, json or jsonl.
        layout: separator, quotation mark and columns.
        path: for messages.

    Raises:
        UserError: a column is missing, a quotation mark is never closed.
    """
    if form in ("json", "jsonl"):
        return None, _read_json(stream, layout, path)
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
            f"block in params.yaml to {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
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
    form = {
        "delimiter": dataset.separator or separator,
        "quotechar": dataset.quote,
        "quoting": csv.QUOTE_NONE if dataset.quote is None else csv.QUOTE_MINIMAL,
        "escapechar": dataset.escape,
        "strict": True,
    }
    columns, reader = dataset.columns, csv.reader(lines, **form)
    if columns is None:
        try:
            columns = next(reader, [])
            if any(name.startswith(" ") for name in columns):
                # A blank after every separator, as in `text, "label"`.
                form["skipinitialspace"] = True
                columns, reader = next(csv.reader(lines.record, **form)), csv.reader(lines, **form)
        except csv.Error as error:
            raise UserError(f"{path}: the header line has malformed quoting ({error}).") from error
        columns = [name.strip() for name in columns]
    require(columns, dataset, path)
    return columns, _csv_records(lines, reader, columns, form["delimiter"], path)


def _csv_records(
    lines: _Lines, reader: Iterator[list[str]], columns: list[str], separator: str, path: Path
) -> Iterator[Record]:
    for row in count(1):
        line = lines.number + 1
        lines.record = []
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise UserError(
                    f"{path}, {place(row, line)}: a quotation mark opens here and never closes, so "
                    "the rest of the file would be one field. Correct the row, or set `quote: "
                    "null` in the dataset's block in params.yaml if quotation marks are plain text."
                ) from error
            yield Record(row, {}, "malformed quoting", lines.give_up(), line)
            continue
        raw = separator.join(values)
        if len(values) > len(columns) and not any(map(str.strip, values[len(columns) :])):
            # Separators at the end of a line, as spreadsheets leave them.
            del values[len(columns) :]
        fault = None
        if not values:
            fault = EMPTY
        elif len(values) != len(columns):
            fault = f"{len(values)} fields instead of {len(columns)}"
        elif values == columns:
            fault = HEADER
        fields = {} if fault else dict(zip(columns, values, strict=True))
        yield Record(row, fields, fault, raw, line)


def _read_json(stream: Iterable[str], dataset: Layout, path: Path) -> Iterator[Record]:
    """Yield the objects of JSON Lines, or of one JSON array."""
    lines = iter(stream)
    first = next((line for line in lines if not line.isspace()), "")
    if first.lstrip("\ufeff \t").startswith("["):
        parsed = _array_records(first + "".join(lines), path)
    else:
        parsed = _line_records(chain([first] if first else [], lines))
    seen: set[str] = set()
    for record in parsed:
        seen |= record.fields.keys()
        yield record
    # Single objects may lack a key; a key that no object has is a wrong name.
    require(sorted(seen), dataset, path)


def _line_records(lines: Iterable[str]) -> Iterator[Record]:
    for row, line in enumerate(lines, 1):
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError) as error:
            fault = EMPTY if line.isspace() else f"not JSON ({error})"
            yield Record(row, {}, fault, line, row)
            continue
        is_object = isinstance(fields, dict)
        yield Record(row, fields if is_object else {}, None if is_object else NO_OBJECT, line, row)


def _array_records(text: str, path: Path) -> Iterator[Record]:
    try:
        items = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} begins like one JSON array, but is none: {error}.") from error
    for row, item in enumerate(items, 1):
        raw = json.dumps(item, ensure_ascii=False)
        is_object = isinstance(item, dict)
        yield Record(row, item if is_object else {}, None if is_object else NO_OBJECT, raw)


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
