"""Stage 5, train: train a network for each fold, score the rows that choose and the test rows.

Run by `dvc repro train`. Where `second_model` names one, both models are trained; what has the best
score on the rows that choose, either or the mean of both, is kept. Reads the plan, the embedded
rows and the split. Writes the networks and the ledger to `models/`, the scores by id to
`data/scored/` (`validation.parquet`: of the validation part and, where there are folds, of the
training rows, each by the network that has not learnt from it), and `metrics/history.csv`.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# TensorFlow reads the two settings when it is imported.
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf

from ballast.labels.classes import describe, multi_hot
from ballast.labels.parts import choosing
from ballast.networks.forward import forward_of, mean
from ballast.networks.layers import Inputs, Linear
from ballast.project import params, storage
from ballast.project.errors import UserError, run
from ballast.resampling.plans import read_plan
from ballast.training.batches import Table, open_table
from ballast.training.candidates import Candidate, choose
from ballast.training.epochs import score, score_apart, train, validate
from ballast.training.examples import Examples, mean_vectors
from ballast.training.objective import objective
from ballast.training.precision import chosen

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


def places(settings: dict[str, Any]) -> list[str]:
    """Return the selectors of the models that are to be trained.

    Raises:
        UserError: two of them name the same one.
    """
    (first, name), (second, other) = ((place, settings[place]) for place in params.MODELS)
    if other == "none":
        return [first]
    if other == name:
        raise UserError(
            f"params.yaml: {second}: {other} is the model already: name another one to hold "
            "against it, or none."
        )
    return [first, second]


def tell_unread(model: str, reads: tuple[str, ...], table: Table) -> None:
    """Say what the embeddings give and the model does not take."""
    kinds = ("tokens", "terms", "features")
    unread = [kind for kind in kinds if getattr(table, kind) is not None and kind not in reads]
    if unread:
        print(f"{model} does not read the {' and '.join(unread)} that the embeddings give")


def write_networks(kept: Sequence[Candidate], config: dict[str, Any]) -> None:
    """Write each network's weights by name to a folder, and what the networks are rebuilt from.

    A .keras file is never the same twice, and an .h5 file of Keras has no names of its own.
    """
    storage.fresh_folder(NETWORK)
    models, count = [], 0
    for each in kept:
        numbers = list(range(count, count + len(each.networks)))
        count += len(numbers)
        models.append({"model": each.name, "options": each.options, "networks": numbers})
        for number, weights in zip(numbers, each.networks, strict=True):
            folder = storage.fresh_folder(NETWORK / str(number))
            for name, values in weights.items():
                np.save(folder / f"{name}.npy", values)
    storage.write_json(NETWORK / "network.json", {"models": models, **config})


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
    training = params.options(train, settings["training"], "training")
    seed = settings["seed"]
    # A personal keras.json must not change what a run gives.
    keras.config.set_floatx("float32")
    keras.config.set_image_data_format("channels_last")
    tf.config.experimental.enable_op_determinism()

    named = storage.read_json(Path("data/prepared/classes.json"))
    ids, parts, folds, targets, origins = read_rows(named)
    # New texts choose nothing.
    rows = choosing(parts[parts != "new"], folds[parts != "new"])
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

    def candidate(place: str) -> Candidate:
        file, options = params.select(settings, place)
        name = settings[place]
        print(f"{place}: {name}", flush=True)
        # Each model is what it would be without the other, down to its layers' names.
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        models = [file.build(inputs, **options) for _ in range(members)]
        reads = tuple(sorted(models[0].input))
        tell_unread(name, reads, table)
        forward = partial(forward_of(file), vectors=inputs.vectors)
        networks, history = train(
            models, forward, aim, table, plan, targets, folds, rows, before, seed, **training
        )
        own = [forward(weights) for weights in networks]
        outputs = score_apart(own, table.only(reads), rows, folds)
        if isinstance(models[0], Linear):
            # The mean of linear networks is the network of the mean weights.
            networks = [
                {part: np.mean([each[part] for each in networks], axis=0) for part in networks[0]}
            ]
        together = mean([forward(weights) for weights in networks])
        return Candidate(name, options, reads, networks, together, outputs, history)

    tried = [candidate(place) for place in places(settings)]
    judge = partial(validate, targets=targets[rows], classes=before, aim=aim)
    choice = choose(tried, judge, training["monitor"])
    scores = choice.book["scores"]
    if len(tried) > 1:
        told = ", ".join(f"{name} {score:.4f}" for name, score in scores.items())
        print(f"{training['monitor']} on held-out rows: {told}: kept is {choice.book['kept']}")

    # What they take of a row that has both, say.
    reads = sorted({name for each in choice.kept for name in each.reads})
    config = {
        "inputs": reads,
        "features": inputs.features,
        "terms": inputs.terms,
        "outputs": inputs.outputs,
        "precision": chosen(training["precision"]),
    }
    write_networks(choice.kept, config)
    write_history(choice.history)
    storage.write_json(Path("models/ledger.json"), aim.book | {"models": choice.book})
    storage.fresh_folder(SCORED)
    held_out = [ids[row] for row in rows]
    write_scores("validation", held_out, choice.outputs, aim.inverse(choice.outputs))
    test = np.flatnonzero(parts == "test")
    outputs = score(mean([each.forward for each in choice.kept]), table.only(reads), test)
    write_scores("test", [ids[row] for row in test], outputs, aim.inverse(outputs))


if __name__ == "__main__":
    run(main)
