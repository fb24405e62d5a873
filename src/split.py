"""Stage 2, split: each row goes to train, validation or test, stratified.

Run by `dvc repro split`. Reads `data/prepared/`. Writes `data/split/rows.parquet` (id, part, fold,
label numbers) and the sizes of the parts to `metrics/split.json`. Groups, duplicates and
near-duplicates never cross the split; predefined parts are kept.
"""

from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa

from ballast.labels.classes import multi_hot
from ballast.labels.parts import PARTS
from ballast.project import params, storage
from ballast.project.errors import run
from ballast.rows.grouping import components
from ballast.splitting.stratified import split


def units(groups: list[str | None], duplicates: np.ndarray) -> np.ndarray:
    """Join rows that share a group or a duplicate number, directly or through others."""
    count = len(duplicates)
    first: dict = {}
    links = [("group", group) if group is not None else None for group in groups]
    pairs = [
        (first.setdefault(key, row), row)
        for row, key in chain(enumerate(links), enumerate(duplicates.tolist()))
        if key is not None
    ]
    return components(pairs, count)


def main() -> None:
    """Split the prepared rows."""
    settings = params.load()
    options = params.options(split, settings["split"], "split")
    rows = storage.read_table(
        Path("data/prepared/rows.parquet"), ["id", "labels", "group", "part", "duplicates"]
    )
    names = storage.read_json(Path("data/prepared/classes.json"))["labels"]
    codes = {name: code for code, name in enumerate(names)}
    labels = pa.chunked_array(
        [
            pa.array(
                [[codes[name] for name in labels] for labels in rows["labels"].to_pylist()],
                pa.list_(pa.int32()),
            )
        ]
    )
    given = [-1 if part is None else PARTS.index(part) for part in rows["part"].to_pylist()]
    targets = multi_hot(labels, len(names))
    parts, folds = split(
        targets,
        units(rows["group"].to_pylist(), rows["duplicates"].to_numpy()),
        rows["id"].to_pylist(),
        np.array(given),
        names,
        settings["seed"],
        **options,
    )
    storage.fresh_folder(Path("data/split"))
    storage.write_table(
        Path("data/split/rows.parquet"),
        {
            "id": rows["id"],
            "part": [PARTS[part] for part in parts],
            "fold": folds,
            "labels": labels,
        },
    )
    sizes = {name: int((parts == code).sum()) for code, name in enumerate(PARTS)}
    storage.write_json(Path("metrics/split.json"), sizes)
    print(", ".join(f"{name}: {size}" for name, size in sizes.items()))
    if sizes["excluded"]:
        print(
            f"  {sizes['excluded']} rows are excluded: they duplicate rows of another given part, "
            "or share a group with them"
        )
    if options["folds"] > 1:
        print(f"  the training rows are in {options['folds']} folds")
    for code, name in enumerate(names):
        counts = [int(targets[parts == part, code].sum()) for part in range(3)]
        print(f"  {name}: {counts[0]} train, {counts[1]} validation, {counts[2]} test")


if __name__ == "__main__":
    run(main)
