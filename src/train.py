"""Stage 5, train: train a network for each fold, score the rows that choose and the test rows.

Run by `dvc repro train`. Reads the plan, the embedded rows and the split. Writes the networks and
the ledger to `models/`, the scores by id to `data/scored/` (`validation.parquet`: of the validation
part and, where there are folds, of the training rows, each by the network that has not learnt from
it), and `metrics/history.csv`.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# TensorFlow reads the two settings when it is imported.
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from ballast import params, storage
from ballast.batches import Table, open_table
from ballast.classes import describe, multi_hot
from ballast.errors import run
from ballast.examples import Examples, mean_vectors
from ballast.forward import forward_of, mean
from ballast.network import Inputs, Linear
from ballast.objective import objective
from ballast.plans import read_plan
from ballast.precision import chosen
from ballast.splitting import choosing
from ballast.training import Weights, score, score_apart, train

NETWORK = Path("models/network")
PLAN, SCORED = Path("data/resampled"), Path("data/scored")
QUANTILE_ROWS = 20_000


def network_inputs(table: Table, training: np.ndarray, outputs: int, encoder: str) -> Inputs:
    """Return what the network is built for.

    Args:
        table: all rows.
        training: numbers of the training rows.
        outputs: number of logits.
        encoder: the pretrained model's name.
    """
    # As many as tell a column's quantiles, evenly spread.
    some = training[:: 1 + len(training) // QUANTILE_ROWS]
    columns = np.empty((0, 0)) if table.features is None else table.features[some]
    terms = 0 if table.terms is None else table.terms.shape[1]
    vectors = None
    for place in params.EMBEDDINGS:
        if (Path("models") / place / "vocabulary.json").exists():
            vectors = np.load(Path("models") / place / "vectors.npy")
    model = None if encoder == "none" else Path("data/encoders") / encoder
    return Inputs(vectors, columns, outputs, terms, model)


def read_rows(names: dict) -> tuple[list[str], np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return ids, parts, folds and multi-hot labels of all rows, and after them of the new texts.

    The last array has the number of the row that each was made from: for most, their own.
    """
    split = storage.read_table(Path("data/split/rows.parquet"))
    new = storage.read_table(PLAN / "augmented.parquet", ["id", "source"])
    ids = split["id"].to_pylist()
    number = {name: row for row, name in enumerate(ids)}
    sources = [number[name] for name in new["source"].to_pylist()]
    targets = multi_hot(split["labels"], len(names["labels"]))
    parts = np.array(split["part"].to_pylist() + ["new"] * len(sources))
    origins = np.array([*range(len(ids)), *sources])
    folds = split["fold"].to_numpy()
    return ids + new["id"].to_pylist(), parts, folds[origins], targets[origins], origins


def write_networks(networks: list[Weights], config: dict) -> None:
    """Write each network's weights by name to a folder, and what the networks are rebuilt from.

    A .keras file is never the same twice, and an .h5 file of Keras has no names of its own.
    """
    storage.fresh_folder(NETWORK)
    for number, weights in enumerate(networks):
        folder = storage.fresh_folder(NETWORK / str(number))
        for name, values in weights.items():
            np.save(folder / f"{name}.npy", values)
    storage.write_json(NETWORK / "network.json", config)


def write_scores(part: str, ids: list[str], outputs: np.ndarray, logits: np.ndarray) -> None:
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
    training = params.options(train, settings["training"], "training")
    seed = settings["seed"]
    # A personal keras.json must not change what a run gives.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()

    named = storage.read_json(Path("data/prepared/classes.json"))
    ids, parts, folds, targets, origins = read_rows(named)
    # New texts choose nothing.
    choose = choosing(parts[parts != "new"], folds[parts != "new"])
    plan = read_plan(PLAN, ids, len(named["labels"]))
    before = describe(named, targets[parts == "train"])
    members = max(1, folds.max() + 1)
    # What lies between rows of two folds is learnt by fewer networks than a row itself.
    learnt = np.mean([plan.without(folds, fold) for fold in range(members)], axis=0)
    times = plan.times * (learnt / learnt.max())
    after = replace(before, counts=times @ plan.targets(targets), rows=times.sum())

    table = open_table([Path("data/embedded") / place for place in params.EMBEDDINGS])
    training_rows = np.flatnonzero(parts == "train")
    inputs = network_inputs(table, training_rows, len(before.names), settings["encoder"])
    models = [model_file.build(inputs, **model_options) for _ in range(members)]
    reads = models[0].input
    kinds = ("tokens", "terms", "features")
    unread = [kind for kind in kinds if getattr(table, kind) is not None and kind not in reads]
    if unread:
        print(f"the network does not read the {' and '.join(unread)} that the embeddings give")
    examples = Examples(
        plan.rows,
        origins[plan.rows],
        # Of mixed rows, what the weighting sees is the first one.
        replace(plan, label_shares=None).targets(targets),
        plan.times,
        partial(mean_vectors, table, inputs.vectors),
        seed,
    )
    aim = objective(
        params.select(settings, "loss"),
        params.select(settings, "weighting"),
        plan,
        before,
        after,
        examples,
        training["defer_weights"] > 0,
        settings["allow_double_correction"],
    )
    forward = partial(forward_of(model_file), vectors=inputs.vectors)
    found, history = train(
        models, forward, aim, table, plan, targets, folds, choose, before, seed, **training
    )
    kept = found
    if isinstance(models[0], Linear):
        # The mean of linear networks is the network of the mean weights.
        kept = [{name: np.mean([own[name] for own in found], axis=0) for name in found[0]}]

    config = {
        "model": settings["model"],
        "options": model_options,
        # What it takes of a row that has both, say.
        "inputs": sorted(reads),
        "features": inputs.features,
        "terms": inputs.terms,
        "outputs": inputs.outputs,
        "precision": chosen(training["precision"]),
        "networks": len(kept),
    }
    write_networks(kept, config)
    write_history(history)
    storage.write_json(Path("models/ledger.json"), aim.book)
    storage.fresh_folder(SCORED)
    table = table.only(reads)
    outputs = score_apart([forward(weights) for weights in found], table, choose, folds)
    write_scores("validation", [ids[row] for row in choose], outputs, aim.inverse(outputs))
    test = np.flatnonzero(parts == "test")
    outputs = score(mean([forward(weights) for weights in kept]), table, test)
    write_scores("test", [ids[row] for row in test], outputs, aim.inverse(outputs))


if __name__ == "__main__":
    run(main)
