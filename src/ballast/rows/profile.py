"""What each column of a file is."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from ballast.labels.parts import EXCLUDED, PARTS
from ballast.project.errors import UserError, did_you_mean
from ballast.rows import diagnosis, fields, labelling, leaks
from ballast.rows.dataset import AUTO, Dataset, Layout
from ballast.rows.fields import sound
from ballast.rows.reading import SHOWN, read
from ballast.rows.sniffing import LABELS, is_number, text_of

# So many rows are looked at, and so many values of each column are parsed.
ROWS, VALUES = 20_000, 1_000
# A column is of a kind if all but so many of its values are.
ODD = 0.02
# A text has so many words in the mean; a category at most so many names, or this share of the rows.
WORDS, NAMES, SHARE = 3.0, 50, 0.05
IDS = ("id", "ids", "uid", "uuid", "guid", "userid", "key")
CODES = ("zip", "zipcode", "postcode", "postal", "plz", "phone", "telephone", "tel", "mobile")
# As pandas and spreadsheets call the numbers of the rows.
INDEX = ("", "unnamed: 0", "index", "level_0")
# Letters of scripts that have no blanks between words; about two of them are one.
UNSPACED = re.compile("[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")
# A number with a currency, a percent sign, or separated thousands.
SIGNED = re.compile(r"(?=.*\d)\W?\s*(?:[A-Z]{3}\s*)?[+-]?\d[\d.,'\s]*\s*(?:\W|[A-Z]{3})?")
# A date without separators.
COMPACT = r"(19|20)\d\d(0[1-9]|1[0-2])([0-2]\d|3[01])"
Role = Literal[
    "text", "number", "category", "date", "id", "group", "split", "label", "left out"
]  # fmt: skip
SEEN = ("text", "number", "category", "date")


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


def table(path: Path, layout: Layout) -> pd.DataFrame:
    """Return all columns of a file's first rows, as read.

    Raises:
        UserError: the file cannot be read.
    """
    # Of what a network sees nothing: of a table with types, no other columns would be read.
    plain = layout.model_dump(exclude={"text", "features", "categories", "dates"})
    layout = Layout(**{name: plain[name] for name in Layout.model_fields if name in plain})
    records = islice(read(path, layout), ROWS)
    rows = [record.fields for record in records if record.fault is None]
    # As objects, since a gap would make floats of whole numbers.
    return pd.DataFrame(rows, dtype=object)


def columns_of(frame: pd.DataFrame, label: Sequence[str] = (), decimal: str = ".") -> list[Column]:
    """Return what each column is.

    Args:
        frame: the rows as read.
        label: the columns of the label; empty to guess one.
        decimal: the decimal point.

    Raises:
        UserError: no column looks like a label, or there is none of that name.
    """
    names = list(frame.columns)
    for name in label:
        if name not in names:
            raise UserError(
                f"there is no column {name!r}: {_listed(names)}.{did_you_mean(name, names)}"
            )
    found = [_column(frame[name], decimal) for name in names]
    label = label or [_guessed(found)]
    found = [replace(each, role="label", note="") if each.name in label else each for each in found]
    sample = frame.iloc[:: 1 + len(frame) // leaks.ROWS]
    labels = _labels(sample[list(label)])
    return _with_text([_without_leak(each, sample, labels) for each in _once(found)])


def _listed(names: Sequence[str]) -> str:
    """Return the columns that there are, in words."""
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return f"there are {', '.join(map(repr, names[:SHOWN]))}{more}"


def _labels(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the label of each row; spellings of one name are one."""
    columns = [
        [
            labelling.folded(str(value) if isinstance(value, list) else text_of(value))
            for value in values
        ]
        for _, values in frame.items()
    ]
    return list(zip(*columns, strict=True))


def _once(columns: Sequence[Column]) -> list[Column]:
    """Leave out all but the first id, group and split."""
    first: dict[str, str] = {}
    result = []
    for column in columns:
        name = first.setdefault(column.role, column.name)
        if column.role in ("id", "group", "split") and name != column.name:
            column = replace(
                column, role="left out", note=f"is {_article(column.role)}, as {name} is"
            )
        result.append(column)
    return result


