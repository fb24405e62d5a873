"""From a model's outputs to p(y|x): sampling, weights and loss are undone, then calibration."""

import importlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ballast.probabilities import calibration
from ballast.probabilities.calibration import Calibration, Method
from ballast.probabilities.ledger import SLIGHT, Ledger
from ballast.probabilities.logits import probabilities
from ballast.probabilities.plain import Plain

Choice = Literal["auto", "none", Method]


@dataclass(frozen=True)
class Correction(Plain):
    """The way from a model's outputs to probabilities in training, evaluation and prediction.

    Single-label: p_c is proportional to p'_c / w_c * prior_before_c / prior_after_c, where p' are
    the probabilities that the loss's inverse finds in the outputs (Elkan, The Foundations of
    Cost-Sensitive Learning, 2001). Multi-label: the same for the odds of each label. If the loss
    has no inverse, its outputs are not log odds, and the calibration map does all the work.

    Attributes:
        ledger: what the model was trained on and with.
        calibration: the map that follows, fitted on held-out rows, or None.
    """

    ledger: Ledger
    calibration: Calibration | None = None

    @classmethod
    def fit(
        cls, ledger: Ledger, outputs: np.ndarray, targets: np.ndarray, method: Choice = "auto"
    ) -> "Correction":
        """Return the correction, its map fitted on held-out rows.

        Args:
            ledger: of the model.
            outputs: of the held-out rows, shape (rows, classes).
            targets: their multi-hot labels.
            method: of the map; `auto` is that of `automatic`.
        """
        method = automatic(ledger) if method == "auto" else method
        if method == "none":
            return cls(ledger)
        logits = cls(ledger).apply(outputs)
        return cls(ledger, calibration.fit(method, targets, logits, ledger.multilabel))

    def apply(self, outputs: np.ndarray) -> np.ndarray:
        """Return logits of p(y|x), float64, shape (rows, classes) like the outputs."""
        logits = outputs.astype(np.float64)
        if self.ledger.has_inverse:
            loss = importlib.import_module(f"ballast.losses.{self.ledger.loss}")
            logits = loss.inverse(outputs, self.ledger.after, **self.ledger.loss_options)
            logits = logits.astype(np.float64) - self.ledger.shift
        return self.calibration.apply(logits) if self.calibration else logits

    def probabilities(self, outputs: np.ndarray) -> np.ndarray:
        """Return p(y|x), float64, shape (rows, classes)."""
        return probabilities(self.apply(outputs), self.ledger.multilabel)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Correction":
        """Return the correction from the result of `to_json`."""
        fitted = values["calibration"]
        return cls(Ledger.from_json(values["ledger"]), fitted and Calibration(**fitted))


def automatic(ledger: Ledger) -> Choice:
    """Return the map for what the formulas leave.

    Log odds from formulas are only too confident or not confident enough, as those of networks are
    after training: temperature. If sampling, weights or the loss move or distort them, they are
    still close to a line, another one for each class: sigmoid. A network that fits its rows anyway
    moves less than the formulas say (Byrd and Lipton, What is the Effect of Importance Weighting in
    Deep Learning?, 2019). Outputs that are not log odds may follow any increasing curve: isotonic,
    unless the loss names another map.
    """
    if not ledger.has_inverse:
        return ledger.calibration or "isotonic"
    moved = any(abs(strength) > SLIGHT for strength in ledger.corrections.values())
    return "sigmoid" if moved or ledger.distortions else "temperature"
