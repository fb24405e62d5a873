"""The ledger: what sampling, weights and loss did to p(y|x)."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from ballast.labels.classes import Classes, Costs
from ballast.probabilities.logits import log_odds
from ballast.project import storage
from ballast.project.errors import UserError

# A layer that corrects less than this corrects nothing: rounding, or odd priors.
SLIGHT = 0.05


@dataclass(frozen=True)
class Ledger:
    """What a model was trained on and with, and how far that moves its outputs from p(y|x).

    Attributes:
        labels: class names, in the order of every array's class axis.
        multilabel: whether a row may have several labels.
        rows: training rows.
        examples: expected in an epoch, after resampling.
        prior_before_sampling: share of the training rows that have each class, shape (classes,).
        prior_after_sampling: likewise, of the examples.
        weights: of the classes, normalised, shape (classes,), or multi-label (2, classes).
        sampler: name of the sampler.
        weighting: name of the weighting.
        loss: name of the loss.
        loss_options: the loss's.
        has_inverse: whether a formula leads from outputs to log odds; without one, outputs may be
            anything.
        only_ranks: whether the outputs order rows and choose no label.
        calibration: the loss's own map where it has no inverse, or None.
        corrections: how far each layer takes the prior towards balance, by its place in
            params.yaml.
        distortions: what no formula undoes, in words.
        costs: `costs` in params.yaml, which some losses read.
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
        """The classes as they stand in the training rows."""
        return self._classes(self.prior_before_sampling, self.rows)

    @property
    def after(self) -> Classes:
        """The classes as they stand in the examples, for the inverse of a loss."""
        return self._classes(self.prior_after_sampling, self.examples)

    @property
    def shift(self) -> np.ndarray:
        """What sampling and weights add to the log odds, shape (classes,)."""
        return sampling_shift(self.before, self.after) + weight_shift(self.weights)

    def _classes(self, prior: np.ndarray, rows: float) -> Classes:
        return Classes(self.labels, prior * rows, rows, self.multilabel, costs=self.costs)

    def to_json(self) -> dict[str, Any]:
        """Return plain lists and numbers."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Ledger":
        """Return the ledger that `to_json` made these values of."""
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
    """Return how far a shift of the classes' log odds takes their prior towards balance.

    0 leaves the prior as it is, 1 makes all classes alike, 2 is twice too much: the slope of
    the least-squares line of `shift` over -log prior (multi-label: over minus the log odds).

    Args:
        shift: what a layer adds to the logits, shape (classes,).
        classes: the classes as they stand in the training rows.
    """
    present = (classes.counts > 0) & (classes.counts < classes.rows)
    prior, shift = classes.prior[present], shift[present]
    rarity = -log_odds(prior) if classes.multilabel else -np.log(prior)
    if not classes.multilabel:
        # A constant added to all logits changes nothing.
        rarity, shift = rarity - rarity.mean(), shift - shift.mean()
    spread = rarity @ rarity
    return float(shift @ rarity / spread) if spread > 1e-12 else 0.0


def refuse_twice(corrections: dict[str, float], allowed: bool) -> None:
    """Refuse layers that together correct the prior beyond balance.

    Args:
        corrections: `strength` of what each layer really does, by its place in params.yaml. A
            weighting or loss that reads the class sizes after resampling finds them even where a
            sampler has evened them out: it does nothing then, and that is no second correction.
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
        f"{sum(active.values()):.2f} of what makes the classes alike. Keep one of them, or set "
        "allow_double_correction: true."
    )


def sampling_shift(before: Classes, after: Classes) -> np.ndarray:
    """Return what resampling adds to the logits: log of the prior's ratio, or of its odds' ratio.

    A class that has no row, before or after, has 0; multi-label also one that all rows have.
    """
    earlier, later = before.prior, after.prior
    if before.multilabel:
        present = (earlier > 0) & (earlier < 1) & (later > 0) & (later < 1)
        earlier, later = (np.where(present, share, 0.5) for share in (earlier, later))
        return log_odds(later) - log_odds(earlier)
    present = (earlier > 0) & (later > 0)
    return np.log(np.divide(later, earlier, out=np.ones_like(earlier), where=present))


def weight_shift(weights: np.ndarray) -> np.ndarray:
    """Return what weights add to the logits, shape (classes,)."""
    return np.log(weights) if weights.ndim == 1 else np.log(weights[1] / weights[0])


def normalise(weights: np.ndarray, classes: Classes) -> np.ndarray:
    """Scale weights so that their mean over the rows is 1: they keep the learning rate as it is.

    Args:
        weights: shape (classes,), or multi-label (2, classes), each label scaled for itself.
        classes: the classes as they stand in the rows to train on.
    """
    if classes.multilabel:
        present = classes.prior
        return weights / (weights[0] * (1 - present) + weights[1] * present)
    return weights / (weights @ classes.prior)
