"""A new data set from one file: its block in `params.yaml`, a recipe, the file in `data/raw/`."""

import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import pandas as pd

from ballast.labels.classes import LabelSet
from ballast.project import params
from ballast.project.errors import UserError
from ballast.rows import labelling, rejection
from ballast.rows.cleaning import Rows, clean_all, settle
from ballast.rows.dataset import Dataset, Layout
from ballast.rows.duplicates import exact_groups
from ballast.rows.profile import Column, columns_of, table
from ballast.rows.reading import SHOWN, format_of, read
from ballast.rows.sniffing import layout_of
from ballast.setup import recipes

RAW, PARAMS = Path("data/raw"), Path("params.yaml")
READING = ("separator", "quote", "escape", "decimal", "encoding")
# Between labels, and how often fewer labels than fields there must be.
SEPARATORS = {"|": 1, ";": 1, ",": 2}
# Texts of so many words in the middle are long; labels of fewer rows can't be split.
LONG, RARE = 40, 5
# If more rows are lost, or too rare, something else is wrong.
MOST_LOST = 0.5


@dataclass(frozen=True)
class Plan:
    """What `ballast new` is about to do.

    Attributes:
        file: the file as given.
        name: of the data set.
        block: of the data set, without what is the default.
        columns: what each column is.
        rows: as prepare will keep and reject them.
        labels: the classes.
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
    recipe: str
    extra: dict[str, str]
    notes: list[str]


def plan(file: Path, name: str | None, label: Sequence[str]) -> Plan:
    """Return what would become of a file.

    Args:
        file: anywhere.
        name: of the data set; None for its folder in `data/raw/`, or the file's own.
        label: the column of the label, or several of 0 and 1; empty to guess.

    Raises:
        UserError: the file cannot be read, there is no label, or the name is taken.
    """
    if not file.is_file():
        raise UserError(f"{file} does not exist: name a file with rows and their labels.")
    inside = _inside(file)
    name = name or (inside[0] if inside else re.sub(r"[^\w-]+", "_", file.name.partition(".")[0]))
    _check_name(name)
    layout = layout_of(file)
    frame = table(file, Layout(**layout))
    columns = columns_of(frame, label, layout.get("decimal", "."))
    block = {"files": _target(file, name).as_posix()} | layout | _roles(columns, label)
    block |= _label_form(frame, block["label"])
    rows = _rows(file, _dataset(name, block))
    if "id" in block and not _has_ids(rows):
        # Among the first rows each was there once.
        del block["id"]
        rows = _rows(file, _dataset(name, block))
    block |= _lost(rows, block["label"])
    block |= _merged(labelling.counted(row.labels for row in rows.kept))
    settled, several, notes = settle(rows, _dataset(name, block), block.get("label_names"))
    if rare := _rare(settled, several, block["label"]):
        block["rare"] = rare
        settled, several, notes = settle(rows, _dataset(name, block), block.get("label_names"))
    dataset = _dataset(name, block)
    block |= _lost(settled, block["label"])
    labels = labelling.label_set([row.labels for row in settled.kept], several, dataset)
    recipe, extra = _recipe(dataset, settled, several)
    return Plan(file, name, block, columns, settled, labels, recipe, extra, notes)


def report(plan: Plan) -> Iterator[str]:
    """Yield what a reader should know before the data set is added, line by line."""
    form = plan.block.get("format") or format_of(plan.file)
    options = [f"{name} {plan.block[name]!r}" for name in READING if name in plan.block]
    options += ["no header line"] if "columns" in plan.block else []
    yield f"read as {', '.join([form, *options])}"
    kept, rejected = len(plan.rows.kept), plan.rows.rejected
    duplicates = kept - int(exact_groups(plan.rows.kept).max()) - 1
    yield f"{kept + len(rejected):,} rows; {kept:,} can be used, {duplicates:,} are duplicates"
    yield from (f"  {line}" for line in rejection.told(rejected))
    yield f"task: {plan.labels.task}, {len(plan.labels.labels)} classes"
    yield f"  {labelling.listed(labelling.counted(row.labels for row in plan.rows.kept))}"
    yield from (f"  {note}" for note in plan.notes)
    left_out = defaultdict(list)
    for column in plan.columns:
        if column.role == "left out":
            left_out[column.note].append(column.name)
    for note, names in left_out.items():
        more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
        yield f"left out: {', '.join(names[:SHOWN])}{more} (it {note})"
    dates = (column.name for column in plan.columns if column.role == "date")
    if "split" not in plan.block and (date := next(dates, None)):
        yield f"to test on the latest rows by {date}, set `time: {date}` in the block"


@contextmanager
def added(plan: Plan) -> Iterator[Path]:
    """Write the block and the recipe, copy the file, and yield its folder; or, on error, nothing.

    Raises:
        UserError: another file of that name is there.
    """
    folder = RAW / plan.name
    target = folder / plan.block["files"]
    is_new = not target.exists()
    if not is_new and not target.samefile(plan.file):
        raise UserError(f"{target} is there already: remove it, or choose another --name.")
    text = _params_with(plan)
    before, made = PARAMS.read_bytes(), not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if is_new:
            shutil.copyfile(plan.file, target)
        PARAMS.write_bytes(text)
        yield folder
    except BaseException:
        PARAMS.write_bytes(before)
        if made:
            shutil.rmtree(folder, ignore_errors=True)
        elif is_new:
            target.unlink(missing_ok=True)
        raise


def _params_with(plan: Plan) -> bytes:
    """Return `params.yaml` with the block, chosen, and with the recipe."""
    from dvc.utils.serialize import modify_yaml

    with TemporaryDirectory() as folder:
        copy = Path(shutil.copy(PARAMS, folder))
        recipes.use(plan.recipe, copy)
        with modify_yaml(copy) as values:
            if not values["datasets"]:
                # Without a value, or in braces.
                values["datasets"] = {plan.name: plan.block}
            else:
                # Behind the last block stands the empty line before the next family.
                values["datasets"].insert(0, plan.name, plan.block)
            values["dataset"] = plan.name
            values.update(plan.extra)
        return copy.read_bytes()


def _inside(file: Path) -> tuple[str, Path] | None:
    """Return the folder in `data/raw/` in which a file lies, and its path in there."""
    raw, place = RAW.resolve(), file.resolve()
    if not place.is_relative_to(raw) or place.parent == raw:
        return None
    first, *rest = place.relative_to(raw).parts
    return first, Path(*rest)


def _target(file: Path, name: str) -> Path:
    """Return the path of a file in the data set's folder."""
    inside = _inside(file)
    return inside[1] if inside and inside[0] == name else Path(file.name)


