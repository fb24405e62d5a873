"""From records to clean rows with stable ids; unusable records are rejected with a reason."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import Any, NamedTuple

from ballast.labels.parts import EXCLUDED, PARTS
from ballast.rows import fields, labelling
from ballast.rows.dataset import Dataset, Layout
from ballast.rows.fields import FaultError
from ballast.rows.leaks import gives_away
from ballast.rows.places import place
from ballast.rows.reading import EMPTY, HEADER, Record


class Content(NamedTuple):
    """All that a network sees of a row; None stands for a missing value.

    Attributes:
        text: None where the data set has no text.
        numbers: in the order of `features` in the dataset's block.
        categories: likewise.
        dates: likewise, as days since 1970.
    """

    text: str | None = None
    numbers: tuple[float | None, ...] = ()
    categories: tuple[str | None, ...] = ()
    dates: tuple[float | None, ...] = ()

    @property
    def columns(self) -> tuple[float | str | None, ...]:
        """All but the text."""
        return self.numbers + self.categories + self.dates

    def __str__(self) -> str:
        """The text, or what stands in its place."""
        return self.text or str([*self.columns])


@dataclass(frozen=True)
class Row:
    """A usable row. `labels` are sorted names; `part` is the predefined part, if any."""

    file: str
    row: int
    line: int | None
    content: Content
    labels: tuple[str, ...]
    group: str | None = None
    time: float | None = None
    part: str | None = None
    id: str = ""

    @property
    def place(self) -> str:
        """Where the row comes from, in words."""
        return f"{self.file}, {place(self.row, self.line)}"


@dataclass(frozen=True)
class Rejected:
    """A row that is not used, and why.

    `asked` is true where the user wants that, or where it is no row: this is no loss.
    """

    file: str
    row: int
    line: int | None
    reason: str
    content: str
    asked: bool = False

    @property
    def place(self) -> str:
        """Where the row comes from, in words."""
        return f"{self.file}, {place(self.row, self.line)}"

    @classmethod
    def of(cls, row: Row, reason: str, asked: bool = False) -> "Rejected":
        """Return the rejection of a row that was usable so far."""
        return cls(row.file, row.row, row.line, reason, beginning(str(row.content)), asked)


@dataclass
class Rows:
    """All rows of a data set: rows read = len(kept) + len(rejected)."""

    kept: list[Row] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def beginning(content: str) -> str:
    """Return the beginning of a row's content, as one line."""
    return " ".join(content[:200].split())


def clean(record: Record, file: str, part: str | None, dataset: Dataset) -> Row | Rejected:
    """Return the record as a row with its labels as written, or its rejection.

    Args:
        record: as read.
        file: the file's name, for reports.
        part: the predefined part that the file holds, if any.
        dataset: the block.
    """
    try:
        return Row(
            file,
            record.row,
            record.line,
            content(record, dataset),
            labelling.written(record.fields, dataset),
            _name(record.fields, dataset.group, "group"),
            _time(record.fields, dataset) if dataset.time else None,
            _part(record.fields, dataset.split) if dataset.split else part,
            _name(record.fields, dataset.id, "id") or "",
        )
    except FaultError as fault:
        return Rejected(
            file,
            record.row,
            record.line,
            str(fault),
            beginning(record.raw),
            record.fault in (EMPTY, HEADER),
        )


def clean_all(records: Iterable[Record], file: str, part: str | None, dataset: Dataset) -> Rows:
    """Return the records of a file as rows, kept and rejected; arguments as those of `clean`."""
    rows = Rows()
    for record in records:
        row = clean(record, file, part, dataset)
        (rows.kept if isinstance(row, Row) else rows.rejected).append(row)
    return rows


def content(record: Record, layout: Layout) -> Content:
    """Return the columns of a record that a network sees.

    Raises:
        FaultError: the record cannot be used.
    """
    if record.fault:
        raise FaultError(record.fault)
    values = record.fields
    text = _text(values, layout)
    columns = layout.columns_beside_text
    if not columns:
        return Content(text)
    result = Content(
        text,
        tuple(fields.number(values.get(name), name, layout.decimal) for name in layout.features),
        tuple(fields.category(values.get(name), name) for name in layout.categories),
        tuple(fields.days(values.get(n), n, form) for n, form in layout.date_formats.items()),
    )
    if layout.missing == "reject":
        for name, value in zip(columns, result.columns, strict=True):
            if value is None:
                raise FaultError(f"column {name} is empty")
    return result


