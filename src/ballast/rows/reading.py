"""Read CSV, TSV, JSON, Parquet, Feather and Excel, gzipped or not; no record is lost silently."""

import csv
import gzip
import json
import re
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from itertools import chain, count
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple
from zipfile import BadZipFile, ZipFile

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq

from ballast.project.errors import UserError, did_you_mean
from ballast.project.params import listed
from ballast.rows.dataset import FORMATS, Layout
from ballast.rows.fields import string
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
    **dict.fromkeys([".xlsx", ".xlsm", ".xlsb", ".xls", ".ods"], "excel"),
}
GZIP = b"\x1f\x8b"
# How files begin that are no text.
BINARY = {b"PAR1": "parquet", b"ARROW1": "feather", b"\xd0\xcf\x11\xe0": "excel"}
# Excel's files are zip archives, too.
ZIP = b"PK\x03\x04"
PACKED = {
    ZIP: "a zip archive",
    b"BZh91AY": "packed by bzip2",
    b"\xfd7zXZ": "packed by xz",
    b"\x28\xb5\x2f\xfd": "packed by zstd",
}
# Tables with types.
TABLES = ("parquet", "feather", "excel")
# What stands between the rows and is none of them.
EMPTY, HEADER = "empty line", "the header line once more"
NO_OBJECT = "not a JSON object"
# How one JSON array of objects begins, and no line of JSON Lines.
ARRAY = re.compile(r"\s*\[\s*([{\]]|$)")
# So many names of columns are shown, and so much of each.
SHOWN, WIDTH = 20, 40
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
    with explained(path, dataset), opened(path) as stream:
        if (real := binary_form(stream)) not in (None, form):
            raise UserError(
                f"{path} is {real}, not {form}: set `format: {real}` in the dataset's block in "
                "params.yaml."
            )
        if form in TABLES:
            used = dataset.used_columns()
            schema, _, batches = table_batches(stream, form, dataset, used=used)
            require(schema.names, dataset, path)
            rows = chain.from_iterable(batch.to_pylist() for batch in batches)
            for row, fields in enumerate(rows, 1):
                is_empty = form == "excel" and not any(v is not None for v in fields.values())
                yield Record(row, fields, EMPTY if is_empty else None, str(fields))
        else:
            # newline="": a field may contain line breaks of any kind.
            text = TextIOWrapper(stream, newline="", **decoding(dataset))
            yield from records(text, form, dataset, path)[1]


def opened(path: Path) -> BinaryIO:
    """Open a file, gzipped or not, whatever its name says."""
    with path.open("rb") as stream:
        is_gzip = stream.read(len(GZIP)) == GZIP
    return gzip.open(path) if is_gzip else path.open("rb")


def binary_form(stream: BinaryIO) -> str | None:
    """Return the format that a file's first bytes give away; None for text.

    Raises:
        ValueError: it is packed.
    """
    start = stream.peek(8)
    if start.startswith(ZIP):
        with ZipFile(stream) as archive:
            is_workbook = {"[Content_Types].xml", "content.xml"} & set(archive.namelist())
        stream.seek(0)
        if is_workbook:
            return "excel"
    for magic, packing in PACKED.items():
        if start.startswith(magic):
            raise ValueError(f"it is {packing}; unpack it")
    return next((form for magic, form in BINARY.items() if start.startswith(magic)), None)


def table_batches(
    stream: BinaryIO, form: str, layout: Layout, size: int = 10_000, used: Sequence[str] = ()
) -> tuple[pa.Schema, int, Iterator[pa.RecordBatch]]:
    """Return the columns of a table with types, its number of rows, and these in batches.

    Args:
        stream: the file, which can be searched.
        form: parquet, feather or excel.
        layout: the sheet of an Excel file.
        size: rows a batch.
        used: the columns to read, where others can be left out; all unless named.

    Raises:
        ValueError: an Excel file is damaged, or its sheet is not named.
    """
    if form == "parquet":
        file = pq.ParquetFile(stream)
        columns = [name for name in file.schema_arrow.names if name in used] if used else None
        batches = file.iter_batches(size, columns=columns)
        return file.schema_arrow, file.metadata.num_rows, batches
    table = _arrow(stream) if form == "feather" else _sheet(stream, layout.sheet)
    return table.schema, len(table), iter(table.to_batches(size))


def _arrow(stream: BinaryIO) -> pa.Table:
    """Return the table of a Feather file, or of an Arrow stream, as Hugging Face writes it."""
    if stream.peek(4).startswith(b"\xff\xff\xff\xff"):
        return pa.ipc.open_stream(stream).read_all()
    return pa.feather.read_table(stream)


