"""Decision rules: the part of a decision that is kept for prediction."""

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Rule:
    """From probabilities to labels.

    Single-label: the label is argmax_c (log p_c + offsets_c). Multi-label: label c is given where
    log p_c - log(1 - p_c) + offsets_c > 0, so an offset of 0 is a cut at .5.

    Attributes:
        offsets: shape (classes,).
        multilabel: which of the two it is.
    """

    offsets: np.ndarray
    multilabel: bool

    def predict(self, probabilities: np.ndarray) -> np.ndarray:
        """Return multi-hot labels, uint8, for probabilities; both of shape (rows, classes)."""
        scores = log_scores(probabilities, self.multilabel) + self.offsets
        if self.multilabel:
            return (scores > 0).astype(np.uint8)
        return np.eye(len(self.offsets), dtype=np.uint8)[scores.argmax(axis=1)]

    def to_json(self) -> dict[str, Any]:
        """Return the rule as it goes to `models/decision.json`."""
        return {"offsets": self.offsets.tolist(), "multilabel": self.multilabel}


def log_scores(probabilities: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return log p, or multi-label log odds, finite for every p from 0 to 1."""
    tiny = np.finfo(np.float64).tiny
    log_p = np.log(np.maximum(probabilities, tiny))
    if not multilabel:
        return log_p
    return log_p - np.log(np.maximum(1 - probabilities, tiny))
