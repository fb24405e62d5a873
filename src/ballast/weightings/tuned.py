"""Weights found by search: moved until each class's precision and recall meet, out of fold."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from ballast.labels.classes import Classes
from ballast.training.examples import Examples

# Class sizes alone don't tell its weights.
READS_EXAMPLES = True
# No weight moves further than this from 1, up or down.
LIMIT = 100.0
# Precision and recall this near to each other have met.
MET = 0.01
# Steps of a threshold cost nothing, those of weights a fit each.
THRESHOLD_ROUNDS = 200
# Two macro-F1 nearer to each other than this count as the same: rows differ by as much.
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

    Precision and recall are hits / predicted and hits / true, so they meet where predicted equals
    true. Each round multiplies w_c by ((true_c + 1) / (predicted_c + 1))^r; r begins at 1 and is
    halved for a class whose step turns round. The round with the least mean |precision - recall|
    is kept, of equal ones that with the best macro-F1, and the search ends early where none of them
    is more than .01. A class never predicted has precision 1.

    A network would need hours for this, so predictions come from a linear stand-in, logistic
    regression on each row's mean word vector and numeric columns (multi-label: one a label), and
    from rows that it wasn't fitted on. A mixed label counts as its larger part. The same search by
    moving thresholds of the stand-in without weights needs no refit; what both reach is printed,
    since a threshold often does as well (`decision: max_f1`). Labels follow the weights with
    `decision: argmax`; probabilities are corrected for them.

    Source: the search is a practitioners' rule; that weights and thresholds can replace each other,
    Elkan, The Foundations of Cost-Sensitive Learning, 2001.

    Args:
        classes: the classes of the rows trained on, after resampling.
        examples: what is trained on. Fitted as often as the plan says, judged once a source.
        folds: parts of the rows, each predicted by what is fitted on the others.
        rounds: steps of the search, each with a fit a fold.
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
    examples = _drawn(examples, classes, rows)
    vectors = StandardScaler().fit_transform(examples.read(examples.rows))

    def search(labels: np.ndarray, count: int) -> "_Found":
        stand_in = _StandIn(vectors, labels, examples, count, folds)
        # Fits this small gain nothing from threads, and sums don't depend on their number.
        with threadpool_limits(1):
            return _search(stand_in, count, rounds)

    if classes.multilabel:
        present = (examples.targets > 0.5).astype(np.int64)
        found = [search(column, 2) for column in present.T]
        weights = np.stack([one.weights for one in found], axis=1)
        shown, f1 = weights[1] / weights[0], np.array([one.f1[:, 1] for one in found]).T
    else:
        one = search(examples.targets.argmax(axis=1), len(classes.names))
        weights, shown, f1 = one.weights, one.weights, one.f1
    pairs = [f"{name} {value:.2f}" for name, value in zip(classes.names, shown, strict=True)]
    print(f"tuned: weights {', '.join(pairs)}")
    print(verdict(*f1[:, classes.counts > 0].mean(axis=1)), flush=True)
    return weights


def verdict(plain: float, tuned: float, threshold: float) -> str:
    """Return what is best by three macro-F1: no weights, tuned ones, or a threshold instead."""
    reached = f"a threshold alone reaches {_short(threshold)}"
    if max(tuned, threshold) <= plain + SAME:
        advice = f"{reached}, so weighting: none with decision: argmax does as well"
    elif threshold > tuned + SAME:
        advice = f"{reached}, so decision: max_f1 does better, without weights"
    elif threshold >= tuned - SAME:
        advice = f"{reached}, so decision: max_f1 does the same without weights"
    else:
        advice = f"{reached}, so the weights are worth it"
    return (
        f"tuned: macro-F1 {_short(tuned)} out of fold with these weights, by a linear stand-in; "
        f"{_short(plain)} plain; {advice}"
    )


def _short(share: float) -> str:
    return f"{share:.3f}".removeprefix("0")


def _drawn(examples: Examples, classes: Classes, rows: int) -> Examples:
    """Return the examples of at most `rows` sources, each source's rarest class in proportion."""
    _, first, source = np.unique(examples.sources, return_index=True, return_inverse=True)
    if len(first) <= rows:
        return examples
    present = examples.targets[first] > 0.5
    rarest = np.where(present, classes.counts, np.inf).argmin(axis=1)
    stratum = np.where(present.any(axis=1), rarest, len(classes.names))
    shuffled = np.random.default_rng(examples.seed).permutation(len(first))
    order = shuffled[np.argsort(stratum[shuffled], kind="stable")]
    chosen = np.zeros(len(first), dtype=bool)
    # Every so many-th row of an order by class.
    chosen[order[np.arange(rows) * len(first) // rows]] = True
    kept = chosen[source]
    columns = ("rows", "sources", "targets", "times")
    return replace(examples, **{name: getattr(examples, name)[kept] for name in columns})


class _StandIn:
    """Logistic regression, fitted on all folds but one and asked for that one.

    What has one source shares a fold, and only its first example is asked for: repeats and new
    texts neither give the answer away nor change how often a class is true.
    """

    def __init__(
        self, vectors: np.ndarray, labels: np.ndarray, examples: Examples, count: int, folds: int
    ):
        _, self.first, source = np.unique(examples.sources, return_index=True, return_inverse=True)
        self.vectors, self.labels, self.times = vectors, labels, examples.times
        self.truth, self.count = labels[self.first], count
        fold = _stratified(self.truth, folds, examples.seed)
        self.parts = [
            (np.flatnonzero(fold[source] != part), np.flatnonzero(fold == part))
            for part in np.unique(fold)
        ]
        # A fit starts from that of the round before.
        self.models = [LogisticRegression(warm_start=True, tol=1e-3) for _ in self.parts]

    def log_p(self, weights: np.ndarray) -> np.ndarray:
        """Return each source's log-probabilities under weights, shape (sources, classes)."""
        result = np.full((len(self.first), self.count), NEVER)
        for model, (known, asked) in zip(self.models, self.parts, strict=True):
            seen = np.unique(self.labels[known])
            if len(seen) < 2:
                result[np.ix_(asked, seen)] = 0
                continue
            times = self.times[known] * weights[self.labels[known]]
            with warnings.catch_warnings():
                # Near enough to the optimum is enough for counts.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(self.vectors[known], self.labels[known], times * len(times) / times.sum())
            found = model.predict_log_proba(self.vectors[self.first[asked]])
            result[np.ix_(asked, seen)] = found
        return result


def _stratified(labels: np.ndarray, folds: int, seed: int) -> np.ndarray:
    """Return the fold of each row; a class's rows are dealt out in turn, in random order."""
    order = np.random.default_rng(seed).permutation(len(labels))
    fold = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        members = order[labels[order] == label]
        fold[members] = np.arange(len(members)) % folds
    return fold


@dataclass(frozen=True)
class _Found:
    """Weights with mean 1 over the rows, and each class's F1 of plain, weights, thresholds."""

    weights: np.ndarray
    f1: np.ndarray


def _search(stand_in: _StandIn, count: int, rounds: int) -> _Found:
    truth = stand_in.truth
    plain = stand_in.log_p(np.ones(count))

    def refitted(moves: np.ndarray) -> np.ndarray:
        return (stand_in.log_p(np.exp(moves)) if moves.any() else plain).argmax(axis=1)

    moves, tuned = _meet(refitted, truth, count, rounds)
    _, shifted = _meet(lambda b: (plain + b).argmax(axis=1), truth, count, THRESHOLD_ROUNDS)
    told = np.bincount(truth, minlength=count) > 1
    used = np.bincount(stand_in.labels, stand_in.times, count) * told
    weights = np.where(told, np.exp(moves), 1.0)
    if told.any():
        weights[told] *= used.sum() / (weights @ used)
    ways = (plain.argmax(axis=1), tuned, shifted)
    return _Found(weights, np.stack([_rates(labels, truth, count)[1] for labels in ways]))


def _meet(
    predict: Callable[[np.ndarray], np.ndarray], truth: np.ndarray, count: int, rounds: int
) -> tuple[np.ndarray, np.ndarray]:
    """Move each class's log-weight until it is predicted as often as it is true.

    Returns:
        The best round's log-weights, and its predicted labels.
    """
    true = np.bincount(truth, minlength=count)
    told = true > 1
    moves, rate, step = np.zeros(count), np.ones(count), np.zeros(count)
    best = None
    for _ in range(rounds + 1):
        labels = predict(moves)
        gap, f1 = _rates(labels, truth, count)
        # Rounded: the order of the classes must not decide.
        key = (round(gap[told].sum(), 9), -round(f1.sum(), 9))
        if best is None or key < best[0]:
            best = (key, moves, labels)
        if not told.any() or gap[told].max() <= MET:
            break
        given = np.bincount(labels, minlength=count)
        wanted = np.where(told, np.log((true + 1) / (given + 1)), 0.0)
        rate = np.where(wanted * step < 0, rate / 2, rate)
        step = rate * wanted
        moves = np.clip(moves + step, -np.log(LIMIT), np.log(LIMIT))
    return best[1], best[2]


def _rates(labels: np.ndarray, truth: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return each class's |precision - recall| and its F1."""
    hits, given, true = (
        np.bincount(part, minlength=count) for part in (truth[labels == truth], labels, truth)
    )
    precision = np.where(given > 0, hits / np.maximum(given, 1), 1.0)
    recall = hits / np.maximum(true, 1)
    return np.abs(precision - recall), 2 * hits / np.maximum(given + true, 1)
