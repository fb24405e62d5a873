"""Training of linear models: no steps, but the least loss itself, by L-BFGS over all examples."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ballast.training.batches import Batch, Table
from ballast.training.gradients import gradient_of
from ballast.training.lbfgs import Examples, minimum
from ballast.training.options import Training


def learner(model, loss: Callable, options: Training, mixes: bool) -> "LinearLearner":
    """Return the learner of a linear model; it needs no options, and mixes inputs as they come."""
    return LinearLearner(model, loss)


class LinearLearner:
    """A linear model, each of whose steps finds the weights of least loss for its strength.

    The sum of the examples' losses times C, plus half the squared weights without the bias, is
    least; C grows from step to step, and each step starts from the weights of the one before it.
    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """

    whole = True

    def __init__(self, model, loss: Callable) -> None:
        """Take what is to be solved.

        Args:
            model: as `models/linear.py` builds it.
            loss: from (labels, logits) to a loss a row.
        """
        self.strength, self.factor = model.start, model.factor
        self.inputs = list(model.input)
        shapes = {
            f"from_{name}.kernel": (size, model.outputs) for name, size in model.input.items()
        }
        shapes[f"from_{self.inputs[0]}.bias"] = (model.outputs,)
        self.parts = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self.gradient = gradient_of(loss, model.outputs)

    def step(self, table: Table, batch: Batch) -> float:
        """Find the weights of least loss for the next strength; return the mean loss there."""
        inputs = table.inputs(batch)
        examples = Examples(
            [inputs[name] for name in self.inputs], 1 / (self.strength * len(batch.rows))
        )
        start = list(self.parts.values())
        weights, least = minimum(examples, partial(self.gradient, batch.labels), start)
        self.parts = dict(zip(self.parts, weights, strict=True))
        self.strength *= self.factor
        return least

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
        return {name: value.copy() for name, value in self.parts.items()}
