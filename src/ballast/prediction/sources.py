"""Rows to predict, read in chunks from a file or standard input, with all their columns."""

import csv
import gzip
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from io import BufferedReader, TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa

from ballast.project.errors import UserError
from ballast.rows.dataset import FORMATS, Layout
from ballast.rows.reading import (
    TABLES,
    Record,
    decoding,
    explained,
    format_of,
    records,
    require,
    table_batches,
)

# What of a layout belongs to the format of a file.
OF_FORMAT = ("sheet", "separator", "quote", "escape", "encoding", "columns")
# A chunk ends after so many rows, or so many characters if rows are long.
ROWS, CHARACTERS = 10_000, 2**23
STANDARD = Path("-")


@dataclass
class Chunk:
    """Consecutive rows.

    Attributes:
        records: the rows as read.
        batch: the same rows with Parquet's types; None for other formats.
        done: position in the input after them, in units of `Source.size`.
    """

    records: list[Record] = field(default_factory=list)
    batch: pa.RecordBatch | None = None
    done: int = 0


@dataclass(frozen=True)
class Source:
    """An opened input.

    Attributes:
        form: the format.
        layout: how it is read.
        columns: names in order; None for JSON Lines, whose objects may differ.
        schema: Parquet's schema; None for other formats.
        size: size of the input in bytes (Parquet: rows); None for standard input.
        chunks: the rows.
    """

    form: str
    layout: Layout
    columns: list[str] | None
    schema: pa.Schema | None
    size: int | None
    chunks: Iterator[Chunk]


@contextmanager
def opened(path: Path, form: str | None, trained: Layout) -> Iterator[Source]:
    """Open a file, or with `-` standard input.

    Args:
        path: gzipped input is recognized by its first bytes.
        form: the format; None for that of the suffix, or CSV on standard input.
        trained: the layout of the files trained on. Input in the same format has their separator,
            quote, encoding and column names; input in another format has the same columns, and
            that format's defaults.

    Raises:
        UserError: the file does not exist or cannot be read.
    """
    if path != STANDARD and not path.is_file():
        raise UserError(f"{path} does not exist: name a file, or - for standard input.")
    form = form or ("csv" if path == STANDARD else _format(path))
    layout = trained
    if form != trained.format:
        layout = trained.model_copy(
            update={name: Layout.model_fields[name].default for name in OF_FORMAT}
            | {"format": form}
        )
    with ExitStack() as stack:
        if path == STANDARD:
            raw, size, name = BufferedReader(sys.stdin.buffer), None, Path("standard input")
            stack.callback(raw.detach)
        else:
            raw, size, name = stack.enter_context(path.open("rb")), path.stat().st_size, path
        stream, is_gzip = raw, raw.peek(2)[:2] == b"\x1f\x8b"
        if is_gzip:
            stream = stack.enter_context(gzip.GzipFile(fileobj=raw))
        with explained(name, layout):
            if form in TABLES:
                if is_gzip or path == STANDARD:
                    # Such files are read from their end.
                    spool = stack.enter_context(tempfile.TemporaryFile())
                    shutil.copyfileobj(stream, spool)
                    stream = spool
                source = _table(stream, form, layout, name)
            else:
                # newline="": a field may contain line breaks of any kind.
                text = TextIOWrapper(stream, newline="", **decoding(layout))
                stack.callback(text.detach)
                source = _lines(text, raw, form, layout, name, size)
        yield replace(source, chunks=_explained(source.chunks, name, layout))


def _explained(chunks: Iterator[Chunk], path: Path, layout: Layout) -> Iterator[Chunk]:
    with explained(path, layout):
        yield from chunks


def _format(path: Path) -> str:
    try:
        return format_of(path)
    except UserError as error:
        raise UserError(
            f"{path}: the file's suffix does not tell its format. Use --format, one of "
            f"{', '.join(FORMATS)}."
        ) from error


def _lines(
    lines: Iterable[str], raw: BinaryIO, form: str, layout: Layout, path: Path, size: int | None
) -> Source:
    """Return the source of a text file."""
    if layout.columns is not None and form in ("csv", "tsv"):
        # Files trained on have no header line, but files to predict may have one.
        first = next(iter(lines), "")
        separator = layout.separator or ("\t" if form == "tsv" else ",")
        header = next(csv.reader([first], delimiter=separator, quotechar=layout.quote or '"'), [])
        if set(layout.used_columns()) <= set(header):
            layout = layout.model_copy(update={"columns": None})
        lines = chain([first], lines)
    columns, rows = records(lines, form, layout, path)
    return Source(form, layout, columns, None, size, _chunks(rows, raw, size))


def _chunks(rows: Iterator[Record], raw: BinaryIO, size: int | None) -> Iterator[Chunk]:
    chunk, characters = Chunk(), 0
    for record in rows:
        chunk.records.append(record)
        characters += len(record.raw)
        if len(chunk.records) == ROWS or characters > CHARACTERS:
            chunk.done = raw.tell() if size else 0
            yield chunk
            chunk, characters = Chunk(), 0
    if chunk.records:
        chunk.done = size or 0
        yield chunk


def _table(stream: BinaryIO, form: str, layout: Layout, path: Path) -> Source:
    """Return the source of a table with types."""
    schema, size, batches = table_batches(stream, form, layout, ROWS)
    require(schema.names, layout, path)

    def chunks() -> Iterator[Chunk]:
        row = 0
        used = list(dict.fromkeys(layout.used_columns()))
        for batch in batches:
            fields = batch.select(used).to_pylist()
            listed = [Record(row + number, values) for number, values in enumerate(fields, 1)]
            row += len(listed)
            yield Chunk(listed, batch, row)

    return Source(form, layout, schema.names, schema, size, chunks())


def fields_of(chunk: Chunk) -> list[dict[str, Any]]:
    """Return all fields of a chunk's rows; unreadable rows have none."""
    if chunk.batch is not None:
        return chunk.batch.to_pylist()
    return [record.fields for record in chunk.records]
