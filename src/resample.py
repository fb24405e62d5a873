"""Stage 3, resample: plan which training rows to use, how often, and between which to interpolate.

Run by `dvc repro resample`. Reads the training rows. Writes `data/resampled/`: the plan
(`plan.parquet`, an entry a line, and `plan.json`) and new texts (`augmented.parquet`; most samplers
write none). Validation and test rows are never resampled.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from ballast.labels.classes import describe, multi_hot
from ballast.project import params, storage
from ballast.project.errors import run
from ballast.resampling.drawing import Rows
from ballast.resampling.plans import Plan, write_plan

OUTPUT = Path("data/resampled")


def read_rows(training: np.ndarray, targets: np.ndarray, seed: int) -> Rows:
    """Read what a sampler sees of the training rows."""
    table = storage.read_table(Path("data/prepared/rows.parquet"), ["text", "features"])
    table = table.filter(pa.array(training))
    texts = table["text"].to_pylist()
    features = table["features"].combine_chunks()
    return Rows(
        targets=targets,
        texts=None if texts[0] is None else texts,
        features=features.flatten().to_numpy().reshape(len(features), -1),
        seed=seed,
    )


def write_texts(plan: Plan, ids: list[str]) -> list[str]:
    """Write the new texts, with the rows that they were made from; return their ids."""
    sources = [ids[source] for source, _ in plan.texts]
    new = [f"{source}+{number}" for number, source in enumerate(sources)]
    columns = {"id": new, "source": sources, "text": [text for _, text in plan.texts]}
    strings = {name: pa.array(values, pa.string()) for name, values in columns.items()}
    storage.write_table(OUTPUT / "augmented.parquet", strings)
    return new


def main() -> None:
    """Draw the plan."""
    settings = params.load()
    sampler, options = params.select(settings, "sampler")
    split = storage.read_table(Path("data/split/rows.parquet"))
    named = storage.read_json(Path("data/prepared/classes.json"))
    training = np.array(split["part"].to_pylist()) == "train"
    targets = multi_hot(split["labels"], len(named["labels"]))[training]
    rows = read_rows(training, targets, settings["seed"])
    before = describe(named, targets)
    plan = sampler.sample(rows, before, settings["seed"], **options)
    plan = replace(plan, sampler=settings["sampler"])

    ids = split["id"].filter(pa.array(training)).to_pylist()
    storage.fresh_folder(OUTPUT)
    write_plan(OUTPUT, plan, ids + write_texts(plan, ids))
    sources = [source for source, _ in plan.texts]
    after = plan.times @ plan.targets(np.concatenate([targets, targets[sources]]))
    for name, old, new in zip(before.names, before.counts, after, strict=True):
        print(f"  {name}: {old} -> {new:.0f}")
    print(f"  {plan.size} examples an epoch, of {len(np.unique(plan.rows))} rows")
    if plan.texts:
        print(f"  {len(plan.texts)} new texts")


if __name__ == "__main__":
    run(main)
