"""Regression trees as concatenated arrays, and the sum of their values for a row."""

from collections.abc import Sequence

import numpy as np

from ballast.networks.compiling import compiled

# The column of a leaf.
LEAF = -1


def arrays_of(tree, values: np.ndarray) -> dict[str, np.ndarray]:
    """Return a scikit-learn tree as the arrays that `summed` takes, by name.

    Args:
        tree: the `tree_` of an estimator.
        values: values of its nodes, shape (nodes, classes); only those of leaves are used.
    """
    return {
        "column": np.where(tree.children_left < 0, LEAF, tree.feature).astype(np.int32),
        "threshold": tree.threshold.copy(),
        "left": tree.children_left.astype(np.int32),
        "right": tree.children_right.astype(np.int32),
        "gaps_left": tree.missing_go_to_left.astype(bool),
        "values": values.astype(np.float32),
        "roots": np.zeros(1, np.int32),
    }


def joined(trees: Sequence[dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    """Return trees concatenated, with their nodes renumbered.

    Args:
        trees: each as the arrays that `summed` takes, by name.
    """
    starts = np.cumsum([0, *(len(tree["column"]) for tree in trees[:-1])])
    pairs = list(zip(trees, starts, strict=True))
    renumbered = {
        name: np.concatenate([tree[name] + start for tree, start in pairs])
        for name in ("left", "right", "roots")
    }
    unchanged = ("column", "threshold", "gaps_left", "values")
    return renumbered | {name: np.concatenate([tree[name] for tree in trees]) for name in unchanged}


@compiled
def summed(features, column, threshold, left, right, gaps_left, values, roots):
    """Return the sum of the trees' values, float32, shape (rows, classes).

    A row goes left if its value in the node's column is at most the threshold; one without a value
    there goes where the tree has learned that such rows belong. Trees are added in order.

    Args:
        features: float32, shape (rows, columns); NaN where missing.
        column: the column that each node tests; LEAF in a leaf.
        threshold: each node's, float64.
        left: each node's child for rows up to the threshold.
        right: each node's child for all other rows.
        gaps_left: whether rows without a value go left, bool.
        values: float32, shape (nodes, classes).
        roots: each tree's first node.
    """
    sums = np.zeros((len(features), values.shape[1]), np.float32)
    for row in range(len(features)):
        for root in roots:
            node = root
            while column[node] >= 0:
                value = features[row, column[node]]
                is_left = gaps_left[node] if np.isnan(value) else value <= threshold[node]
                node = left[node] if is_left else right[node]
            sums[row] += values[node]
    return sums