def _sheet(stream: BinaryIO, name: str | None) -> pa.Table:
    """Return a sheet of an Excel file as a table, its first row being the header line."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        book = CalamineWorkbook.from_filelike(stream)
        if name is None and len(book.sheet_names) == 1:
            (name,) = book.sheet_names
        if name not in book.sheet_names:
            sheets = ", ".join(book.sheet_names)
            raise ValueError(f"it has the sheets {sheets}: name one under `sheet`")
        header, *rows = book.get_sheet_by_name(name).to_python() or [[]]
    except CalamineError as error:
        raise ValueError(str(error)) from error
    columns = zip(*rows, strict=True) if rows else [()] * len(header)
    return pa.table([_column(cells) for cells in columns], [string(name, "") for name in header])


def _column(cells: Iterable[Any]) -> pa.Array:
    """Return cells as an array; numbers, dates and texts in one column become texts."""
    cells = [None if cell == "" else cell for cell in cells]
    try:
        return pa.array(cells)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return pa.array([string(cell, "") for cell in cells])


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
            f"{path} is not a complete {layout.format or format_of(path)} file: "
            f"{str(error).rstrip('.')}. Download or write it again."
        ) from error
    except (OSError, ValueError, OverflowError) as error:
        raise UserError(f"{path} cannot be read: {str(error).rstrip('.')}.") from error


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
    form = form_of_name(path)
    if form is None:
        raise UserError(
            f"{path}: the file's suffix does not tell its format. Set `format` in the dataset's "
            f"block in params.yaml to {', '.join(FORMATS[:-1])} or {FORMATS[-1]}."
        )
    return form


def form_of_name(path: Path) -> str | None:
    """Return the format that a file's suffix stands for, None where that is unknown."""
    suffix = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    return SUFFIXES.get(suffix.lower())


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

    def peek(self) -> str:
        """Return the first line that is not blank, and read all again."""
        lines = []
        for line in self.stream:
            lines.append(line)
            if not line.isspace():
                break
        self.pushed_back.extend(lines)
        return lines[-1] if lines else ""

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
    form = {
        "delimiter": separator,
        "quotechar": dataset.quote,
        "quoting": csv.QUOTE_NONE if dataset.quote is None else csv.QUOTE_MINIMAL,
        "escapechar": dataset.escape,
        "strict": True,
    }
    first = lines.peek().split(separator)[1:]
    # A blank after every separator, as in `text, "label"`.
    form["skipinitialspace"] = bool(first) and all(field.startswith(" ") for field in first)
    try:
        reader = csv.reader(lines, **form)
    except (TypeError, ValueError) as error:
        raise UserError(
            f"params.yaml: `separator`, `quote` and `escape` do not go together: {error}."
        ) from error
    columns = dataset.columns
    if columns is None:
        try:
            columns = [name.strip() for name in next(filter(any, reader), [])]
        except csv.Error as error:
            raise UserError(f"{path}: the header line has malformed quoting ({error}).") from error
    headless = "" if dataset.columns else " A file without a header line needs `columns`."
    require(columns, dataset, path, headless)
    return columns, _csv_records(lines, reader, columns, separator, path)


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
        if all(not value or value.isspace() for value in values):
            fault = EMPTY
        elif len(values) != len(columns):
            fields = "field" if len(values) == 1 else "fields"
            fault = f"{len(values)} {fields} instead of {len(columns)}"
        elif values[-1].strip() == columns[-1] and [*map(str.strip, values)] == columns:
            fault = HEADER
        fields = {} if fault else dict(zip(columns, values, strict=True))
        yield Record(row, fields, fault, raw, line)


def _read_json(stream: Iterable[str], dataset: Layout, path: Path) -> Iterator[Record]:
    """Yield the objects of JSON Lines, or of one JSON array."""
    lines = _Lines(stream)
    if ARRAY.match(lines.peek()):
        parsed = _array_records("".join(lines), path)
    else:
        parsed = _line_records(lines)
    # Single objects may lack a key; a key that no object has is a wrong name.
    seen: dict[str, None] = {}
    fault, rows = None, 0
    for record in parsed:
        rows += 1
        seen |= dict.fromkeys(record.fields)
        if record.fault and not seen:
            fault = fault or f"{record.place}: {record.fault}"
        yield record
    shape = "Rows are JSON objects, one a line or all in one array"
    if fault and not seen:
        raise UserError(f"{path} has no row: {fault}. {shape}.")
    require(list(seen), dataset, path, f" {shape}; this file is one object." * (rows == 1))


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


def require(columns: list[str], dataset: Layout, path: Path, advice: str = "") -> None:
    """Raise a `UserError` unless a file has each column that is used, once; it names them all."""
    used = dict.fromkeys(dataset.used_columns())
    faults = [
        f"{path} has more than one column {name!r}: rename all but one."
        for name in used
        if columns.count(name) > 1
    ]
    if missing := [name for name in used if name not in columns]:
        known = [name for name in columns if name.isprintable()] if len(columns) > 1 else []
        hints = "".join(dict.fromkeys(did_you_mean(name, known) for name in missing))
        found = ", ".join(repr(name[:WIDTH]) for name in columns[:SHOWN]) or "none"
        found += f" and {len(columns) - SHOWN:,} more" if len(columns) > SHOWN else ""
        faults.append(
            f"{path} has no column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}, "
            f"which the dataset's block in params.yaml names; found: {found}.{hints}{advice}"
        )
    if faults:
        raise UserError(listed(faults))
