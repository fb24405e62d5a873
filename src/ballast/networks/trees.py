"""Regression trees as arrays, one behind the other, and what they add up to for a row."""

from collections.abc import Sequence

import numpy as np

from ballast.networks.compiling import compiled

# Where a node asks nothing: a leaf.
LEAF = -1


def arrays_of(tree, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return a tree of scikit-learn's by the names that `summed` has for its arrays.

    Args:
        tree: the `tree_` of an estimator.
        values: of its nodes, shape (nodes, classes); only those of leaves are used.
    """
    return {
        "column": np.where(tree.children_left < 0, LEAF, tree.feature).astype(np.int32),
        "cut": tree.threshold.copy(),
        "left": tree.children_left.astype(np.int32),
        "right": tree.children_right.astype(np.int32),
        "values": values.astype(np.float32),
        "roots": np.zeros(1, np.int32),
    }


def joined(trees: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return trees as one, their nodes' numbers moved behind those of the trees before.

    Args:
        trees: each by the names that `summed` has for its arrays.
    """
    sizes = [len(tree["column"]) for tree in trees]
    starts = np.cumsum([0, *sizes[:-1]])
    moved = {
        name: np.concatenate(
            [tree[name] + start for tree, start in zip(trees, starts, strict=True)]
        )
        for name in ("left", "right", "roots")
    }
    kept = {
        name: np.concatenate([tree[name] for tree in trees]) for name in ("column", "cut", "values")
    }
    return moved | kept


@compiled
def summed(features, column, cut, left, right, values, roots):
    """Return the sum of the trees' values, float32, shape (rows, classes).

    A row goes left where its number in a node's column is at most the cut. Trees are added in their
    order.

    Args:
        features: float32, shape (rows, columns).
        column: of each node, the column that it asks for; LEAF in a leaf.
        cut: float64, of each node.
        left: of each node, the next one for rows at most at the cut.
        right: of each node, the next one for all others.
        values: float32, shape (nodes, classes).
        roots: each tree's first node.
    """
    sums = np.zeros((len(features), values.shape[1]), np.float32)
    for row in range(len(features)):
        for root in roots:
            node = root
            while column[node] >= 0:
                node = left[node] if features[row, column[node]] <= cut[node] else right[node]
            sums[row] += values[node]
    return sums
