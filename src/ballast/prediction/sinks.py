"""Predicted rows, written chunk by chunk: to a file or standard output, with all their columns."""

import codecs
import gzip
import json
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import reduce
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ballast.prediction.sources import STANDARD, Chunk, Source, fields_of
from ballast.project.errors import UserError
from ballast.rows.reading import format_of
from ballast.texts.packing import packed


@dataclass(frozen=True)
class Predicted:
    """A chunk with what is known of its rows.

    Attributes:
        chunk: as read.
        labels: a label a row; None where there is an error.
        probabilities: float64, shape (rows, classes); NaN where there is an error.
        errors: why a row could not be predicted; None where it could.
    """

    chunk: Chunk
    labels: Sequence[str | None]
    probabilities: np.ndarray
    errors: Sequence[str | None]


class Sink(Protocol):
    """Where predictions go."""

    def write(self, found: Predicted) -> None:
        """Write the rows of a chunk."""

    def close(self) -> None:
        """Write what is still to be written; the stream stays open."""


def added(classes: Sequence[str], prefix: str) -> list[str]:
    """Return the names of the columns that stand after the input's own."""
    return [f"{prefix}{name}" for name in ("predicted", *(f"p_{c}" for c in classes), "error")]


@contextmanager
def opened(path: Path, source: Source, names: list[str]) -> Iterator[Sink]:
    """Open what the predictions go to; a file stands there only when it is whole.

    Args:
        path: `-` is standard output, in the format of the input; a file's name tells its format.
        source: the input.
        names: of the added columns.

    Raises:
        UserError: the name tells no format, there is no such folder, or the columns' names clash.
    """
    columns = source.columns or []
    _refuse_clash(columns, names)
    for name in columns:
        if columns.count(name) > 1:
            raise UserError(f"the input has more than one column {name!r}: rename all but one.")
    if path == STANDARD:
        with closing(_sink(sys.stdout.buffer, source.form, source, names)) as sink:
            yield sink
        sys.stdout.buffer.flush()
        return
    form = format_of(path)
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}.")
    handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "wb") as raw:
            packed = path.suffix.lower() == ".gz"
            # Without the time in it, the same rows give the same bytes.
            stream = gzip.GzipFile("", "wb", 6, raw, mtime=0) if packed else raw
            with closing(stream), closing(_sink(stream, form, source, names)) as sink:
                yield sink
        Path(part).chmod(_usual_mode())
        Path(part).replace(path)
    finally:
        Path(part).unlink(missing_ok=True)


def _usual_mode() -> int:
    """Return the mode that new files have; a temporary file is the owner's alone."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _refuse_clash(columns: Sequence[str], names: Sequence[str]) -> None:
    both = [name for name in names if name in columns]
    if both:
        raise UserError(
            f"the input already has a column {both[0]!r}. Say --prefix new_ (or the like), to be "
            "put before the names of the added columns."
        )


def _sink(stream: BinaryIO, form: str, source: Source, names: list[str]) -> Sink:
    if form == "parquet":
        return _Parquet(stream, source, names)
    kind = _JsonLines if form == "jsonl" else _Delimited
    return kind(stream, form, source, names)


def _as_read(error: UnicodeError) -> tuple[bytes, int]:
    """Write undecodable bytes as they were read, and what else is no character as an escape."""
    letters = error.object[error.start : error.end]
    return b"".join(
        bytes([ord(letter) - 0xDC00])
        if "\udc80" <= letter <= "\udcff"
        else b"\\u%04x" % ord(letter)
        for letter in letters
    ), error.end


codecs.register_error("as_read", _as_read)


class _Delimited:
    """CSV and TSV, like the input's where it is of the same format."""

    def __init__(self, stream: BinaryIO, form: str, source: Source, names: list[str]) -> None:
        self.stream, self.source, self.names = stream, source, names
        alike, layout = form == source.form, source.layout
        self.quote = layout.quote if alike else '"'
        self.separator = (alike and layout.separator) or ("\t" if form == "tsv" else ",")
        self.columns = source.columns
        if self.columns is not None:
            self.start()

    def start(self) -> None:
        header = [_bytes([name]) for name in (*self.columns, *self.names)]
        self.stream.write(self._lines(header))

    def write(self, found: Predicted) -> None:
        rows = fields_of(found.chunk)
        if self.columns is None:
            self.columns = _keys(rows, self.names)
            self.start()
        elif self.source.columns is None:
            _refuse_new_keys(rows, self.columns)
        own = [_bytes([_cell(row.get(name)) for row in rows]) for name in self.columns]
        failed = _failed(found)
        numbers = [_digits(column, failed) for column in found.probabilities.T]
        label, error = (_bytes([text or "" for text in t]) for t in (found.labels, found.errors))
        self.stream.write(self._lines([*own, label, *numbers, error]))

    def close(self) -> None:
        """Nothing is left to be written."""

    def _lines(self, columns: list[pa.Array]) -> pa.Buffer:
        """Return the rows of some columns as lines, one after the other."""
        cells = [self._quoted(column) for column in columns]
        cells[-1] = pc.binary_join_element_wise(cells[-1], _text(""), _text("\n"))
        return pc.binary_join_element_wise(*cells, _text(self.separator)).buffers()[2]

    def _quoted(self, column: pa.Array) -> pa.Array:
        # Most columns hold none of these anywhere, and that is quickly known.
        content = memoryview(column.buffers()[2] or b"").tobytes()
        special = f"{self.separator}\r\n{self.quote or ''}"
        found = [letter for letter in special if letter.encode() in content]
        if not found:
            return column
        needed = reduce(pc.or_, (pc.match_substring(column, letter) for letter in found))
        if self.quote is None:
            raise UserError(
                "a field can't be written without quotation marks, which `quote: null` in the "
                "dataset's block makes plain text. Write another format."
            )
        doubled = pc.replace_substring(column, self.quote, 2 * self.quote)
        quote = _text(self.quote)
        quoted = pc.binary_join_element_wise(quote, doubled, quote, _text(""))
        return pc.if_else(needed, quoted, column)