def _article(role: str) -> str:
    return f"an {role}" if role == "id" else f"a {role}"


def _without_leak(column: Column, frame: pd.DataFrame, labels: Sequence[tuple]) -> Column:
    """Return the column, left out if it gives the label away."""
    if column.role not in SEEN:
        return column
    texts = [None if text in fields.MISSING else text for text in map(text_of, frame[column.name])]
    values = [_number(text) for text in texts] if column.role == "number" else texts
    # A row without a label says nothing.
    rows = [row for row in zip(values, labels, strict=True) if any(row[1])]
    if not leaks.gives_away([value for value, _ in rows], [label for _, label in rows]):
        return column
    note = "tells the label of nearly every row, so it may be known only afterwards"
    return replace(column, role="left out", note=note)


def _number(text: str | None) -> float | None:
    """Return a number to be sorted by; None for what is none."""
    plain = (text or "").replace(",", ".")
    return float(plain) if fields.NUMBER.fullmatch(plain) else fields.TRUTH.get(plain.lower())


def _with_text(columns: list[Column]) -> list[Column]:
    """Make a text of the column with the most values, if else a model would see nothing."""
    if any(column.role in SEEN for column in columns):
        return columns
    others = [each for each in columns if each.role == "id" or each.note == DIFFER]
    if not others:
        return columns
    chosen = max(others, key=lambda each: each.distinct)
    return [replace(each, role="text", note="") if each is chosen else each for each in columns]


def _column(values: pd.Series, decimal: str) -> Column:
    """Return what a column is, by its name and its values."""
    name = str(values.name)
    if values.map(lambda value: isinstance(value, list | dict)).any():
        texts = values.astype(str)
        return Column(name, "left out", _rounded(values.isna()), texts.nunique(), LISTS)
    texts = values.map(text_of)
    present = texts[~texts.isin(fields.MISSING)].astype(object)
    role, note = _role(name, present, len(texts), decimal)
    return Column(name, role, _rounded(texts.isin(fields.MISSING)), present.nunique(), note)


LISTS, DIFFER = "holds lists or objects", "holds names of which nearly all differ"


def _rounded(flags: pd.Series) -> float:
    return round(float(flags.mean()), 4)


