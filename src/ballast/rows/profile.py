"""What a file holds: how it is read, and what each of its columns is."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from ballast.project.errors import UserError, did_you_mean
from ballast.rows import diagnosis, fields
from ballast.rows.dataset import AUTO, Dataset, Layout
from ballast.rows.fields import FaultError
from ballast.rows.reading import Record, format_of, read

# So many rows are looked at.
ROWS = 20_000
# A column is of a kind if all but so many of its values are.
ODD = 0.02
# A text has so many words in the mean; a category at most so many names, or this share of the rows.
WORDS, NAMES, SHARE = 3.0, 50, 0.05
# A column's name has at most so many words.
LONGEST_NAME = 6
# What a column of labels is often called, the surest names first.
LABELS = (
    *("label", "labels", "target", "class", "y", "category", "tags", "tag", "topic", "sentiment"),
    *("intent", "priority", "outcome", "churned", "churn", "spam", "is_spam", "fraud", "is_fraud"),
)
# A column that alone tells the label of so many rows gives it away.
LEAK = 0.99
Role = Literal["text", "number", "category", "date", "id", "group", "label", "left out"]


@dataclass(frozen=True)
class Column:
    """A column of a file.

    Attributes:
        name: of the column.
        role: what it is for a model.
        missing: share of the rows without a value.
        distinct: number of different values.
        note: how its dates are written, or why it is left out; "" for neither.
    """

    name: str
    role: Role
    missing: float
    distinct: int
    note: str = ""


def layout_of(path: Path) -> dict[str, Any]:
    """Return the options by which a file is read, without those that are the default.

    Raises:
        UserError: there is no way to read it.
    """
    start: dict[str, Any] = {}
    if form := diagnosis.recognised(path):
        start["format"] = form
    else:
        try:
            format_of(path)
        except UserError:
            start["format"] = "csv"
    best, most = start, -1.0
    head = diagnosis.head_of(path)
    others = [] if form else diagnosis.readings(head, path, Layout(**start))
    for changes in ({}, *others):
        layout = Layout(**start | changes)
        records = list(diagnosis.first_records(head, path, layout))
        # One column alone is most likely a line that was not taken apart.
        usable = sum(
            record.fault is None and len(record.fields) > 1 and not fields.BROKEN.search(record.raw)
            for record in records
        )
        if usable and usable / len(records) ** 0.5 > most:
            best, most = start | changes, usable / len(records) ** 0.5
    if most < 0:
        raise UserError(
            f"{path} cannot be read as a table with several columns, whatever the separator and "
            "the encoding. Write it as CSV, JSON Lines or Parquet."
        )
    first = next(diagnosis.first_records(head, path, Layout(**best)))
    if not _is_header(first):
        best = best | {
            "columns": [f"column_{number}" for number in range(1, len(first.fields) + 1)]
        }
    return best


def _is_header(first: Record) -> bool:
    """Return whether the names of the first record's fields are names, not a row of data."""
    numbers = [name for name in first.fields if fields.NUMBER.fullmatch(name)]
    # A column may be called 2019, but not all that hold numbers.
    is_data = numbers and all(map(_is_number, (first.fields[name] for name in numbers)))
    longest = max((len(name.split()) for name in first.fields), default=0)
    return not is_data and longest <= LONGEST_NAME


def _is_number(value: Any) -> bool:
    return bool(fields.NUMBER.fullmatch(_text(value)))


def table(path: Path, layout: Layout) -> pd.DataFrame:
    """Return a file's first rows, as read."""
    records = islice(read(path, layout), ROWS)
    return pd.DataFrame([record.fields for record in records if record.fault is None])


def columns_of(frame: pd.DataFrame, label: Sequence[str] = ()) -> list[Column]:
    """Return what each column is.

    Args:
        frame: the rows as read.
        label: the columns of the label; empty to guess one.

    Raises:
        UserError: no column looks like a label, or there is none of that name.
    """
    for name in label:
        if name not in frame.columns:
            names = list(map(str, frame.columns))
            raise UserError(
                f"there is no column {name!r}: there are {', '.join(names)}."
                f"{did_you_mean(name, names)}"
            )
    found = [_column(frame[name]) for name in frame.columns]
    if not label:
        label = [_guessed(found, frame)]
    labels = frame[list(label)].astype(str).agg("|".join, axis=1)
    result = []
    for column in found:
        if column.name in label:
            column = Column(column.name, "label", column.missing, column.distinct)
        elif column.role in ("number", "category") and _gives_away(frame[column.name], labels):
            note = "gives the label away: known only afterwards?"
            column = Column(column.name, "left out", column.missing, column.distinct, note)
        result.append(column)
    return result