class _JsonLines:
    """JSON Lines: each row's own keys, then the added ones."""

    def __init__(self, stream: BinaryIO, form: str, source: Source, names: list[str]) -> None:
        self.stream, self.names = TextIOWrapper(stream, "utf-8", "as_read", newline=""), names

    def close(self) -> None:
        self.stream.flush()
        self.stream.detach()

    def write(self, found: Predicted) -> None:
        told = zip(
            fields_of(found.chunk),
            found.labels,
            found.probabilities.tolist(),
            found.errors,
            strict=True,
        )
        names = set(self.names)
        for fields, label, p, error in told:
            if not names.isdisjoint(fields):
                _refuse_clash(list(fields), self.names)
            values = [None] * len(p) if error else [float(f"{value:.7g}") for value in p]
            row = fields | dict(zip(self.names, [label, *values, error], strict=True))
            self.stream.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")


class _Parquet:
    """Parquet; the columns of Parquet input keep their types."""

    def __init__(self, stream: BinaryIO, source: Source, names: list[str]) -> None:
        self.stream, self.source, self.names = stream, source, names
        self.writer = None
        self.schema = source.schema
        if source.schema is None and source.columns is not None:
            self.schema = pa.schema([(name, pa.string()) for name in source.columns])

    def write(self, found: Predicted) -> None:
        if found.chunk.batch is not None:
            own = found.chunk.batch.columns
        else:
            rows = fields_of(found.chunk)
            if self.schema is None:
                self.schema = _schema(rows, self.names)
            elif self.source.columns is None:
                _refuse_new_keys(rows, self.schema.names)
            own = [_array([row.get(f.name) for row in rows], f.name, f.type) for f in self.schema]
        failed = _failed(found)
        values = [pa.array(column, mask=failed) for column in found.probabilities.T]
        ends = [pa.array(column, pa.string()) for column in (found.labels, found.errors)]
        whole = self._whole_schema()
        self._open(whole).write_table(
            pa.Table.from_arrays([*own, ends[0], *values, ends[1]], schema=whole)
        )

    def close(self) -> None:
        self._open(self._whole_schema()).close()

    def _whole_schema(self) -> pa.Schema:
        schema = self.schema or pa.schema([])
        kinds = [pa.string(), *[pa.float64()] * (len(self.names) - 2), pa.string()]
        for name, kind in zip(self.names, kinds, strict=True):
            schema = schema.append(pa.field(name, kind))
        return schema

    def _open(self, schema: pa.Schema) -> pq.ParquetWriter:
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.stream, schema, compression="zstd")
        return self.writer


def _failed(found: Predicted) -> np.ndarray:
    return np.array([error is not None for error in found.errors], dtype=bool)


def _bytes(values: list[str]) -> pa.Array:
    """Return text as UTF-8; bytes that were none come out as they were read."""
    return packed([value.encode("utf-8", "as_read") for value in values])


def _text(value: str) -> pa.Scalar:
    return _bytes([value])[0]


def _digits(column: np.ndarray, failed: np.ndarray) -> pa.Array:
    """Return numbers as text, as many digits as float32 has; nothing where there is none."""
    values = np.ascontiguousarray(column, dtype=np.float32)
    array = pa.Array.from_buffers(pa.float32(), len(values), [None, pa.py_buffer(values)])
    text = pc.cast(array, pa.string()).cast(pa.large_binary())
    if not failed.any():
        return text
    mask = np.packbits(failed, bitorder="little")
    blank = pa.Array.from_buffers(pa.bool_(), len(failed), [None, pa.py_buffer(mask)])
    return pc.if_else(blank, _text(""), text)


def _keys(rows: list[dict[str, Any]], names: list[str]) -> list[str]:
    """Return the keys of all rows, in the order in which they come."""
    keys = list(dict.fromkeys(key for row in rows for key in row))
    _refuse_clash(keys, names)
    return keys


def _refuse_new_keys(rows: list[dict[str, Any]], columns: list[str]) -> None:
    known = set(columns)
    new = next((key for row in rows for key in row if key not in known), None)
    if new is not None:
        raise UserError(
            f"the input's first rows have no key {new!r}, and later ones do: the columns are "
            "written by then. Write JSON Lines."
        )


def _schema(rows: list[dict[str, Any]], names: list[str]) -> pa.Schema:
    """Return the types of the rows' values; keys without any are text."""
    fields = []
    for name in _keys(rows, names):
        kind = _array([row.get(name) for row in rows], name, None).type
        fields.append((name, pa.string() if pa.types.is_null(kind) else kind))
    return pa.schema(fields)


def _array(values: list[Any], name: str, kind: pa.DataType | None) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        # Parquet's text is UTF-8: what is not stands there as an escape.
        return pa.array([_readable(value) for value in values], kind)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise UserError(
            f"column {name!r} has values of unlike types ({error}); Parquet holds none such. Write "
            "JSON Lines."
        ) from error


def _readable(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if type(value) is str else value


def _cell(value: Any) -> str:
    """Return a value as a field of CSV: text as it is, what JSON or Parquet nest as JSON."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
