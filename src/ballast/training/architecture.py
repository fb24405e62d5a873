"""A model of params.yaml, ready to build: its file, its options, the inputs it is built for."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from ballast.networks.forward import Forward, filled
from ballast.networks.inputs import Inputs
from ballast.networks.trained import Weights, forward_of
from ballast.project import params
from ballast.project.errors import UserError
from ballast.texts import embedded
from ballast.training.learners import Learner
from ballast.training.options import Training
from ballast.training.problem import Problem

# What there may be to read.
KINDS = "tokens, terms and features"
# Enough for the quantiles of a column.
QUANTILE_ROWS = 20_000


@dataclass(frozen=True)
class Architecture:
    """A member of `models/` with its options, and defaults for what its file leaves out.

    The file has `build`, and may have `NEEDS` (sets of inputs of which one each must be there),
    `LEARNER` (a file of `training/learners/`, by default keras), `forward` (what a network
    computes, in NumPy; by default Keras computes it) and `merged` (from some networks to fewer with
    the same mean).

    Attributes:
        file: the member's module.
        options: the member's.
        inputs: what a network is built for.
    """

    file: ModuleType
    options: dict[str, Any]
    inputs: Inputs

    @property
    def name(self) -> str:
        """The member's name."""
        return self.file.__name__.rpartition(".")[2]

    def build(self, count: int, seed: int) -> list:
        """Return untrained networks: Keras models, or what the learner takes.

        They depend on the seed alone, not on what the process has built or drawn before.

        Raises:
            UserError: the embeddings don't give what it reads, or its inputs have no names.
        """
        import keras

        needs = getattr(self.file, "NEEDS", [])
        # Whether tokens are word pieces, only the model can tell.
        there = {*self.inputs.names, "wordpieces"}
        self._refuse([" or ".join(sorted(kinds)) for kinds in needs if not kinds & there])
        # Layers are numbered anew, as in a new process: their names are those of files.
        keras.utils.clear_session()
        keras.utils.set_random_seed(seed)
        models = [self.file.build(self.inputs, **self.options) for _ in range(count)]
        reads = models[0].input
        if not isinstance(reads, Mapping | tuple):
            raise UserError(
                f"src/ballast/models/{self.name}.py: the inputs of a Keras model must be named, as "
                f'in keras.Model({{"tokens": tokens}}, logits), out of {KINDS}; found {reads!r}.'
            )
        self._refuse([name for name in reads if name not in self.inputs.names])
        return models

    def _refuse(self, missing: list[str]) -> None:
        """Refuse a model that reads what is not there."""
        if missing:
            given = " and ".join(self.inputs.names) or "nothing"
            raise UserError(
                f"params.yaml: model: {self.name} reads {' and '.join(missing)}, out of {KINDS}, "
                f"and the embeddings give {given}: choose others. `ballast check` says which."
            )

    def learner(self, model, loss: Callable, options: Training, mixes: bool) -> Learner:
        """Return the learner of a network; see `training/learners/`."""
        name = getattr(self.file, "LEARNER", "keras")
        file = importlib.import_module(f"ballast.training.learners.{name}")
        return file.learner(model, loss, options, mixes)

    def forward(self, weights: Weights) -> Forward:
        """Return what a network computes."""
        return forward_of(self.file, self.options, self.inputs, weights)

    def merged(self, networks: Sequence[Weights]) -> Sequence[Weights]:
        """Return networks with the same mean as these, as few as the model allows."""
        return self.file.merged(networks) if hasattr(self.file, "merged") else networks


def inputs_of(problem: Problem, encoder: str) -> Inputs:
    """Return the inputs that networks are built for.

    Args:
        problem: what there is to learn.
        encoder: the pretrained model's name, `none` for none.
    """
    # Evenly spread.
    sample = problem.training[:: 1 + len(problem.training) // QUANTILE_ROWS]
    table = problem.table
    columns = np.empty((0, 0)) if table.columns is None else filled(table.columns[sample])
    terms = 0 if table.terms is None else table.terms.shape[1]
    slots = [embedded.load_word_vectors(embedded.MODELS / slot) for slot in params.EMBEDDINGS]
    vectors = next((each for each in slots if each is not None), None)
    folder = None if encoder == "none" else Path("data/encoders") / encoder
    return Inputs(vectors, columns, len(problem.before.names), terms, folder)
