"""Why a file cannot be read as its block says: the options with which it can be, by trial."""

import itertools
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

from charset_normalizer import from_bytes

from ballast.project.errors import UserError
from ballast.rows.dataset import Layout
from ballast.rows.fields import BROKEN, FaultError, days
from ballast.rows.reading import (
    TABLES,
    Record,
    binary_form,
    decoding,
    explained,
    form_of_name,
    opened,
    read,
    records,
)

# So much of a file is tried: some thousand rows.
HEAD, ROWS = 2**18, 2_000
# So much of it may stand above the header line.
TOP = 2**12
SEPARATORS = (",", ";", "\t", "|")
# Each is common, and no other is nearly the same.
ENCODINGS = [
    *(f"cp{number}" for number in (1252, 1250, 1251, 1253, 1254, 1255, 1256, 1257, 932, 949)),
    *("koi8_r", "euc_jp", "gb18030", "big5"),
]
TEXTS, JSON = ("csv", "tsv"), ("json", "jsonl")
# 1,5 and not 1,005, in which the comma may part thousands.
DECIMAL_COMMA = re.compile(r"\s*[+-]?\d*,(?!\d{3}\s*$)\d+\s*")
DAYS = ("%d.%m.%Y", "%d.%m.%y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d-%m-%Y", "%d %b %Y")
DATES = [f"{day}{time}" for day in DAYS for time in ("", " %H:%M", " %H:%M:%S")]
Changes = dict[str, Any]


def remedy(
    path: Path,
    layout: Layout,
    is_usable: Callable[[Record, Layout], bool],
    where: str = "in the dataset's block in params.yaml",
) -> str:
    """Return which options would let more of a file's first records be used, in words.

    Args:
        path: the file.
        layout: as the block has it.
        is_usable: whether a record that was read by a layout can be used.
        where: options are set.

    Returns:
        A sentence, or "" where no option helps.

    Raises:
        UserError: the file is damaged.
    """
    if not (layout.format or form_of_name(path)) and (real := recognised(path)):
        return f"Set `format: {real}` {where}."
    head = head_of(path)

    def usable(changes: Changes) -> tuple[int, int]:
        """Return how many records can be used, and how many be read."""
        tried = layout.model_copy(update=changes)
        read = [each for each in first_records(head, path, tried) if _is_read(each, tried)]
        return sum(is_usable(each, tried) for each in read), len(read)

    best: Changes = {}
    now = most = usable(best)
    # How the bytes are read comes first, then what the fields mean.
    for changes_of in (readings, _meanings):
        before = best
        for changes in changes_of(head, path, layout.model_copy(update=before)):
            if (count := usable(before | changes)) > most:
                best, most = before | changes, count
    if not best:
        return "" if any(now) else _header_below(head, layout)
    options = " and ".join(f"`{name}: {_as_yaml(value)}`" for name, value in best.items())
    used = "used" if most[0] > now[0] else "read"
    before, after = (now[0], most[0]) if used == "used" else (now[1], most[1])
    advice = (
        f"Set {options} {where}: of the file's first records {after:,} can be {used} then, and "
        f"{before:,} as it is."
    )
    if "encoding" in best:
        advice += (
            f" Letters read {_letters(head, best['encoding'])!r} then: if that is wrong, set the "
            "encoding in which the file was written."
        )
    return advice


def _header_below(head: bytes, layout: Layout) -> str:
    """Return what to do where the header line is not the first one, or ""."""
    lines = head[:TOP].decode(errors="replace").splitlines()
    for (number, line), separator in itertools.product(enumerate(lines, 1), SEPARATORS):
        names = [name.strip(' "') for name in line.split(separator)]
        if number > 1 and not layout.columns and {*layout.used_columns()} <= {*names}:
            return f"Line {number} has these columns: delete the lines above it."
    return ""


def recognised(path: Path) -> str | None:
    """Return the format that a file's first bytes give away; None for text.

    Raises:
        UserError: the file is packed or damaged.
    """
    with explained(path, Layout()), opened(path) as stream:
        return binary_form(stream)


