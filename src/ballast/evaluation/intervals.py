"""Intervals: Wilson's of a share; those that bootstrap replicates or the delta method give."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

import numpy as np
from scipy.special import ndtr, ndtri

Kind = Literal["wilson", "bca", "percentile"]


@dataclass(frozen=True)
class Plan:
    """How intervals are found.

    Attributes:
        kind: `percentile` and `bca` are two ways to find the ends of bootstrap replicates, see
            `ends`; `wilson` is `recovered` for means of shares and of ROC AUC, `low_of_gaps`
            for the calibration error, `bca` for all else.
        stratified: draw as many rows of each true class as there are, and not just as many rows.
        replicates: bootstrap draws.
        level: share of the replicates inside, .95 say.
        seed: of the draws.
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
        level: share of the cases in which such an interval holds the true share, .95 say.
    """
    z = NormalDist().inv_cdf((1 + level) / 2)
    successes, trials = np.asarray(successes), np.asarray(trials)
    n = np.maximum(trials, 1)
    p = successes / n
    centre, half = p + z**2 / (2 * n), z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    low, high = (end / (1 + z**2 / n) for end in (centre - half, centre + half))
    return np.where(successes > 0, low, 0.0), np.where(successes < trials, high, 1.0)


def wilson_f1(
    hits: np.ndarray, support: np.ndarray, given: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of an interval of F1 = 2 hits / (support + given), from Wilson's.

    Of the rows that have the class or were given it, `hits` are both: a share J of binomial count,
    and F1 = 2J / (1 + J) grows with it. So the interval of J is one of F1 as well, and it does not
    shrink to a point where all rows are right, as that of a bootstrap does.

    Args:
        hits: rows with the class that were given it, any shape.
        support: rows with the class, likewise.
        given: rows given it, likewise.
        level: as in `wilson`.
    """
    low, high = wilson(hits, support + given - hits, level)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def wilson_area(
    area: np.ndarray, variance: np.ndarray, rows: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of an interval of ROC AUC, from Wilson's.

    That of a share of as many rows as the variance is worth, area (1 - area) / variance (an
    effective sample size, as in Korn and Graubard 1998). Half a row that stands anywhere in the
    ranking is imagined beside the others: a ranking without a mistake proves no perfect one.

    Args:
        area: any shape.
        variance: of it, from the rows' influences, likewise.
        rows: positive or negative ones, whichever are fewer, likewise.
        level: as in `wilson`.
    """
    share = (area * rows + 0.25) / (rows + 0.5)
    spread = variance + 0.5 * (area - 0.5) ** 2 / rows**2
    worth = np.maximum(share * (1 - share) / np.maximum(spread, 1e-12), 1)
    return wilson(area * worth, worth, level)


def recovered(
    points: np.ndarray,
    bounds: tuple[np.ndarray, np.ndarray],
    influence: np.ndarray,
    times: np.ndarray,
) -> tuple[float, float]:
    """Return both ends of the interval of a sum, from the intervals of its terms.

    Each end lies sqrt(d' R d) from the point, d the terms' own distances and R their correlations
    (Zou and Donner, Construction of confidence limits about effect measures, 2008). It keeps what
    the terms' intervals know and a bootstrap does not: 12 of 12 right may come from less than 1.

    Args:
        points: the terms, shape (terms,).
        bounds: both ends of the terms' intervals.
        influence: of each kind of row on each term, for the correlations, shape (kinds, terms).
        times: how often each kind stands there, shape (kinds,).
    """
    spread = influence.T @ (times[:, None] * influence)
    size = np.sqrt(np.diag(spread))
    outer = np.outer(size, size)
    correlation = np.divide(spread, outer, out=np.zeros_like(spread), where=outer > 0)
    np.fill_diagonal(correlation, 1)
    below, above = (
        np.sqrt(max(gap @ correlation @ gap, 0.0))
        for gap in (points - bounds[0], bounds[1] - points)
    )
    return float(points.sum() - below), float(points.sum() + above)


def acceleration(influence: np.ndarray, times: np.ndarray | None = None) -> np.ndarray:
    """Return the acceleration of BCa: sum u^3 / 6 (sum u^2)^(3/2), 0 where there is no u.

    Args:
        influence: of each row, or kind of row, on each statistic, shape (rows, statistics).
        times: how often each stands there, shape (rows, statistics) or (rows, 1); once, unless
            given.
    """
    times = np.ones((len(influence), 1)) if times is None else times
    # One scale for all, so that cubes of small numbers do not vanish.
    u = influence / np.maximum(np.abs(influence).max(axis=0), np.finfo(float).tiny)
    # Of the largest u, 1, the square alone is 1; no u at all would divide 0 by 0.
    squares = np.maximum((times * u**2).sum(axis=0), 0.5)
    return (times * u**3).sum(axis=0) / (6 * squares**1.5)


def ends(
    points: np.ndarray, replicates: np.ndarray, acceleration: np.ndarray, plan: Plan
) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the bootstrap intervals of some statistics.

    `percentile` (Efron 1979) takes the replicates' quantiles as they are; `bca` (Efron 1987) moves
    them by the bias that replicates show and by how fast the spread changes. Either is made to
    hold the point.

    Args:
        points: the statistics of the rows themselves, shape (statistics,).
        replicates: those of rows drawn anew, shape (replicates, statistics).
        acceleration: what `acceleration` returns, shape (statistics,).
        plan: for kind and level.
    """
    tails = np.array([(1 - plan.level) / 2, (1 + plan.level) / 2])[:, None]
    count = len(replicates)
    if plan.kind != "percentile":
        below = (replicates < points).mean(axis=0) + (replicates == points).mean(axis=0) / 2
        bias = ndtri(np.clip(below, 1 / (count + 1), count / (count + 1)))
        moved = bias + ndtri(tails)
        tails = ndtr(bias + moved / np.maximum(1 - acceleration * moved, 1e-9))
    ordered = np.sort(replicates, axis=0)
    places = tails * (count - 1) * np.ones_like(points)
    floor = np.minimum(places.astype(int), count - 2)
    lower, upper = (np.take_along_axis(ordered, floor + k, axis=0) for k in (0, 1))
    low, high = lower + (places - floor) * (upper - lower)
    return np.minimum(low, points), np.maximum(high, points)


def low_of_gaps(gaps: np.ndarray, drawn: np.ndarray, level: float) -> float:
    """Return the low end of an interval of sum |gap|, which chance alone makes larger than 0.

    The true sum differs from the one seen by no more than sum |gap seen - true gap|, whatever the
    true gaps are. Rows drawn anew tell how large that can be by chance; so much below the point
    lies the low end, at 0 where the gaps may all be chance.

    Args:
        gaps: those seen, shape (gaps,).
        drawn: those of rows drawn anew, shape (replicates, gaps).
        level: as in `wilson`.
    """
    chance = np.quantile(np.abs(drawn - gaps).sum(axis=1), (1 + level) / 2)
    return max(float(np.abs(gaps).sum() - chance), 0.0)


def delta(points: np.ndarray, influence: np.ndarray, plan: Plan) -> tuple[np.ndarray, np.ndarray]:
    """Return both ends of the normal intervals that the rows' influences give.

    The infinitesimal jackknife (Jaeckel 1972): the variance is the sum of the squared influences.

    Args:
        points: shape (statistics,).
        influence: derivatives by each row's weight, shape (rows, statistics).
        plan: for the level.
    """
    half = NormalDist().inv_cdf((1 + plan.level) / 2) * np.sqrt((influence**2).sum(axis=0))
    return points - half, points + half
