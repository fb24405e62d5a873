"""What twice the rows would bring: a + b n^-c through the scores of nested shares of the rows.

All classes grow together in the shares, so a class's curve is that of a data set that grows as a
whole: it does not say what more rows of this class alone would bring. Real learning curves need not
be well-behaved (Viering and Loog, The Shape of Learning Curves, 2022): `problems` says where this
one is not.
"""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ballast.comparison.comparing import interval, signed
from ballast.labels.classes import Classes
from ballast.study.contrasts import ALLOWANCE
from ballast.study.power_law import Curve, curve
from ballast.study.runs import Runs, runs
from ballast.study.wording import title


@dataclass(frozen=True)
class LearningCurve:
    """The curve of the score, and each class's recall.

    Attributes:
        score: name of the score.
        curve: of the score, by the sum of all classes' rows.
        recalls: by class, by its own rows.
    """

    score: str
    curve: Curve
    recalls: dict[str, Curve]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)

    def sentence(self) -> str:
        """Return what twice the rows would bring, in a sentence."""
        if self.curve.problems:
            return f"cannot be told what twice the rows would bring: {self.curve.problems[0]}" + (
                _measured(self.curve) if len(self.curve.scores) > 1 else ""
            )
        text = f"twice the rows would bring {title(self.score)} {_gain(self.curve)}"
        if self.curve.low <= 0 <= self.curve.high:
            return f"cannot be told: {text}"
        told = {n: c for n, c in self.recalls.items() if not c.problems and c.low > 0}
        if told:
            name, most = max(told.items(), key=lambda pair: pair[1].gain)
            text += f", most to recall of {name}, {_gain(most)}"
        return text


def _measured(curve: Curve) -> str:
    (*_, before, rows), (*_, lower, score) = curve.rows, curve.scores
    return f"; from {before:,.0f} rows to these {rows:,.0f}, it was {signed(score - lower)}"


def learning_curve(
    counts: np.ndarray,
    targets: np.ndarray,
    predicted: Sequence[Mapping[Hashable, np.ndarray]],
    classes: Classes,
    units: np.ndarray,
    *,
    score: str = "f1_macro",
    level: float = 0.95,
    replicates: int = 1000,
    seed: int = 0,
) -> LearningCurve:
    """Return the curves of the score and of each class's recall.

    The intervals are those of curves through the scores of rows and seeds drawn anew, with the
    allowance for training rows of `contrasts.ALLOWANCE`. They take the form of the curve as given.

    Args:
        counts: training rows of each class in each share, ascending, shape (shares, classes).
        targets: multi-hot labels of the held-out rows, the same for all shares, uint8, shape
            (rows, classes).
        predicted: of each share, {seed: labels, likewise}; all shares have the same seeds.
        classes: names and task.
        units: rows with the same number are drawn together, shape (rows,).
        score: as `evaluation.scores.of_counts` names it.
        level: confidence level of each interval.
        replicates: draws; fewer where rows are very many.
        seed: seed of the draws.
    """
    shares = {str(place): by_seed for place, by_seed in enumerate(predicted)}
    drawn = runs(targets, shares, classes, units, score, replicates, seed)
    seen = _by_share(drawn, drawn.seen["score"]), _by_share(drawn, drawn.seen["recall"])
    again = _redrawn(drawn, "score"), _redrawn(drawn, "recall")
    return LearningCurve(
        score,
        curve(counts.sum(axis=1), seen[0], again[0], level),
        {
            name: curve(counts[:, c], seen[1][..., c], again[1][..., c], level)
            for c, name in enumerate(classes.names)
        },
    )


def _by_share(runs: Runs, values: np.ndarray) -> np.ndarray:
    """Return values by run as by share and seed, shape (shares, seeds, ...)."""
    return np.stack([values[list(places.values())] for places in runs.places.values()])


def _redrawn(runs: Runs, what: str) -> np.ndarray:
    """Return mean scores of rows and seeds drawn anew, shape (replicates, shares, ...)."""
    drawn = np.stack(
        [runs.drawn[what][:, list(p.values())] for p in runs.places.values()], axis=2
    ).astype(float)
    replicates, count = drawn.shape[:2]
    # A seed is drawn in all shares: what it does to one it may do to the next.
    picked = np.random.default_rng([runs.seed, 2]).integers(count, size=(replicates, count))
    rows = np.arange(replicates)[:, None]
    mean, of_rows = drawn[rows, picked].mean(axis=1), drawn.mean(axis=1)
    seen = _by_share(runs, runs.seen[what]).mean(axis=1)
    # Of so few seeds, drawing them anew makes the variance too small by (seeds - 1) / seeds.
    of_seeds = (mean - of_rows) * np.sqrt(count / max(count - 1, 1))
    allowance = ALLOWANCE[what][count == 1]
    return seen + np.sqrt(allowance) * (of_rows - of_rows.mean(axis=0)) + of_seeds


def _gain(curve: Curve) -> str:
    return interval({"difference": curve.gain, "low": curve.low, "high": curve.high})
