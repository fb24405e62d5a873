"""Weights by search: changed until each class's precision and recall are equal, out of fold."""

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from ballast.labels.classes import Classes
from ballast.training.examples import Examples

# Weights are between one over this and this.
LIMIT = 100.0
# Precision and recall that differ by no more are equal.
TOLERANCE = 0.01
# A round of the thresholds costs nothing, one of the weights some fits.
THRESHOLD_ROUNDS = 200
# Two macro-F1 that differ by no more are equal: other rows would change them as much.
SAME = 0.01
# Log-probability of a class that the rows fitted on don't have.
NEVER = -1e3


def weigh(
    classes: Classes,
    examples: Examples,
    *,
    folds: Annotated[int, Field(ge=2)] = 3,
    rounds: Annotated[int, Field(ge=1)] = 10,
    rows: Annotated[int, Field(ge=1)] = 20000,
) -> np.ndarray:
    """Return the weights with which each class is predicted about as often as it occurs.

    Precision and recall are hits / predicted and hits / true, so they are equal where predicted
    equals true. Each round multiplies w_c by ((true_c + 1) / (predicted_c + 1))^r; r starts at 1
    and is halved for a class whose step changes its sign. The best round has the least mean
    |precision - recall|, of equal ones the best macro-F1; the search ends early if no class differs
    by more than .01. A class never predicted has precision 1.

    A network would need hours for this, so predictions are those of a linear stand-in, logistic
    regression on each row's mean word vector and numeric columns (multi-label: one a label), of
    rows that it wasn't fitted on. A mixed label counts as its larger part. The same search over
    thresholds of the stand-in without weights needs no refit; the scores of both are printed, since
    thresholds often do as well (`decision: max_f1`). The weights act on the labels of
    `decision: argmax`; other decisions start from probabilities that are corrected for them.

    Source: the search is a practitioners' rule; that weights and thresholds can replace each other,
    Elkan, The Foundations of Cost-Sensitive Learning, 2001.

    Args:
        classes: the classes as they stand in the rows to train on, after resampling.
        examples: what is trained on. Fitted as often as the plan says, validated once a source.
        folds: parts of the rows, each predicted by fits on the others.
        rounds: of the search, each with one fit a fold.
        rows: of more rows than this, so many are drawn, each class in proportion.

    Returns:
        Weights, shape (classes,), or multi-label (2, classes): row 0 for absent, 1 for present.
        A class with fewer than 2 rows has weight 1.

    Example:
        >>> at, two = np.arange(60), Classes(("no", "yes"), np.array([50, 10]), 60)
        >>> x = np.where(at < 50, at % 10, at % 10 + 3)[:, None]
        >>> examples = Examples(at, at, np.eye(2)[at // 50], np.ones(60), lambda rows: x[rows], 0)
        >>> weights = weigh(two, examples)  # doctest: +ELLIPSIS
        tuned: weights no 0.80, yes 2.02
        tuned: macro-F1 ... out of fold with these weights, by a linear stand-in; .455 plain; ...
    """
    examples = _sample(examples, classes, rows)
    vectors = StandardScaler().fit_transform(examples.read(examples.rows))

    def search(labels: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        # Fits this small gain nothing from threads, and their number must not change the sums.
        with threadpool_limits(1):
            return _StandIn(vectors, labels, examples, count, folds).search(rounds)

    if classes.multilabel:
        present = (examples.targets > 0.5).astype(np.int64)
        results = [search(column, 2) for column in present.T]
        weights, f1 = (np.stack(part, axis=-1) for part in zip(*results, strict=True))
        ratios, f1 = weights[1] / weights[0], f1[:, 1]
    else:
        weights, f1 = search(examples.targets.argmax(axis=1), len(classes.names))
        ratios = weights
    pairs = [f"{name} {value:.2f}" for name, value in zip(classes.names, ratios, strict=True)]
    print(f"tuned: weights {', '.join(pairs)}")
    print(verdict(*f1[:, classes.counts > 0].mean(axis=1)), flush=True)
    return weights


def verdict(plain: float, tuned: float, threshold: float) -> str:
    """Return the advice of three macro-F1: without weights, with tuned ones, with thresholds."""
    if max(tuned, threshold) <= plain + SAME:
        advice = "weighting: none with decision: argmax does as well"
    elif threshold > tuned + SAME:
        advice = "decision: max_f1 does better, without weights"
    elif threshold >= tuned - SAME:
        advice = "decision: max_f1 does the same without weights"
    else:
        advice = "the weights are worth it"
    return (
        f"tuned: macro-F1 {_short(tuned)} out of fold with these weights, by a linear stand-in; "
        f"{_short(plain)} plain; a threshold alone reaches {_short(threshold)}, so {advice}"
    )


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def _sample(examples: Examples, classes: Classes, rows: int) -> Examples:
    """Return the examples of at most `rows` sources, stratified by each source's rarest class."""
    _, first, source = np.unique(examples.sources, return_index=True, return_inverse=True)
    if len(first) <= rows:
        return examples
    present = examples.targets[first] > 0.5
    rarest = np.where(present, classes.counts, np.inf).argmin(axis=1)
    stratum = np.where(present.any(axis=1), rarest, len(classes.names))
    shuffled = np.random.default_rng(examples.seed).permutation(len(first))
    order = shuffled[np.argsort(stratum[shuffled], kind="stable")]
    drawn = np.zeros(len(first), dtype=bool)
    # At equal distances in an order by class.
    drawn[order[np.arange(rows) * len(first) // rows]] = True
    columns = ("rows", "sources", "targets", "times")
    return replace(examples, **{name: getattr(examples, name)[drawn[source]] for name in columns})


class _StandIn:
    """Logistic regression that predicts each fold by a fit on the others.

    Examples of one source share a fold, and only the first of them is predicted: repeated rows and
    new texts neither leak labels nor change how often a class is true.
    """

    def __init__(
        self, vectors: np.ndarray, labels: np.ndarray, examples: Examples, count: int, folds: int
    ):
        _, self.first, source = np.unique(examples.sources, return_index=True, return_inverse=True)
        self.vectors, self.labels, self.times = vectors, labels, examples.times
        self.truth, self.count = labels[self.first], count
        # How often each class is true, and whether that is often enough for a weight.
        self.true = np.bincount(self.truth, minlength=count)
        self.enough = self.true > 1
        fold = _stratified(self.truth, folds, examples.seed)
        self.parts = [
            (np.flatnonzero(fold[source] != part), np.flatnonzero(fold == part))
            for part in np.unique(fold)
        ]
        # Each fit starts from the one of the round before.
        self.models = [LogisticRegression(warm_start=True, tol=1e-3) for _ in self.parts]

    def search(self, rounds: int) -> tuple[np.ndarray, np.ndarray]:
        """Return weights with mean 1 over the rows, and F1: plain, with weights, with thresholds.

        Shape (classes,), and (3, classes).
        """
        plain = self.log_p(np.ones(self.count))

        def refit(log_weights: np.ndarray) -> np.ndarray:
            log_p = self.log_p(np.exp(log_weights)) if log_weights.any() else plain
            return log_p.argmax(axis=1)

        def shift(offsets: np.ndarray) -> np.ndarray:
            return (plain + offsets).argmax(axis=1)

        log_weights, with_weights = self._equalise(refit, rounds)
        _, with_thresholds = self._equalise(shift, THRESHOLD_ROUNDS)
        used = np.bincount(self.labels, self.times, self.count) * self.enough
        weights = np.where(self.enough, np.exp(log_weights), 1.0)
        if self.enough.any():
            weights[self.enough] *= used.sum() / (weights @ used)
        predictions = (plain.argmax(axis=1), with_weights, with_thresholds)
        return weights, np.stack([self._rates(labels)[1] for labels in predictions])

    def log_p(self, weights: np.ndarray) -> np.ndarray:
        """Return each source's log-probabilities under weights, shape (sources, classes)."""
        result = np.full((len(self.first), self.count), NEVER)
        for model, (fitted, left_out) in zip(self.models, self.parts, strict=True):
            labels = self.labels[fitted]
            present = np.unique(labels)
            if len(present) < 2:
                result[np.ix_(left_out, present)] = 0
                continue
            times = self.times[fitted] * weights[labels]
            with warnings.catch_warnings():
                # Counts of predictions don't need the exact optimum.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(self.vectors[fitted], labels, times * len(times) / times.sum())
            log_p = model.predict_log_proba(self.vectors[self.first[left_out]])
            result[np.ix_(left_out, present)] = log_p
        return result

    def _equalise(
        self, predict: Callable[[np.ndarray], np.ndarray], rounds: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Change each class's log-weight until it is predicted as often as it is true.

        Returns:
            The best round's log-weights, and its predicted labels.
        """
        log_weights, step = np.zeros(self.count), np.zeros(self.count)
        rate, best = np.ones(self.count), None
        for _ in range(rounds + 1):
            labels = predict(log_weights)
            gap, f1 = self._rates(labels)
            # Rounded: the order of the classes must not decide.
            key = (round(gap[self.enough].sum(), 9), -round(f1.sum(), 9))
            if best is None or key < best[0]:
                best = (key, log_weights, labels)
            if not self.enough.any() or gap[self.enough].max() <= TOLERANCE:
                break
            predicted = np.bincount(labels, minlength=self.count)
            missing = np.where(self.enough, np.log((self.true + 1) / (predicted + 1)), 0.0)
            rate = np.where(missing * step < 0, rate / 2, rate)
            step = rate * missing
            log_weights = np.clip(log_weights + step, -np.log(LIMIT), np.log(LIMIT))
        return best[1], best[2]

    def _rates(self, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return each class's |precision - recall| and its F1."""
        hits = np.bincount(labels[labels == self.truth], minlength=self.count)
        predicted = np.bincount(labels, minlength=self.count)
        precision = np.where(predicted > 0, hits / np.maximum(predicted, 1), 1.0)
        recall = hits / np.maximum(self.true, 1)
        return np.abs(precision - recall), 2 * hits / np.maximum(predicted + self.true, 1)


def _stratified(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row; the shuffled rows of a class go to the folds in turn."""
    order = np.random.default_rng(seed).permutation(len(labels))
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        fold[members] = np.arange(len(members)) % folds
    return fold
