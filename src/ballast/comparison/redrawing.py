"""What other test rows, or labels swapped between two models, would have shown.

Both work on the counts of distinct (true, first, second) labels: seconds, whatever the rows.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy.sparse import csr_array, vstack

from ballast.comparison.pairs import Pairs, scores, summands, sums

# Part of a row in each cell in which one model alone would be right. With 12 positives and models
# whose true difference is known, "95 %" held 92 to 95 % without it: too narrow. With .25 it held
# 95 to 97 %, with .15, 94 to 96 %, three classes, nine classes and several labels a row included.
SMOOTHING = 0.15
# Draws of cells in all: bounds the time where cells are many, by fewer replicates.
WORK = 1.2e7
FEWEST_REPLICATES = 1000


def bootstrap(pairs: Pairs, seed: int, replicates: int) -> dict[str, np.ndarray]:
    """Return differences of the scores, second - first, over rows drawn anew with both labels.

    Drawing rows is drawing the counts of the cells (true, first, second) from a multinomial (Efron
    1979), here one of smoothed counts: `SMOOTHING` rows more in each of the `unseen` cells.

    Returns:
        By score, shape (replicates,) or (replicates, classes).
    """
    extra = unseen(pairs)
    weights = np.concatenate([pairs.counts, np.full(extra.shape[0], SMOOTHING)])
    shares = weights / weights.sum()
    rng = np.random.default_rng([seed, 0])

    def draw(size: int) -> np.ndarray:
        return rng.multinomial(pairs.rows, shares, size=size)

    return _differences(pairs, vstack([pairs.summands, extra], format="csr"), draw, replicates)


def permutation(pairs: Pairs, seed: int, replicates: int) -> float:
    """Return the two-sided p-value of macro-F1 when both labels of each row swap at random.

    A sample of the permutations, the observed one included: (1 + as extreme) / (1 + drawn).
    """
    unlike = pairs.discordant
    if not unlike.any():
        return 1.0
    counts = pairs.counts[unlike]
    swapped = replace(pairs, first=pairs.second, second=pairs.first)
    change = swapped.summands[unlike] - pairs.summands[unlike]
    total = sums(pairs)
    rng = np.random.default_rng([seed, 1])

    def draw(size: int) -> np.ndarray:
        return rng.binomial(counts, 0.5, size=(size, len(counts)))

    drawn = _differences(pairs, change, draw, replicates, total)["f1_macro"]
    observed = difference(pairs, total)["f1_macro"]
    extreme = int((np.abs(drawn) >= abs(observed) - 1e-12).sum())
    return (1 + extreme) / (1 + len(drawn))


def unseen(pairs: Pairs) -> csr_array:
    """Return the summands of cells that may exist though no row was in them, shape (cells, sums).

    For each class with rows, one model alone finds it, and the other takes the row for the other
    classes by their shares. Multi-label, one model alone gives the label, rightly or wrongly.
    """
    classes = pairs.true.shape[1]
    support = pairs.counts @ pairs.true
    label, none = np.eye(classes), np.zeros((classes, classes))
    if pairs.multilabel:
        cells = [(true, *both) for true in (label, none) for both in ((label, none), (none, label))]
    else:
        others = np.where(label > 0, 0, support)
        others = others / np.maximum(others.sum(axis=1, keepdims=True), 1)
        cells = [(label, label, others), (label, others, label)]
    rows = np.vstack([summands(*cell) for cell in cells])
    return csr_array(rows[np.tile(support > 0, len(cells))])


def difference(pairs: Pairs, total: np.ndarray) -> dict[str, np.ndarray]:
    """Return the scores of the second model minus those of the first, from sums over rows."""
    first, second = scores(pairs, total)
    return {score: second[score] - first[score] for score in first}


def _differences(
    pairs: Pairs,
    changes: csr_array,
    draw: Callable[[int], np.ndarray],
    replicates: int,
    start: np.ndarray | float = 0.0,
) -> dict[str, np.ndarray]:
    """Return the differences of the scores when `start` and drawn counts of cells are summed."""
    cells = changes.shape[0]
    replicates = min(replicates, max(FEWEST_REPLICATES, int(WORK / cells)))
    chunk = max(1, int(2e6 / max(changes.shape)))  # bounds the memory
    parts = [
        difference(pairs, start + draw(size).astype(np.float64) @ changes)
        for size in np.diff([*range(0, replicates, chunk), replicates])
    ]
    return {score: np.concatenate([part[score] for part in parts]) for score in parts[0]}
