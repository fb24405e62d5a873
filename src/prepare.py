"""Stage 1, prepare: read the selected data set into clean rows with stable ids.

Run by `dvc repro prepare`. Reads `data/raw/<dataset>/`. Writes to `data/prepared/` the rows
(`rows.parquet`) and their numbers (`counts.json`), the rejected rows with their reasons
(`rejected.csv`), contents that stand under different labels (`conflicts.csv`) and the classes
(`classes.json`), and to `models/input.json` how to read files like these.
"""

from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ballast.labels.classes import LabelSet
from ballast.labels.parts import PARTS
from ballast.project import params, storage
from ballast.project.errors import UserError, run
from ballast.project.progress import track
from ballast.rows import dataset as datasets
from ballast.rows import duplicates, prepared
from ballast.rows.cleaning import Rejected, Row, Rows, assign_ids, beginning, clean
from ballast.rows.dataset import Dataset
from ballast.rows.reading import format_of, read


def read_rows(folder: Path, dataset: Dataset) -> Rows:
    """Read and clean all files of the data set."""
    names = label_names(folder, dataset)
    rows = Rows()
    for part, file in dataset.parts():
        for record in track(read(folder / file, dataset), f"reading {file}"):
            row = clean(record, file, part, dataset, names)
            (rows.kept if isinstance(row, Row) else rows.rejected).append(row)
    return rows


def require_rows(rows: Rows, folder: Path) -> None:
    """Refuse a data set without a usable row."""
    if not rows.kept:
        reasons = Counter(item.reason for item in rows.rejected).most_common(3)
        raise UserError(
            f"no row of {folder} can be used; {len(rows.rejected)} were rejected"
            + "".join(f"; {reason} ({count})" for reason, count in reasons)
            + ". Correct the rows, or the dataset's block in params.yaml."
        )


def label_names(folder: Path, dataset: Dataset) -> dict[str, str] | None:
    """Return label as written -> name, from the mapping or the file in the dataset's block."""
    if not isinstance(dataset.label_names, str):
        return dataset.label_names
    path = folder / dataset.label_names
    if not path.is_file():
        raise UserError(
            f"params.yaml: label_names: {path} does not exist. Put a file with one name a line "
            "there, or correct its name."
        )
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 ({error}): save it as UTF-8.") from error
    return {str(number): line.strip() for number, line in enumerate(lines) if line.strip()}


def drop_duplicates(rows: Rows) -> Rows:
    """Reject content that occurs with different labels, and all but one of exact duplicates.

    Of duplicates in several predefined parts the test row stays, or else the validation row.
    """
    groups = duplicates.exact_groups(rows.kept)
    conflicting = duplicates.conflicts(rows.kept, groups)
    result = Rows(rejected=list(rows.rejected))
    order = sorted(range(len(groups)), key=lambda i: -PARTS.index(rows.kept[i].part or "train"))
    first: dict[int, Row] = {}
    for i in order:
        row = rows.kept[i]
        if conflicting[i]:
            reason = "the same content stands under different labels"
        elif groups[i] in first:
            reason = f"duplicate of {first[groups[i]].file}, row {first[groups[i]].row}"
        else:
            first[groups[i]] = row
            continue
        result.reject(row.file, row.row, reason, row.text or str(row.features))
    remaining = set(map(id, first.values()))
    result.kept = [row for row in rows.kept if id(row) in remaining]
    return result


def classes(rows: Iterable[Row], dataset: Dataset) -> LabelSet:
    """Return the task, the label names in order, and a binary task's positive class."""
    sets = Counter(row.labels for row in rows)
    counts: Counter[str] = Counter()
    for labels, count in sets.items():
        counts.update(dict.fromkeys(labels, count))
    several = any(len(labels) > 1 for labels in sets)
    if several or dataset.task == "multilabel":
        inferred = "multilabel"
    else:
        inferred = "binary" if len(counts) == 2 else "multiclass"
    if len(counts) < 2:
        raise UserError(
            f"one class only: every usable row has the label {next(iter(counts))!r}. Check "
            f"`label: {dataset.label}` in the dataset's block in params.yaml, and the rejected "
            "rows in data/prepared/rejected.csv."
        )
    task = dataset.task or inferred
    if task != inferred and (task, inferred) != ("multiclass", "binary"):
        raise UserError(
            f"params.yaml: task is set to {task}, but the labels are {inferred}: {len(counts)} "
            f"labels, {'several' if several else 'one'} per row. Correct `task` or leave it out."
        )
    names = sorted(counts)
    if task == "binary":
        positive = dataset.positive or min(names, key=lambda name: (counts[name], name))
        if positive not in names:
            raise UserError(f"params.yaml: positive: {positive!r} is not one of {names}.")
        return LabelSet(task, tuple(names), positive)
    if dataset.positive is not None:
        raise UserError(
            f"params.yaml: positive: {dataset.positive!r} is for binary tasks, but the labels are "
            f"{task}: {', '.join(names)}. Leave it out."
        )
    return LabelSet(task, tuple(names))


