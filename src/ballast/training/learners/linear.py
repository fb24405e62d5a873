"""Training of linear models: no steps, but the least loss itself, by L-BFGS over all examples."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ballast.training.batches import Batch, Table
from ballast.training.gradients import gradient_of
from ballast.training.lbfgs import Design, minimise
from ballast.training.options import Training


def learner(model, loss: Callable, options: Training, mixes: bool) -> "LinearLearner":
    """Return the learner of a linear model; it needs no options, and mixed inputs are inputs."""
    return LinearLearner(model, loss)


class LinearLearner:
    """A linear model, each of whose steps minimises the loss for one strength of the penalty.

    The sum of the examples' losses times C, plus half the squared weights without the bias, is
    minimised; C grows from step to step, and each step starts from the weights of the one before.
    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """

    full_batch = True

    def __init__(self, model, loss: Callable) -> None:
        """Take the model and its loss.

        Args:
            model: as `models/linear.py` or `models/additive.py` builds it.
            loss: from (labels, logits) to a loss a row.
        """
        self.model, self.c = model, model.start
        shapes = {
            f"from_{name}.kernel": (size, model.outputs) for name, size in model.input.items()
        }
        shapes[f"from_{next(iter(model.input))}.bias"] = (model.outputs,)
        self.arrays = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self.gradient = gradient_of(loss, model.outputs)

    def step(self, table: Table, batch: Batch) -> float:
        """Minimise the loss for the next C; return the mean loss there."""
        matrices = self.model.matrices(table.inputs(batch))
        design = Design(matrices, 1 / (self.c * len(batch.rows)))
        start = list(self.arrays.values())
        weights, loss = minimise(design, partial(self.gradient, batch.labels), start)
        self.arrays = dict(zip(self.arrays, weights, strict=True))
        self.c *= self.model.factor
        return loss

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name, and the model's constants."""
        return {name: each.copy() for name, each in self.arrays.items()} | self.model.constants
