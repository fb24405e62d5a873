"""Differences of two strategies' mean scores: their variances, apart, and their joint bounds.

A difference varies with the held-out rows, with the seeds, and with the training rows, of which
there is one draw only. The bootstrap gives the first variance, the seeds' paired differences the
second; `ALLOWANCE` is for the third.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ballast.study.runs import Runs

# By what the bootstrap's variance is multiplied: with several seeds, with one. Rows drawn anew do
# not train anew, and folds share training rows, so that variance is too small for the claim "better
# on data like mine" (Nadeau and Bengio 2003, whose n_test / n_train is 1/4 for a pass over five
# folds, and 5/4 if each fold counts by itself). Measured on new data sets with linear classifiers,
# 1,500 rows, 40 of the rarest class: the score's gain needs 1.1 to 1.3 with three seeds and 1.2 to
# 1.4 with one, which cannot tell its own noise. A class's recall needs 1.0 to 1.2 where labels are
# the most probable ones, 1.2 to 3.6 (one seed: 1.4 to 4.3) where thresholds are chosen on each data
# set, which moves recall much and F1 little.
ALLOWANCE = {"score": (1.25, 1.5), "f1": (1.25, 1.5), "recall": (2.25, 3.0)}


@dataclass(frozen=True)
class Contrasts:
    """Differences of mean scores over seeds, their variances, and what chance makes of them.

    Attributes:
        values: shape (contrasts,) or (contrasts, classes).
        sampling: variance by the rows, held out and in training, likewise.
        seeds: variance of the mean by the seeds beyond that, likewise; 0 for one seed.
        studentised: deviations of rows and seeds drawn anew, over the standard error, shape
            (replicates, *values.shape).
    """

    values: np.ndarray
    sampling: np.ndarray
    seeds: np.ndarray
    studentised: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Standard errors, shape of `values`."""
        return np.sqrt(self.sampling + self.seeds)

    def bounds(self, level: float, joint: bool) -> tuple[np.ndarray, np.ndarray]:
        """Return both ends of the intervals, shape of `values`.

        Args:
            level: confidence level, of all intervals together if `joint`, else of each.
            joint: whether each deviation counts as the largest of its replicate (max-T, Westfall
                and Young 1993).
        """
        size = np.abs(self.studentised)
        if joint:
            size = size.max(axis=tuple(range(1, size.ndim)), initial=0)
        half = np.quantile(size, level, axis=0) * self.errors
        return self.values - half, self.values + half

    def p_values(self) -> np.ndarray:
        """Return p-values adjusted for the number of contrasts by max-T, shape (contrasts,)."""
        largest = np.abs(self.studentised).max(axis=1)
        ratio = np.divide(
            np.abs(self.values), self.errors, out=np.zeros_like(self.values), where=self.errors > 0
        )
        extreme = (largest[:, None] >= ratio - 1e-12).sum(axis=0)
        return (1 + extreme) / (1 + len(largest))


def contrasts(
    runs: Runs,
    pairs: Sequence[tuple[str, str | None]],
    what: Literal["score", "f1", "recall"] = "score",
) -> Contrasts:
    """Return differences of means over the seeds of both strategies, first - second.

    The variance is a B + max(0, V/J - I), with B the bootstrap's of the mean over J seeds, a the
    `ALLOWANCE`, V the variance of the seeds' paired differences, and I = (A - B) / (J - 1), with A
    the mean of the bootstrap's variances of each seed alone. I is what rows and seeds make of each
    other: it is in B and in V/J. V is a third its own and two thirds the mean of all contrasts
    (moderated as by Smyth 2004), t-distributed with 3 (J-1) K/(K+2) degrees of freedom for K
    contrasts, J-1 for one: so many has that mean if baseline and strategies vary alike, as the
    baseline is common to all. Strategies' own V, with J-1, made the joint interval of twelve
    strategies with three seeds three times as wide, holding 100 % instead of 95 %.

    Args:
        runs: of all strategies.
        pairs: of strategies with a seed in common; None as the second stands for 0.
        what: score, or by class.
    """
    moments = [_moments(*_differences(runs, *pair, what)) for pair in pairs]
    values, sampling, spread, within, deviation = (np.stack(m) for m in zip(*moments, strict=True))
    by_contrast = (-1, *[1] * (values.ndim - 1))
    count = np.array([len(runs.common(*pair)) for pair in pairs]).reshape(by_contrast)
    allowance = np.where(count > 1, *ALLOWANCE[what])
    many = count > 1
    pooled = (spread + 2 * spread.sum(axis=0) / max(many.sum(), 1)) / 3
    seeds = np.where(many, np.maximum(pooled / count - within, 0), 0)
    degrees = np.maximum(3 * (count - 1) * many.sum() / (many.sum() + 2), 1)
    deviation = np.sqrt(allowance) * np.moveaxis(deviation, 1, 0)
    t = np.random.default_rng([runs.seed, 1]).standard_t(degrees, size=deviation.shape)
    error = np.sqrt(allowance * sampling + seeds)
    studentised = np.divide(
        deviation + np.sqrt(seeds) * t, error, out=np.zeros_like(deviation), where=error > 0
    )
    return Contrasts(values, allowance * sampling, seeds, studentised)


def _differences(
    runs: Runs, one: str, other: str | None, what: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return each common seed's difference, seeds first, and as drawn, replicates first."""
    seeds = runs.common(one, other)
    first = [runs.places[one][seed] for seed in seeds]
    seen, drawn = runs.seen[what][first], runs.drawn[what][:, first].astype(float)
    if other is None:
        return seen, drawn
    second = [runs.places[other][seed] for seed in seeds]
    return seen - runs.seen[what][second], drawn - runs.drawn[what][:, second]


def _moments(seen: np.ndarray, drawn: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return mean, B, V, I of `contrasts`, shape (...), and deviations, shape (replicates, ...)."""
    mean, spare = drawn.mean(axis=1), max(len(seen) - 1, 1)
    sampling = mean.var(axis=0)
    within = (drawn.var(axis=0).mean(axis=0) - sampling) / spare
    spread = ((seen - seen.mean(axis=0)) ** 2).sum(axis=0) / spare
    return seen.mean(axis=0), sampling, spread, within, mean - mean.mean(axis=0)
