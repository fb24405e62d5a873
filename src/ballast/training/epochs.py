"""Train networks, one for each fold; the epoch with the best score on held-out rows is kept."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ballast.evaluation.scores import LOWER_IS_BETTER, Headline, headline
from ballast.labels.classes import Classes
from ballast.networks.forward import Forward, mean
from ballast.probabilities.rules import Rule
from ballast.project.errors import UserError
from ballast.project.progress import bars
from ballast.resampling.plans import Plan
from ballast.training.batches import Table, batch, chunks, orders
from ballast.training.objective import Objective
from ballast.training.precision import Precision, chosen

if TYPE_CHECKING:
    import keras

    from ballast.training.learners.keras import Learner

SCORING_BATCH = 1024
# What overflows ends in outputs that are not finite, and is told there.
OVERFLOW = {"over": "ignore", "invalid": "ignore"}
Weights = dict[str, np.ndarray]


def train(
    models: Sequence["keras.Model"],
    forward: Callable[[Weights], Forward],
    aim: Objective,
    table: Table,
    plan: Plan,
    targets: np.ndarray,
    folds: np.ndarray,
    choosing: np.ndarray,
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
) -> tuple[list[Weights], list[dict[str, float]]]:
    """Train networks, one for each fold, side by side with Adam.

    Network k learns from all of the plan but what has to do with rows of fold k. After each epoch
    the rows that choose are scored, each by what has not learnt from it (`score_apart`), with
    scikit-learn, by the probabilities that the evaluation sees by default and their argmax:
    uncorrected, an epoch that has only learnt the resampled prior could look like the best one.
    Training ends after `patience` epochs without a better score (of equal scores the lower log-loss
    is better); the weights are those of the best epoch, the same for all networks.

    Args:
        models: from a row's inputs to logits; their own variables may be left as they were.
        forward: from weights to what a network computes with them.
        aim: loss, weights, and the way from outputs to probabilities.
        table: all rows.
        plan: the examples to train on, of row numbers of the table.
        targets: multi-hot labels of all rows.
        folds: of all rows, shape (rows,); -1 where every network may learn from the row, or none.
        choosing: numbers of the rows that choose.
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

    Returns:
        The networks' weights by name, and an entry for each epoch.
    """
    import keras

    from ballast.training.learners.keras import learner

    table = table.only(models[0].input)
    counting = keras.Variable(True, trainable=False)
    deferred = int(defer_weights * epochs) if (aim.weights != 1).any() else 0
    # The epochs that count are those after all changes.
    start = min(epochs - 1, deferred if plan.first is None else max(deferred, plan.epochs))
    loss = weighted(aim.loss, aim.weights, classes, counting)
    if plan.label_shares is not None:
        loss = of_mixed_labels(loss)
    mixes, precision = plan.partners is not None, chosen(precision)
    members = [learner(model, loss, learning_rate, mixes, precision) for model in models]
    if members[0].whole:
        batch_size = plan.size
    plans = [
        orders(table, plan, plan.without(folds, fold), batch_size, [seed, fold])
        for fold in range(len(members))
    ]
    best, history = BestEpoch(monitor, patience, start), []
    with bars() as progress, np.errstate(**OVERFLOW):
        for epoch, order in zip(range(epochs), zip(*plans, strict=True), strict=False):
            counting.assign(epoch >= deferred)
            steps = progress.add_task(f"epoch {epoch + 1}", total=sum(map(len, order)))

            def pass_over(member: "Learner", batches: list[np.ndarray], steps=steps) -> float:
                total = 0.0
                # A thread of its own has settings of its own.
                with np.errstate(**OVERFLOW):
                    for entries in batches:
                        total += len(entries) * member.step(table, batch(plan, targets, entries))
                        progress.advance(steps)
                return total

            total = sum(_each(pass_over, members, order))
            progress.remove_task(steps)
            weights = [member.weights() for member in members]
            logits = score_apart([forward(own) for own in weights], table, choosing, folds)
            if not np.isfinite(logits).all():
                raise UserError(
                    f"training diverged in epoch {epoch + 1}: the network's outputs are not "
                    "finite. Lower training.learning_rate in params.yaml, or check the numeric "
                    "columns."
                )
            scores = validate(logits, targets[choosing], classes, aim)
            told = {f"val_{name}": scores[name] for name in (monitor, "f1_macro", "log_loss")}
            examples = sum(len(entries) for batches in order for entries in batches)
            history.append({"loss": total / examples, **told})
            line = ", ".join(f"{name} {value:.4f}" for name, value in history[-1].items())
            print(f"epoch {epoch + 1}: {line}", flush=True)
            if best.saw(epoch, scores, weights):
                break
    return best.found(), history


def _each(task: Callable, members: Sequence["Learner"], order: Sequence) -> Iterable[float]:
    """Return what a task says of each member; those that solve without Keras side by side."""
    if not members[0].whole:
        return map(task, members, order)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return pool.map(task, members, order)


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


def score_apart(
    networks: Sequence[Forward], table: Table, rows: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Return the logits of some rows by the networks that have not learnt from them.

    Args:
        networks: network k has not learnt from rows of fold k.
        table: all rows.
        rows: row numbers.
        folds: of all rows; a row of fold -1 has the mean of all networks' logits.

    Returns:
        Float32, shape (rows, classes).
    """
    own = folds[rows]
    found = {
        fold: score(mean(networks) if fold < 0 else networks[fold], table, rows[own == fold])
        for fold in np.unique(own)
    }
    logits = np.empty((len(rows), next(iter(found.values())).shape[1]), np.float32)
    for fold, values in found.items():
        logits[own == fold] = values
    return logits