def _column(values: pd.Series) -> Column:
    """Return what a column is, by its name and its values."""
    name = str(values.name)
    lists = values.map(lambda value: isinstance(value, list | dict))
    if lists.any():
        return Column(name, "left out", 0.0, 0, "holds lists or objects")
    texts = values.map(lambda value: _text(value))
    present = texts[~texts.isin(fields.MISSING)]
    missing, distinct = 1 - len(present) / max(len(texts), 1), present.nunique()
    words = present.str.split().str.len().mean() if len(present) else 0.0

    def column(role: Role, note: str = "") -> Column:
        return Column(name, role, round(missing, 4), distinct, note)

    if distinct < 2:
        return column("left out", "has one value only" if distinct else "is empty")
    unique = distinct == len(texts)
    if _share(present, lambda text: fields.number(text, name)) >= 1 - ODD:
        whole = present.str.fullmatch(r"\d+").all()
        is_id = unique and whole and (_named(name, "id") or _named(name, "number"))
        return column("id" if is_id else "number")
    form = diagnosis.date_format(present.head(200))
    if _share(present, lambda text: fields.days(text, name, form)) >= 1 - ODD:
        return column("date", form or "")
    if words < WORDS and unique:
        return column("id")
    if words >= WORDS:
        return column("text")
    if _named(name, "id"):
        return column("group")
    if distinct <= max(NAMES, SHARE * len(texts)):
        return column("category")
    return column("text" if words > 1.5 else "left out", "" if words > 1.5 else "nearly all differ")


def _text(value: Any) -> str:
    try:
        return fields.string(value, "")
    except FaultError:
        return ""


def _named(name: str, word: str) -> bool:
    return name.lower().replace("-", "_").split("_")[-1] == word or name.lower() == word


def _share(texts: pd.Series, parse) -> float:
    """Return the share of the values that can be parsed; of a sample, if they are many."""
    sample = texts.iloc[:: 1 + len(texts) // 2_000]

    def is_parsed(text: str) -> bool:
        try:
            return parse(text) is not None
        except FaultError:
            return False

    return sample.map(is_parsed).mean() if len(sample) else 0.0


def _guessed(columns: Sequence[Column], frame: pd.DataFrame) -> str:
    """Return the column that is most likely the label."""
    names = {column.name.lower(): column.name for column in columns}
    for name in LABELS:
        if name in names:
            return names[name]
    few = [
        column.name
        for column in columns
        if 2 <= column.distinct <= NAMES and column.role in ("category", "number")
    ]
    if few:
        return few[-1]
    raise UserError(
        f"no column looks like a label: name it with --label, one of {', '.join(names.values())}."
    )


def _gives_away(values: pd.Series, labels: pd.Series) -> bool:
    """Return whether a column alone tells nearly every row's label, far better than chance."""
    texts = values.map(_text)
    largest = labels.value_counts(normalize=True).iloc[0]
    if texts.nunique() > len(texts) / 10:
        # Many different numbers: by the label of the nearest one.
        order = pd.to_numeric(texts, errors="coerce").argsort(kind="stable")
        sorted_labels = labels.iloc[order].to_numpy()
        right = (sorted_labels[1:] == sorted_labels[:-1]).mean()
    else:
        right = pd.crosstab(texts, labels).max(axis=1).sum() / len(labels)
    # Of the rows that the most frequent label does not explain, nearly all.
    return bool((right - largest) / max(1 - largest, np.finfo(float).eps) > LEAK)


def completed(dataset: Dataset, folder: Path) -> Dataset:
    """Return the block with the columns that `features: auto` stands for.

    These are the numbers, categories and dates of the first file that have no other role.

    Raises:
        UserError: the file cannot be read.
    """
    if dataset.features != AUTO:
        return dataset
    named = dataset.model_copy(update={"features": []})
    frame = table(folder / dataset.parts()[0][1], named)
    taken = {*named.used_columns()}
    columns = [each for each in columns_of(frame, dataset.labels) if each.name not in taken]
    found = {
        role: [column.name for column in columns if column.role == role]
        for role in ("number", "category")
    }
    dates = {column.name: column.note or None for column in columns if column.role == "date"}
    return dataset.model_copy(
        update={
            "features": found["number"],
            "categories": [*dataset.categories, *found["category"]],
            "dates": dataset.date_formats | dates,
        }
    )