def _role(name: str, present: pd.Series, rows: int, decimal: str) -> tuple[Role, str]:
    """Return what a column is, and its note.

    Args:
        name: of the column.
        present: its values, as texts, without gaps.
        rows: their number, gaps included.
        decimal: the decimal point.
    """
    names = present.drop_duplicates()
    if len(names) < 2 and len(present) in (0, rows):
        return "left out", "has one value only" if len(names) else "is empty"
    if (
        len(names) > 1
        and {*names.str.lower()} <= {*PARTS[:EXCLUDED]}
        and "test" in {*names.str.lower()}
    ):
        return "split", ""
    few = len(names) <= max(min(NAMES, rows / 2), SHARE * rows)
    unique = len(names) == rows
    if _share(present, lambda text: is_number(text, decimal)) >= 1 - ODD:
        return _of_numbers(name, present, few, unique)
    names = _sample(names)
    if names.str.contains(r"\d").mean() >= 1 - ODD:
        form = diagnosis.date_format(names[:: 1 + len(names) // 200])
        if _share(present, lambda text: sound(fields.days, text, "", form) is not None) >= 1 - ODD:
            return "date", form or ""
        if not few and _share(present, SIGNED.fullmatch) >= 1 - ODD:
            return "left out", f"holds numbers that are written as {names.iloc[0]!r} is"
    words = names.map(_words).mean()
    if words >= WORDS:
        is_category = names.size <= min(NAMES, SHARE * rows)
        return ("category" if is_category else "text"), ""
    if words < 1.5 and unique and (_named(name, IDS) or names.str.contains(r"\d").mean() > 0.5):
        return "id", ""
    if _named(name, IDS) and _is_group(len(present.unique()), rows):
        return "group", ""
    if few:
        return "category", ""
    return ("text", "") if words >= 1.5 else ("left out", DIFFER)


def _of_numbers(name: str, present: pd.Series, few: bool, unique: bool) -> tuple[Role, str]:
    """Return what a column of numbers is, and its note."""
    if not present.str.fullmatch(r"\d+").all():
        return "number", ""
    if present.str.fullmatch(COMPACT).all():
        return "date", ""
    # In a number, no zeros stand at the left.
    if _named(name, CODES) or present.str.fullmatch(r"0\d+").any():
        return ("category", "") if few else ("left out", "holds codes of which nearly all differ")
    is_id = _named(name, (*IDS, "number"))
    if unique and is_id:
        return "id", ""
    if unique and (name.lower() in INDEX or _are_consecutive(present)):
        return "left out", "numbers the rows"
    if _named(name, IDS):
        rows = len(present)
        return ("group" if _is_group(present.nunique(), rows) else "category"), ""
    return "number", ""


def _are_consecutive(present: pd.Series) -> bool:
    numbers = present.map(int)
    return bool(numbers.max() - numbers.min() == len(numbers) - 1)


def _is_group(distinct: int, rows: int) -> bool:
    """Return whether so many ids are those of groups: with few, the split could not part them."""
    return distinct > max(10, rows / 50)


def _words(text: str) -> float:
    return len(text.split()) + len(UNSPACED.findall(text)) / 2


def _named(name: str, words: Sequence[str]) -> bool:
    """Return whether a name, or its last word, is one of these: `customer_id`, `customerId`."""
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[^\W_A-Z]+", name)
    return name.lower() in words or (bool(parts) and parts[-1].lower() in words)


def _sample(values: pd.Series) -> pd.Series:
    return values.iloc[:: 1 + len(values) // VALUES]


def _share(texts: pd.Series, is_one: Callable[[str], Any]) -> float:
    """Return the share of the values that are of a kind; of a sample, if they are many."""
    return float(_sample(texts).map(lambda text: bool(is_one(text))).mean())


def _guessed(columns: Sequence[Column]) -> str:
    """Return the column that is most likely the label.

    Raises:
        UserError: none looks like one.
    """
    several = [column for column in columns if column.distinct > 1]
    for name in LABELS:
        for is_called in (
            lambda each, name: each.lower() == name,
            lambda each, name: _named(each, (name,)),
        ):
            for column in several:
                if is_called(column.name, name):
                    return column.name
    few = [
        column.name
        for column in several
        if column.distinct <= NAMES and column.role in ("category", "number")
    ]
    if few:
        return few[-1]
    raise UserError(
        "no column looks like a label: name one with --label; "
        f"{_listed([column.name for column in columns])}."
    )


def completed(dataset: Dataset, folder: Path) -> Dataset:
    """Return the block with the columns that `features: auto` stands for.

    These are the numbers, categories and dates of the first file that have no other role.

    Raises:
        UserError: the file cannot be read, has no such label, or nothing that a model could see.
    """
    if dataset.features != AUTO:
        return dataset
    path = folder / dataset.parts()[0][1]
    named = dataset.model_copy(update={"features": []})
    taken = {*named.used_columns()}
    found = columns_of(table(path, named), dataset.labels, dataset.decimal)
    columns = [column for column in found if column.name not in taken]
    if not (named.texts or named.has_columns or any(each.role in SEEN[1:] for each in columns)):
        raise UserError(f"{path} has no column for `features: auto`: no number, category or date.")
    return dataset.model_copy(
        update={
            "features": [each.name for each in columns if each.role == "number"],
            "categories": [
                *dataset.categories,
                *(each.name for each in columns if each.role == "category"),
            ],
            "dates": dataset.date_formats
            | {each.name: each.note or None for each in columns if each.role == "date"},
        }
    )
