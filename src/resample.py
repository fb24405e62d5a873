"""Stage 3, resample: plan which training rows to use, and how often.

Run by `dvc repro resample`. Reads `data/split/` and the classes. Writes `data/resampled/`: the
plan (`plan.parquet`: id, times) and new texts (`augmented.parquet`; none of the samplers that
repeat or leave out rows writes any). Validation and test rows are never resampled.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from ballast import params, storage
from ballast.classes import describe, multi_hot
from ballast.errors import run

OUTPUT = Path("data/resampled")


def main() -> None:
    """Draw the plan."""
    settings = params.load()
    sampler, options = params.select(settings, "sampler")
    rows = storage.read_table(Path("data/split/rows.parquet"))
    named = storage.read_json(Path("data/prepared/classes.json"))
    training = np.array(rows["part"].to_pylist()) == "train"
    targets = multi_hot(rows["labels"], len(named["labels"]))[training]
    before = describe(named, targets)
    times = sampler.sample(targets, before, settings["seed"], **options)

    used = times > 0
    ids = rows["id"].filter(pa.array(training)).filter(pa.array(used))
    storage.fresh_folder(OUTPUT)
    storage.write_table(OUTPUT / "plan.parquet", {"id": ids, "times": times[used]})
    storage.write_table(
        OUTPUT / "augmented.parquet",
        {"id": pa.array([], pa.string()), "text": pa.array([], pa.string())},
    )
    for name, old, new in zip(before.names, before.counts, times @ targets, strict=True):
        print(f"  {name}: {old} -> {new}")


if __name__ == "__main__":
    run(main)
