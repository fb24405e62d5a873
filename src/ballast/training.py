"""Train a network; the epoch with the best validation score is kept."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ballast.batches import Table, batch, chunks, orders
from ballast.classes import Classes
from ballast.errors import UserError
from ballast.forward import Forward
from ballast.objective import Objective
from ballast.plans import Plan
from ballast.precision import Precision, chosen
from ballast.progress import bars
from ballast.rules import Rule
from ballast.scores import LOWER_IS_BETTER, Headline, headline

if TYPE_CHECKING:
    import keras

SCORING_BATCH = 1024
Weights = dict[str, np.ndarray]


def train(
    model: "keras.Model",
    forward: Callable[[Weights], Forward],
    aim: Objective,
    table: Table,
    plan: Plan,
    targets: np.ndarray,
    validation: np.ndarray,
    classes: Classes,
    seed: int,
    *,
    epochs: Annotated[int, Field(ge=1)] = 30,
    batch_size: Annotated[int, Field(ge=1)] = 64,
    learning_rate: Annotated[float, Field(gt=0)] = 2e-3,
    patience: Annotated[int, Field(ge=1)] = 4,
    monitor: Headline = "f1_macro",
    defer_weights: Annotated[float, Field(ge=0, lt=1)] = 0.0,
    precision: Precision = "auto",
) -> tuple[Weights, list[dict[str, float]]]:
    """Train a network with Adam; return its best weights by name, and an entry for each epoch.

    After each epoch the validation rows are scored with scikit-learn, by the probabilities that
    the evaluation sees by default and their argmax: uncorrected, an epoch that has only learnt the
    resampled prior could look like the best one. Training ends after `patience` epochs without a
    better score (of equal scores the lower log-loss is better); the weights are those of the best.

    Args:
        model: from a row's inputs to logits; its own variables may be left as they were.
        forward: from weights to what the network computes with them.
        aim: loss, weights, and the way from outputs to probabilities.
        table: all rows.
        plan: the examples to train on, of row numbers of the table.
        targets: multi-hot labels of all rows.
        validation: row numbers.
        classes: the classes as they stand in the training rows.
        seed: seed of the order of the rows.
        epochs: at most so many passes over the plan.
        batch_size: rows a step.
        learning_rate: Adam's.
        patience: epochs to wait for a better score.
        monitor: the score that tells the best epoch.
        defer_weights: share of the epochs before the weights count (deferred reweighting, Cao et
            al. 2019); the best epoch is one of those after it.
        precision: of the products of word vectors with filters in training, where nearly all the
            time goes: bfloat16, float32, or what the processor is faster with. Sums and all else
            are float32.
    """
    import keras

    from ballast.learning import learner

    table = table.only(model.input)
    counting = keras.Variable(True, trainable=False)
    deferred = int(defer_weights * epochs) if (aim.weights != 1).any() else 0
    # The epochs that count are those after all changes.
    start = min(epochs - 1, deferred if plan.first is None else max(deferred, plan.epochs))
    loss = weighted(aim.loss, aim.weights, classes, counting)
    if plan.label_shares is not None:
        loss = of_mixed_labels(loss)
    learning = learner(model, loss, learning_rate, plan.partners is not None, chosen(precision))
    if learning.whole:
        batch_size = plan.size
    best, history = BestEpoch(monitor, patience, start), []
    # What overflows ends in outputs that are not finite, and is told there.
    with bars() as progress, np.errstate(over="ignore", invalid="ignore"):
        for epoch, order in zip(range(epochs), orders(table, plan, batch_size, seed), strict=False):
            counting.assign(epoch >= deferred)
            steps, total = progress.add_task(f"epoch {epoch + 1}", total=len(order)), 0.0
            for entries in order:
                total += len(entries) * learning.step(table, batch(plan, targets, entries))
                progress.advance(steps)
            progress.remove_task(steps)
            weights = learning.weights()
            logits = score(forward(weights), table, validation)
            if not np.isfinite(logits).all():
                raise UserError(
                    f"training diverged in epoch {epoch + 1}: the network's outputs are not "
                    "finite. Lower training.learning_rate in params.yaml, or check the numeric "
                    "columns."
                )
            scores = _validate(logits, targets[validation], classes, aim)
            told = {f"val_{name}": scores[name] for name in (monitor, "f1_macro", "log_loss")}
            history.append({"loss": total / plan.size, **told})
            line = ", ".join(f"{name} {value:.4f}" for name, value in history[-1].items())
            print(f"epoch {epoch + 1}: {line}", flush=True)
            if best.saw(epoch, scores, weights):
                break
    return best.found(), history


def weighted(
    loss: Callable, weights: np.ndarray, classes: Classes, counting: "keras.Variable"
) -> Callable:
    """Return (labels, logits) -> loss a row, times the weight of the row's class.

    Multi-label: the mean over the labels of loss times weight, by presence or absence.

    Args:
        loss: from (labels, logits) to a loss a row, or multi-label a label.
        weights: shape (classes,), or multi-label (2, classes).
        classes: for the task.
        counting: false as long as all weights are 1, whatever `weights` says.
    """

    from keras import ops

    def total(labels, logits):
        values = loss(labels, logits)
        factors = ops.cast(ops.where(counting, weights, np.ones_like(weights)), values.dtype)
        if classes.multilabel:
            return ops.mean(values * (labels * factors[1] + (1 - labels) * factors[0]), axis=-1)
        return values * ops.sum(labels * factors, axis=-1)

    return total


def of_mixed_labels(loss: Callable) -> Callable:
    """Return (targets, logits) -> (1 - share) loss of the own labels + share of the partner's.

    Source: Zhang, Cisse, Dauphin and Lopez-Paz, mixup: Beyond Empirical Risk Minimization, 2018.

    Args:
        loss: from (labels, logits) to a loss a row.
    """

    def total(targets, logits):
        classes = logits.shape[-1]
        own, partner, share = targets[:, :classes], targets[:, classes:-1], targets[:, -1]
        return (1 - share) * loss(own, logits) + share * loss(partner, logits)

    return total


def score(forward: Forward, table: Table, rows: np.ndarray) -> np.ndarray:
    """Return the logits of some rows, float32, shape (rows, classes)."""
    return np.concatenate([forward(table.take(part)) for part in chunks(rows, SCORING_BATCH)])


def _validate(
    logits: np.ndarray, targets: np.ndarray, classes: Classes, aim: Objective
) -> dict[str, float]:
    """Return the headline scores by the probabilities that the evaluation sees by default."""
    likely = aim.probabilities(logits, targets)
    argmax = Rule(np.zeros(len(classes.names)), classes.multilabel)
    return headline(targets, argmax.predict(likely), likely, classes)


class BestEpoch:
    """The weights of the best epoch; after `patience` epochs without a better one it is over.

    Epochs before `start` don't count. Equal scores are told apart by log-loss: as long as a network
    predicts the majority alone, macro-F1 stands still while it learns.
    """

    def __init__(self, monitor: Headline, patience: int, start: int) -> None:
        """Take the score's name, and the two numbers of epochs."""
        self.monitor, self.patience, self.start = monitor, patience, start
        self.sign = -1 if monitor in LOWER_IS_BETTER else 1
        self.best, self.waited, self.weights = (-np.inf, -np.inf), 0, None

    def saw(self, epoch: int, scores: dict[str, float], weights: Weights) -> bool:
        """Take an epoch's scores and weights; tell whether training is over."""
        if epoch < self.start:
            return False
        found = (self.sign * scores[self.monitor], -scores["log_loss"])
        if found > self.best:
            self.best, self.waited, self.weights = found, 0, weights
        else:
            self.waited += 1
        return self.waited >= self.patience

    def found(self) -> Weights:
        """Return the weights of the best epoch.

        Raises:
            UserError: no epoch had a score.
        """
        if self.weights is None:
            raise UserError(
                f"params.yaml: training.monitor: {self.monitor} is not defined on these validation "
                "rows: too few classes have any. Choose another score, or split.validation higher."
            )
        return self.weights