def write_rejected(rejected: list[Rejected]) -> None:
    """Write the rejected rows, each with its place, the reason and the beginning of its content."""
    order = sorted(rejected, key=lambda item: (item.file, item.row))
    storage.write_csv(
        prepared.FOLDER / "rejected.csv",
        ["file", "row", "reason", "content"],
        [(item.file, item.row, item.reason, item.content) for item in order],
    )


def write_conflicts(rows: list[Row], exact: np.ndarray) -> int:
    """Write the rows with equal content but different labels, and return their number."""
    conflicting = np.flatnonzero(duplicates.conflicts(rows, exact))
    order = sorted(conflicting, key=lambda i: (exact[i], rows[i].file, rows[i].row))
    storage.write_csv(
        prepared.FOLDER / "conflicts.csv",
        ["file", "row", "labels", "content"],
        [
            (row.file, row.row, "|".join(row.labels), row.text or str(row.features))
            for row in (rows[i] for i in order)
        ],
    )
    return len(order)


def report(rows: Rows, task: str, numbers: dict[str, int]) -> None:
    """Print how many rows were kept, rejected and why, and duplicated."""
    print(
        f"{numbers['rows']} rows = {numbers['kept']} kept + {numbers['rejected']} rejected; {task}"
    )
    reasons = Counter(item.reason.split(",")[0] for item in rows.rejected)
    for reason, count in reasons.most_common(5):
        print(f"  rejected: {count} x {reason}")
    for name in ("exact_duplicates", "near_duplicates", "conflicting_labels"):
        print(f"  {name.replace('_', ' ')}: {numbers[name]} rows")


def report_crowded(crowds: list[duplicates.Crowd]) -> None:
    """Print which classes are mostly near-duplicates, and what to do if they are not."""
    for label, inside, total, examples in crowds:
        print(
            f"  {inside} of the {total} rows of class {label!r} are near-duplicates, and go to one "
            "side of the split together. Three of them:"
        )
        for row in examples:
            print(f"    {row.file}, row {row.row}: {beginning(row.text)[:70]}")
    if crowds:
        print(
            "  If these are different texts to you: `near_duplicates: null` in the dataset's block "
            "in params.yaml looks for exact duplicates only."
        )


def main() -> None:
    """Read, clean, identify, group and write the rows."""
    settings = params.load()
    dataset = datasets.selected(settings)
    storage.fresh_folder(prepared.FOLDER)
    folder = Path("data/raw") / settings["dataset"]
    rows = read_rows(folder, dataset)
    if dataset.duplicates == "drop":
        rows = drop_duplicates(rows)
    rows = assign_ids(rows, has_ids=dataset.id is not None)
    write_rejected(rows.rejected)
    require_rows(rows, folder)
    label_set = classes(rows.kept, dataset)
    exact = duplicates.exact_groups(rows.kept)
    groups = exact
    if dataset.near_duplicates is not None:
        groups = duplicates.near_groups(rows.kept, dataset.near_duplicates)
    label_set.save()
    form = dataset.format or format_of(folder / dataset.parts()[0][1])
    dataset.layout(form).save()

    kept, rejected = len(rows.kept), len(rows.rejected)
    numbers = {
        "rows": kept + rejected,
        "kept": kept,
        "rejected": rejected,
        "exact_duplicates": kept - int(exact.max()) - 1,
        "near_duplicates": int(exact.max() - groups.max()),
        "conflicting_labels": write_conflicts(rows.kept, exact),
    }
    prepared.save(rows.kept, exact, groups, numbers)
    report(rows, label_set.task, numbers)
    if dataset.near_duplicates is not None and dataset.text is not None:
        report_crowded(duplicates.crowded(rows.kept, groups))


if __name__ == "__main__":
    run(main)
