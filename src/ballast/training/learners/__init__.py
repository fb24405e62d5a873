"""How networks learn, a file for each way; its function `learner` returns a `Learner`.

`learner(model, loss, options, mixes)` takes what the model's `build` returned, the loss from
(labels, logits) to a loss a row, the options of training, and whether rows are mixed with partners.
"""

from typing import Protocol

import numpy as np

from ballast.training.batches import Batch, Table


class Learner(Protocol):
    """A network that learns.

    Attributes:
        whole: whether a step wants all examples of an epoch, and not a batch of them.
    """

    whole: bool

    def step(self, table: Table, batch: Batch) -> float:
        """Move the weights; return the batch's mean loss, before it or, if all examples, after."""

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
