"""Stage 3, resample: plan which training rows to use, how often, and between which to interpolate.

Run by `dvc repro resample`. Reads the training rows. Writes `data/resampled/`: the plan
(`plan.parquet`, an entry a line, and `plan.json`) and new texts (`augmented.parquet`; most samplers
write none). Validation and test rows are never resampled.
"""

from dataclasses import replace

import numpy as np

from ballast.labels.classes import LabelSet
from ballast.labels.parts import load
from ballast.project import params
from ballast.project.errors import run
from ballast.resampling.drawing import Rows
from ballast.resampling.plans import save
from ballast.rows.prepared import Prepared


def main() -> None:
    """Draw the plan."""
    settings = params.load()
    sampler, options = params.select(settings, "sampler")
    label_set, prepared = LabelSet.load(), Prepared()
    split = load(len(label_set.labels))
    rows, targets = split.training, split.targets[split.training]
    training = Rows(
        targets=targets,
        texts=None if prepared.texts is None else [prepared.texts[row] for row in rows],
        numbers=np.hstack([prepared.numbers, prepared.dates])[rows],
        categories=prepared.categories[rows],
        seed=settings["seed"],
    )
    before = label_set.classes(targets)
    plan = sampler.sample(training, before, settings["seed"], **options)
    plan = replace(plan, sampler=settings["sampler"])
    save(plan, split.names(rows))
    sources = [source for source, _ in plan.texts]
    after = plan.times @ plan.targets(np.concatenate([targets, targets[sources]]))
    for name, old, new in zip(before.names, before.counts, after, strict=True):
        print(f"  {name}: {old} -> {new:.0f}")
    print(f"  {plan.size} examples per epoch, from {len(np.unique(plan.rows))} rows")
    if plan.texts:
        print(f"  {len(plan.texts)} new texts")


if __name__ == "__main__":
    run(main)
