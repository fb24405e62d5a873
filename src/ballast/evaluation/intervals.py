"""Intervals: Wilson's of a share, the bootstrap's, and those of the delta method."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

Kind = Literal["wilson", "bca", "percentile"]


@dataclass(frozen=True)
class Plan:
    """How intervals are computed.

    Attributes:
        kind: `percentile` and `bca` are bootstrap intervals, see `ends`; `wilson` is `recovered`
            for means of shares and of ROC AUC, `low_of_gaps` for the calibration error, and `bca`
            for everything else.
        stratified: draw as many rows of each true class as there are, not only as many in total.
        replicates: number of bootstrap samples.
        level: confidence level, .95 say.
        seed: seed of the draws.
    """

    kind: Kind
    stratified: bool
    replicates: int
    level: float
    seed: int


def wilson(
    successes: np.ndarray, trials: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the Wilson interval of a share; 0 of 0 trials gives 0 and 1.

    (p + z^2/2n -+ z sqrt(p (1-p)/n + z^2/4n^2)) / (1 + z^2/n) (Wilson 1927).

    Args:
        successes: any shape.
        trials: likewise.
        level: confidence level, .95 say.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    successes, trials = np.asarray(successes), np.asarray(trials)
    n = np.maximum(trials, 1)
    p = successes / n
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (end / (1 + z**2 / n) for end in (centre - half, centre + half))
    return np.where(successes > 0, low, 0.0), np.where(successes < trials, high, 1.0)


def wilson_f1(
    hits: np.ndarray, support: np.ndarray, positives: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of an interval of F1 = 2 hits / (support + positives), from Wilson's.

    Of the rows that have the class or are predicted to, the share J that are hits is binomial, and
    F1 = 2J / (1 + J) grows with J. So an interval of J gives one of F1, which does not shrink to a
    point when all rows are correct, unlike the bootstrap's.

    Args:
        hits: true positives, any shape.
        support: rows with the class, likewise.
        positives: rows predicted to have it, likewise.
        level: as in `wilson`.
    """
    low, high = wilson(hits, support + positives - hits, level)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def wilson_area(
    area: np.ndarray, variance: np.ndarray, rows: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of an interval of ROC AUC, from Wilson's.

    The interval of a share with the effective sample size area (1 - area) / variance (as in Korn
    and Graubard 1998). Half a row at a random rank is added to area and variance, since a ranking
    without a mistake does not prove that all others would be perfect.

    Args:
        area: any shape.
        variance: its variance, from the rows' influences, likewise.
        rows: number of positive or of negative rows, whichever are fewer, likewise.
        level: as in `wilson`.
    """
    smoothed = (area * rows + 0.25) / (rows + 0.5)
    variance = variance + 0.5 * (area - 0.5) ** 2 / rows**2
    effective = np.maximum(smoothed * (1 - smoothed) / np.maximum(variance, 1e-12), 1)
    return wilson(area * effective, effective, level)


def recovered(
    points: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    influence: np.ndarray,
    times: np.ndarray,
) -> tuple[float, float]:
    """Return both ends of the interval of a sum, from the intervals of its terms.

    Each end is sqrt(d' R d) from the point, d being the terms' distances to their ends and R their
    correlations (Zou and Donner, Construction of confidence limits about effect measures, 2008).
    Unlike a bootstrap, it respects that 12 of 12 correct may come from a share below 1.

    Args:
        points: the terms, shape (terms,).
        bounds: both ends of the terms' intervals.
        influence: of each kind of row on each term, for the correlations, shape (kinds, terms).
        times: number of rows of each kind, shape (kinds,).
    """
    covariance = influence.T @ (times[:, None] * influence)
    deviation = np.sqrt(np.diag(covariance))
    outer = np.outer(deviation, deviation)
    correlation = np.divide(covariance, outer, out=np.zeros_like(covariance), where=outer > 0)
    np.fill_diagonal(correlation, 1)
    below, above = (
        np.sqrt(max(gap @ correlation @ gap, 0.0))
        for gap in (points - bounds[0], bounds[1] - points)
    )
    return float(points.sum() - below), float(points.sum() + above)


def acceleration(influence: np.ndarray, times: np.ndarray | float = 1.0) -> np.ndarray:
    """Return the acceleration of BCa: sum u^3 / 6 (sum u^2)^(3/2), 0 if all u are 0.

    Args:
        influence: of each row, or kind of row, on each statistic, shape (rows, statistics).
        times: number of rows of each kind, shape (rows, statistics) or (rows, 1); 1 by default.
    """
    # Scaled to a maximum of 1, so that cubes of small numbers do not underflow.
    u = influence / np.maximum(np.abs(influence).max(axis=0), np.finfo(float).tiny)
    # The sum is at least 1, or 0 if all u are: the bound avoids 0 / 0.
    squares = np.maximum((times * u**2).sum(axis=0), 0.5)
    return (times * u**3).sum(axis=0) / (6 * squares**1.5)


def ends(
    points: np.ndarray, replicates: np.ndarray, acceleration: np.ndarray, plan: Plan
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the bootstrap intervals of some statistics.

    `percentile` (Efron 1979) takes the replicates' quantiles; `bca` (Efron 1987) corrects them for
    bias and for a spread that depends on the statistic. Both are extended to include the point.

    Args:
        points: the statistics of the original rows, shape (statistics,).
        replicates: those of bootstrap samples, shape (replicates, statistics).
        acceleration: as `acceleration` returns it, shape (statistics,).
        plan: for kind and level.
    """
    tails = np.array([(1 - plan.level) / 2, (1 + plan.level) / 2])[:, None]
    count = len(replicates)
    if plan.kind != "percentile":
        below = (replicates < points).mean(axis=0) + (replicates == points).mean(axis=0) / 2
        bias = ndtri(np.clip(below, 1 / (count + 1), count / (count + 1)))
        shifted = bias + ndtri(tails)
        tails = ndtr(bias + shifted / np.maximum(1 - acceleration * shifted, 1e-9))
    ordered = np.sort(replicates, axis=0)
    ranks = tails * (count - 1) * np.ones_like(points)
    floor = np.minimum(ranks.astype(int), count - 2)
    lower, upper = (np.take_along_axis(ordered, floor + k, axis=0) for k in (0, 1))
    low, high = lower + (ranks - floor) * (upper - lower)
    return np.minimum(low, points), np.maximum(high, points)


def low_of_gaps(gaps: np.ndarray, drawn: np.ndarray, level: float) -> float:
    """Return the low end of an interval of sum |gap|, which is above 0 by chance alone.

    The true sum differs from the observed one by at most sum |observed gap - true gap|. Its
    quantile, estimated by the bootstrap, is subtracted from the observed sum; the low end is 0 if
    the gaps may all be due to chance.

    Args:
        gaps: the observed gaps, shape (gaps,).
        drawn: those of bootstrap samples, shape (replicates, gaps).
        level: as in `wilson`.
    """
    margin = np.quantile(np.abs(drawn - gaps).sum(axis=1), (1 + level) / 2)
    return max(float(np.abs(gaps).sum() - margin), 0.0)


def delta(points: np.ndarray, influence: np.ndarray, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the normal intervals with the variance of the rows' influences.

    The infinitesimal jackknife (Jaeckel 1972): the variance is the sum of the squared influences.

    Args:
        points: the statistics, shape (statistics,).
        influence: derivatives by each row's weight, shape (rows, statistics).
        plan: for the level.
    """
    half = NormalDist().inv_cdf((1 + plan.level) / 2) * np.sqrt((influence**2).sum(axis=0))
    return points - half, points + half
