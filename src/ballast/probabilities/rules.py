"""Decision rules: what a decision has fitted, for prediction."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from ballast.probabilities.plain import Plain

# The EM algorithm ends after so many steps, or when no share changes by more.
STEPS = 1000
CONVERGED = 1e-8


@dataclass(frozen=True)
class Rule(Plain):
    """From probabilities to labels.

    Single-label: the label is argmax_c (log p_c + offsets_c). Multi-label: label c is predicted
    where log p_c - log(1 - p_c) + offsets_c > 0, so an offset of 0 is a threshold of .5.

    Attributes:
        offsets: shape (classes,).
        multilabel: which of the two it is.
        uncorrected: whether the network's uncorrected logits replace log p or the log odds: the
            labels are then those that the network as trained prefers.
        costs: if not None, the label is argmin_j sum_i p_i costs[i, j] instead, i the true class;
            shape (classes, classes), single-label only.
        prior: if not None, the probabilities are first adapted from these class shares to those of
            the rows to predict, see `adapt`; shape (classes,).
        prior_rows: number of imaginary rows with the shares `prior`, beside those to predict.
        note: a remark for people, one sentence or "".
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
            logits: uncorrected, of the same shape; needed only by a rule about them.
        """
        if self.costs is not None:
            scores = -(self._adapted(probabilities) @ self.costs)
        else:
            scores = self._scores(probabilities, logits) + self.offsets
        if self.multilabel:
            return (scores > 0).astype(np.uint8)
        return np.eye(len(self.offsets), dtype=np.uint8)[scores.argmax(axis=1)]

    def strengths(self, probabilities: np.ndarray, logits: np.ndarray | None = None) -> np.ndarray:
        """Return the strength of each label, 0 to 1, which `predict` compares with `thresholds`.

        Multi-label: its probability. Single-label: p_c / (p_c + max_j p_j exp(offsets_j)) over the
        other labels j; with two labels and no offset of the other, p_c. Of uncorrected logits, the
        same with their softmax or sigmoid as p.

        Args:
            probabilities: corrected, shape (rows, classes).
            logits: uncorrected, of the same shape; needed only by a rule about them.

        Returns:
            Float, same shape.
        """
        # Imported here: prediction needs only labels, and starts faster without.
        from scipy.special import expit

        scores = self._scores(probabilities, logits)
        if self.multilabel:
            return expit(scores) if self.uncorrected else self._adapted(probabilities)
        weighted = scores + self.offsets
        second, first = np.sort(weighted, axis=1)[:, -2:].T[:, :, None]
        # The first one's rival is the second, that of all others the first.
        return expit(scores - np.where(weighted == first, second, first))

    def thresholds(self) -> np.ndarray | None:
        """Return the strength above which each label is predicted, shape (classes,).

        None if there are costs of more than two classes, or of two where a mistake costs no more
        than a correct prediction.
        """
        from scipy.special import expit

        if self.costs is None:
            return expit(-self.offsets)
        if len(self.offsets) != 2:
            return None
        # What a mistake costs more than a correct prediction, by true class.
        extra = self.costs[[0, 1], [1, 0]] - self.costs.diagonal()
        return extra[::-1] / extra.sum() if (extra > 0).all() else None

    def _adapted(self, probabilities: np.ndarray) -> np.ndarray:
        if self.prior is None:
            return probabilities
        return adapt(probabilities, self.prior, self.multilabel, self.prior_rows)

    def _scores(self, probabilities: np.ndarray, logits: np.ndarray | None) -> np.ndarray:
        """Return the scores to which the offsets are added."""
        if self.uncorrected:
            return logits
        return log_scores(self._adapted(probabilities), self.multilabel)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Rule":
        """Return the rule from the result of `to_json`."""
        arrays = {name: np.array(value) for name, value in values.items() if type(value) is list}
        return cls(**(values | arrays))


def adapt(
    probabilities: np.ndarray, prior: np.ndarray, multilabel: bool, prior_rows: float = 0.0
) -> np.ndarray:
    """Return probabilities under the class shares of these rows, which EM estimates.

    E-step: p'_c is proportional to p_c prior'_c / prior_c; M-step: prior' is the mean of p' over
    the rows and `prior_rows` imaginary ones with `prior`. Multi-label: each label by itself.
    Source: Saerens, Latinne and Decaestecker, Adjusting the Outputs of a Classifier to New a Priori
    Probabilities, 2002.

    Args:
        probabilities: of the rows to predict, shape (rows, classes).
        prior: the class shares under which they hold, shape (classes,). The probabilities of a
            class of share 0, or a label of share 0 or 1, are only rescaled with the others.
        multilabel: whether a row may have several labels.
        prior_rows: above 0, the shares of few rows stay close to `prior`.
    """
    pairs = probabilities[None]
    if multilabel:
        pairs = np.stack([1 - probabilities, probabilities], axis=-1).transpose(1, 0, 2)
        prior = np.stack([1 - prior, prior], axis=-1)[:, None]
    defined = (prior > 0) & (prior < 1)
    share, adapted = prior, pairs
    for _ in range(STEPS if len(probabilities) else 0):
        ratio = np.divide(share, prior, out=np.ones_like(share), where=defined)
        adapted = pairs * ratio
        adapted = adapted / np.maximum(adapted.sum(axis=-1, keepdims=True), np.finfo(float).tiny)
        total = adapted.sum(axis=1, keepdims=True) + prior_rows * prior
        previous, share = share, total / (len(probabilities) + prior_rows)
        if np.abs(share - previous).max() < CONVERGED:
            break
    return adapted[..., 1].T if multilabel else adapted[0]


def log_scores(probabilities: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return log p, or multi-label the log odds, finite for every p from 0 to 1."""
    tiny = np.finfo(np.float64).tiny
    log_p = np.log(np.maximum(probabilities, tiny))
    if not multilabel:
        return log_p
    return log_p - np.log(np.maximum(1 - probabilities, tiny))
