"""Stage 1, prepare: read the selected data set into clean rows with stable ids.

Run by `dvc repro prepare`. Reads `data/raw/<dataset>/`. Writes to `data/prepared/` the rows
(`rows.parquet`) and their numbers (`counts.json`), the rejected rows with their reasons
(`rejected.csv`), contents that stand under different labels (`conflicts.csv`) and the classes
(`classes.json`), and to `models/input.json` how to read files like these.
"""

from pathlib import Path

import numpy as np

from ballast.labels.classes import text_of
from ballast.labels.parts import PARTS
from ballast.project import params, storage
from ballast.project.errors import UserError, run
from ballast.project.progress import track
from ballast.rows import dataset as datasets
from ballast.rows import duplicates, labelling, prepared, rejection
from ballast.rows.cleaning import (
    Rejected,
    Row,
    Rows,
    assign_ids,
    beginning,
    clean,
    clean_all,
    settle,
)
from ballast.rows.dataset import Dataset
from ballast.rows.diagnosis import remedy
from ballast.rows.reading import format_of, read


def read_rows(folder: Path, dataset: Dataset) -> Rows:
    """Read and clean all files of the data set; their labels are as written."""
    rows = Rows()
    for part, file in dataset.parts():
        try:
            records = track(read(folder / file, dataset), f"reading {file}")
            found = clean_all(records, file, part, dataset)
        except UserError as error:
            raise UserError(f"{error} {remedy_of(folder / file, dataset)}".strip()) from error
        rows.kept += found.kept
        rows.rejected += found.rejected
    return rows


def remedy_of(path: Path, dataset: Dataset) -> str:
    """Return which options would let more of a file's rows be used; "" where none would."""
    if not path.is_file():
        return ""
    return remedy(
        path, dataset, lambda record, tried: isinstance(clean(record, "", None, tried), Row)
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
            reason = f"duplicate of another row: {first[groups[i]].place}"
        else:
            first[groups[i]] = row
            continue
        result.rejected.append(Rejected.of(row, reason, asked=True))
    remaining = set(map(id, first.values()))
    result.kept = [row for row in rows.kept if id(row) in remaining]
    return result


def write_rejected(rejected: list[Rejected]) -> None:
    """Write the rejected rows, each with its place, the reason and the beginning of its content."""
    order = sorted(rejected, key=lambda item: (item.file, item.row))
    storage.write_csv(
        prepared.FOLDER / "rejected.csv",
        ["file", "record", "line", "reason", "content"],
        [(item.file, item.row, item.line, item.reason, item.content) for item in order],
    )


def write_conflicts(rows: list[Row], exact: np.ndarray, multilabel: bool) -> int:
    """Write the rows with equal content but different labels, and return their number."""
    conflicting = np.flatnonzero(duplicates.conflicts(rows, exact))
    order = sorted(conflicting, key=lambda i: (exact[i], rows[i].file, rows[i].row))
    storage.write_csv(
        prepared.FOLDER / "conflicts.csv",
        ["file", "record", "line", "labels", "content"],
        [
            (row.file, row.row, row.line, text_of(row.labels, multilabel), str(row.content))
            for row in (rows[i] for i in order)
        ],
    )
    return len(order)


def report(rows: Rows, task: str, numbers: dict[str, int], notes: list[str]) -> None:
    """Print how many rows were kept, rejected and why, and duplicated, and what is odd."""
    print(
        f"{numbers['rows']} rows = {numbers['kept']} kept + {numbers['rejected']} rejected; {task}"
    )
    for line in rejection.told(rows.rejected):
        print(f"  {line}")
    for name in ("exact_duplicates", "near_duplicates", "conflicting_labels"):
        print(f"  {name.replace('_', ' ')}: {numbers[name]} rows")
    for note in notes:
        print(f"  {note}")


def report_crowded(crowds: list[duplicates.Crowd]) -> None:
    """Print which classes are mostly near-duplicates, and what to do if they are not."""
    for label, inside, total, examples in crowds:
        print(
            f"  {inside} of the {total} rows of class {label!r} are near-duplicates, and go to one "
            "side of the split together. Three of them:"
        )
        for row in examples:
            print(f"    {row.place}: {beginning(str(row.content))[:70]}")
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
    if dataset.features == datasets.AUTO:
        # Imported here: it takes half a second, and other data sets do without.
        from ballast.rows.profile import completed

        dataset = completed(dataset, folder)
        print(f"features: auto is {', '.join(dataset.columns_beside_text) or 'no column'}")
    names = label_names(folder, dataset)
    rows, several, notes = settle(read_rows(folder, dataset), dataset, names)
    if dataset.duplicates == "drop":
        rows = drop_duplicates(rows)
    rows = assign_ids(rows, has_ids=dataset.id is not None)
    write_rejected(rows.rejected)
    rejection.require_enough(rows, folder, dataset, lambda path: remedy_of(path, dataset))
    label_set = labelling.label_set([row.labels for row in rows.kept], several, dataset)
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
        "conflicting_labels": write_conflicts(rows.kept, exact, several),
    }
    prepared.save(rows.kept, exact, groups, numbers)
    report(rows, label_set.task, numbers, notes)
    if dataset.near_duplicates is not None and dataset.texts:
        report_crowded(duplicates.crowded(rows.kept, groups))


if __name__ == "__main__":
    run(main)
