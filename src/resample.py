"""Stage 3, resample: plan which training rows to use, how often, and between which to interpolate.

Run by `dvc repro resample`. Reads the training rows. Writes `data/resampled/`: the plan
(`plan.parquet`, an entry a line, and `plan.json`) and new texts (`augmented.parquet`; most samplers
write none). Validation and test rows are never resampled.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from ballast import params, storage
from ballast.classes import describe, multi_hot
from ballast.drawing import Rows
from ballast.errors import run
from ballast.plans import Plan

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


def write_plan(plan: Plan, ids: np.ndarray, targets: np.ndarray) -> None:
    """Write the plan with ids instead of row numbers, and the new texts with ids of their own."""
    sources = np.array([source for source, _ in plan.texts], dtype=np.int64)
    new = [f"{ids[source]}+{number}" for number, source in enumerate(sources)]
    names = np.concatenate([ids, np.array(new, dtype=object)])
    columns = {"id": pa.array(names[plan.rows], pa.string()), "times": plan.times}
    if plan.first is not None:
        columns["first"] = plan.first
    if plan.partners is not None:
        columns["partner"] = pa.array(
            [None if row < 0 else names[row] for row in plan.partners], pa.string()
        )
        columns["share"] = plan.shares
    if plan.label_shares is not None:
        columns["label_share"] = plan.label_shares
    if plan.labels is not None:
        labels = [np.flatnonzero(row).tolist() for row in plan.labels]
        columns["labels"] = pa.array(labels, pa.list_(pa.int32()))
    storage.fresh_folder(OUTPUT)
    storage.write_table(OUTPUT / "plan.parquet", columns)
    storage.write_json(OUTPUT / "plan.json", {"epochs": plan.epochs, "bends": plan.bends})
    storage.write_table(
        OUTPUT / "augmented.parquet",
        {
            "id": pa.array(new, pa.string()),
            "source": pa.array(ids[sources], pa.string()),
            "text": pa.array([text for _, text in plan.texts], pa.string()),
        },
    )


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

    ids = np.array(split["id"].to_pylist(), dtype=object)[training]
    write_plan(plan, ids, targets)
    sources = [source for source, _ in plan.texts]
    after = plan.times @ plan.targets(np.concatenate([targets, targets[sources]]))
    for name, old, new in zip(before.names, before.counts, after, strict=True):
        print(f"  {name}: {old} -> {new:.0f}")
    print(f"  {plan.size} examples an epoch, of {len(np.unique(plan.rows))} rows")
    if plan.texts:
        print(f"  {len(plan.texts)} new texts")


if __name__ == "__main__":
    run(main)