def validate(
    outputs: np.ndarray, targets: np.ndarray, classes: Classes, aim: Objective
) -> dict[str, float]:
    """Return the headline scores by the probabilities that the evaluation sees by default.

    Args:
        outputs: the network's, of the rows that choose, shape (rows, classes).
        targets: their multi-hot labels.
        classes: the classes as they stand in the training rows.
        aim: the way from outputs to probabilities.
    """
    likely = aim.probabilities(outputs, targets)
    argmax = Rule(np.zeros(len(classes.names)), classes.multilabel)
    return headline(targets, argmax.predict(likely), likely, classes)


def rank(scores: dict[str, float], monitor: Headline) -> tuple[float, float]:
    """Return what is greater for better scores: by the monitor, and of equal ones by log-loss.

    As long as a network predicts the majority alone, macro-F1 stands still while it learns.
    """
    sign = -1 if monitor in LOWER_IS_BETTER else 1
    return sign * scores[monitor], -scores["log_loss"]


class BestEpoch:
    """The networks' weights of the best epoch; it is over after `patience` without a better one.

    Epochs before `start` don't count; what is better, `rank` tells.
    """

    def __init__(self, monitor: Headline, patience: int, start: int) -> None:
        """Take the score's name, and the two numbers of epochs."""
        self.monitor, self.patience, self.start = monitor, patience, start
        self.best, self.waited, self.weights = (-np.inf, -np.inf), 0, None

    def saw(self, epoch: int, scores: dict[str, float], weights: list[Weights]) -> bool:
        """Take an epoch's scores and weights; tell whether training is over."""
        if epoch < self.start:
            return False
        found = rank(scores, self.monitor)
        if found > self.best:
            self.best, self.waited, self.weights = found, 0, weights
        else:
            self.waited += 1
        return self.waited >= self.patience

    def found(self) -> list[Weights]:
        """Return the networks' weights of the best epoch.

        Raises:
            UserError: no epoch had a score.
        """
        if self.weights is None:
            raise UserError(
                f"params.yaml: training.monitor: {self.monitor} is not defined on these validation "
                "rows: too few classes have any. Choose another score, or split.folds above 1."
            )
        return self.weights
