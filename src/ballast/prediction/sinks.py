"""Predicted rows, written in chunks to a file or standard output, with all their columns."""

import codecs
import gzip
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import cached_property, reduce
from io import TextIOWrapper
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ballast.prediction.sources import STANDARD, Chunk, Source, fields_of
from ballast.project.errors import UserError
from ballast.rows.reading import format_of
from ballast.texts.packing import packed

# A text for each row, or none.
Texts = Sequence[str | None]


# What is written in place of formats that are read only.
SIMILAR = {"json": "jsonl", "feather": "parquet", "excel": "csv"}


class Sink:
    """The output of predictions."""

    def __init__(self, stream: BinaryIO, form: str, source: Source, names: list[str]) -> None:
        """Take the open stream.

        Args:
            stream: where to.
            form: csv, tsv, jsonl or parquet.
            source: the input.
            names: names of the added columns.
        """
        self.stream, self.source, self.names = stream, source, names
        # Those of the input; of JSON Lines they are known from the first rows on.
        self.columns = source.columns

    def write(self, chunk: Chunk, labels: Texts, p: np.ndarray, errors: Texts) -> None:
        """Write the rows of a chunk with their predictions.

        Args:
            chunk: the rows as read.
            labels: label of each row; None if there is an error.
            p: probabilities, float64, shape (rows, classes); NaN if there is an error.
            errors: why a row could not be predicted; None if it could.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Write what is still buffered; the stream stays open."""

    def rows(self, chunk: Chunk) -> list[dict[str, Any]]:
        """Return all fields of a chunk's rows, where each has its column.

        Raises:
            UserError: a key of JSON Lines is the name of an added column, or appears too late.
        """
        rows = fields_of(chunk)
        if self.columns is None:
            self.columns = list(dict.fromkeys(key for row in rows for key in row))
            _refuse_clash(self.columns, self.names)
        elif self.source.columns is None:
            known = set(self.columns)
            new = next((key for row in rows for key in row if key not in known), None)
            if new is not None:
                raise UserError(
                    f"the key {new!r} appears only after the first rows, when the columns have "
                    "already been written. Write JSON Lines."
                )
        return rows


def added(classes: Sequence[str], prefix: str) -> list[str]:
    """Return the names of the columns that are added after the input's."""
    return [f"{prefix}{name}" for name in ("predicted", *(f"p_{c}" for c in classes), "error")]


@contextmanager
def opened(path: Path, source: Source, names: list[str]) -> Iterator[Sink]:
    """Open the output of the predictions; a file appears only when it is complete.

    Args:
        path: `-` is standard output, in the input's format or a similar one; a file's format
            follows its suffix.
        source: the input.
        names: names of the added columns.

    Raises:
        UserError: the suffix is unknown, the folder does not exist, or names of columns clash.
    """
    columns = source.columns or []
    _refuse_clash(columns, names)
    for name in columns:
        if columns.count(name) > 1:
            raise UserError(f"the input has more than one column {name!r}: rename all but one.")
    if path == STANDARD:
        form = SIMILAR.get(source.form, source.form)
        with closing(_sink(sys.stdout.buffer, form, source, names)) as sink:
            yield sink
        sys.stdout.buffer.flush()
        return
    form = format_of(path)
    if form in SIMILAR:
        raise UserError(f"{path}: predictions are written as CSV, TSV, JSON Lines or Parquet.")
    if not path.parent.is_dir():
        raise UserError(f"{path}: there is no folder {path.parent}. Create it first.")
    # A temporary file would be private to the user; one in a temporary folder is as new files are.
    with tempfile.TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent) as folder:
        part = Path(folder, path.name)
        with part.open("wb") as raw:
            is_gzip = path.suffix.lower() == ".gz"
            # Without a time stamp, so that the same rows give the same bytes.
            stream = gzip.GzipFile("", "wb", 6, raw, mtime=0) if is_gzip else raw
            with closing(stream), closing(_sink(stream, form, source, names)) as sink:
                yield sink
        part.replace(path)


