"""From the outputs of one or several models to probabilities and labels: `models/decision.json`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ballast.probabilities.correction import Correction
from ballast.probabilities.logits import probabilities
from ballast.probabilities.plain import Plain
from ballast.probabilities.rules import Rule
from ballast.project import storage


@dataclass(frozen=True)
class Part(Plain):
    """A model that takes part in the decision.

    Attributes:
        slot: selector of the model.
        model: name of the model.
        scale: factor that brings its outputs to the same scale as those of other models.
        correction: from its outputs to probabilities.
    """

    slot: str
    model: str
    scale: float
    correction: Correction

    def uncorrected(self, outputs: np.ndarray) -> np.ndarray:
        """Return logits whose argmax, or sign, is the label that the model as trained prefers.

        A model whose loss only ranks the rows prefers none, so these are its corrected logits.
        """
        if self.correction.ledger.only_ranks:
            return self.correction.apply(outputs)
        return self.scale * outputs.astype(np.float64)


@dataclass(frozen=True)
class Mixture:
    """One model, or the mean of several.

    Attributes:
        parts: the models. The mean is that of their logits: the uncorrected ones for the label
            that they prefer as trained, the corrected ones for the probabilities.
    """

    parts: Sequence[Part]

    @property
    def name(self) -> str:
        """Names of the models."""
        return " and ".join(part.model for part in self.parts)

    def uncorrected(self, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the mean of the models' uncorrected logits, shape (rows, classes).

        Args:
            outputs: each model's by slot, shape (rows, classes).
        """
        return np.mean([part.uncorrected(outputs[part.slot]) for part in self.parts], axis=0)

    def probabilities(self, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return p(y|x), float64, shape (rows, classes).

        Args:
            outputs: each model's by slot, shape (rows, classes).
        """
        logits = [part.correction.apply(outputs[part.slot]) for part in self.parts]
        return probabilities(np.mean(logits, axis=0), self.parts[0].correction.ledger.multilabel)


@dataclass(frozen=True)
class Decision:
    """All that is between the models' outputs and labels.

    Attributes:
        mixture: the models in use.
        rule: from probabilities, or uncorrected logits, to labels.
    """

    mixture: Mixture
    rule: Rule

    def predict(self, outputs: Mapping[str, np.ndarray], probabilities: np.ndarray) -> np.ndarray:
        """Return multi-hot labels, uint8, shape (rows, classes).

        Args:
            outputs: each model's by slot, shape (rows, classes).
            probabilities: those of the mixture.
        """
        return self.rule.predict(probabilities, self.mixture.uncorrected(outputs))

    def save(self, folder: Path = Path("models")) -> None:
        """Write the decision for prediction."""
        parts = [part.to_json() for part in self.mixture.parts]
        storage.write_json(folder / "decision.json", {"models": parts, "rule": self.rule.to_json()})

    @classmethod
    def load(cls, folder: Path) -> "Decision":
        """Read what `save` wrote.

        Raises:
            UserError: there is no such file yet.
        """
        values = storage.read_json(folder / "decision.json")
        parts = [_part(**part) for part in values["models"]]
        return cls(Mixture(parts), Rule.from_json(values["rule"]))


def _part(correction: dict[str, Any], **values) -> Part:
    return Part(correction=Correction.from_json(correction), **values)
