"""Training of boosted trees on any loss: each tree a Newton step."""

from collections.abc import Callable

import numpy as np

from ballast.networks.trees import LEAF, arrays_of, joined, summed
from ballast.training.batches import Batch, Table
from ballast.training.gradients import gradient_of
from ballast.training.options import Training

# Distance of the finite differences that second derivatives are made of.
DIFFERENCE = 0.01
# No leaf moves a logit further, before the rate: where a loss is flat, its curvature says nothing.
MAX_STEP = 4.0
# Newton steps to the logits that all rows start with.
STARTING_STEPS = 30


def learner(model, loss: Callable, options: Training, mixes: bool) -> "BoostingLearner":
    """Return the learner of trees; it needs no options, and mixed columns are columns."""
    return BoostingLearner(model, loss)


class BoostingLearner:
    """Trees, each of which is fitted to the gradient of the loss at the sum of those before it.

    A tree is a Newton step: its splits are those of least squares on -gradient / curvature,
    weighted by the curvature; the value of a leaf is minus the sum of its examples' gradients over
    that of their curvatures. A class's curvature is the sum of the absolute second derivatives by
    its logit and each class's (Gershgorin's bound on the Hessian), so no step is too long where
    classes depend on each other.

    Source: Friedman, Greedy function approximation: a gradient boosting machine, 2001; Friedman,
    Hastie and Tibshirani, Additive logistic regression: a statistical view of boosting, 2000.
    """

    full_batch = True

    def __init__(self, model, loss: Callable) -> None:
        """Take the model and its loss.

        Args:
            model: as `models/boosting.py` builds it.
            loss: from (labels, logits) to a loss a row.
        """
        self.model, self.gradient = model, gradient_of(loss, model.outputs)
        self.trees: dict[str, np.ndarray] | None = None

    def step(self, table: Table, batch: Batch) -> float:
        """Add an epoch's trees; return the mean loss then."""
        features = np.ascontiguousarray(table.columns_of(batch))
        labels = batch.labels
        if self.trees is None:
            self.trees = self._constant(labels)
        logits = summed(features, **self.trees)
        for _ in range(self.model.trees):
            tree = self._tree(features, *self._derivatives(labels, logits))
            logits += summed(features, **tree)
            self.trees = joined([self.trees, tree])
        return self.gradient(labels, logits)[0]

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the trees' arrays."""
        return {name: values.copy() for name, values in self.trees.items()}

    def _derivatives(self, labels: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each example's gradient and curvatures by the logits, both (examples, classes)."""
        count = len(labels)
        _, gradient = self.gradient(labels, logits)
        curvatures = np.zeros_like(gradient)
        for change in DIFFERENCE * np.eye(self.model.outputs, dtype=np.float32):
            curvatures += np.abs(self.gradient(labels, logits + change)[1] - gradient)
        # The gradient is that of the mean loss; an example's own is as many times larger.
        return count * gradient, count / DIFFERENCE * curvatures

    def _newton_step(self, gradient: np.ndarray, curvatures: np.ndarray) -> np.ndarray:
        """Return the steps that sums of gradients and curvatures call for, of the same shape."""
        return np.clip(-gradient / (curvatures + self.model.penalty), -MAX_STEP, MAX_STEP)

    def _constant(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Return a tree without a split, whose leaf is best for all examples alike."""
        values = np.zeros((1, self.model.outputs), np.float32)
        for _ in range(STARTING_STEPS):
            derivatives = self._derivatives(labels, np.repeat(values, len(labels), axis=0))
            sums = (each.sum(axis=0) for each in derivatives)
            values += self._newton_step(*sums).astype(np.float32)
        zero = np.zeros(1, np.int32)
        return {
            "column": zero + LEAF,
            "threshold": np.zeros(1),
            "left": zero,
            "right": zero,
            "gaps_left": np.zeros(1, bool),
            "values": values,
            "roots": zero,
        }

    def _tree(
        self, features: np.ndarray, gradient: np.ndarray, curvatures: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the tree of a Newton step, its values times the rate."""
        # Imported here: it takes a second, and networks do without.
        from sklearn.tree import DecisionTreeRegressor

        weights = np.maximum(curvatures.sum(axis=1), np.finfo(np.float32).eps)
        regressor = DecisionTreeRegressor(
            max_leaf_nodes=self.model.leaves, min_samples_leaf=self.model.smallest, random_state=0
        )
        steps = np.clip(-gradient / weights[:, None], -MAX_STEP, MAX_STEP)
        tree = regressor.fit(features, steps, sample_weight=weights).tree_
        leaves = tree.apply(features)
        sums = [
            np.stack([np.bincount(leaves, column, tree.node_count) for column in each.T], axis=1)
            for each in (gradient, curvatures)
        ]
        return arrays_of(tree, self.model.rate * self._newton_step(*sums))
