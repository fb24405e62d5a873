"""Train a network; the epoch with the best validation score is kept."""

from collections.abc import Callable
from typing import Annotated

import keras
import numpy as np
from keras import ops
from pydantic import Field

from ballast.batches import Table, scoring_batches, training_batches
from ballast.classes import Classes
from ballast.errors import UserError
from ballast.network import between
from ballast.objective import Objective
from ballast.plans import Plan
from ballast.progress import bars
from ballast.projection import projected
from ballast.rules import Rule
from ballast.scores import LOWER_IS_BETTER, Headline, headline

SCORING_BATCH = 256


def train(
    model: keras.Model,
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
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3,
    patience: Annotated[int, Field(ge=1)] = 4,
    monitor: Headline = "f1_macro",
    defer_weights: Annotated[float, Field(ge=0, lt=1)] = 0.0,
) -> list[dict[str, float]]:
    """Train a network in place with Adam, and return the history, an entry for each epoch.

    After each epoch the validation rows are scored with scikit-learn, by the probabilities that
    the evaluation sees by default and their argmax: uncorrected, an epoch that has only learnt the
    resampled prior could look like the best one. Training ends after `patience` epochs without a
    better score (of equal scores the lower log-loss is better), and the weights of the best epoch
    are put back.

    Args:
        model: from a row's inputs to logits.
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
    """
    table = table.only(model.input)
    fast = projected(model)
    learner = fast
    if plan.partners is not None and "tokens" in model.input:
        learner = between(model)
    counting = keras.Variable(True, trainable=False)
    deferred = int(defer_weights * epochs) if (aim.weights != 1).any() else 0
    # The epochs that count are those after all changes.
    start = min(epochs - 1, deferred if plan.first is None else max(deferred, plan.epochs))
    loss = weighted(aim.loss, aim.weights, classes, counting)
    if plan.label_shares is not None:
        loss = of_mixed_labels(loss)
    # On processors XLA gains nothing here, and it compiles anew for every length of a batch.
    learner.compile(keras.optimizers.Adam(learning_rate), loss=loss, jit_compile=False)
    fast.jit_compile = False
    scoring = _Validation(fast, table, validation, targets[validation], classes, aim, monitor)
    history = learner.fit(
        training_batches(table, plan, targets, batch_size, seed),
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[
            _Deferral(counting, deferred),
            scoring,
            _BestEpoch(monitor, patience, start),
            _Bar(),
        ],
    ).history
    # Saving would put Adam's moments, twice the network's size, next to the weights.
    learner.optimizer = None
    return [
        dict(zip(history, values, strict=True)) for values in zip(*history.values(), strict=True)
    ]


def weighted(
    loss: Callable, weights: np.ndarray, classes: Classes, counting: keras.Variable
) -> Callable:
    """Return (labels, logits) -> loss a row, times the weight of the row's class.

    Multi-label: the mean over the labels of loss times weight, by presence or absence.

    Args:
        loss: from (labels, logits) to a loss a row, or multi-label a label.
        weights: shape (classes,), or multi-label (2, classes).
        classes: for the task.
        counting: false as long as all weights are 1, whatever `weights` says.
    """

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
        own, partner, share = ops.split(targets, [logits.shape[-1], 2 * logits.shape[-1]], axis=-1)
        share = share[:, 0]
        return (1 - share) * loss(own, logits) + share * loss(partner, logits)

    return total


def score(model: keras.Model, table: Table, rows: np.ndarray) -> np.ndarray:
    """Return the logits of some rows, float32, shape (rows, classes)."""
    table = table.only(model.input)
    # Rows of like length share a batch; their order is put back afterwards.
    order = np.argsort(table.lengths(rows), kind="stable")
    found = model.predict(scoring_batches(table, rows[order], SCORING_BATCH), verbose=0)
    logits = np.empty_like(found)
    logits[order] = found
    return logits


class _Validation(keras.callbacks.Callback):
    """Put the validation score of each epoch into Keras' logs, where early stopping looks."""

    def __init__(self, network, table, rows, targets, classes, aim, monitor):
        super().__init__()
        self.network, self.table, self.rows, self.targets = network, table, rows, targets
        self.classes, self.names = classes, dict.fromkeys([monitor, "f1_macro", "log_loss"])
        self.aim, self.rule = aim, Rule(np.zeros(len(classes.names)), classes.multilabel)

    def on_epoch_end(self, epoch, logs):
        logits = score(self.network, self.table, self.rows)
        if not np.isfinite(logits).all():
            raise UserError(
                f"training diverged in epoch {epoch + 1}: the network's outputs are not finite. "
                "Lower training.learning_rate in params.yaml, or check the numeric columns."
            )
        likely = self.aim.probabilities(logits, self.targets)
        scores = headline(self.targets, self.rule.predict(likely), likely, self.classes)
        logs.update({f"val_{name}": scores[name] for name in self.names})


class _BestEpoch(keras.callbacks.Callback):
    """Stop after `patience` epochs without a better one, and put the best one's weights back.

    Epochs before `start` don't count. Equal scores are told apart by log-loss: as long as a network
    predicts the majority alone, macro-F1 stands still while it learns.
    """

    def __init__(self, monitor, patience, start):
        super().__init__()
        self.monitor, self.patience, self.start = monitor, patience, start
        self.sign = -1 if monitor in LOWER_IS_BETTER else 1
        self.best, self.waited, self.weights = (-np.inf, -np.inf), 0, None

    def on_epoch_end(self, epoch, logs):
        if epoch < self.start:
            return
        found = (self.sign * logs[f"val_{self.monitor}"], -logs["val_log_loss"])
        if found > self.best:
            self.best, self.waited, self.weights = found, 0, self.model.get_weights()
            return
        self.waited += 1
        self.model.stop_training = self.waited >= self.patience

    def on_train_end(self, logs=None):
        if self.weights is None:
            raise UserError(
                f"params.yaml: training.monitor: {self.monitor} is not defined on these validation "
                "rows: too few classes have any. Choose another score, or split.validation higher."
            )
        self.model.set_weights(self.weights)


class _Deferral(keras.callbacks.Callback):
    """Let the weights count from epoch `start` on."""

    def __init__(self, counting, start):
        super().__init__()
        self.counting, self.start = counting, start

    def on_epoch_begin(self, epoch, logs=None):
        self.counting.assign(epoch >= self.start)


class _Bar(keras.callbacks.Callback):
    """A progress bar for the batches, a printed line for each epoch."""

    def on_train_begin(self, logs=None):
        self.progress = bars()
        self.task = self.progress.add_task("training")
        self.progress.start()

    def on_epoch_begin(self, epoch, logs=None):
        steps = self.params["steps"]
        self.progress.reset(self.task, total=steps, description=f"epoch {epoch + 1}")

    def on_train_batch_end(self, batch, logs=None):
        self.progress.advance(self.task)

    def on_epoch_end(self, epoch, logs):
        line = ", ".join(f"{name} {value:.4f}" for name, value in logs.items())
        print(f"epoch {epoch + 1}: {line}", flush=True)

    def on_train_end(self, logs=None):
        self.progress.stop()
