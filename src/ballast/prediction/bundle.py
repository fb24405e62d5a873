"""The bundle in `models/`: from texts and numbers to labels."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ballast.evaluation.decision import Decision
from ballast.labels.classes import texts_of
from ballast.networks.forward import Forward, encoded
from ballast.networks.trained import Trained
from ballast.project import params
from ballast.project.errors import UserError
from ballast.rows.dataset import Layout
from ballast.texts import embedded
from ballast.texts.embedded import Read, Scaler


@dataclass(frozen=True)
class Predictor:
    """Trained models and all that prediction needs around them.

    Attributes:
        layout: how the training files are read, and which columns the models use.
        readers: from texts to the inputs of each embedding; empty if no text is used.
        scaler: of the numeric columns; None if there are none.
        models: from rows to the outputs of each model in use, by slot.
        decision: from the outputs to probabilities and labels.
    """

    layout: Layout
    readers: Sequence[Callable[[Sequence[str]], Read]]
    scaler: Scaler | None
    models: Mapping[str, Forward]
    decision: Decision

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of every array's class axis."""
        return self.decision.mixture.parts[0].correction.ledger.labels

    def outputs(self, texts: Sequence[str], features: np.ndarray | None) -> dict[str, np.ndarray]:
        """Return each model's outputs by slot, float32, shape (rows, classes).

        Args:
            texts: the text of each row, cleaned as in prepare; models of numbers ignore them.
            features: scaled numeric columns, float32, shape (rows, columns), or None.
        """
        rows = encoded(features, [read(texts) for read in self.readers])
        return {slot: forward(rows) for slot, forward in self.models.items()}

    def probabilities(self, outputs: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return the classes' probabilities, as in the evaluation, shape (rows, classes)."""
        return self.decision.mixture.probabilities(outputs)

    def labels(self, outputs: Mapping[str, np.ndarray], probabilities: np.ndarray) -> list[str]:
        """Return each row's label by the decision; where there may be several, a JSON list."""
        ledger = self.decision.mixture.parts[0].correction.ledger
        predicted = self.decision.predict(outputs, probabilities)
        return texts_of(predicted, ledger.labels, ledger.multilabel)


def load(folder: Path = Path("models")) -> Predictor:
    """Return the predictor of the last run.

    Raises:
        UserError: a file is missing, or the files are of different runs.
    """
    layout, decision = Layout.load(folder), Decision.load(folder)
    trained = {part.slot: Trained.load(folder / part.slot) for part in decision.mixture.parts}
    inputs = {name for each in trained.values() for name in each.reads}
    records = {slot: embedded.load_record(folder / slot) for slot in params.EMBEDDINGS}
    slots = [slot for slot, record in records.items() if record.input in inputs]
    scaler = embedded.load_scaler(folder / params.EMBEDDINGS[0]) if "features" in inputs else None
    words = [slot for slot in slots if records[slot].input == "tokens"]
    vectors = embedded.load_word_vectors(folder / words[0]) if words else None
    features = [] if scaler is None else layout.features
    used = {"text": layout.text if slots else None, "features": features}
    try:
        predictor = Predictor(
            layout.model_copy(update=used),
            [_reader(folder / slot, records[slot]) for slot in slots],
            scaler,
            {slot: each.forward(vectors) for slot, each in trained.items()},
            decision,
        )
        # One row, to check that the files fit together.
        row = None if scaler is None else scaler.apply(np.zeros((1, len(layout.features))))
        outputs = predictor.outputs(["a"], row)
        predictor.labels(outputs, predictor.probabilities(outputs))
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(
            f"the files in {folder}/ are not those of one run ({error!r}). Run `dvc repro`."
        ) from error
    return predictor


def _reader(folder: Path, record: embedded.Record) -> Callable[[Sequence[str]], Read]:
    """Return the function from texts to the inputs of a network."""
    embedding = importlib.import_module(f"ballast.embeddings.{record.embedding}")
    return embedding.reader(folder, record.options)
