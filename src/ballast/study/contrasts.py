"""Differences of two strategies' mean scores: their variances, apart, and their joint bounds.

A difference varies with the held-out rows, with the seeds, and with the training rows, of which
there is one draw only. The bootstrap gives the first variance, the seeds' paired differences the
second; `TRAINING` allows for the third.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ballast.labels.classes import Classes
from ballast.study import redrawing

TRAINING = 1.25
ONE_SEED = 1.5

Predicted = Mapping[str, Mapping[Hashable, np.ndarray]]


@dataclass(frozen=True)
class Runs:
    """Scores of all strategies and seeds, as seen and on rows drawn anew.

    Attributes:
        places: {strategy: {seed: place of the run}}.
        seen: "score", shape (runs,), "f1" and "recall", shape (runs, classes).
        drawn: likewise with a first axis for the replicates.
        seed: of the draws.
    """

    places: dict[str, dict[Hashable, int]]
    seen: dict[str, np.ndarray]
    drawn: dict[str, np.ndarray]
    seed: int


@dataclass(frozen=True)
class Contrasts:
    """Differences of mean scores over seeds and their variances.

    Attributes:
        values: shape (contrasts, ...).
        sampling: variance by the choice of held-out rows and of training rows, likewise.
        seeds: variance by the choice of seeds beyond that, likewise; 0 for one seed.
        degrees: degrees of freedom of `seeds`, shape (contrasts,); infinite for one seed.
        deviations: of the values when rows are drawn anew, shape (replicates, contrasts, ...).
        studentised: deviations, seeds included, over their standard error.
    """

    values: np.ndarray
    sampling: np.ndarray
    seeds: np.ndarray
    studentised: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """Standard error."""
        return np.sqrt(self.sampling + self.seeds)


def runs(
    targets: np.ndarray,
    predicted: Predicted,
    classes: Classes,
    units: np.ndarray,
    score: str,
    replicates: int,
    seed: int,
) -> Runs:
    """Return the scores of each strategy and seed, and on rows drawn anew, once for all of them."""
    names = [(name, j) for name, by_seed in predicted.items() for j in by_seed]
    places: dict[str, dict[Hashable, int]] = {name: {} for name in predicted}
    for place, (name, j) in enumerate(names):
        places[name][j] = place
    labels = [predicted[name][j] for name, j in names]
    cells = redrawing.cells(targets, labels, units, classes.multilabel)
    numbers = {name: number for number, name in enumerate(predicted)}
    drawn_from = redrawing.smoothed(cells, [numbers[name] for name, _ in names])
    drawn = redrawing.redraw(drawn_from, score, seed, replicates)
    return Runs(places, cells.values(cells.counts @ cells.summands, score), drawn, seed)


def contrasts(runs: Runs, pairs: Sequence[tuple[str, str | None]], what: str) -> Contrasts:
    """Return the differences of `what`, first strategy - second, over the seeds of both.

    Args:
        runs: of all strategies.
        pairs: of strategies with a seed in common; None as the second stands for 0.
        what: "score", "f1" or "recall".
    """
    values, sampling, within, spread, counts, deviations = [], [], [], [], [], []
    for one, other in pairs:
        seen, drawn = _by_seed(runs, one, other, what)
        mean = drawn.mean(axis=1)
        count = len(seen)
        values.append(seen.mean(axis=0))
        deviations.append(mean - mean.mean(axis=0))
        sampling.append(mean.var(axis=0))
        # Rows drawn anew change each seed's difference by more than their mean: that part of the
        # seeds' spread is the rows', and is in `sampling` already.
        within.append((drawn.var(axis=0).mean(axis=0) - sampling[-1]) / max(count - 1, 1))
        spread.append(seen.var(axis=0, ddof=1) if count > 1 else np.full_like(seen[0], np.nan))
        counts.append(count)
    number = np.array(counts)
    seeds, degrees = _of_seeds(np.array(spread), number, np.array(within))
    shape = (-1, *[1] * (seeds.ndim - 1))
    factor = np.where(number > 1, TRAINING, ONE_SEED).reshape(shape)
    sampling = factor * np.array(sampling)
    noise = np.random.default_rng([runs.seed, 1])
    deviation = np.sqrt(factor) * np.stack(deviations, axis=1)
    t = noise.standard_t(degrees.reshape(shape), size=deviation.shape)
    error = np.sqrt(sampling + seeds)
    studentised = np.divide(
        deviation + np.sqrt(seeds) * t, error, out=np.zeros_like(deviation), where=error > 0
    )
    return Contrasts(np.array(values), sampling, seeds, studentised)


def _by_seed(
    runs: Runs, one: str, other: str | None, what: str
) -> tuple[np.ndarray, np.ndarray]:
    places = runs.places[one]
    if other is None:
        first = list(places.values())
        return runs.seen[what][first], runs.drawn[what][:, first].astype(float)
    common = [seed for seed in places if seed in runs.places[other]]
    first, second = ([runs.places[name][seed] for seed in common] for name in (one, other))
    drawn = runs.drawn[what][:, first].astype(float) - runs.drawn[what][:, second]
    return runs.seen[what][first] - runs.seen[what][second], drawn


def _of_seeds(
    spread: np.ndarray, counts: np.ndarray, within: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    many = counts > 1
    degrees = np.ones(len(counts))
    seeds = np.zeros_like(spread)
    if many.any():
        pooled = (spread[many] + 2 * spread[many].mean(axis=0)) / 3
        shape = (-1, *[1] * (spread.ndim - 1))
        seeds[many] = np.maximum(pooled / counts[many].reshape(shape) - within[many], 0)
        degrees[many] = 3 * (counts[many] - 1) * many.sum() / (many.sum() + 2)
    return seeds, degrees
