"""Learners, a file for each way to train; its function `learner` returns a `Learner`.

`learner(model, loss, options, mixes)` takes what the model's `build` returned, the loss from
(labels, logits) to a loss a row, the options of training, and whether rows are mixed with partners.
"""

from typing import Protocol

import numpy as np

from ballast.training.batches import Batch, Table


class Learner(Protocol):
    """A network in training.

    Attributes:
        full_batch: whether a step takes all examples of an epoch at once.
    """

    full_batch: bool

    def step(self, table: Table, batch: Batch) -> float:
        """Update the weights; return the batch's mean loss before, or of a full batch after it."""

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
