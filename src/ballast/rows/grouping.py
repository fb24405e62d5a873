"""Group numbers: equal keys, and connected components."""

from collections.abc import Hashable, Sequence
from itertools import chain

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def numbered(keys: Sequence[Hashable]) -> np.ndarray:
    """Return a number for each key, equal for equal keys, in order of first appearance."""
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


def components(pairs: Sequence[tuple[int, int]], count: int) -> np.ndarray:
    """Return the connected component of each of `count` nodes, in order of first appearance."""
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    numbers = connected_components(graph, directed=False)[1]
    first = np.unique(numbers, return_index=True)[1]
    return np.argsort(np.argsort(first))[numbers]


def units(groups: list[str | None], duplicates: np.ndarray) -> np.ndarray:
    """Return the unit of each row: rows connected by a common group or duplicate number."""
    first: dict = {}
    # Groups are text and duplicates are numbers: none is equal to one of the others.
    keys = chain(enumerate(groups), enumerate(duplicates.tolist()))
    pairs = [(first.setdefault(key, row), row) for row, key in keys if key is not None]
    return components(pairs, len(duplicates))