def _text(values: dict[str, Any], layout: Layout) -> str | None:
    columns = layout.texts
    if not columns:
        return None
    if len(columns) == 1:
        text = _one_text(values, columns[0], layout)
    else:
        texts = [(name, _one_text(values, name, layout)) for name in columns]
        text = layout.text_separator.join(
            f"[{name}] {text}" if layout.text_marks else text for name, text in texts if text
        )
    # Where there are columns, they can speak for a row without text.
    if not text and not (layout.has_columns and layout.missing == "keep"):
        raise FaultError("empty text")
    return text


def _one_text(values: dict[str, Any], column: str, layout: Layout) -> str:
    value = values.get(column)
    if layout.tokens and isinstance(value, list):
        tokens = (fields.string(token, f"a token of column {column}") for token in value)
        value = " ".join(filter(None, tokens))
    text = fields.string(value, f"column {column}")
    return "" if fields.is_blank(text) else text


def _name(values: dict[str, Any], column: str | None, role: str) -> str | None:
    if column is None:
        return None
    text = fields.string(values.get(column), role)
    if not text:
        raise FaultError(f"no {role}")
    return text


def _time(values: dict[str, Any], dataset: Dataset) -> float:
    """Return a point in time, as days since 1970 or as the number that it is."""
    value = values.get(dataset.time)
    try:
        time = fields.number(value, dataset.time)
    except FaultError:
        time = fields.days(value, dataset.time, dataset.date_formats.get(dataset.time))
    if time is None:
        raise FaultError("no time")
    return time


def _part(values: dict[str, Any], column: str) -> str:
    text = fields.string(values.get(column), "split").lower()
    if text not in PARTS[:EXCLUDED]:
        raise FaultError(f"split is not train, validation or test: {text!r}")
    return text


def settle(
    rows: Rows, dataset: Dataset, names: dict[str, str] | None
) -> tuple[Rows, bool, list[str]]:
    """Return the rows with their final labels, whether they may have several, and what to tell.

    Rows without a label are rejected, unless a row may have several labels: then they have none.

    Args:
        rows: with their labels as written.
        dataset: the block.
        names: label as written -> its name; None leaves labels as they are.

    Raises:
        UserError: lists that are no lists of label names.
    """
    named = labelling.named([row.labels for row in rows.kept], dataset, names)
    several = labelling.is_multilabel(named, dataset)
    labels, rare = labelling.without_rare([each or () for each in named], dataset)
    result = Rows(rejected=list(rows.rejected))
    for row, before, after in zip(rows.kept, named, labels, strict=True):
        if after or several:
            result.kept.append(row if row.labels == after else replace(row, labels=after))
        elif before:
            reason = f"label has fewer than {dataset.rare.below} rows: {before[0]!r}"
            result.rejected.append(Rejected.of(row, reason, asked=True))
        else:
            result.rejected.append(Rejected.of(row, "no label"))
    notes = list(labelling.notes(named, dataset, names, rare))
    known = [row.labels for row in result.kept]
    columns = zip(*(row.content.columns for row in result.kept), strict=True)
    notes += [
        f"column {name} tells the label of nearly every row: leave it out if it is known only "
        "afterwards"
        for name, values in zip(dataset.columns_beside_text, columns, strict=False)
        if gives_away(values, known)
    ]
    return result, several, notes


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
            result.rejected.append(Rejected.of(row, f"id seen before: {key!r}"))
            continue
        result.kept.append(replace(row, id=key if seen[key] == 1 else f"{key}-{seen[key]}"))
    result.kept.sort(key=lambda row: row.id)
    return result


def _hash(row: Row) -> str:
    text, numbers, *others = row.content
    # What a data set has not does not count: a new kind of column changes no id.
    content = (text, numbers, row.labels, row.group, row.part, *filter(None, others))
    return blake2b(repr(content).encode(), digest_size=8).hexdigest()