def _check_name(name: str) -> None:
    if not re.fullmatch(r"[\w-]+", name):
        raise UserError(f"--name {name!r}: expected letters, digits, - and _.")
    if name in params.read(PARAMS).get("datasets", {}):
        raise UserError(
            f"params.yaml: datasets.{name} is there already: choose another --name, or remove it."
        )


def _dataset(name: str, block: dict[str, Any]) -> Dataset:
    return params.check(Dataset, block, f"datasets.{name}")


def _roles(columns: Sequence[Column], label: Sequence[str]) -> dict[str, Any]:
    """Return the part of the block that names the columns.

    Raises:
        UserError: there is nothing that a model could see.
    """
    names = defaultdict(list)
    for column in columns:
        names[column.role].append(column.name)
    if not any(names[role] for role in ("text", "number", "category", "date")):
        why = ", ".join(f"{each.name} ({each.note or each.role})" for each in columns[:SHOWN])
        raise UserError(f"there is no column that a model could see: {why}.")
    dates = {column.name: column.note or None for column in columns if column.role == "date"}
    block = {
        "text": _one_or_all(names["text"]),
        "features": names["number"],
        "categories": names["category"],
        "dates": dates if any(dates.values()) else list(dates),
        # In the order in which they are named.
        "label": _one_or_all(list(label) or names["label"]),
    }
    block |= {role: "".join(names[role]) for role in ("id", "group", "split")}
    return {name: value for name, value in block.items() if value}


