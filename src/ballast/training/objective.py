"""The objective of training: a loss with class weights, and what both do to p(y|x)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ballast.labels.classes import Classes
from ballast.probabilities import ledger
from ballast.probabilities.balancing import log_prior
from ballast.probabilities.ledger import Ledger
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan
from ballast.training.examples import Examples
from ballast.training.problem import Problem

if TYPE_CHECKING:
    import keras

Member = tuple[ModuleType, dict[str, Any]]


@dataclass(frozen=True)
class Objective:
    """A loss with weights.

    Attributes:
        loss: from (labels, logits) to a loss a row, or multi-label a label.
        weights: of the classes, shape (classes,), or multi-label (2, classes); mean 1 over the
            rows.
        ledger: what the model is trained on and with, for the way from outputs to p(y|x).
        classes: the classes as they stand in the training rows.
    """

    loss: Callable
    weights: np.ndarray
    ledger: Ledger
    classes: Classes

    def weighted(self, enabled: "keras.Variable") -> Callable:
        """Return (labels, logits) -> loss a row, times the weight of the row's class.

        Multi-label: the mean over the labels of loss times weight, by presence or absence.

        Args:
            enabled: while it is false, all weights are 1.
        """
        from keras import ops

        def total(labels, logits):
            values = self.loss(labels, logits)
            weights = ops.where(enabled, self.weights, np.ones_like(self.weights))
            factors = ops.cast(weights, values.dtype)
            if self.classes.multilabel:
                by_label = labels * factors[1] + (1 - labels) * factors[0]
                return ops.mean(values * by_label, axis=-1)
            return values * ops.sum(labels * factors, axis=-1)

        return total


def build_objective(
    problem: Problem,
    loss: Member,
    weighting: Member,
    examples: Examples,
    deferred: bool,
    allow_double_correction: bool,
) -> Objective:
    """Return the objective that sampler, weighting and loss make together.

    Args:
        problem: what there is to learn.
        loss: the member's file and its options.
        weighting: likewise.
        examples: for weightings that need more than class sizes.
        deferred: whether the weights apply only from a later epoch on.
        allow_double_correction: whether they may correct the prior more than once.

    Raises:
        UserError: they can't be combined, or their options don't fit the classes.
    """
    (loss, loss_options), (weighting, weighting_options) = loss, weighting
    names = [file.__name__.rpartition(".")[2] for file in (weighting, loss)]
    before, after, plan = problem.before, problem.after, problem.plan
    label = np.eye(1, len(before.names))
    # A loss that refuses these classes does so before the training.
    loss.loss(label, 0 * label, after, **loss_options)
    if getattr(loss, "PER_BATCH", False):
        _refuse_row_weights(*names, plan)

    weights = ledger.normalise(weighting.weigh(after, examples, **weighting_options), after)
    shifts = {
        f"sampler: {plan.sampler}": ledger.sampling_shift(before, after),
        f"weighting: {names[0]}": ledger.weight_shift(weights),
        f"loss: {names[1]}": _shift(loss, after, loss_options),
    }
    corrections = {name: ledger.strength(shift, before) for name, shift in shifts.items()}
    ledger.refuse_twice(corrections, allow_double_correction)
    has_inverse = hasattr(loss, "inverse")
    distortions = [plan.distortion] if plan.distortion else []
    if deferred and names[0] != "none":
        distortions.append(
            f"weighting {names[0]}: applied in the later epochs only, its effect may be smaller."
        )
    if not has_inverse:
        distortions.append(f"loss {names[1]}: no formula leads from its outputs to probabilities.")
    return Objective(
        loss=partial(loss.loss, classes=after, **loss_options),
        weights=weights,
        ledger=Ledger(
            labels=before.names,
            multilabel=before.multilabel,
            rows=int(before.rows),
            examples=float(after.rows),
            prior_before_sampling=before.prior,
            prior_after_sampling=after.prior,
            weights=weights,
            sampler=plan.sampler,
            weighting=names[0],
            loss=names[1],
            loss_options=loss_options,
            has_inverse=has_inverse,
            only_ranks=getattr(loss, "ONLY_RANKS", False),
            calibration=getattr(loss, "CALIBRATION", None),
            corrections=corrections,
            distortions=tuple(distortions),
            costs=before.costs,
        ),
        classes=before,
    )


def mixed_label_loss(loss: Callable) -> Callable:
    """Return (targets, logits) -> (1 - share) loss(labels) + share loss(labels of the partner).

    Targets are as `Batch.labels` has them where the plan mixes labels.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, mixup: Beyond Empirical Risk Minimization, 2018.

    Args:
        loss: from (labels, logits) to a loss a row.
    """

    def total(targets, logits):
        classes = logits.shape[-1]
        labels, partner, share = targets[:, :classes], targets[:, classes:-1], targets[:, -1]
        return (1 - share) * loss(labels, logits) + share * loss(partner, logits)

    return total


def _shift(loss: ModuleType, classes: Classes, options: dict[str, Any]) -> np.ndarray:
    """Return what a loss adds to the logits, by its inverse or by what its file declares."""
    zero = np.zeros((1, len(classes.names)))
    if hasattr(loss, "inverse"):
        return -loss.inverse(zero, classes, **options)[0]
    return -log_prior(classes) if getattr(loss, "CORRECTS_PRIOR", False) else zero[0]


def _refuse_row_weights(weighting: str, loss: str, plan: Plan) -> None:
    """Refuse weights of single rows beside a loss of the whole batch."""
    other = None
    if plan.label_shares is not None:
        other = f"sampler: {plan.sampler}, which mixes labels"
    elif weighting != "none":
        other = f"weighting: {weighting}"
    if other:
        raise UserError(
            f"params.yaml: loss: {loss} is computed on a whole batch, where rows have no weights "
            f"of their own: it can't be combined with {other}. Use weighting: none and a sampler "
            "that mixes no labels."
        )
