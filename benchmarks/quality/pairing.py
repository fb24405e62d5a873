"""Differences of macro-F1 between systems on the same rows and seeds, with paired intervals.

Two things could have come out otherwise: which rows the test parts hold, and what chance did in
training and in splitting. Rows: each row of the data set gets a weight, as if rows were drawn anew
with replacement, and weighs the same for all systems and in the test parts of all seeds. So equal
test rows under five seeds are not taken for five times the rows. Seeds: the standard error of the
mean over seeds, times a draw of Student's t, since few seeds tell little about their spread. Where
each seed has another split, the rows' chance is in both: the interval is then on the safe side, as
it should be, for the splits share most of their training rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ballast.evaluation.scores import of_counts
from ballast.labels.classes import Classes

BETTER, WORSE, UNCLEAR = "better", "worse", "cannot be told"
LEVEL = 0.95
# Draws at a time: bounds the memory.
CHUNK = 100


@dataclass(frozen=True)
class Test:
    """The test rows of one seed.

    Attributes:
        ids: of the rows.
        actual: multi-hot labels, shape (rows, classes).
        predicted: the same by system.
    """

    ids: Sequence[str]
    actual: np.ndarray
    predicted: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Drawn:
    """A system's macro-F1 by seed, as seen and under every draw of rows.

    Attributes:
        seen: by seed.
        draws: by seed, each of shape (draws,); the n-th draw is the same rows everywhere.
    """

    seen: dict[int, float]
    draws: dict[int, np.ndarray]


@dataclass(frozen=True)
class Interval:
    """A mean over seeds and where it may lie.

    Attributes:
        mean: over the seeds.
        low: lower end.
        high: upper end.
    """

    mean: float
    low: float
    high: float

    @property
    def verdict(self) -> str:
        """What can be said of a difference."""
        return BETTER if self.low > 0 else WORSE if self.high < 0 else UNCLEAR


def draw(
    tests: Mapping[int, Test], classes: Classes, draws: int = 2000, seed: int = 0
) -> dict[str, Drawn]:
    """Return each system's macro-F1 under rows drawn anew.

    Args:
        tests: by seed.
        classes: for the task.
        draws: number of draws.
        seed: of the draws.
    """
    numbers: dict[str, int] = {}
    places = {
        key: np.array([numbers.setdefault(name, len(numbers)) for name in test.ids])
        for key, test in tests.items()
    }
    rng = np.random.default_rng(seed)
    parts: dict[tuple[str, int], list[np.ndarray]] = {}
    for start in range(0, draws, CHUNK):
        size = (min(CHUNK, draws - start), len(numbers))
        weights = rng.poisson(1.0, size).astype(np.float32)
        for key, test in tests.items():
            for system, f1 in _macro_f1(test, weights[:, places[key]], classes).items():
                parts.setdefault((system, key), []).append(f1)
    by_system: dict[str, Drawn] = {}
    for key, test in tests.items():
        once = np.ones((1, len(test.ids)), np.float32)
        for system, f1 in _macro_f1(test, once, classes).items():
            drawn = by_system.setdefault(system, Drawn({}, {}))
            drawn.seen[key] = float(f1[0])
            drawn.draws[key] = np.concatenate(parts[system, key])
    return by_system


def _macro_f1(test: Test, weights: np.ndarray, classes: Classes) -> dict[str, np.ndarray]:
    """Return macro-F1 by system, shape (draws,), from weights of shape (draws, rows)."""
    # Sums of small whole numbers: float32 holds them exactly.
    actual = test.actual.astype(np.float32)
    support, by_system = weights @ actual, {}
    for system, labels in test.predicted.items():
        predicted = labels.astype(np.float32)
        counts = (weights @ (actual * predicted), support, weights @ predicted)
        rows = len(test.ids)
        by_system[system] = of_counts(*counts, rows, classes)["f1_macro"]
    return by_system


def interval(drawn: Drawn, seed: int = 0) -> Interval:
    """Return a system's mean over seeds."""
    plain = _interval(list(drawn.seen.values()), list(drawn.draws.values()), seed)
    # Few seeds of much spread reach beyond what F1 can be.
    return Interval(plain.mean, max(plain.low, 0.0), min(plain.high, 1.0))


def difference(first: Drawn, second: Drawn, seed: int = 0) -> Interval | None:
    """Return first - second over the seeds that both have, None where there are none."""
    seeds = [key for key in first.seen if key in second.seen]
    if not seeds:
        return None
    seen = [first.seen[key] - second.seen[key] for key in seeds]
    return _interval(seen, [first.draws[key] - second.draws[key] for key in seeds], seed)


def _interval(seen: list[float], draws: list[np.ndarray], seed: int) -> Interval:
    mean, rows = float(np.mean(seen)), np.mean(draws, axis=0)
    if len(seen) > 1:
        error = np.std(seen, ddof=1) / np.sqrt(len(seen))
        rng = np.random.default_rng([seed, 1])
        rows = rows + error * rng.standard_t(len(seen) - 1, len(rows))
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(rows, [tail, 1 - tail]).tolist()
    # Draws lack rare rows now and then, which moves them to one side; what was seen may be.
    return Interval(mean, min(low, mean), max(high, mean))
