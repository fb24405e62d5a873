"""What a network is trained for: loss and weights, and the way from its outputs to p(y|x)."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from ballast.labels.classes import Classes
from ballast.probabilities import calibration, ledger
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan
from ballast.training.balancing import log_prior
from ballast.training.examples import Examples

Member = tuple[ModuleType, dict[str, Any]]


@dataclass(frozen=True)
class Objective:
    """A loss with weights, and what is known of the way back.

    Attributes:
        loss: from (labels, logits) to a loss a row, or multi-label a label.
        weights: of the classes, normalised, as a weighting returns them.
        inverse: from the network's outputs to logits of p(y|x) of the rows trained on; leaves them
            as they are where no formula leads there.
        book: the ledger.
    """

    loss: Callable
    weights: np.ndarray
    inverse: Callable[[np.ndarray], np.ndarray]
    book: dict[str, Any]

    def probabilities(self, outputs: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return what the evaluation makes, by default, of the outputs of validation rows.

        Args:
            outputs: of the network, shape (rows, classes).
            targets: multi-hot labels of these rows, which a calibration map is fitted on.
        """
        multilabel = self.book["task"] == "multilabel"
        logits = ledger.correct(self.inverse(outputs), self.book)
        method = ledger.calibration(self.book)
        if method != "none":
            logits = calibration.fit(method, targets, logits, multilabel).apply(logits)
        return ledger.probabilities(logits, multilabel)


def objective(
    loss: Member,
    weighting: Member,
    plan: Plan,
    before: Classes,
    after: Classes,
    examples: Examples,
    deferred: bool,
    allow_double_correction: bool,
) -> Objective:
    """Put sampler, weighting and loss together.

    Args:
        loss: the member's file and its options.
        weighting: likewise.
        plan: the sampler's.
        before: the classes as they stand in the training rows.
        after: the same after resampling.
        examples: what the weighting may look at.
        deferred: whether the weights count only late in the training.
        allow_double_correction: whether they may correct the prior more than once.

    Raises:
        UserError: they don't go together, or their options don't fit the classes.
    """
    (loss, loss_options), (weighting, weighting_options) = loss, weighting
    files = {"weighting": weighting, "loss": loss}
    names = {family: file.__name__.rpartition(".")[2] for family, file in files.items()}
    one = np.eye(1, len(before.names))
    # What a loss refuses is to be said before the training.
    loss.loss(one, 0 * one, after, **loss_options)
    if hasattr(loss, "PER_BATCH"):
        _refuse_parts_of_batches(names, plan)

    weights = alone = weighting.weigh(after, examples, **weighting_options)
    if plan.sampler != "none" and not hasattr(weighting, "READS_EXAMPLES"):
        # After a sampler, a weighting corrects what is left; asked for is what it does by itself.
        alone = weighting.weigh(before, examples, **weighting_options)
    shifts = {
        f"sampler: {plan.sampler}": ledger.sampling_shift(before, after),
        f"weighting: {names['weighting']}": ledger.weight_shift(alone),
        f"loss: {names['loss']}": _shift(loss, before, loss_options),
    }
    corrections = {name: ledger.correction(shift, before) for name, shift in shifts.items()}
    ledger.refuse_twice(corrections, allow_double_correction)

    bends = [plan.bends] if plan.bends else []
    if deferred and names["weighting"] != "none":
        bends.append(f"weighting {names['weighting']}: counts late, so it may have moved less.")
    inverse = _unchanged
    if hasattr(loss, "inverse"):
        inverse = partial(loss.inverse, classes=after, **loss_options)
    else:
        bends.append(f"loss {names['loss']}: no formula leads from its outputs to probabilities.")
    weights = ledger.normalise(weights, after)
    about = {"loss_options": loss_options, "corrections": corrections, "bends": bends}
    if hasattr(loss, "CALIBRATION"):
        about["calibration"] = loss.CALIBRATION
    return Objective(
        loss=partial(loss.loss, classes=after, **loss_options),
        weights=weights,
        inverse=inverse,
        book=ledger.entry(before, after, weights, names | about, hasattr(loss, "inverse")),
    )


def _shift(loss: ModuleType, classes: Classes, options: dict[str, Any]) -> np.ndarray:
    """Return what a loss adds to the logits, as far as its inverse or the loss itself tells."""
    nothing = np.zeros((1, len(classes.names)))
    if hasattr(loss, "inverse"):
        return -loss.inverse(nothing, classes, **options)[0]
    return -log_prior(classes) if hasattr(loss, "CORRECTS_PRIOR") else nothing[0]


def _unchanged(logits: np.ndarray) -> np.ndarray:
    return logits


def _refuse_parts_of_batches(names: dict[str, str], plan: Plan) -> None:
    """Refuse what weighs single rows where the loss is one of the whole batch."""
    other = None
    if plan.label_shares is not None:
        other = f"sampler: {plan.sampler}, which mixes labels"
    elif names["weighting"] != "none":
        other = f"weighting: {names['weighting']}"
    if other:
        raise UserError(
            f"params.yaml: loss: {names['loss']} is worked out on a whole batch, where rows have "
            f"no weights of their own; {other}, can't go with it. Use weighting: none and a "
            "sampler that mixes no labels."
        )
