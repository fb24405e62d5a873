"""Decision rules: the part of a decision that is kept for prediction."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

STEPS = 1000
SETTLED = 1e-8


@dataclass(frozen=True)
class Rule:
    """From probabilities to labels.

    Single-label: the label is argmax_c (log p_c + offsets_c). Multi-label: label c is predicted
    where log p_c - log(1 - p_c) + offsets_c > 0, so an offset of 0 is a threshold of .5.

    Attributes:
        offsets: shape (classes,).
        multilabel: which of the two it is.
        uncorrected: whether the labels are those that the network as trained prefers: its logits
            stand in the place of log p or the log odds, before anything is undone.
        costs: if given, the label is argmin_j sum_i p_i costs[i, j] instead, i the true class;
            shape (classes, classes), single-label only.
        prior: if given, the probabilities are first adapted from these class shares to those of the
            rows to predict, see `adapt`; shape (classes,).
        prior_rows: rows that `prior` counts as, beside those to predict.
        note: what people should know of the rule, one sentence or nothing.
    """

    offsets: np.ndarray
    multilabel: bool
    uncorrected: bool = False
    costs: np.ndarray | None = None
    prior: np.ndarray | None = None
    prior_rows: float = 0.0
    note: str = ""

    def predict(self, probabilities: np.ndarray, logits: np.ndarray | None = None) -> np.ndarray:
        """Return multi-hot labels, uint8, shape (rows, classes).

        Args:
            probabilities: corrected, shape (rows, classes).
            logits: uncorrected, of the same shape; read only where the rule is about them.
        """
        if self.costs is not None:
            scores = -(self._adapted(probabilities) @ self.costs)
        else:
            scores = self._scores(probabilities, logits) + self.offsets
        if self.multilabel:
            return (scores > 0).astype(np.uint8)
        return np.eye(len(self.offsets), dtype=np.uint8)[scores.argmax(axis=1)]

    def strengths(self, probabilities: np.ndarray, logits: np.ndarray | None = None) -> np.ndarray:
        """Return how strong each label stands, 0 to 1: `thresholds` says from where on it counts.

        Multi-label: its probability. Single-label: p_c / (p_c + max_j p_j exp(offsets_j)), j the
        other labels, as the rule weighs them; with two labels and no offset of the other, p_c.

        Args:
            probabilities: corrected, shape (rows, classes).
            logits: uncorrected, of the same shape; read only where the rule is about them.

        Returns:
            Float, same shape.
        """
        # Imported here: prediction needs labels alone, and starts sooner without.
        from scipy.special import expit

        scores = self._scores(probabilities, logits)
        if self.multilabel:
            return expit(scores) if self.uncorrected else self._adapted(probabilities)
        weighed = scores + self.offsets
        best = weighed.argmax(axis=1)[:, None]
        others = weighed.copy()
        np.put_along_axis(others, best, -np.inf, axis=1)
        rival = np.repeat(weighed.max(axis=1)[:, None], weighed.shape[1], axis=1)
        np.put_along_axis(rival, best, others.max(axis=1)[:, None], axis=1)
        return expit(scores - rival)

    def thresholds(self) -> np.ndarray | None:
        """Return the strength above which each label is predicted, shape (classes,).

        None where costs weigh several mistakes at once, or would have a label mistaken.
        """
        from scipy.special import expit

        if self.costs is None:
            return expit(-self.offsets)
        if len(self.offsets) != 2:
            return None
        (right_0, wrong_0), (wrong_1, right_1) = self.costs
        stakes = np.array([wrong_0 - right_0, wrong_1 - right_1])
        return stakes[::-1] / stakes.sum() if (stakes > 0).all() else None

    def _adapted(self, probabilities: np.ndarray) -> np.ndarray:
        if self.prior is None:
            return probabilities
        return adapt(probabilities, self.prior, self.multilabel, self.prior_rows)

    def _scores(self, probabilities: np.ndarray, logits: np.ndarray | None) -> np.ndarray:
        """Return what the offsets are added to."""
        if self.uncorrected:
            return logits
        return log_scores(self._adapted(probabilities), self.multilabel)

    def to_json(self) -> dict[str, Any]:
        """Return the rule as it goes to `models/decision.json`."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {
            name: value.tolist() if isinstance(value, np.ndarray) else value
            for name, value in values.items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Rule":
        """Return the rule that `to_json` made these values of."""
        arrays = {name: np.array(value) for name, value in values.items() if type(value) is list}
        return cls(**(values | arrays))


def adapt(
    probabilities: np.ndarray, prior: np.ndarray, multilabel: bool, prior_rows: float = 0.0
) -> np.ndarray:
    """Return probabilities under the class shares of these very rows, found by EM.

    E-step: p'_c is proportional to p_c prior'_c / prior_c; M-step: prior' is the mean of p', with
    `prior` counted as `prior_rows` rows more. Multi-label: each label and its absence are a
    problem of their own. Needs no labels. Source: Saerens, Latinne and Decaestecker, Adjusting the
    Outputs of a Classifier to New a Priori Probabilities, 2002.

    Args:
        probabilities: of the rows to predict, shape (rows, classes).
        prior: the class shares for which they hold, shape (classes,). The probabilities of a class
            of share 0, or a label of share 0 or 1, are only rescaled with the others.
        multilabel: whether each label is a problem of its own.
        prior_rows: more than 0 keeps the shares of few rows near to `prior`.
    """
    pairs = probabilities[None]
    if multilabel:
        pairs = np.stack([1 - probabilities, probabilities], axis=-1).transpose(1, 0, 2)
        prior = np.stack([1 - prior, prior], axis=-1)[:, None]
    told = (prior > 0) & (prior < 1)
    share, adapted = prior, pairs
    for _ in range(STEPS if len(probabilities) else 0):
        ratio = np.divide(share, prior, out=np.ones_like(share), where=told)
        adapted = pairs * ratio
        adapted = adapted / np.maximum(adapted.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
        total = adapted.sum(axis=1, keepdims=True) + prior_rows * prior
        before, share = share, total / (len(probabilities) + prior_rows)
        if np.abs(share - before).max() < SETTLED:
            break
    return adapted[..., 1].T if multilabel else adapted[0]


def log_scores(probabilities: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return log p, or multi-label log odds, finite for every p from 0 to 1."""
    tiny = np.finfo(np.float64).tiny
    log_p = np.log(np.maximum(probabilities, tiny))
    if not multilabel:
        return log_p
    return log_p - np.log(np.maximum(1 - probabilities, tiny))
