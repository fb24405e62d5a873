"""The outputs of a trained model for held-out and test rows: files between train and evaluate."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ballast.project import storage
from ballast.project.errors import UserError

FOLDER = Path("data/scored")
HELD_OUT, TEST = "held_out.parquet", "test.parquet"


@dataclass(frozen=True)
class Scored:
    """A model's outputs, uncorrected.

    Attributes:
        model: name of the model.
        held_out: outputs of the held-out rows, each by networks not trained on it, float32, shape
            (rows, classes).
        test: outputs of the test rows, likewise.
        history: for each epoch, the loss and scores by name.
    """

    model: str
    held_out: np.ndarray
    test: np.ndarray
    history: list[dict[str, float]]

    def save(self, slot: str, held_out: list[str], test: list[str]) -> None:
        """Write the outputs with the rows' ids.

        Args:
            slot: the selector of the model.
            held_out: ids of the held-out rows.
            test: ids of the test rows.
        """
        folder = storage.fresh_folder(FOLDER / slot)
        storage.write_json(folder / "model.json", {"model": self.model})
        for name, ids, outputs in ((HELD_OUT, held_out, self.held_out), (TEST, test, self.test)):
            values = outputs.astype(np.float32)
            column = pa.FixedSizeListArray.from_arrays(values.ravel(), values.shape[1])
            storage.write_table(folder / name, {"id": ids, "outputs": column})
        rows = [[epoch, *entry.values()] for epoch, entry in enumerate(self.history, 1)]
        storage.write_csv(folder / "history.csv", ["epoch", *self.history[0]], rows)


def save_nothing(slot: str) -> None:
    """Write that no model was trained in a slot."""
    storage.write_json(storage.fresh_folder(FOLDER / slot) / "model.json", {"model": "none"})


def load(slot: str, held_out: list[str], test: list[str]) -> Scored | None:
    """Read what `save` wrote; None if no model was trained.

    Args:
        slot: the selector of the model.
        held_out: ids of the held-out rows, in the order of the split.
        test: ids of the test rows.

    Raises:
        UserError: there is no such file yet, or it has other rows.
    """
    folder = FOLDER / slot
    model = storage.read_json(folder / "model.json")["model"]
    if model == "none":
        return None
    outputs = []
    for name, ids in ((HELD_OUT, held_out), (TEST, test)):
        table = storage.read_table(folder / name)
        if table["id"].to_pylist() != ids:
            raise UserError(f"{folder / name} has other rows than data/split: run `dvc repro`.")
        values = table["outputs"].combine_chunks()
        outputs.append(values.flatten().to_numpy().reshape(len(values), -1))
    with (folder / "history.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    history = [
        {name: float(value) for name, value in line.items() if name != "epoch"} for line in lines
    ]
    return Scored(model, *outputs, history)
