"""Stage 5, train: train the network, score validation and test rows.

Run by `dvc repro train`. Reads the plan, the embedded rows and the split. Writes the network and
the ledger to `models/`, the scores of validation and test rows by id to `data/scored/`, and
`metrics/history.csv`.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# TensorFlow reads the two settings when it is imported.
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from ballast import ledger, params, storage
from ballast.batches import Table, open_table
from ballast.classes import Classes, describe, multi_hot
from ballast.errors import run
from ballast.network import Inputs
from ballast.training import score, train, weighted

EMBEDDING, NETWORK, SCORED = Path("models/embedding"), Path("models/network"), Path("data/scored")


def network_inputs(table: Table, outputs: int) -> Inputs:
    """Return what the network is built for."""
    features = 0 if table.features is None else table.features.shape[1]
    vectors = None if table.tokens is None else np.load(EMBEDDING / "vectors.npy")
    return Inputs(vectors, features, outputs)


def planned_rows(ids: list[str]) -> np.ndarray:
    """Return the row numbers of the plan, each as often as it says."""
    plan = storage.read_table(Path("data/resampled/plan.parquet"))
    position = {name: row for row, name in enumerate(ids)}
    rows = np.array([position[name] for name in plan["id"].to_pylist()])
    return np.repeat(rows, plan["times"].to_numpy())


def write_network(model: keras.Model, settings: dict, options: dict, inputs: Inputs) -> None:
    """Write the weights and what the network is rebuilt from; a .keras file is never the same."""
    storage.fresh_folder(NETWORK)
    model.save_weights(NETWORK / "network.weights.h5")
    config = {"model": settings["model"], "options": options}
    config |= {"features": inputs.features, "outputs": inputs.outputs}
    storage.write_json(NETWORK / "network.json", config)


def write_scores(part: str, ids: pa.ChunkedArray, outputs: np.ndarray, logits: np.ndarray) -> None:
    """Write the network's outputs, and the logits that the loss's inverse makes of them."""
    columns = {
        name: pa.FixedSizeListArray.from_arrays(values.astype(np.float32).ravel(), values.shape[1])
        for name, values in {"outputs": outputs, "logits": logits}.items()
    }
    storage.write_table(SCORED / f"{part}.parquet", {"id": ids, **columns})


def write_history(history: list[dict[str, float]]) -> None:
    """Write a line for each epoch."""
    rows = [[epoch, *entry.values()] for epoch, entry in enumerate(history, 1)]
    storage.write_csv(Path("metrics/history.csv"), ["epoch", *history[0]], rows)


def main() -> None:
    """Train and score."""
    settings = params.load()
    model_file, model_options = params.select(settings, "model")
    loss_file, loss_options = params.select(settings, "loss")
    weighting, weighting_options = params.select(settings, "weighting")
    training = params.options(train, settings["training"], "training")
    seed = settings["seed"]
    # A personal keras.json must not change what a run gives.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()

    split = storage.read_table(Path("data/split/rows.parquet"))
    named = storage.read_json(Path("data/prepared/classes.json"))
    targets = multi_hot(split["labels"], len(named["labels"]))
    parts = np.array(split["part"].to_pylist())
    rows = planned_rows(split["id"].to_pylist())
    before: Classes = describe(named, targets[parts == "train"])
    after: Classes = describe(named, targets[rows])

    table = open_table(Path("data/embedded"))
    inputs = network_inputs(table, len(before.names))
    model = model_file.build(inputs, **model_options)
    weights = ledger.normalise(weighting.weigh(after, **weighting_options), after)
    loss = partial(loss_file.loss, classes=after, **loss_options)
    inverse = partial(loss_file.inverse, classes=after, **loss_options)
    layers = {"weighting": settings["weighting"], "loss": settings["loss"]}
    layers["loss_options"] = loss_options
    book = ledger.entry(before, after, weights, layers)

    def likely(outputs: np.ndarray) -> np.ndarray:
        return ledger.probabilities(ledger.correct(inverse(outputs), book), before.multilabel)

    held_out = np.flatnonzero(parts == "validation")
    history = train(
        model,
        weighted(loss, weights, after),
        table,
        rows,
        targets[rows],
        (held_out, targets[held_out]),
        before,
        likely,
        seed,
        **training,
    )

    write_network(model, settings, model_options, inputs)
    write_history(history)
    storage.write_json(Path("models/ledger.json"), book)
    storage.fresh_folder(SCORED)
    for part in ("validation", "test"):
        chosen = np.flatnonzero(parts == part)
        outputs = score(model, table, chosen)
        write_scores(part, split["id"].take(pa.array(chosen)), outputs, inverse(outputs))


if __name__ == "__main__":
    run(main)
