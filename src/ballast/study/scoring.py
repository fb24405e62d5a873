"""Labels for held-out rows, none of which had a say in its own: the last step of a cell.

Temperatures, corrections, combination and thresholds are fitted on held-out rows. Labels of the
rows that they were fitted on would flatter the strategies that fit most, so each part of the rows
gets those of a decision that is fitted on the others.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa

from ballast.evaluation import scores
from ballast.evaluation.judging import Options, decide, fitted
from ballast.labels import parts
from ballast.labels.classes import Classes, LabelSet, multi_hot
from ballast.labels.parts import Split
from ballast.probabilities import scored
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.scored import Scored
from ballast.project import params, storage

FOLDER = Path("data/judged")
ROWS, SCORES = "rows.parquet", "scores.json"
# Without folds, validation rows are dealt into so many parts.
PARTS = 5


def main() -> None:
    """Write labels and scores of the held-out rows."""
    settings = params.load()
    classes, split, outputs, ledgers = read(settings)
    held_out = {slot: each.held_out for slot, each in outputs.items()}
    names = {slot: each.model for slot, each in outputs.items()}
    targets = split.targets[split.held_out]
    options = params.check(Options, settings["evaluation"], "evaluation")
    decision = params.select(settings, "decision")
    predicted = np.zeros_like(targets)
    p = np.zeros(targets.shape)
    part_of = dealt(split.folds[split.held_out], targets)
    for part in np.unique(part_of):
        here = part_of == part
        inside = {slot: each[~here] for slot, each in held_out.items()}
        models = fitted(names, ledgers, inside, targets[~here], options)
        chosen = decide(models, inside, targets[~here], classes, decision, options).decision
        outside = {slot: each[here] for slot, each in held_out.items()}
        p[here] = chosen.mixture.probabilities(outside)
        predicted[here] = chosen.predict(outside, p[here])
    save(
        FOLDER,
        split.names(split.held_out),
        predicted,
        scores.headline(targets, predicted, p, classes),
    )


def read(settings: dict) -> tuple[Classes, Split, dict[str, Scored], dict[str, Ledger]]:
    """Return classes, split, and the outputs and ledger of each trained model by slot."""
    labels = LabelSet.load()
    split = parts.load(len(labels.labels))
    classes = labels.classes(split.targets[split.training], settings["costs"])
    ids = split.names(split.held_out), split.names(split.test)
    outputs = {slot: scored.load(slot, *ids) for slot in params.MODELS}
    outputs = {slot: each for slot, each in outputs.items() if each}
    return classes, split, outputs, {slot: Ledger.load(Path("models") / slot) for slot in outputs}


def dealt(folds: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return which part each held-out row is in: its fold, or one of as many as there are rows for.

    Args:
        folds: of each row, -1 for a validation row, shape (rows,).
        targets: multi-hot labels, shape (rows, classes).
    """
    if folds.max() > 0:
        # Validation rows beside folds are a part of their own.
        return folds
    order = np.lexsort(targets.T)
    part_of = np.empty(len(folds), dtype=np.int64)
    part_of[order] = np.arange(len(folds)) % PARTS
    return part_of


def save(folder: Path, ids: list[str], predicted: np.ndarray, headline: dict[str, float]) -> None:
    """Write label numbers by row, and scores."""
    storage.fresh_folder(folder)
    labels = pa.array([np.flatnonzero(row) for row in predicted], pa.list_(pa.int32()))
    storage.write_table(folder / ROWS, {"id": ids, "labels": labels})
    storage.write_json(folder / SCORES, headline)


def load(folder: Path, classes: int) -> tuple[list[str], np.ndarray, dict[str, float]]:
    """Read what `save` wrote: ids, multi-hot labels of shape (rows, classes), scores."""
    table = storage.read_table(folder / ROWS)
    labels = multi_hot(table["labels"], classes)
    return table["id"].to_pylist(), labels, storage.read_json(folder / SCORES)
