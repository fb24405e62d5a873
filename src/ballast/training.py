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
from ballast.progress import bars
from ballast.rules import Rule
from ballast.scores import LOWER_IS_BETTER, Headline, headline

SCORING_BATCH = 256


def train(
    model: keras.Model,
    loss: Callable,
    table: Table,
    rows: np.ndarray,
    targets: np.ndarray,
    validation: tuple[np.ndarray, np.ndarray],
    classes: Classes,
    likely: Callable[[np.ndarray], np.ndarray],
    seed: int,
    *,
    epochs: Annotated[int, Field(ge=1)] = 30,
    batch_size: Annotated[int, Field(ge=1)] = 64,
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3,
    patience: Annotated[int, Field(ge=1)] = 4,
    monitor: Headline = "f1_macro",
) -> list[dict[str, float]]:
    """Train a network in place with Adam, and return the history, an entry for each epoch.

    After each epoch the validation rows are scored with scikit-learn, by the probabilities that
    the evaluation will see and their argmax. Training ends after `patience` epochs without a better
    score (of equal scores the lower log-loss is better), and the weights of the best epoch are put
    back.

    Args:
        model: from a row's inputs to logits.
        loss: from (targets, logits) to a loss a row, weights included.
        table: all rows.
        rows: numbers of the rows to train on, repeated as often as the plan says.
        targets: multi-hot labels of `rows`.
        validation: row numbers, and their multi-hot labels.
        classes: the classes as they stand in the training rows.
        likely: from the network's outputs to probabilities, all corrections made; without them
            an epoch that has only learnt the resampled prior could look like the best one.
        seed: seed of the order of the rows.
        epochs: at most so many passes over `rows`.
        batch_size: rows a step.
        learning_rate: Adam's.
        patience: epochs to wait for a better score.
        monitor: the score that tells the best epoch.
    """
    table = table.only(model.input)
    # On processors XLA gains nothing here, and it compiles anew for every length of a batch.
    model.compile(keras.optimizers.Adam(learning_rate), loss=loss, jit_compile=False)
    scoring = _Validation(table, *validation, classes, likely, monitor)
    history = model.fit(
        training_batches(table, rows, targets, batch_size, seed),
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[scoring, _BestEpoch(monitor, patience), _Bar()],
    ).history
    # Saving would put Adam's moments, twice the network's size, next to the weights.
    model.optimizer = None
    return [
        dict(zip(history, values, strict=True)) for values in zip(*history.values(), strict=True)
    ]


def weighted(loss: Callable, weights: np.ndarray, classes: Classes) -> Callable:
    """Return (labels, logits) -> loss a row, times the weight of the row's class.

    Multi-label: the mean over the labels of loss times weight, by presence or absence.

    Args:
        loss: from (labels, logits) to a loss a row, or multi-label a label.
        weights: shape (classes,), or multi-label (2, classes).
        classes: for the task.
    """

    def total(labels, logits):
        values = loss(labels, logits)
        factors = ops.convert_to_tensor(weights, dtype=values.dtype)
        if classes.multilabel:
            return ops.mean(values * (labels * factors[1] + (1 - labels) * factors[0]), axis=-1)
        return values * ops.sum(labels * factors, axis=-1)

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

    def __init__(self, table, rows, targets, classes, likely, monitor):
        super().__init__()
        self.table, self.rows, self.targets = table, rows, targets
        self.classes, self.names = classes, dict.fromkeys([monitor, "f1_macro", "log_loss"])
        self.likely, self.rule = likely, Rule(np.zeros(len(classes.names)), classes.multilabel)

    def on_epoch_end(self, epoch, logs):
        logits = score(self.model, self.table, self.rows)
        if not np.isfinite(logits).all():
            raise UserError(
                f"training diverged in epoch {epoch + 1}: the network's outputs are not finite. "
                "Lower training.learning_rate in params.yaml, or check the numeric columns."
            )
        likely = self.likely(logits)
        scores = headline(self.targets, self.rule.predict(likely), likely, self.classes)
        logs.update({f"val_{name}": scores[name] for name in self.names})


class _BestEpoch(keras.callbacks.Callback):
    """Stop after `patience` epochs without a better one, and put the best one's weights back.

    Equal scores are told apart by log-loss: as long as a network predicts the majority alone,
    macro-F1 stands still while it learns.
    """

    def __init__(self, monitor, patience):
        super().__init__()
        self.monitor, self.patience = monitor, patience
        self.sign = -1 if monitor in LOWER_IS_BETTER else 1
        self.best, self.waited = (-np.inf, -np.inf), 0

    def on_epoch_end(self, epoch, logs):
        found = (self.sign * logs[f"val_{self.monitor}"], -logs["val_log_loss"])
        if found > self.best:
            self.best, self.waited, self.weights = found, 0, self.model.get_weights()
            return
        self.waited += 1
        self.model.stop_training = self.waited >= self.patience

    def on_train_end(self, logs=None):
        self.model.set_weights(self.weights)


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