def _refuse_clash(columns: Sequence[str], names: Sequence[str]) -> None:
    clashing = [name for name in names if name in columns]
    if clashing:
        raise UserError(
            f"the input already has a column {clashing[0]!r}. Use --prefix new_, say, which is put "
            "before the names of the added columns."
        )


def _sink(stream: BinaryIO, form: str, source: Source, names: list[str]) -> Sink:
    kind = {"jsonl": _JsonLines, "parquet": _Parquet}.get(form, _Delimited)
    return kind(stream, form, source, names)


def _as_read(error: UnicodeError) -> tuple[bytes, int]:
    """Write undecodable bytes as they were read, and other lone surrogates as escapes."""
    return b"".join(
        bytes([ord(character) - 0xDC00])
        if "\udc80" <= character <= "\udcff"
        else b"\\u%04x" % ord(character)
        for character in error.object[error.start : error.end]
    ), error.end


codecs.register_error("as_read", _as_read)


class _Delimited(Sink):
    """CSV and TSV, in the input's dialect if the format is the same."""

    def __init__(self, stream: BinaryIO, form: str, source: Source, names: list[str]) -> None:
        super().__init__(stream, form, source, names)
        same, layout = form == source.form, source.layout
        self.quote = layout.quote if same else '"'
        self.separator = (same and layout.separator) or ("\t" if form == "tsv" else ",")
        if self.columns is not None:
            self._write_header()

    def _write_header(self) -> None:
        header = [_bytes([name]) for name in (*self.columns, *self.names)]
        self.stream.write(self._lines(header))

    def write(self, chunk: Chunk, labels: Texts, p: np.ndarray, errors: Texts) -> None:
        has_header = self.columns is not None
        rows = self.rows(chunk)
        if not has_header:
            self._write_header()
        fields = [_bytes([_cell(row.get(name)) for row in rows]) for name in self.columns]
        failed = _failed(errors)
        numbers = [_digits(column, failed) for column in p.T]
        label, error = (_bytes([text or "" for text in texts]) for texts in (labels, errors))
        self.stream.write(self._lines([*fields, label, *numbers, error]))

    def _lines(self, columns: list[pa.Array]) -> pa.Buffer:
        """Return the rows of some columns as concatenated lines."""
        cells = [self._quoted(column) for column in columns]
        cells[-1] = pc.binary_join_element_wise(cells[-1], _text(""), _text("\n"))
        return pc.binary_join_element_wise(*cells, _text(self.separator)).buffers()[2]

    def _quoted(self, column: pa.Array) -> pa.Array:
        # Fast path: most columns contain none of these characters.
        content = memoryview(column.buffers()[2] or b"").tobytes()
        special = f"{self.separator}\r\n{self.quote or ''}"
        present = [character for character in special if character.encode() in content]
        if not present:
            return column
        needed = reduce(pc.or_, (pc.match_substring(column, character) for character in present))
        if self.quote is None:
            raise UserError(
                "a field contains a separator or a line break and needs quotation marks, which "
                "`quote: null` in the dataset's block rules out. Write another format."
            )
        doubled = pc.replace_substring(column, self.quote, 2 * self.quote)
        quote = _text(self.quote)
        quoted = pc.binary_join_element_wise(quote, doubled, quote, _text(""))
        return pc.if_else(needed, quoted, column)


class _JsonLines(Sink):
    """JSON Lines: each row's keys, then the added ones."""

    def __init__(self, stream: BinaryIO, *details) -> None:
        super().__init__(TextIOWrapper(stream, "utf-8", "as_read", newline=""), *details)

    def close(self) -> None:
        self.stream.flush()
        self.stream.detach()

    def write(self, chunk: Chunk, labels: Texts, p: np.ndarray, errors: Texts) -> None:
        rows = zip(fields_of(chunk), labels, p.tolist(), errors, strict=True)
        names = set(self.names)
        for fields, label, row, error in rows:
            if not names.isdisjoint(fields):
                _refuse_clash(list(fields), self.names)
            values = [None] * len(row) if error else [float(f"{value:.7g}") for value in row]
            line = fields | dict(zip(self.names, [label, *values, error], strict=True))
            self.stream.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")


