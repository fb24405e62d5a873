"""A new data set from one file: its block in `params.yaml`, a recipe, the file in `data/raw/`."""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ballast.labels.classes import LabelSet
from ballast.project import params
from ballast.project.errors import UserError
from ballast.rows import labelling, rejection
from ballast.rows.cleaning import Row, Rows, clean, settle
from ballast.rows.dataset import Dataset, Layout
from ballast.rows.duplicates import exact_groups
from ballast.rows.profile import Column, columns_of, layout_of, table
from ballast.rows.reading import read
from ballast.setup import recipes

RAW = Path("data/raw")
SEPARATORS = ("|", ";", ",")
# Texts of so many words in the middle are long; labels of fewer rows can't be split.
LONG, RARE = 40, 5


@dataclass(frozen=True)
class Plan:
    """What `ballast new` is about to do.

    Attributes:
        file: the file as given.
        name: of the data set.
        block: of the data set, without what is the default.
        columns: what each column is.
        rows: as they would be kept and rejected.
        labels: the classes.
        counts: number of rows with each.
        recipe: a file in `recipes/`.
        extra: selectors that the recipe leaves as they are.
        notes: what is odd.
    """

    file: Path
    name: str
    block: dict[str, Any]
    columns: list[Column]
    rows: Rows
    labels: LabelSet
    counts: Mapping[str, int]
    recipe: str
    extra: dict[str, str]
    notes: list[str]


def plan(file: Path, name: str | None, label: Sequence[str]) -> Plan:
    """Return what would become of a file.

    Args:
        file: anywhere.
        name: of the data set; None for the file's own.
        label: the column of the label, or several of 0 and 1; empty to guess.

    Raises:
        UserError: the file cannot be read, there is no label, or the name is taken.
    """
    if not file.is_file():
        raise UserError(f"{file} does not exist: name a file with rows and their labels.")
    name = name or re.sub(r"[^\w-]+", "_", file.name.partition(".")[0])
    _check_name(name)
    layout = layout_of(file)
    frame = table(file, Layout(**layout))
    columns = columns_of(frame, label)
    block = {"files": file.name} | layout | _roles(columns, frame)
    block |= _label_form(frame, block["label"])
    dataset = params.check(Dataset, block, f"datasets.{name}")
    rows = _rows(file, dataset)
    block |= _merged(labelling.counted(row.labels for row in rows.kept))
    dataset = params.check(Dataset, block, f"datasets.{name}")
    rows, several, notes = settle(rows, dataset, dataset.label_names)
    counts = labelling.counted(row.labels for row in rows.kept)
    if rare := _rare(counts, several):
        block["rare"] = rare
        dataset = params.check(Dataset, block, f"datasets.{name}")
        rows, several, notes = settle(_rows(file, dataset), dataset, dataset.label_names)
        counts = labelling.counted(row.labels for row in rows.kept)
    labels = labelling.label_set([row.labels for row in rows.kept], several, dataset)
    recipe, extra = _recipe(dataset, rows, several)
    return Plan(file, name, block, columns, rows, labels, counts, recipe, extra, notes)


def report(plan: Plan) -> Iterator[str]:
    """Yield what a reader should know before the data set is added, line by line."""
    kept, rejected = len(plan.rows.kept), plan.rows.rejected
    duplicates = kept - int(exact_groups(plan.rows.kept).max()) - 1
    yield f"{kept + len(rejected):,} rows; {kept:,} can be used, {duplicates:,} are duplicates"
    yield from (f"  rejected: {line}" for line in rejection.by_reason(rejected))
    yield f"task: {plan.labels.task}, {len(plan.labels.labels)} classes"
    yield f"  {labelling.listed(plan.counts)}"
    yield from (f"  {note}" for note in plan.notes)
    yield from (f"{c.name} is left out: it {c.note}" for c in plan.columns if c.role == "left out")
    for column in plan.columns:
        if column.role == "date" and plan.block.get("time") is None:
            yield (
                f"if the rows of {column.name} to come are what counts, set `time: {column.name}`: "
                "the latest rows test then"
            )
            break