def _one_or_all(names: list[str]) -> str | list[str]:
    return names[0] if len(names) == 1 else names


def _label_form(frame: pd.DataFrame, label: str | list[str]) -> dict[str, Any]:
    """Return how several labels stand in one field."""
    if isinstance(label, list):
        return {}
    values = [
        value for value in frame[label] if not pd.api.types.is_scalar(value) or value == value
    ]
    if any(isinstance(value, list) for value in values):
        return {}
    counts = Counter(str(value).strip() for value in values)
    counts.pop("", None)
    if (
        sum(count for text, count in counts.items() if labelling.is_list(text))
        > 0.5 * counts.total()
    ):
        return {"label_list": True}
    for separator, factor in SEPARATORS.items():
        several = sum(count for text, count in counts.items() if separator in text)
        parts = {part.strip() for text in counts for part in text.split(separator)} - {""}
        # Taken apart, the names must be fewer, not more.
        if several > 0.05 * counts.total() and factor * len(parts) < len(counts):
            return {"label_separator": separator}
    return {}


def _rows(file: Path, dataset: Dataset) -> Rows:
    """Return the rows as read, with labels as written."""
    return clean_all(read(file, dataset), file.name, None, dataset)


def _has_ids(rows: Rows) -> bool:
    """Return whether every row has an id of its own."""
    is_lacking = any(item.reason == "no id" for item in rows.rejected)
    return not is_lacking and len({row.id for row in rows.kept}) == len(rows.kept)


def _lost(rows: Rows, label: str | list[str]) -> dict[str, float]:
    """Return the share of rows that may be lost, where that is more than the default.

    Raises:
        UserError: it is most of them.
    """
    lost = [item for item in rows.rejected if not item.asked]
    share = len(lost) / max(len(rows.kept) + len(lost), 1)
    if share > MOST_LOST or not rows.kept:
        reasons = "\n  ".join(rejection.by_reason(rows.rejected))
        raise UserError(
            f"{len(lost):,} of {len(lost) + len(rows.kept):,} rows cannot be used with `label: "
            f"{label}`.\n  {reasons}\nName the column of the label with --label, or mend the file."
        )
    allowed = Dataset.model_fields["max_rejected"].default
    return {"max_rejected": round(share + 0.01, 2)} if share > allowed else {}


def _merged(counts: Mapping[str, int]) -> dict[str, Any]:
    """Return names that are spelled in several ways, each under its most frequent spelling."""
    names = {other: first for first, *others in labelling.spellings(counts) for other in others}
    return {"label_names": names} if names else {}


def _rare(rows: Rows, several: bool, label: str | list[str]) -> dict[str, Any] | None:
    """Return what to do with labels that have too few rows to be split.

    Raises:
        UserError: fewer than two would remain.
    """
    counts = labelling.counted(row.labels for row in rows.kept)
    few = [count for count in counts.values() if count < RARE]
    together = not several and sum(few) >= RARE and len(few) > 1
    if len(counts) - len(few) + together < 2 or (
        not several and sum(few) > MOST_LOST * len(rows.kept)
    ):
        raise UserError(
            f"column {label!r} is no label: two classes with {RARE} rows or more are needed, and "
            f"most rows must have such a class. It holds {labelling.listed(counts)}. Name another "
            "column with --label."
        )
    if not few:
        return None
    return {"below": RARE} | ({"into": "other"} if together else {"drop": True})


def _recipe(dataset: Dataset, rows: Rows, several: bool) -> tuple[str, dict[str, str]]:
    """Return the recipe for a kind of data, and the selectors to set beside it."""
    recipe, beside = recipes.suited(bool(dataset.texts), dataset.has_columns, several)
    if recipe == recipes.DEFAULT:
        words = median(len(row.content.text.split()) for row in rows.kept)
        recipe = "long_texts" if words > LONG else recipe
    return recipe, beside