def head_of(path: Path) -> bytes:
    """Return the beginning of a file, up to the end of a line where there is one.

    Raises:
        UserError: the file is damaged.
    """
    with explained(path, Layout()), opened(path) as stream:
        head = stream.read(HEAD)
    if len(head) < HEAD:
        return head
    # An even number of bytes: UTF-16 has two to a character.
    return head[: (head.rfind(b"\n") + 1) // 2 * 2] or head


def _letters(head: bytes, encoding: str) -> str:
    """Return what the first bytes that are not ASCII are in an encoding, with what surrounds it."""
    text = head.decode(encoding, errors="replace")
    first = next((i for i, letter in enumerate(text) if letter > "\x7f"), 0)
    return " ".join(text[max(0, first - 20) : first + 20].split())


def first_records(head: bytes, path: Path, layout: Layout) -> Iterator[Record]:
    """Yield the first records, up to an error that ends the reading."""
    form = layout.format or form_of_name(path)
    with suppress(UserError):
        # One JSON array has no beginning that could be parsed.
        if form in TABLES or (form in JSON and head.lstrip().startswith(b"[")):
            yield from itertools.islice(read(path, layout), ROWS)
        elif form is not None:
            with explained(path, layout):
                lines = StringIO(head.decode(**decoding(layout)), newline="")
                yield from records(lines, form, layout, path)[1]


def _is_read(record: Record, layout: Layout) -> bool:
    """Return whether a record has its fields, and what is used of them is text."""
    used = (record.fields.get(name) for name in layout.used_columns())
    return record.fault is None and not any(map(BROKEN.search, filter(_is_text, used)))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def readings(head: bytes, path: Path, layout: Layout) -> Iterator[Changes]:
    """Yield other ways to read the bytes, few changes first."""
    form = layout.format or form_of_name(path)
    start = head.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \r\n\t")[:1]
    if start in (b"{", b"["):
        real = "json" if start == b"[" else "jsonl"
        forms: list[Changes] = [{} if form in JSON else {"format": real}]
    else:
        separators = [
            {"format": "tsv"} if separator == "\t" else {"separator": separator}
            for separator in SEPARATORS
        ]
        quotings = [{}, {"quote": None}, {"escape": "\\"}, {"quote": "'"}]
        base = {} if form in TEXTS else {"format": "csv"}
        forms = [base | a | b for a, b in itertools.product([{}, *separators], quotings)]
    encodings = [{}, *({"encoding": name} for name in _encodings(head))]
    yield from sorted((a | b for a, b in itertools.product(forms, encodings)), key=len)


def _encodings(head: bytes) -> list[str]:
    """Return the encodings that the bytes may be in, the likely one first."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ["utf-16"]
    if head.count(0) > len(head) // 5:
        return ["utf-16-le" if head[1:2] == b"\0" else "utf-16-be"]
    try:
        head.decode("utf-8")
    except UnicodeDecodeError:
        if _is_mixed(head):
            return []
        guesses = from_bytes(head, cp_isolation=ENCODINGS)
        first = guesses.best()
        likely = [guess for guess in guesses if guess.chaos == first.chaos]
        # Western European comes before what has the same letters and is less common.
        if any("cp1252" in guess.could_be_from_charset for guess in likely):
            return ["cp1252"]
        return [*(guess.encoding for guess in likely), "cp1252"]
    return ["utf-8"]


def _is_mixed(head: bytes) -> bool:
    """Return whether many lines are UTF-8, so that no other encoding reads all."""
    lines = [line for line in head.splitlines() if not line.isascii()]
    broken = sum("\ufffd" in line.decode("utf-8", errors="replace") for line in lines)
    return len(lines) - broken > len(lines) / 10


def _meanings(head: bytes, path: Path, layout: Layout) -> Iterator[Changes]:
    """Yield other ways to take the fields: lists of tokens, decimal commas, dates of a format."""
    yield {"tokens": True}
    rows = [record.fields for record in first_records(head, path, layout)]
    numbers = (str(row.get(name)) for row in rows for name in layout.features)
    if any(map(DECIMAL_COMMA.fullmatch, numbers)):
        yield {"decimal": ","}
    # A time that is no number is read as the date of its name.
    time = getattr(layout, "time", None)
    if dates := ({time: None} if time else {}) | layout.date_formats:
        formats = {
            name: form or date_format([row.get(name) for row in rows])
            for name, form in dates.items()
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
        mark = '"' if "'" in value else "'"
        return value if re.fullmatch(r"[\w-]+", value) else f"{mark}{value}{mark}"
    return json.dumps(value)
