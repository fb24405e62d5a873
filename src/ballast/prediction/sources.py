"""Rows to predict, in chunks: from a file or standard input, with all their columns."""

import csv
import gzip
import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import BufferedReader, TextIOWrapper
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ballast.project.errors import UserError
from ballast.rows.dataset import Layout
from ballast.rows.reading import Record, decoding, explained, format_of, records, require

# A chunk ends after so many rows, or sooner where rows are long.
ROWS, LETTERS = 10_000, 2**23
STANDARD = Path("-")


@dataclass
class Chunk:
    """Some rows, one after the other.

    Attributes:
        records: what was read.
        batch: the same rows as Parquet has them, types and all; None for other formats.
        done: how far into the input they reach, in units of `Source.size`.
    """

    records: list[Record] = field(default_factory=list)
    batch: pa.RecordBatch | None = None
    done: int = 0


@dataclass(frozen=True)
class Source:
    """An opened input.

    Attributes:
        form: csv, tsv, jsonl or parquet.
        layout: how it is read.
        columns: names in their order; None for JSON Lines, whose objects tell.
        schema: Parquet's own.
        size: of the input, in bytes (Parquet: rows), or None for standard input.
        chunks: its rows.
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
        path: a gzipped file is told by its name, gzipped standard input by how it begins.
        form: csv, tsv, jsonl or parquet; None for what the name tells, standard input is CSV.
        trained: the layout of the files trained on. Where the format is theirs, so are separator,
            quote, encoding and column names; other files have the columns named alike, and the
            format's usual ways.

    Raises:
        UserError: no such file, or one that can't be read.
    """
    if path != STANDARD and not path.is_file():
        raise UserError(f"{path} does not exist.")
    form = form or ("csv" if path == STANDARD else _told(path))
    layout = trained
    if form != trained.format:
        layout = Layout(format=form, text=trained.text, features=trained.features)
    with ExitStack() as stack:
        if path == STANDARD:
            raw, size, name = BufferedReader(sys.stdin.buffer), None, Path("standard input")
            stack.callback(raw.detach)
        else:
            raw, size, name = stack.enter_context(path.open("rb")), path.stat().st_size, path
        stream, packed = raw, raw.peek(2)[:2] == b"\x1f\x8b"
        if packed:
            stream = stack.enter_context(gzip.GzipFile(fileobj=raw))
        with explained(name, layout):
            if form == "parquet":
                if packed or path == STANDARD:
                    # Parquet is read from its end.
                    spool = stack.enter_context(tempfile.TemporaryFile())
                    shutil.copyfileobj(stream, spool)
                    stream = spool
                source = _parquet(stream, layout, name)
            else:
                # newline="": a field may hold line breaks of any kind.
                text = TextIOWrapper(stream, newline="", **decoding(layout))
                stack.callback(text.detach)
                source = _lines(text, raw, form, layout, name, size)
        yield source


def _guarded(chunks: Iterator[Chunk], path: Path, layout: Layout) -> Iterator[Chunk]:
    with explained(path, layout):
        yield from chunks


def _told(path: Path) -> str:
    try:
        return format_of(path)
    except UserError as error:
        raise UserError(
            f"{path}: the format does not follow from the name. Say --format csv, tsv, jsonl or "
            "parquet."
        ) from error


def _lines(
    lines: Iterable[str], raw: BinaryIO, form: str, layout: Layout, path: Path, size: int | None
) -> Source:
    """Return the source of a text file."""
    if layout.columns is not None and form != "jsonl":
        # Files trained on have no header line; those to predict may have one all the same.
        first = next(iter(lines), "")
        separator = layout.separator or ("\t" if form == "tsv" else ",")
        named = next(csv.reader([first], delimiter=separator, quotechar=layout.quote or '"'), [])
        if set(layout.used_columns()) <= set(named):
            layout = layout.model_copy(update={"columns": None})
        lines = chain([first], lines)
    columns, found = records(lines, form, layout, path)
    chunks = _guarded(_chunks(found, raw, size), path, layout)
    return Source(form, layout, columns, None, size, chunks)


def _chunks(found: Iterator[Record], raw: BinaryIO, size: int | None) -> Iterator[Chunk]:
    chunk, letters = Chunk(), 0
    for record in found:
        chunk.records.append(record)
        letters += len(record.raw)
        if len(chunk.records) == ROWS or letters > LETTERS:
            chunk.done = raw.tell() if size else 0
            yield chunk
            chunk, letters = Chunk(), 0
    if chunk.records:
        chunk.done = size or 0
        yield chunk


def _parquet(stream: BinaryIO, layout: Layout, path: Path) -> Source:
    table = pq.ParquetFile(stream)
    schema = table.schema_arrow
    require(schema.names, layout, path)

    def chunks() -> Iterator[Chunk]:
        row = 0
        used = list(dict.fromkeys(layout.used_columns()))
        for batch in table.iter_batches(batch_size=ROWS):
            fields = batch.select(used).to_pylist()
            listed = [Record(row + number, values) for number, values in enumerate(fields, 1)]
            row += len(listed)
            yield Chunk(listed, batch, row)

    rows = table.metadata.num_rows
    found = _guarded(chunks(), path, layout)
    return Source("parquet", layout, schema.names, schema, rows, found)


def fields_of(chunk: Chunk) -> list[dict[str, Any]]:
    """Return all columns of a chunk's rows; a row that could not be read has none."""
    if chunk.batch is not None:
        return chunk.batch.to_pylist()
    return [record.fields for record in chunk.records]
