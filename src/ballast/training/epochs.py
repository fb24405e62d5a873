"""Train networks, one for each fold; the epoch with the best score on held-out rows is kept."""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from ballast.evaluation.scores import LOWER_IS_BETTER, Headline, headline
from ballast.networks.forward import Forward, mean
from ballast.networks.trained import Weights
from ballast.probabilities.correction import Correction
from ballast.probabilities.rules import Rule
from ballast.project.errors import UserError
from ballast.project.progress import bars
from ballast.training.architecture import Architecture
from ballast.training.batches import Table, chunks, epoch_batches, make_batch
from ballast.training.learners import Learner
from ballast.training.objective import Objective, mixed_label_loss
from ballast.training.options import Training
from ballast.training.problem import Problem

SCORING_BATCH = 1024
# An overflow ends in outputs that are not finite, and is reported there.
OVERFLOW = {"over": "ignore", "invalid": "ignore"}


def train(
    problem: Problem,
    objective: Objective,
    architecture: Architecture,
    models: Sequence,
    options: Training,
) -> tuple[list[Weights], list[dict[str, float]]]:
    """Train networks, one for each fold, side by side.

    Network k learns from the whole plan but entries that involve rows of fold k. After each epoch
    the held-out rows are scored, each by networks that have not learnt from it, by the labels that
    the networks as trained prefer and by corrected probabilities. Training ends after `patience`
    epochs without a better score (of equal scores the lower log-loss is better); the weights are
    those of the best epoch, the same for all networks.

    Args:
        problem: what there is to learn.
        objective: loss and class weights.
        architecture: the model.
        models: as the architecture builds them, one for each fold.
        options: of training.

    Returns:
        The networks' weights by name, and the loss and scores of each epoch.

    Raises:
        UserError: training diverges, or the monitor is not defined on the held-out rows.
    """
    import keras

    plan, held_out = problem.plan, problem.held_out
    has_weights = (objective.weights != 1).any()
    deferred = int(options.defer_weights * options.epochs) if has_weights else 0
    # Epochs compete once nothing changes any more: neither the weights nor the plan.
    settled = deferred if plan.first is None else max(deferred, plan.epochs)
    weights_enabled = keras.Variable(True, trainable=False)
    loss = objective.weighted(weights_enabled)
    if plan.label_shares is not None:
        loss = mixed_label_loss(loss)
    mixes = plan.partners is not None
    table = problem.table.only(models[0].input)
    learners = [architecture.learner(model, loss, options, mixes) for model in models]
    batch_size = plan.size if learners[0].full_batch else options.batch_size
    streams = [
        epoch_batches(
            table, plan, plan.without(problem.folds, fold), batch_size, [problem.seed, fold]
        )
        for fold in range(len(models))
    ]
    best = BestEpoch(options.monitor, options.patience, min(options.epochs - 1, settled))
    history = []
    with bars() as progress, np.errstate(**OVERFLOW):
        for epoch, batches in zip(range(options.epochs), zip(*streams, strict=True), strict=False):
            weights_enabled.assign(epoch >= deferred)
            task = progress.add_task(f"epoch {epoch + 1}", total=sum(map(len, batches)))

            def train_epoch(learner: Learner, batches: list[np.ndarray], task=task) -> float:
                """Return the sum of the examples' losses."""
                total = 0.0
                # A thread has floating-point settings of its own.
                with np.errstate(**OVERFLOW):
                    for entries in batches:
                        batch = make_batch(plan, problem.targets, entries)
                        total += len(entries) * learner.step(table, batch)
                        progress.advance(task)
                return total

            total = sum(_for_each(train_epoch, learners, batches))
            progress.remove_task(task)
            weights = [learner.weights() for learner in learners]
            networks = [architecture.forward(each) for each in weights]
            outputs = score_held_out(networks, table, held_out, problem.folds)
            if not np.isfinite(outputs).all():
                raise UserError(
                    f"training diverged in epoch {epoch + 1}: the network's outputs are not "
                    "finite. Lower training.learning_rate in params.yaml, or check the numeric "
                    "columns."
                )
            scores = validate(outputs, problem.targets[held_out], objective)
            names = dict.fromkeys((options.monitor, "f1_macro", "log_loss"))
            examples = sum(len(entries) for part in batches for entries in part)
            history.append({"loss": total / examples} | {f"val_{n}": scores[n] for n in names})
            line = ", ".join(f"{name} {value:.4f}" for name, value in history[-1].items())
            print(f"epoch {epoch + 1}: {line}", flush=True)
            if best.update(epoch, scores, weights):
                break
    return best.networks(), history