class _Parquet(Sink):
    """Parquet; columns of Parquet input keep their types."""

    def __init__(self, *details) -> None:
        super().__init__(*details)
        self.schema = self.source.schema
        if self.schema is None and self.columns is not None:
            self.schema = pa.schema([(name, pa.string()) for name in self.columns])

    def write(self, chunk: Chunk, labels: Texts, p: np.ndarray, errors: Texts) -> None:
        if chunk.batch is not None:
            fields = chunk.batch.columns
        else:
            rows = self.rows(chunk)
            if self.schema is None:
                self.schema = _schema(rows, self.columns)
            fields = [
                _array([row.get(field.name) for row in rows], field.name, field.type)
                for field in self.schema
            ]
        failed = _failed(errors)
        numbers = [pa.array(column, mask=failed) for column in p.T]
        label, error = (pa.array(texts, pa.string()) for texts in (labels, errors))
        columns = [*fields, label, *numbers, error]
        self.writer.write_table(pa.Table.from_arrays(columns, schema=self.writer.schema))

    def close(self) -> None:
        self.writer.close()

    @cached_property
    def writer(self) -> pq.ParquetWriter:
        """Opened when the columns are known."""
        schema = self.schema or pa.schema([])
        kinds = [pa.string(), *[pa.float64()] * (len(self.names) - 2), pa.string()]
        for name, kind in zip(self.names, kinds, strict=True):
            schema = schema.append(pa.field(name, kind))
        return pq.ParquetWriter(self.stream, schema, compression="zstd")


def _failed(errors: Texts) -> np.ndarray:
    return np.array([error is not None for error in errors], dtype=bool)


def _bytes(values: list[str]) -> pa.Array:
    """Return text as UTF-8; undecodable bytes come out as they were read."""
    return packed([value.encode("utf-8", "as_read") for value in values])


def _text(value: str) -> pa.Scalar:
    return _bytes([value])[0]


def _digits(column: np.ndarray, failed: np.ndarray) -> pa.Array:
    """Return numbers as text with float32's digits; an empty text for failed rows."""
    values = np.ascontiguousarray(column, dtype=np.float32)
    array = pa.Array.from_buffers(pa.float32(), len(values), [None, pa.py_buffer(values)])
    text = pc.cast(array, pa.string()).cast(pa.large_binary())
    if not failed.any():
        return text
    mask = np.packbits(failed, bitorder="little")
    is_failed = pa.Array.from_buffers(pa.bool_(), len(failed), [None, pa.py_buffer(mask)])
    return pc.if_else(is_failed, _text(""), text)


def _schema(rows: list[dict[str, Any]], names: list[str]) -> pa.Schema:
    """Return the types of the rows' values; keys with null alone are text."""
    fields = []
    for name in names:
        kind = _array([row.get(name) for row in rows], name, None).type
        fields.append((name, pa.string() if pa.types.is_null(kind) else kind))
    return pa.schema(fields)


def _array(values: list[Any], name: str, kind: pa.DataType | None) -> pa.Array:
    try:
        return pa.array(values, kind)
    except UnicodeEncodeError:
        # Parquet's text is UTF-8: anything else is written as an escape.
        return pa.array([_readable(value) for value in values], kind)
    except (pa.ArrowException, TypeError, OverflowError) as error:
        raise UserError(
            f"column {name!r} has values of different types ({error}), which Parquet cannot hold. "
            "Write JSON Lines."
        ) from error


def _readable(value: Any) -> Any:
    return value.encode("utf-8", "backslashreplace").decode() if type(value) is str else value


def _cell(value: Any) -> str:
    """Return a value as a CSV field: text unchanged, Booleans and nested values as JSON."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    if isinstance(value, bool | list | dict):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
