"""A score by the number of training rows, a + b n^-c, and what it is at twice the rows."""

from dataclasses import dataclass

import numpy as np

# Fewer shares cannot tell c. The curve then has .5, that of a mean's error, and its intervals hold
# what c from .25 to 1 would give, the range of most curves that were found (Figueroa et al.,
# Predicting sample size required for classification performance, 2012).
SHARES_FOR_RATE = 5
USUAL = np.geomspace(0.25, 1, 9)
RATES = np.geomspace(0.05, 2, 38)


@dataclass(frozen=True)
class Curve:
    """A score by the number of training rows.

    Attributes:
        rows: training rows of each share.
        scores: means over seeds.
        fitted: those of the curve.
        a: value of the curve for infinitely many rows, within 0 and 1.
        b: what the curve adds to it at one row.
        c: its rate.
        at_twice: the curve at twice the rows of the largest share.
        at_twice_low: low end of its interval.
        at_twice_high: high end of it.
        gain: `at_twice` minus the curve at the largest share.
        low: low end of its interval.
        high: high end of it.
        problems: why the curve should not be trusted, in words; empty if it may be.
    """

    rows: tuple[float, ...]
    scores: tuple[float, ...]
    fitted: tuple[float, ...]
    a: float
    b: float
    c: float
    at_twice: float
    at_twice_low: float
    at_twice_high: float
    gain: float
    low: float
    high: float
    problems: tuple[str, ...]


def curve(rows: np.ndarray, scores: np.ndarray, drawn: np.ndarray, level: float) -> Curve:
    """Return the curve through mean scores, and what it is on scores drawn anew.

    Args:
        rows: training rows of each share, ascending, shape (shares,).
        scores: shape (shares, seeds).
        drawn: mean scores, shape (replicates, shares).
        level: confidence level of the intervals.
    """
    rows, means = np.maximum(rows, 1).astype(float), scores.mean(axis=1)
    rates = RATES if len(rows) >= SHARES_FOR_RATE else USUAL[[4]]
    (a,), (b,), (c,) = fit(rows, means[None], rates)
    x = np.array([*rows, 2 * rows[-1]])
    fitted = a + b * x**-c
    many = _fit_drawn(rows, drawn)
    values = many[0][:, None] + many[1][:, None] * x[-2:] ** -many[2][:, None]
    tails = [(1 - level) / 2, (1 + level) / 2]
    at_twice = np.quantile(values[:, 1], tails)
    gains = np.quantile(values[:, 1] - values[:, 0], tails)
    gain = fitted[-1] - fitted[-2]
    return Curve(
        tuple(rows.tolist()),
        tuple(means.tolist()),
        tuple(fitted[:-1].tolist()),
        *(float(value) for value in (a, b, c, fitted[-1])),
        float(np.clip(min(at_twice[0], fitted[-1]), -1, 1)),
        float(np.clip(max(at_twice[1], fitted[-1]), -1, 1)),
        float(gain),
        float(min(gains[0], gain)),
        float(max(gains[1], gain)),
        _problems(scores, fitted[:-1]),
    )


def fit(
    rows: np.ndarray, scores: np.ndarray, rates: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return a, b and c of the least squares a + b n^-c, with 0 <= a <= 1 and c of `rates`.

    For a given c it is a line, whose constant is put to 0 or 1 if it lies beyond.

    Args:
        rows: n, shape (shares,).
        scores: shape (curves, shares).
        rates: values of c to choose from.

    Returns:
        Each of shape (curves,).
    """
    best = tuple(np.full(len(scores), np.inf) for _ in range(4))
    for c in rates:
        # n as a part of the largest, so that numbers stay of the order of 1.
        x = (rows / rows[-1]) ** -c
        centred = x - x.mean()
        slope = scores @ centred / max(centred @ centred, 1e-12)
        constant = scores.mean(axis=1) - slope * x.mean()
        a = np.clip(constant, 0, 1)
        slope = np.where(a == constant, slope, (scores - a[:, None]) @ x / (x @ x))
        error = ((scores - a[:, None] - slope[:, None] * x) ** 2).sum(axis=1)
        found = error, a, slope * rows[-1] ** c, np.full_like(a, c)
        better = error < best[0] - 1e-15
        best = tuple(np.where(better, new, old) for new, old in zip(found, best, strict=True))
    return best[1:]


def _fit_drawn(rows: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return `fit` of scores drawn anew; where c cannot be told, each of `USUAL` has its part."""
    if len(rows) >= SHARES_FOR_RATE:
        return fit(rows, drawn, RATES)
    parts = [fit(rows, drawn[k :: len(USUAL)], [c]) for k, c in enumerate(USUAL)]
    return tuple(np.concatenate(columns) for columns in zip(*parts, strict=True))


def _problems(scores: np.ndarray, fitted: np.ndarray) -> tuple[str, ...]:
    """Return why a curve should not be trusted, in words."""
    problems, means, count = [], scores.mean(axis=1), scores.shape[1]
    if len(means) < 3:
        problems.append("a curve needs at least three shares of the rows")
    if count == 1:
        return (*problems, "one seed does not tell how far a curve may be from its scores")
    spread = float(np.sqrt(scores.var(axis=1, ddof=1).mean()))
    if (np.diff(means) < -2 * spread).any():
        problems.append("the scores do not rise with the rows")
    if (np.abs(means - fitted) > 2 * spread + 1e-9).any():
        problems.append("the curve misses the scores by more than twice the seeds' spread")
    return tuple(problems)
