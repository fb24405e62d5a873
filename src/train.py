"""Stage 5, train: train a model, a network for each fold; score held-out and test rows.

Run by `dvc repro train`, as `python src/train.py model` and `python src/train.py second_model`,
each with a loss and a weighting of its own; without a slot, for both. Reads the plan, the embedded
rows and the split. Writes the networks and the ledger to `models/<slot>/`, and to
`data/scored/<slot>/` the outputs by row id and the training's history.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ballast.labels import parts
from ballast.labels.classes import LabelSet
from ballast.networks.forward import mean
from ballast.networks.starting import start
from ballast.networks.trained import Trained
from ballast.probabilities import scored
from ballast.probabilities.scored import Scored
from ballast.project import params, storage
from ballast.project.errors import UserError, run
from ballast.resampling import plans
from ballast.training.architecture import Architecture, inputs_of
from ballast.training.batches import open_table
from ballast.training.epochs import score, score_held_out, train
from ballast.training.examples import examples_of
from ballast.training.objective import build_objective
from ballast.training.options import Training
from ballast.training.precision import resolved
from ballast.training.problem import build_problem


def train_slot(slot: str, settings: dict[str, Any]) -> None:
    """Train the model of a slot, and write what came of it."""
    folder = storage.fresh_folder(Path("models") / slot)
    if settings[slot] == "none" and slot != params.MODELS[0]:
        Trained.save_nothing(folder)
        scored.save_nothing(slot)
        return
    # Loss and weighting of the second model are `second_loss` and `second_weighting`.
    prefix = slot.removesuffix("model")
    options = params.check(Training, settings["training"], "training")
    file, model_options = params.select(settings, slot)
    loss, weighting = (params.select(settings, f"{prefix}{name}") for name in ("loss", "weighting"))
    labels = LabelSet.load()
    split = parts.load(len(labels.labels))
    plan = plans.load(split.ids, len(labels.labels))
    table = open_table(params.EMBEDDINGS)
    problem = build_problem(split, plan, table, labels, settings["costs"], settings["seed"])
    inputs = inputs_of(problem, settings["encoder"])
    architecture = Architecture(file, model_options, inputs)

    start()
    objective = build_objective(
        problem,
        loss,
        weighting,
        examples_of(problem, inputs.vectors),
        options.defer_weights > 0,
        settings["allow_double_correction"],
    )
    models = architecture.build(problem.network_count, problem.seed)
    reads = tuple(sorted(models[0].input))
    unread = [name for name in table.names if name not in reads]
    if unread:
        print(f"{settings[slot]} does not read the {' and '.join(unread)} of the embeddings")
    networks, history = train(problem, objective, architecture, models, options)
    seen = table.only(reads)
    forwards = [architecture.forward(weights) for weights in networks]
    held_out = score_held_out(forwards, seen, split.held_out, problem.folds)
    trained = Trained(
        model=settings[slot],
        options=model_options,
        reads=reads,
        networks=list(architecture.merged(networks)),
        features=inputs.features,
        terms=inputs.terms,
        outputs=inputs.outputs,
        precision=resolved(options.precision),
    )
    trained.save(folder)
    objective.ledger.save(folder)
    forward = mean([architecture.forward(weights) for weights in trained.networks])
    result = Scored(settings[slot], held_out, score(forward, seen, split.test), history)
    result.save(slot, split.names(split.held_out), split.names(split.test))


def main(slots: Sequence[str] = params.MODELS) -> None:
    """Train the models of some slots."""
    settings = params.load()
    for slot in slots:
        if slot not in params.MODELS:
            known = ", ".join(params.MODELS)
            raise UserError(f"src/train.py: there is no selector {slot!r}. Known: {known}.")
        train_slot(slot, settings)


if __name__ == "__main__":
    run(lambda: main(sys.argv[1:] or params.MODELS))
