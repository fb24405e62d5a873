"""From records to clean rows with stable ids; unusable records are rejected with a reason."""

import math
import unicodedata
from collections import Counter
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any

from ballast.labels.parts import EXCLUDED, PARTS
from ballast.rows.dataset import Dataset, Layout
from ballast.rows.reading import Record


@dataclass(frozen=True)
class Row:
    """A usable row. `labels` are sorted names; `part` is the predefined part, if any."""

    file: str
    row: int
    text: str | None
    features: tuple[float, ...]
    labels: tuple[str, ...]
    group: str | None
    part: str | None
    id: str = ""


@dataclass(frozen=True)
class Rejected:
    """A row that is not used, and why."""

    file: str
    row: int
    reason: str
    content: str


@dataclass
class Rows:
    """All rows of a data set: rows read = len(kept) + len(rejected)."""

    kept: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def reject(self, file: str, row: int, reason: str, content: str) -> None:
        """Record a rejected row with the reason and the beginning of its content."""
        self.rejected.append(Rejected(file, row, reason, beginning(content)))


def beginning(content: str) -> str:
    """Return the beginning of a row's content, as one line."""
    return " ".join(content[:200].split())


class FaultError(Exception):
    """The reason why a record cannot be used."""


def clean(
    record: Record, file: str, part: str | None, dataset: Dataset, names: dict[str, str] | None
) -> Row | Rejected:
    """Return the record as a row, or its rejection.

    Args:
        file: the file's name, for reports.
        part: the predefined part that the file holds, if any.
        names: label as written -> its name; None leaves labels as they are.
    """
    try:
        text, features = content(record, dataset)
        return Row(
            file,
            record.row,
            text,
            features,
            _labels(record.fields, dataset, names),
            _name(record.fields, dataset.group, "group"),
            _part(record.fields, dataset.split) if dataset.split else part,
            _name(record.fields, dataset.id, "id") or "",
        )
    except FaultError as fault:
        return Rejected(file, record.row, str(fault), beginning(record.raw))


def content(record: Record, layout: Layout) -> tuple[str | None, tuple[float, ...]]:
    """Return the text and the numeric columns of a record: everything that a network sees of it.

    Raises:
        FaultError: the record cannot be used.
    """
    if record.fault:
        raise FaultError(record.fault)
    text = _text(record.fields, layout.text)
    return text, tuple(_number(record.fields, name) for name in layout.features)


def _string(value: Any) -> str:
    """Return a field as NFC text; numbers and Booleans as in JSON, null and NaN as ""."""
    if type(value) is str and value.isascii():
        return value.strip()
    if value is None or value != value:
        return ""
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="surrogateescape")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FaultError("broken encoding") from error
    return unicodedata.normalize("NFC", text).strip()


def _text(fields: dict[str, Any], column: str | None) -> str | None:
    if column is None:
        return None
    text = _string(fields.get(column))
    # The fast path: nearly all texts begin with a letter or a digit.
    if text[:1].isalnum():
        return text
    # Control and format characters alone (a byte-order mark, a zero-width space) are invisible.
    if all(unicodedata.category(character)[0] in "CZ" for character in text):
        raise FaultError("empty text")
    return text


def _number(fields: dict[str, Any], column: str) -> float:
    text = _string(fields.get(column))
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise FaultError(f"feature {column} is not a finite number: {text!r}")
    return number


def _labels(
    fields: dict[str, Any], dataset: Dataset, names: dict[str, str] | None
) -> tuple[str, ...]:
    value = fields.get(dataset.label)
    if isinstance(value, list):
        labels = [_string(item) for item in value]
    elif dataset.label_separator:
        labels = [item.strip() for item in _string(value).split(dataset.label_separator)]
    else:
        labels = [_string(value)]
    labels = [label for label in labels if label]
    if not labels:
        raise FaultError("no label")
    if names is not None:
        unknown = [label for label in labels if label not in names]
        if unknown:
            raise FaultError(f"label {unknown[0]!r} is not in label_names")
        labels = [names[label] for label in labels]
    return tuple(sorted(set(labels)))


def _name(fields: dict[str, Any], column: str | None, role: str) -> str | None:
    if column is None:
        return None
    text = _string(fields.get(column))
    if not text:
        raise FaultError(f"no {role}")
    return text


def _part(fields: dict[str, Any], column: str) -> str:
    text = _string(fields.get(column)).lower()
    if text not in PARTS[:EXCLUDED]:
        raise FaultError(f"split {text!r} is not train, validation or test")
    return text


def assign_ids(rows: Rows, has_ids: bool) -> Rows:
    """Give every row a stable id and sort the rows by it.

    If the data set has an id column, a second row with the same id is rejected. Otherwise a row's
    id is a hash of its content, so it does not change when the file is reordered or grows;
    identical rows get a counter appended.

    Args:
        rows: all rows; their ids are empty unless the data set has an id column.
        has_ids: whether the data set has an id column.
    """
    result = Rows(rejected=list(rows.rejected))
    seen: Counter[str] = Counter()
    for row in rows.kept:
        key = row.id if has_ids else _hash(row)
        seen[key] += 1
        if has_ids and seen[key] > 1:
            result.reject(row.file, row.row, f"id {key!r} was seen before", row.text or "")
            continue
        result.kept.append(replace(row, id=key if seen[key] == 1 else f"{key}-{seen[key]}"))
    result.kept.sort(key=lambda row: row.id)
    return result


def _hash(row: Row) -> str:
    content = (row.text, row.features, row.labels, row.group, row.part)
    return blake2b(repr(content).encode(), digest_size=8).hexdigest()
