"""Intervals of the headline scores from one set of test rows, by the bootstrap.

Scores of counts are resampled as counts: a bootstrap sample is a multinomial draw over the kinds of
row (true and predicted labels), in milliseconds whatever the number of rows. Scores of
probabilities are resampled row by row.
"""

from collections.abc import Iterator

import numpy as np

from ballast.evaluation import scores
from ballast.evaluation.intervals import (
    Plan,
    acceleration,
    delta,
    ends,
    low_of_gaps,
    recovered,
    wilson,
    wilson_area,
    wilson_f1,
)
from ballast.evaluation.ranking import Ranking
from ballast.labels.classes import Classes

# The most random numbers of an evaluation: kinds of row, and rows times columns, times replicates;
# a second or two each. If that leaves fewer than `FEWEST` replicates, there are so many rows that
# the normal interval of the delta method is as good.
CELLS, ROWS = 10_000_000, 300_000_000
FEWEST = 500
# Random numbers per chunk: a few megabytes where they are only summed; where they are reordered for
# each class, they should stay in the processor's cache.
CHUNK_OF_KINDS, CHUNK_OF_ROWS = 2**19, 2**17
RANGES = {"mcc": (-1.0, 1.0), "log_loss": (0.0, np.inf), "expected_cost": (0.0, np.inf)}

Ends = dict[str, tuple[float, float]]


def headline(
    targets: np.ndarray,
    predicted: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    plan: Plan,
) -> Ends:
    """Return (low, high) of each headline score by name.

    Args:
        targets: multi-hot labels, shape (rows, classes).
        predicted: likewise.
        probabilities: shape (rows, classes).
        classes: the classes of the training rows.
        plan: kind of intervals; `stratified` only if each row has one label.
    """
    hits, support, _ = scores.tally(targets, predicted)
    c = scores.rarest(targets, classes)
    low, high = wilson(hits[c], support[c], plan.level)
    bounds = {"recall_rarest": (float(low), float(high))}
    bounds |= of_counts(targets, predicted, classes, plan)
    if plan.kind == "wilson":
        bounds |= of_shares(targets, predicted, classes, plan.level)
    return bounds | of_probabilities(targets, probabilities, classes, plan)