def _for_each(
    train_epoch: Callable, learners: Sequence[Learner], batches: Sequence
) -> Iterable[float]:
    """Return the result for each learner; full-batch learners, not Keras's, run side by side."""
    if not learners[0].full_batch:
        return map(train_epoch, learners, batches)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return pool.map(train_epoch, learners, batches)


def score(forward: Forward, table: Table, rows: np.ndarray) -> np.ndarray:
    """Return the logits of some rows, float32, shape (rows, classes)."""
    return np.concatenate([forward(table.take(part)) for part in chunks(rows, SCORING_BATCH)])


def score_held_out(
    networks: Sequence[Forward], table: Table, rows: np.ndarray, folds: np.ndarray
) -> np.ndarray:
    """Return the logits of some rows by the networks that have not learnt from them.

    Args:
        networks: network k has not learnt from rows of fold k.
        table: all rows.
        rows: row numbers.
        folds: of all rows; a row of fold -1 gets the mean of all networks' logits.

    Returns:
        Float32, shape (rows, classes).
    """
    fold_of = folds[rows]
    logits = [
        score(mean(networks) if fold < 0 else networks[fold], table, rows[fold_of == fold])
        for fold in np.unique(fold_of)
    ]
    # From an order by fold back to that of the rows.
    return np.concatenate(logits)[np.argsort(np.argsort(fold_of, kind="stable"))]


def validate(outputs: np.ndarray, targets: np.ndarray, objective: Objective) -> dict[str, float]:
    """Return the headline scores of held-out rows at the operating point that training chooses.

    Args:
        outputs: the networks', shape (rows, classes).
        targets: the rows' multi-hot labels.
        objective: its ledger leads from outputs to probabilities.
    """
    classes, ledger = objective.classes, objective.ledger
    correction = Correction.fit(ledger, outputs, targets)
    rule = Rule(np.zeros(len(classes.names)), classes.multilabel, uncorrected=not ledger.only_ranks)
    probabilities = correction.probabilities(outputs)
    return headline(targets, rule.predict(probabilities, outputs), probabilities, classes)


def rank(scores: dict[str, float], monitor: Headline) -> tuple[float, float]:
    """Return a key that is greater for better scores: by the monitor, ties by log-loss.

    While a network predicts the majority alone, macro-F1 stands still although it learns.
    """
    sign = -1 if monitor in LOWER_IS_BETTER else 1
    return sign * scores[monitor], -scores["log_loss"]


class BestEpoch:
    """The weights of the best epoch by `rank`, and early stopping."""

    def __init__(self, monitor: Headline, patience: int, first: int) -> None:
        """Take the score, the epochs to wait for a better one, and the first epoch to compete."""
        self.monitor, self.patience, self.first = monitor, patience, first
        self.best, self.waited, self.weights = (-np.inf, -np.inf), 0, None

    def update(self, epoch: int, scores: dict[str, float], weights: list[Weights]) -> bool:
        """Take an epoch's scores and weights; return whether training is over."""
        if epoch < self.first:
            return False
        ranked = rank(scores, self.monitor)
        if ranked > self.best:
            self.best, self.waited, self.weights = ranked, 0, weights
        else:
            self.waited += 1
        return self.waited >= self.patience

    def networks(self) -> list[Weights]:
        """Return the networks' weights of the best epoch.

        Raises:
            UserError: no epoch had a score.
        """
        if self.weights is None:
            raise UserError(
                f"params.yaml: training.monitor: {self.monitor} is not defined on these held-out "
                "rows: too few classes have any. Choose another score, or split.folds above 1."
            )
        return self.weights
