"""The ledger: how sampling, weights and loss change p(y|x)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ballast.labels.classes import Classes, Costs
from ballast.probabilities.logits import log_odds
from ballast.probabilities.plain import Plain
from ballast.project import storage
from ballast.project.errors import UserError

# Smaller corrections of the prior are rounding, or odd priors.
SLIGHT = 0.05


@dataclass(frozen=True)
class Ledger(Plain):
    """What a model was trained on and with, and how that changes its outputs.

    Attributes:
        labels: class names, in the order of every array's class axis.
        multilabel: whether a row may have several labels.
        rows: number of training rows.
        examples: number of examples expected in an epoch, after resampling.
        prior_before_sampling: share of the training rows with each class, shape (classes,).
        prior_after_sampling: likewise, of the examples.
        weights: normalised weights of the classes, shape (classes,), or multi-label (2, classes).
        sampler: name of the sampler.
        weighting: name of the weighting.
        loss: name of the loss.
        loss_options: options of the loss.
        has_inverse: whether a formula converts outputs to log odds.
        only_ranks: whether the outputs order the rows but choose no label.
        calibration: the loss's own map if it has no inverse, or None.
        corrections: how far each layer moves the prior towards balance (`strength`), by its name in
            params.yaml.
        distortions: what no formula undoes, in words.
        costs: `costs` in params.yaml, which some losses use.
    """

    labels: tuple[str, ...]
    multilabel: bool
    rows: int
    examples: float
    prior_before_sampling: np.ndarray
    prior_after_sampling: np.ndarray
    weights: np.ndarray
    sampler: str = "none"
    weighting: str = "none"
    loss: str = "cross_entropy"
    loss_options: dict[str, Any] = field(default_factory=dict)
    has_inverse: bool = True
    only_ranks: bool = False
    calibration: str | None = None
    corrections: dict[str, float] = field(default_factory=dict)
    distortions: tuple[str, ...] = ()
    costs: Costs | None = None

    @property
    def before(self) -> Classes:
        """The classes of the training rows."""
        return self._classes(self.prior_before_sampling, self.rows)

    @property
    def after(self) -> Classes:
        """The classes of the examples, for the inverse of a loss."""
        return self._classes(self.prior_after_sampling, self.examples)

    @property
    def shift(self) -> np.ndarray:
        """What sampling and weights add to the logits, shape (classes,)."""
        return sampling_shift(self.before, self.after) + weight_shift(self.weights)

    def _classes(self, prior: np.ndarray, rows: float) -> Classes:
        return Classes(self.labels, prior * rows, rows, self.multilabel, costs=self.costs)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Ledger":
        """Return the ledger from the result of `to_json`."""
        arrays = {
            name: np.array(values[name])
            for name in ("prior_before_sampling", "prior_after_sampling", "weights")
        }
        tuples = {name: tuple(values[name]) for name in ("labels", "distortions")}
        return cls(**values | arrays | tuples)

    def save(self, folder: Path) -> None:
        """Write the ledger beside a model's networks."""
        storage.write_json(folder / "ledger.json", self.to_json())

    @classmethod
    def load(cls, folder: Path) -> "Ledger":
        """Read what `save` wrote.

        Raises:
            UserError: there is no such file yet.
        """
        return cls.from_json(storage.read_json(folder / "ledger.json"))


def strength(shift: np.ndarray, classes: Classes) -> float:
    """Return how far a shift of the logits moves the classes' prior towards balance.

    0 leaves the prior as it is, 1 gives all classes the same share, 2 is twice too much: the slope
    of the least-squares line of `shift` over -log prior (multi-label: over minus its log odds).

    Args:
        shift: what a layer adds to the logits, shape (classes,).
        classes: the classes of the training rows.
    """
    present = (classes.counts > 0) & (classes.counts < classes.rows)
    prior, shift = classes.prior[present], shift[present]
    rarity = -log_odds(prior) if classes.multilabel else -np.log(prior)
    if not classes.multilabel:
        # A constant on all logits changes nothing.
        rarity, shift = rarity - rarity.mean(), shift - shift.mean()
    spread = rarity @ rarity
    return float(shift @ rarity / spread) if spread > 1e-12 else 0.0


def refuse_twice(corrections: dict[str, float], allowed: bool) -> None:
    """Refuse layers that together correct the prior beyond balance.

    Args:
        corrections: `strength` of what each layer does, by its name in params.yaml. Weightings and
            losses use the class sizes after resampling: where a sampler has balanced the classes,
            they do nothing, and there is no second correction.
        allowed: `allow_double_correction`.

    Raises:
        UserError: two or more layers correct the prior, by more than 1 in total.
    """
    active = {name: strength for name, strength in corrections.items() if strength > SLIGHT}
    if allowed or len(active) < 2 or sum(active.values()) <= 1 + SLIGHT:
        return
    listed = " and ".join(f"{name} ({strength:.2f})" for name, strength in active.items())
    raise UserError(
        f"params.yaml: {listed} correct the same class prior: together "
        f"{sum(active.values()):.2f} times as much as balances the classes. Keep one of them, or "
        "set allow_double_correction: true."
    )


def sampling_shift(before: Classes, after: Classes) -> np.ndarray:
    """Return what resampling adds to the logits: the log ratio of the priors, or of their odds.

    0 for a class that no row has before or after; multi-label also for one that all rows have.
    """
    old, new = before.prior, after.prior
    if before.multilabel:
        defined = (old > 0) & (old < 1) & (new > 0) & (new < 1)
        old, new = (np.where(defined, prior, 0.5) for prior in (old, new))
        return log_odds(new) - log_odds(old)
    return np.log(np.divide(new, old, out=np.ones_like(old), where=(old > 0) & (new > 0)))


def weight_shift(weights: np.ndarray) -> np.ndarray:
    """Return what weights add to the logits, shape (classes,)."""
    return np.log(weights) if weights.ndim == 1 else np.log(weights[1] / weights[0])


def normalise(weights: np.ndarray, classes: Classes) -> np.ndarray:
    """Scale weights to a mean of 1 over the rows, which leaves the learning rate as it is.

    Args:
        weights: shape (classes,), or multi-label (2, classes), each label scaled by itself.
        classes: the classes of the rows trained on.
    """
    if classes.multilabel:
        present = classes.prior
        return weights / (weights[0] * (1 - present) + weights[1] * present)
    return weights / (weights @ classes.prior)
