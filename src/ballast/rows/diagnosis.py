"""Why a file cannot be read as its block says: the options with which it can be, by trial."""

import gzip
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes

from ballast.project.errors import UserError
from ballast.rows.dataset import Layout
from ballast.rows.fields import FaultError, days
from ballast.rows.reading import TABLES, Record, decoding, explained, format_of, read, records

# So much of a file is tried: some thousand rows.
HEAD, ROWS = 2**18, 2_000
MAGIC = {
    b"PAR1": "parquet",
    b"ARROW1": "feather",
    b"PK\x03\x04": "excel",
    b"\xd0\xcf\x11\xe0": "excel",
}
SEPARATORS = (",", ";", "\t", "|")
DAYS = ("%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d %b %Y")
DATES = [f"{day}{time}" for day in DAYS for time in ("", " %H:%M", " %H:%M:%S")]
Changes = dict[str, Any]


def remedy(path: Path, layout: Layout, is_usable: Callable[[Record, Layout], bool]) -> str:
    """Return which options would let more of a file's first records be used, in words.

    Args:
        path: the file.
        layout: as the block has it.
        is_usable: whether a record that was read by a layout can be used.

    Returns:
        A sentence, or "" where no option helps.
    """
    head = head_of(path)
    form = layout.format or format_of(path)
    real = recognised(head)
    if real not in (None, form):
        return f"The file is {real}: set `format: {real}` in the dataset's block in params.yaml."

    def usable(changes: Changes) -> int:
        tried = layout.model_copy(update=changes)
        return sum(is_usable(record, tried) for record in first_records(head, path, tried))

    best: Changes = {}
    now = most = usable(best)
    # How the bytes are read comes first, then what the fields mean.
    for changes_of in (readings, _meanings):
        before = best
        for changes in changes_of(head, path, layout.model_copy(update=before)):
            if (count := usable(before | changes)) > most:
                best, most = before | changes, count
    if not best:
        return ""
    options = " and ".join(f"`{name}: {_as_yaml(value)}`" for name, value in best.items())
    return (
        f"Set {options} in the dataset's block in params.yaml: of the file's first records "
        f"{most:,} can be used then, and {now:,} as it is."
    )


def recognised(head: bytes) -> str | None:
    """Return the format that the first bytes give away; None for text."""
    return next((form for magic, form in MAGIC.items() if head.startswith(magic)), None)


def head_of(path: Path) -> bytes:
    """Return the beginning of a file, up to the end of a line."""
    with path.open("rb") as raw:
        is_gzip = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        with gzip.GzipFile(fileobj=raw) if is_gzip else raw as stream:
            head = stream.read(HEAD)
    # An even number of bytes: UTF-16 has two to a character.
    return head if len(head) < HEAD else head[: (head.rfind(b"\n") + 1) // 2 * 2]


def first_records(head: bytes, path: Path, layout: Layout) -> Iterator[Record]:
    """Yield the first records, up to an error that ends the reading."""
    form = layout.format or format_of(path)
    with suppress(UserError):
        if form in TABLES:
            yield from itertools.islice(read(path, layout), ROWS)
            return
        with explained(path, layout):
            lines = head.decode(**decoding(layout)).splitlines(keepends=True)
            yield from records(lines, form, layout, path)[1]


def readings(head: bytes, path: Path, layout: Layout) -> Iterator[Changes]:
    """Yield other ways to read the bytes, few changes first."""
    form = layout.format or format_of(path)
    if form in TABLES:
        return
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t")[:1]
    forms: list[Changes] = [{}]
    if start in (b"{", b"["):
        if form not in ("json", "jsonl"):
            forms.append({"format": "json" if start == b"[" else "jsonl"})
    else:
        current = layout.separator or ("\t" if form == "tsv" else ",")
        separators = [
            {"format": "tsv"} if separator == "\t" else {"separator": separator}
            for separator in SEPARATORS
            if separator != current
        ]
        quotings = [{}, {"quote": None}, {"escape": "\\"}]
        forms = [a | b for a, b in itertools.product([{}, *separators], quotings)]
        if form in ("json", "jsonl"):
            forms = [{"format": "csv"} | each for each in forms]
    encodings = [{}, *({"encoding": name} for name in _encodings(head))]
    yield from sorted((a | b for a, b in itertools.product(forms, encodings)), key=len)


def _encodings(head: bytes) -> list[str]:
    """Return the encodings that the bytes may be in."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ["utf-16"]
    if head.count(0) > len(head) // 5:
        return ["utf-16-le" if head[1:2] == b"\0" else "utf-16-be"]
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        guess = from_bytes(head).best()
        return ["cp1252", *([guess.encoding] if guess else [])]
    return ["utf-8"]


def _meanings(head: bytes, path: Path, layout: Layout) -> Iterator[Changes]:
    """Yield other ways to take the fields: lists of tokens, decimal commas, dates of a format."""
    yield {"tokens": True}
    if layout.features:
        yield {"decimal": ","}
    if layout.dates:
        rows = [record.fields for record in first_records(head, path, layout)]
        formats = {
            name: form or date_format([row.get(name) for row in rows])
            for name, form in layout.date_formats.items()
        }
        yield {"dates": formats}


def date_format(values: Iterable[Any]) -> str | None:
    """Return the format by which most values are dates, None for ISO 8601."""

    def parsed(form: str | None) -> int:
        count = 0
        for value in values:
            with suppress(FaultError):
                count += days(value, "", form) is not None
        return count

    return max([None, *DATES], key=parsed)


def _as_yaml(value: Any) -> str:
    """Return an option's value as it stands in params.yaml."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {_as_yaml(v)}" for k, v in value.items()) + "}"
    if isinstance(value, str):
        return value if value.replace("-", "").isalnum() else f"'{value}'"
    return json.dumps(value)