def add(plan: Plan) -> Path:
    """Write the block and the recipe into `params.yaml`, copy the file; return its folder.

    Raises:
        UserError: another file of that name is there.
    """
    from dvc.utils.serialize import modify_yaml

    folder = RAW / plan.name
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / plan.file.name
    if target.exists() and not target.samefile(plan.file):
        raise UserError(f"{target} is there already: remove it, or choose another --name.")
    if not target.exists():
        shutil.copyfile(plan.file, target)
    recipes.use(plan.recipe)
    with modify_yaml("params.yaml") as values:
        # Behind the last block stands the empty line before the next family.
        values["datasets"].insert(0, plan.name, plan.block)
        values["dataset"] = plan.name
        values.update(plan.extra)
    return folder


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[\w-]+", name):
        raise UserError(f"--name {name!r}: expected letters, digits, - and _.")
    if name in params.read(Path("params.yaml"))["datasets"]:
        raise UserError(
            f"params.yaml: datasets.{name} is there already: choose another --name, or remove it."
        )


def _roles(columns: Sequence[Column], frame: pd.DataFrame) -> dict[str, Any]:
    """Return the part of the block that names the columns."""
    names = {
        role: [column.name for column in columns if column.role == role]
        for role in ("text", "number", "category", "date", "id", "group", "label")
    }
    dates = {column.name: column.note or None for column in columns if column.role == "date"}
    block = {
        "text": names["text"][0] if len(names["text"]) == 1 else names["text"],
        "features": names["number"],
        "categories": names["category"],
        "dates": dates if any(dates.values()) else list(dates),
        "label": names["label"][0] if len(names["label"]) == 1 else names["label"],
        "id": next(iter(names["id"]), None),
        "group": next(iter(names["group"]), None),
    }
    return {name: value for name, value in block.items() if value}


def _label_form(frame: pd.DataFrame, label: str | list[str]) -> dict[str, Any]:
    """Return how several labels stand in one field."""
    if isinstance(label, list):
        return {}
    values = frame[label].dropna()
    if values.map(lambda value: isinstance(value, list)).any():
        return {}
    texts = values.astype(str)
    if texts.map(labelling.is_list).mean() > 0.9:
        return {"label_list": True}
    for separator in SEPARATORS:
        several = texts.str.contains(separator, regex=False)
        parts = {part.strip() for text in texts for part in text.split(separator)}
        # Taken apart, the names must be fewer, not more.
        if several.mean() > 0.05 and len(parts) < texts.nunique() / 2:
            return {"label_separator": separator}
    return {}


def _rows(file: Path, dataset: Dataset) -> Rows:
    """Return the rows as read, with labels as written."""
    rows = Rows()
    for record in read(file, dataset):
        row = clean(record, file.name, None, dataset)
        (rows.kept if isinstance(row, Row) else rows.rejected).append(row)
    return rows


def _merged(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return names that are spelled in several ways, each under its most frequent spelling."""
    names = {other: first for first, *others in labelling.spellings(counts) for other in others}
    return {"label_names": names} if names else {}


def _rare(counts: Mapping[str, int], several: bool) -> dict[str, Any] | None:
    """Return what to do with labels that have too few rows to be split."""
    few = [count for count in counts.values() if count < RARE]
    if not few:
        return None
    together = not several and sum(few) >= RARE and len(few) > 1
    return {"below": RARE} | ({"into": "other"} if together else {"drop": True})


def _recipe(dataset: Dataset, rows: Rows, several: bool) -> tuple[str, dict[str, str]]:
    """Return the recipe for a kind of data, and the selectors to set beside it."""
    if several:
        columns = {"second_embedding": "columns"} if dataset.texts and dataset.has_columns else {}
        return "several_labels", columns if dataset.texts else {"embedding": "columns"}
    if not dataset.texts:
        return "columns", {}
    if dataset.has_columns:
        return "texts_with_columns", {}
    words = pd.Series([len(row.content.text.split()) for row in rows.kept]).median()
    return "long_texts" if words > LONG else "texts", {}
