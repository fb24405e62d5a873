"""Stage 2, split: each row goes to train, validation or test, stratified.

Run by `dvc repro split`. Reads `data/prepared/`. Writes `data/split/rows.parquet` (id, part, fold,
label numbers). Groups, duplicates and near-duplicates never cross the split; predefined parts are
respected.
"""

import numpy as np

from ballast.labels.classes import LabelSet
from ballast.labels.parts import EXCLUDED, PARTS, SPARE, VALIDATION, Split, save
from ballast.project import params
from ballast.project.errors import run
from ballast.rows.grouping import units
from ballast.rows.prepared import Prepared
from ballast.splitting.stratified import split


def main() -> None:
    """Split the prepared rows."""
    settings = params.load()
    options = params.options(split, settings["split"], "split")
    rows, names = Prepared(), LabelSet.load().labels
    codes = {name: code for code, name in enumerate(names)}
    targets = np.zeros((len(rows.ids), len(names)), dtype=np.uint8)
    for row, labels in enumerate(rows.labels):
        targets[row, [codes[name] for name in labels]] = 1
    predefined = np.array([-1 if part is None else PARTS.index(part) for part in rows.parts])
    parts, folds = split(
        targets,
        units(rows.groups, rows.duplicates),
        rows.ids,
        predefined,
        rows.times,
        names,
        settings["seed"],
        **options,
    )
    result = Split(rows.ids, parts, folds, targets)
    save(result)
    print(", ".join(f"{name}: {size}" for name, size in result.sizes.items()))
    if excluded := result.sizes[PARTS[EXCLUDED]]:
        print(
            f"  {excluded} rows are excluded: they are duplicates of rows in a later predefined "
            "part, or share a group with them"
        )
    given = np.count_nonzero(predefined == VALIDATION)
    if given and not options["validation"]:
        print(
            f"  {given} given validation rows have joined train, whose folds choose. To choose on "
            "them alone, set split.validation to 0.1 and split.folds to 1."
        )
    if options["folds"] > 1:
        print(f"  the training rows are in {options['folds']} folds")
    if spare := result.sizes.get(PARTS[SPARE]):
        use = "held out, and not learnt from" if options["folds"] > 1 else "not used"
        print(f"  {spare} training rows are spare, since split.share is {options['share']}: {use}")
    for code, name in enumerate(names):
        counts = [int(targets[parts == part, code].sum()) for part in range(3)]
        print(f"  {name}: {counts[0]} train, {counts[1]} validation, {counts[2]} test")


if __name__ == "__main__":
    run(main)
