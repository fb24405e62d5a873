"""What other held-out rows would have shown: scores of all strategies and seeds on units redrawn.

As in `ballast compare`, drawing rows is drawing the counts of distinct rows, once for all runs.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.linalg import hadamard
from scipy.sparse import csr_array, vstack

from ballast.evaluation.scores import of_counts, share
from ballast.labels.classes import Classes

# Rows of each class in which one of two strategies is right and the other wrong, though none was
# seen: as in `ballast compare`, a plain bootstrap of a dozen positives is too narrow.
SMOOTHING = 0.15
# Numbers drawn, and products summed, in all: seconds. They bound the replicates.
DRAWS, PRODUCTS = 5e7, 3e9
FEWEST_REPLICATES = 500
# Sums of one chunk of replicates: bounds the memory.
CHUNK = 4e6


@dataclass(frozen=True)
class Cells:
    """Distinct units of rows and how many there are of each: all that any score needs.

    Attributes:
        summands: what one unit adds to the sums, shape (cells, sums): rows, then by class rows with
            it, then by run and class true positives, then by run and class predicted positives.
        counts: units of each cell, shape (cells,); fractions where cells are smoothed.
        units: number of units.
        runs: number of runs.
        multilabel: whether a row may have several labels.
        occurs: classes with a row or predicted in some run, bool, shape (classes,).
    """

    summands: csr_array
    counts: np.ndarray
    units: int
    runs: int
    multilabel: bool
    occurs: np.ndarray

    def values(self, sums: np.ndarray, score: str) -> dict[str, np.ndarray]:
        """Return `score`, shape (..., runs), and f1 and recall, shape (..., runs, classes).

        Args:
            sums: of `summands` over units, shape (..., sums).
            score: as `evaluation.scores.of_counts` names it.
        """
        classes = len(self.occurs)
        rows, support = sums[..., :1], sums[..., None, 1 : classes + 1]
        by_run = sums[..., classes + 1 :].reshape(*sums.shape[:-1], 2, self.runs, classes)
        hits, positives = by_run[..., 0, :, :], by_run[..., 1, :, :]
        task = Classes((), support, 0, self.multilabel)
        rows = rows[..., None] if self.multilabel else rows
        scores = of_counts(hits, support, positives, rows, task, self.occurs)
        f1, recall = share(2 * hits, support + positives), share(hits, support)
        return {"score": scores[score], "f1": f1, "recall": recall}


def cells(
    targets: np.ndarray, runs: Sequence[np.ndarray], units: np.ndarray, multilabel: bool
) -> Cells:
    """Return the distinct units of held-out rows.

    Args:
        targets: multi-hot labels, uint8, shape (rows, classes).
        runs: labels predicted in each run, likewise.
        units: rows with the same number are drawn together, shape (rows,).
        multilabel: whether a row may have several labels.
    """
    bits = np.hstack([np.packbits(labels, axis=1) for labels in (targets, *runs)])
    as_bytes = np.ascontiguousarray(bits).view(f"V{bits.shape[1]}").ravel()
    _, first, kind = np.unique(as_bytes, return_index=True, return_inverse=True)
    order = np.lexsort([kind, units])
    starts = np.flatnonzero(np.diff(units[order])) + 1
    members = Counter(part.tobytes() for part in np.split(kind[order], starts))
    distinct = [np.frombuffer(part, dtype=kind.dtype) for part in members]
    ends = np.cumsum([0, *map(len, distinct)])
    kinds = np.concatenate(distinct)
    of_units = csr_array((np.ones(len(kinds)), kinds, ends), shape=(len(distinct), len(first)))
    counts = np.array(list(members.values()), dtype=float)
    occurs = targets.any(axis=0) | np.any([run.any(axis=0) for run in runs], axis=0)
    rows = summands(targets[first], [run[first] for run in runs])
    summed = csr_array(of_units @ rows)
    return Cells(summed, counts, int(counts.sum()), len(runs), multilabel, occurs)


def summands(targets: np.ndarray, runs: Sequence[np.ndarray]) -> csr_array:
    """Return what each row adds to the sums that `Cells.values` reads, shape (rows, sums).

    Args:
        targets: multi-hot labels, or shares of a row, shape (rows, classes).
        runs: labels predicted in each run, likewise.
    """
    rows, classes = targets.shape
    labels = np.stack(runs)
    run, row, label = labels.nonzero()
    value = labels[run, row, label].astype(float)
    column = 1 + classes + run * classes + label
    known, of_known = targets.nonzero()
    data = [np.ones(rows), targets[known, of_known], value * targets[row, label], value]
    places = [np.arange(rows), known, row, row]
    columns = [np.zeros(rows, int), 1 + of_known, column, column + len(runs) * classes]
    shape = (rows, 1 + classes + 2 * len(runs) * classes)
    cells = np.concatenate(places), np.concatenate(columns)
    summed = csr_array((np.concatenate(data), cells), shape=shape)
    summed.eliminate_zeros()
    return summed


def smoothed(cells: Cells, strategies: Sequence[int]) -> Cells:
    """Return cells with fractions of rows that may exist though none was seen.

    For each class with rows, rows which some strategies find and the others take for other classes,
    by their shares (multi-label: give the label or not, rightly or wrongly). Which ones is a column
    of a Hadamard matrix, so that any two strategies are both right, both wrong, and either alone
    right equally often: `SMOOTHING` rows each, whatever the number of strategies.

    Args:
        cells: as seen.
        strategies: the number of each run's strategy, from 0, shape (runs,); all its seeds agree.
    """
    classes, count = len(cells.occurs), max(strategies) + 1
    support = (cells.counts @ cells.summands)[1 : classes + 1]
    known = support > 0
    patterns = hadamard(1 << count.bit_length())[:, 1 : count + 1] > 0
    label, none = np.eye(classes), np.zeros((classes, classes))
    others = np.where(label > 0, 0, support)
    others = others / np.maximum(others.sum(axis=1, keepdims=True), 1)
    kinds = [(label, none), (none, label)] if cells.multilabel else [(label, others)]
    sides = [(true[known], wrong[known]) for true, wrong in kinds for _ in patterns]
    right = np.tile(patterns, (len(kinds), 1))
    runs = [
        np.vstack([side[not found] for side, found in zip(sides, right[:, s], strict=True)])
        for s in strategies
    ]
    extra = summands(np.vstack([true for true, _ in sides]), runs)
    weights = np.full(extra.shape[0], 4 * SMOOTHING / len(patterns))
    return replace(
        cells,
        summands=csr_array(vstack([cells.summands, extra], format="csr")),
        counts=np.concatenate([cells.counts, weights]),
    )


def redraw(cells: Cells, score: str, seed: int, replicates: int) -> dict[str, np.ndarray]:
    """Return what `Cells.values` gives of units drawn anew (Efron 1979), as float32.

    Args:
        cells: smoothed or not.
        score: as `evaluation.scores.of_counts` names it.
        seed: seed of the draws.
        replicates: number of draws; fewer where cells are many, see `PRODUCTS`.

    Returns:
        "score", shape (replicates, runs); "f1" and "recall", shape (replicates, runs, classes).
    """
    shape = cells.summands.shape
    most = min(DRAWS / shape[0], PRODUCTS / cells.summands.nnz)
    replicates = int(min(replicates, max(FEWEST_REPLICATES, most)))
    chunk = max(1, int(CHUNK / max(shape)))
    shares = cells.counts / cells.counts.sum()
    rng = np.random.default_rng([seed, 0])
    by_sum = csr_array(cells.summands.T)
    parts = []
    for size in np.diff([*range(0, replicates, chunk), replicates]):
        drawn = rng.multinomial(cells.units, shares, size=size)
        values = cells.values((by_sum @ drawn.T.astype(float)).T, score)
        parts.append({name: array.astype(np.float32) for name, array in values.items()})
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