def of_counts(targets: np.ndarray, predicted: np.ndarray, classes: Classes, plan: Plan) -> Ends:
    """Return (low, high) of the scores of counts, by name."""
    true, predicted, times = scores.kinds(targets, predicted)
    strata = true.argmax(axis=1) if plan.stratified else np.zeros(len(times), dtype=int)
    of_rows = scores.of_rows(true, predicted, classes)
    # What occurs in these rows counts in every sample of them.
    occurs = (true | predicted).any(axis=0)
    values = np.column_stack([true & predicted, true, predicted, *of_rows.values()]).astype(float)
    names: list[str] = []

    def of_sums(sums: np.ndarray, rows: int) -> np.ndarray:
        *counts, totals = np.split(sums, np.arange(1, 4) * true.shape[1], axis=-1)
        by_name = scores.of_counts(*counts, rows, classes, occurs)
        by_name |= zip(of_rows, np.moveaxis(totals, -1, 0) / rows, strict=True)
        names[:] = by_name
        return np.stack(list(by_name.values()), axis=-1)

    rows, total = len(targets), times @ values
    point = of_sums(total, rows)
    without = of_sums(total - values, max(rows - 1, 1))
    influence = _within(-without, strata, times)
    size = np.bincount(strata, weights=times)[strata, None]
    # A row that is alone in its stratum is always drawn.
    influence *= (size - 1) / size
    replicates = min(plan.replicates, CELLS // len(times))
    if replicates < min(FEWEST, plan.replicates):
        scaled = influence * np.sqrt(times)[:, None]
        return _named(names, *delta(point, scaled, plan))
    rng = np.random.default_rng([plan.seed, 0])
    drawn = [
        of_sums(_drawn_kinds(rng, times, strata, count) @ values, rows)
        for count in _chunks(replicates, len(times), CHUNK_OF_KINDS)
    ]
    skew = acceleration(influence, times[:, None])
    return _named(names, *ends(point, np.concatenate(drawn), skew, plan))


def of_shares(targets: np.ndarray, predicted: np.ndarray, classes: Classes, level: float) -> Ends:
    """Return (low, high) of macro-F1 and balanced accuracy, from the classes' Wilson intervals.

    A class without rows has no score.
    """
    true, predicted, times = scores.kinds(targets, predicted)
    hit, present = (true & predicted).astype(float), targets.any(axis=0)
    # Shares as sums over rows, part / whole, and how many there are to take the mean of.
    occurs = (true | predicted).any(axis=0)
    shares = {"f1_macro": (2 * hit, true.astype(float) + predicted, occurs.sum())}
    if classes.multilabel:
        absent = (1.0 - true) * present
        part, whole = np.hstack([hit, absent * (1 - predicted)]), np.hstack([true, absent])
        shares["balanced_accuracy"] = part, whole, 2 * present.sum()
    else:
        shares["balanced_accuracy"] = hit, true.astype(float), present.sum()
    bounds = {}
    for name, (part, whole, terms) in shares.items():
        all_part, all_whole = times @ part, times @ whole
        points = scores.share(all_part, all_whole)
        influence = scores.share(part - points * whole, np.tile(all_whole, (len(times), 1)))
        if name == "f1_macro":
            ends_by_class = wilson_f1(all_part / 2, times @ true, times @ predicted, level)
        else:
            ends_by_class = wilson(all_part, all_whole, level)
        point, low, high, influence = (
            array[..., all_whole > 0] / max(terms, 1)
            for array in (points, *ends_by_class, influence)
        )
        bounds[name] = recovered(point, (low, high), influence, times)
    return bounds


def of_probabilities(
    targets: np.ndarray, probabilities: np.ndarray, classes: Classes, plan: Plan
) -> Ends:
    """Return (low, high) of the scores of probabilities, by name.

    The bins of the calibration error are those of the original rows.
    """
    names = ["average_precision", "roc_auc", "log_loss", "calibration_error"]
    rows = len(targets)
    strata = targets.argmax(axis=1) if plan.stratified else np.zeros(rows, dtype=int)
    order = np.argsort(strata, kind="stable")
    targets, probabilities, strata = targets[order], probabilities[order], strata[order]
    losses = scores.row_losses(targets, probabilities, classes.multilabel)
    gaps = scores.row_gaps(targets, probabilities, classes.multilabel)
    columns = scores.ranked_classes(targets, classes)
    rankings = (Ranking(targets[:, c], probabilities[:, c]) for c in columns)
    replicates = min(plan.replicates, ROWS // (rows * (len(columns) + 1)))
    resampling = replicates >= min(FEWEST, plan.replicates)
    once = np.ones((1, rows), dtype=np.int32)
    if resampling:
        rankings = list(rankings)

    ranked, influence_of_ranked = np.zeros(2), np.zeros((rows, 2))
    areas, influence_of_areas = np.zeros(len(columns)), np.zeros((rows, len(columns)))
    for number, ranking in enumerate(rankings):
        values = np.concatenate(ranking.scores(once))
        of_rows = np.stack(ranking.influence(), axis=1)
        ranked += values / len(columns)
        influence_of_ranked += of_rows / len(columns)
        areas[number], influence_of_areas[:, number] = values[1], of_rows[:, 1]
    gap = gaps.mean(axis=0)
    point = np.array([*ranked, losses.mean(), np.abs(gap).sum()])
    terms = np.stack([losses, gaps @ np.sign(gap)], axis=1)
    influence = np.hstack([influence_of_ranked, (terms - terms.mean(axis=0)) / rows])
    influence = _within(influence, strata, np.ones(rows))
    low, high = normal = delta(point, influence, plan)
    if resampling:
        rng = np.random.default_rng([plan.seed, 1])
        values = np.column_stack([losses, gaps])
        curves, means = _resampled(rng, rankings, values, strata, replicates)
        errors = np.abs(means[:, 1:]).sum(axis=1)
        drawn = np.column_stack([curves, means[:, 0], errors])
        low, high = ends(point, drawn, acceleration(influence), plan)
        if plan.kind == "wilson":
            # Resampling adds its own calibration error, so replicates are biased upwards.
            low[3], high[3] = low_of_gaps(gap, means[:, 1:], plan.level), normal[1][3]
    if plan.kind == "wilson" and columns:
        low[1], high[1] = _mean_area(areas, influence_of_areas, targets[:, columns], plan.level)
    return _named(names, low, high)


def _mean_area(
    areas: np.ndarray, influence: np.ndarray, targets: np.ndarray, level: float
) -> tuple[float, float]:
    """Return both ends of the interval of the mean ROC AUC, from each class's interval."""
    support = targets.sum(axis=0, dtype=np.int64)
    fewer = np.minimum(support, len(targets) - support)
    bounds = wilson_area(areas, (influence**2).sum(axis=0), fewer, level)
    point, low, high = (array / len(areas) for array in (areas, *bounds))
    return recovered(point, (low, high), influence, np.ones(len(targets)))


def _resampled(
    rng: np.random.Generator,
    rankings: list[Ranking],
    values: np.ndarray,
    strata: np.ndarray,
    replicates: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return mean average precision and ROC AUC, and the values' means, of bootstrap samples.

    Args:
        rng: draws the rows.
        rankings: one for each class.
        values: shape (rows, values).
        strata: sorted strata to draw within, shape (rows,).
        replicates: number of samples.

    Returns:
        Arrays of shape (replicates, 2) and (replicates, values).
    """
    first = np.searchsorted(strata, strata)
    size = np.searchsorted(strata, strata, side="right") - first
    curves, means = [], []
    for count in _chunks(replicates, len(strata), CHUNK_OF_ROWS):
        weights = _drawn_rows(rng, first, size, count)
        means.append(weights @ values / len(strata))
        parts = [np.stack(ranking.scores(weights)) for ranking in rankings]
        curves.append(_mean(parts, count))
    return np.concatenate(curves), np.concatenate(means)


def _drawn_kinds(
    rng: np.random.Generator, times: np.ndarray, strata: np.ndarray, count: int
) -> np.ndarray:
    """Return how often each kind of row is drawn, shape (count, kinds)."""
    drawn = np.empty((count, len(times)))
    for stratum in np.unique(strata):
        inside = strata == stratum
        rows = times[inside].sum()
        drawn[:, inside] = rng.multinomial(rows, times[inside] / rows, size=count)
    return drawn


def _drawn_rows(
    rng: np.random.Generator, first: np.ndarray, size: np.ndarray, count: int
) -> np.ndarray:
    """Return how often each row is drawn, int32, shape (count, rows).

    Each row is replaced by one of the `size` rows of its stratum, which begin at `first`.
    """
    rows = len(first)
    picked = first + (rng.random((count, rows)) * size).astype(np.int64)
    picked += np.arange(count)[:, None] * rows
    drawn = np.bincount(picked.ravel(), minlength=count * rows)
    return drawn.reshape(count, rows).astype(np.int32)


def _chunks(replicates: int, width: int, numbers: int) -> Iterator[int]:
    size = max(numbers // width, 1)
    for begin in range(0, replicates, size):
        yield min(size, replicates - begin)


def _within(influence: np.ndarray, strata: np.ndarray, times: np.ndarray) -> np.ndarray:
    """Return influences minus their stratum's mean, which no draw within the stratum changes."""
    rows = np.maximum(np.bincount(strata, weights=times), 1)
    means = [np.bincount(strata, weights=times * column) / rows for column in influence.T]
    return influence - np.stack(means, axis=1)[strata]


def _mean(parts: list[np.ndarray], count: int) -> np.ndarray:
    """Return the mean over the classes that a replicate defines, 0 for none, shape (count, 2)."""
    values = np.array(parts).reshape(len(parts), 2, count)
    defined = ~np.isnan(values)
    return scores.share(np.where(defined, values, 0).sum(axis=0), defined.sum(axis=0)).T


def _named(names: list[str], low: np.ndarray, high: np.ndarray) -> Ends:
    return {
        name: tuple(float(end) for end in np.clip(pair, *RANGES.get(name, (0.0, 1.0))))
        for name, *pair in zip(names, low.tolist(), high.tolist(), strict=True)
    }
