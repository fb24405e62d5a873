"""Training of linear models: no steps, but the least loss itself, by L-BFGS over all examples."""

from collections.abc import Callable
from functools import partial

import numpy as np

from ballast.networks.layers import Linear, variables
from ballast.training.batches import Batch, Table
from ballast.training.minimum import Examples, minimum
from ballast.training.slopes import slopes_of


class LinearLearner:
    """A linear model, each of whose steps finds the weights of least loss for its strength.

    The sum of the examples' losses times C, plus half the squared weights without the bias, is
    least; C grows from step to step, and each step starts from the weights of the one before it.
    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """

    whole = True

    def __init__(self, model: Linear, loss: Callable) -> None:
        """Take the network; its variables stay as they were.

        Args:
            model: as `models/linear.py` builds it.
            loss: from (labels, logits) to a loss a row.
        """
        self.strength, self.factor = model.start, model.factor
        self.weight = {
            name: np.zeros(variable.shape, np.float32)
            for name, variable in variables(model).items()
        }
        self.inputs = list(model.input)
        kernels = [name for name in self.weight if name.endswith(".kernel")]
        self.names = [*kernels, next(name for name in self.weight if name.endswith(".bias"))]
        self.slopes = slopes_of(loss, model.output.shape[1])

    def step(self, table: Table, batch: Batch) -> float:
        """Find the weights of least loss for the next strength; return the mean loss there."""
        inputs = table.inputs(batch)
        examples = Examples(
            [inputs[name] for name in self.inputs], 1 / (self.strength * len(batch.rows))
        )
        start = [self.weight[name] for name in self.names]
        found, least = minimum(examples, partial(self.slopes, batch.labels), start)
        self.weight = dict(zip(self.names, found, strict=True))
        self.strength *= self.factor
        return least

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
        return {name: value.copy() for name, value in self.weight.items()}
