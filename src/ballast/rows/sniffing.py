"""How a file is read, told from its beginning: format, separator, encoding, header line."""

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ballast.project.errors import UserError
from ballast.rows import diagnosis, fields
from ballast.rows.dataset import Layout
from ballast.rows.fields import sound
from ballast.rows.reading import TABLES, Record, form_of_name, read

# A column's name has at most so many words.
LONGEST_NAME = 6
# What a column of labels is often called, the surest names first.
LABELS = (
    *("label", "labels", "target", "class", "y", "category", "tags", "tag", "topic", "sentiment"),
    *("intent", "priority", "outcome", "churned", "churn", "spam", "is_spam", "fraud", "is_fraud"),
    *("klasse", "kategorie", "ziel", "étiquette", "catégorie", "classe", "etiqueta", "clase"),
    *("categoría", "etichetta", "categoria", "метка", "категория", "标签", "类别", "ラベル"),
)


def layout_of(path: Path) -> dict[str, Any]:
    """Return the options by which a file is read, without those that are the default.

    Raises:
        UserError: there is no way to read it.
    """
    form = diagnosis.recognised(path)
    start: dict[str, Any] = {}
    if form or not form_of_name(path):
        start["format"] = form or "csv"
    if form == form_of_name(path):
        del start["format"]
    if form in TABLES:
        layout = Layout(**start)
        # The error tells what is wrong: which sheets there are, for example.
        return start | _decimal(list(islice(read(path, layout), diagnosis.ROWS)))
    best, most, found = start, 0.0, []
    head = diagnosis.head_of(path)
    for changes in ({}, *diagnosis.readings(head, path, Layout(**start))):
        records = list(diagnosis.first_records(head, path, Layout(**start | changes)))
        # One column alone is most likely a line that was not taken apart.
        usable = sum(
            record.fault is None and len(record.fields) > 1 and not fields.BROKEN.search(record.raw)
            for record in records
        )
        if usable and usable / len(records) ** 0.5 > most:
            best, most, found = start | changes, usable / len(records) ** 0.5, records
    if not found:
        raise UserError(
            f"{path} cannot be read as a table with several columns, whatever the separator and "
            "the encoding. Write it as CSV, JSON Lines or Parquet."
        )
    if found[0].line and (best.get("format") or form_of_name(path)) in diagnosis.TEXTS:
        usable = [record for record in found if record.fault is None]
        if not _has_header(usable):
            count = len(usable[0].fields)
            best = best | {"columns": [f"column_{number}" for number in range(1, count + 1)]}
    return best | _decimal(found)


def _has_header(records: Sequence[Record]) -> bool:
    """Return whether the first line has the columns' names, and is not a row of data."""
    names = list(records[0].fields)
    counted = [[str(start + number) for number in range(len(names))] for start in (0, 1)]
    if names in counted or any(name.lower() in LABELS for name in names):
        return True
    # A column may be called 2019, but not all that hold numbers.
    if any(
        not fields.NUMBER.fullmatch(name)
        and _holds_numbers(record.fields[name] for record in records)
        for name in names
    ):
        return True
    # Names of classes come again; long texts are no names.
    again = any(
        name not in fields.MISSING and any(record.fields[name] == name for record in records)
        for name in names
    )
    return not again and max(len(name.split()) for name in names) <= 3 * LONGEST_NAME


def _decimal(records: Sequence[Record]) -> dict[str, str]:
    """Return the option of a decimal comma, where more columns have one than a point."""
    commas = points = 0
    for name in records[0].fields if records else ():
        texts = {text_of(record.fields.get(name)) for record in records} - fields.MISSING
        for mark in ",.":
            are_numbers = texts and all(is_number(text, mark) for text in texts)
            if are_numbers and any(mark in text for text in texts):
                commas, points = commas + (mark == ","), points + (mark == ".")
    return {"decimal": ","} if commas > points else {}


def _holds_numbers(values: Iterable[str]) -> bool:
    texts = {*map(text_of, values)} - fields.MISSING
    return bool(texts) and all(is_number(text) for text in texts)


def is_number(value: Any, decimal: str = ".") -> bool:
    """Return whether a field is a number or a truth value."""
    return sound(fields.number, value, "", decimal) is not None


def text_of(value: Any) -> str:
    """Return a field as text, "" where it is none."""
    return sound(fields.string, value, "") or ""
