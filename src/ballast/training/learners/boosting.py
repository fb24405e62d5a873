"""Training of boosted trees: each tree a step down any loss."""

from collections.abc import Callable

import numpy as np

from ballast.networks.trees import LEAF, arrays_of, joined, summed
from ballast.training.batches import Batch, Table
from ballast.training.gradients import gradient_of
from ballast.training.options import Training

# How far logits are moved to see how their slopes change.
PROBE = 0.01
# No leaf moves a logit further, before the rate: where a loss is flat, its curvature says nothing.
FURTHEST = 4.0
# Steps to the logits that all rows begin with.
FIRST = 30


def learner(model, loss: Callable, options: Training, mixes: bool) -> "BoostingLearner":
    """Return the learner of trees; it needs no options, and mixes numeric columns as they come."""
    return BoostingLearner(model, loss)


class BoostingLearner:
    """Trees, each of which is fitted to what the loss wants of the logits of those before it.

    A tree is a Newton step: least squares of -slope / curvature, weighted by the curvature, tell
    its cuts; a leaf's value is the sum of its examples' slopes over that of their curvatures. A
    class's curvature counts what every class's logit does to its slope, so no step goes too far
    where classes depend on each other (Gershgorin's bound).

    Source: Friedman, Greedy function approximation: a gradient boosting machine, 2001; Friedman,
    Hastie and Tibshirani, Additive logistic regression: a statistical view of boosting, 2000.
    """

    whole = True

    def __init__(self, model, loss: Callable) -> None:
        """Take what is to be grown.

        Args:
            model: as `models/boosting.py` builds it.
            loss: from (labels, logits) to a loss a row.
        """
        self.model, self.gradient = model, gradient_of(loss, model.outputs)
        self.grown: dict[str, np.ndarray] | None = None

    def step(self, table: Table, batch: Batch) -> float:
        """Grow an epoch's trees; return the mean loss then."""
        features = np.ascontiguousarray(table.inputs(batch)["features"])
        labels = batch.labels
        if self.grown is None:
            self.grown = self._first(labels)
        logits = summed(features, **self.grown)
        for _ in range(self.model.trees):
            tree = self._tree(features, *self._wanted(labels, logits))
            logits += summed(features, **tree)
            self.grown = joined([self.grown, tree])
        return self.gradient(labels, logits)[0]

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the trees' arrays."""
        return {name: values.copy() for name, values in self.grown.items()}

    def _wanted(self, labels: np.ndarray, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the examples' slopes and curvatures by the logits, shape (examples, classes)."""
        count = len(labels)
        _, slopes = self.gradient(labels, logits)
        curvatures = np.zeros_like(slopes)
        for probe in PROBE * np.eye(self.model.outputs, dtype=np.float32):
            curvatures += np.abs(self.gradient(labels, logits + probe)[1] - slopes)
        # The mean's are so much smaller.
        return count * slopes, count / PROBE * curvatures

    def _values(self, slopes: np.ndarray, curvatures: np.ndarray) -> np.ndarray:
        """Return what sums of slopes and curvatures want, shape as theirs."""
        return np.clip(-slopes / (curvatures + self.model.penalty), -FURTHEST, FURTHEST)

    def _first(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Return a tree without cuts, whose leaf is best for all examples alike."""
        values = np.zeros((1, self.model.outputs), np.float32)
        for _ in range(FIRST):
            sums = self._wanted(labels, np.repeat(values, len(labels), axis=0))
            values += self._values(*(each.sum(axis=0) for each in sums)).astype(np.float32)
        none = np.zeros(1, np.int32)
        return {
            "column": none + LEAF,
            "threshold": np.zeros(1),
            "left": none,
            "right": none,
            "values": values,
            "roots": none,
        }

    def _tree(
        self, features: np.ndarray, slopes: np.ndarray, curvatures: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the tree of a Newton step, its values times the rate."""
        # Loaded where it is used: it takes a second, and networks do without.
        from sklearn.tree import DecisionTreeRegressor

        weights = np.maximum(curvatures.sum(axis=1), np.finfo(np.float32).eps)
        grower = DecisionTreeRegressor(
            max_leaf_nodes=self.model.leaves, min_samples_leaf=self.model.smallest, random_state=0
        )
        wanted = np.clip(-slopes / weights[:, None], -FURTHEST, FURTHEST)
        tree = grower.fit(features, wanted, sample_weight=weights).tree_
        leaves = tree.apply(features)
        sums = [
            np.stack([np.bincount(leaves, one, tree.node_count) for one in each.T], axis=1)
            for each in (slopes, curvatures)
        ]
        return arrays_of(tree, self.model.rate * self._values(*sums))
