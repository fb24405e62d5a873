"""What a run has left in `models/`, put together: from texts and numbers to labels."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ballast.labels.classes import joined
from ballast.networks.forward import Forward, Read, encoded, forward_of, mean
from ballast.probabilities import ledger
from ballast.probabilities.calibration import Calibration, likely
from ballast.probabilities.rules import Rule
from ballast.project import params
from ballast.project.errors import UserError
from ballast.project.storage import read_json
from ballast.rows.dataset import Layout


@dataclass(frozen=True)
class Predictor:
    """A trained network and all that stands around it.

    Attributes:
        layout: how the files that it was trained on are read, and which columns it sees.
        readers: from texts to what each embedding makes of them; empty where no text is read.
        scale: mean and standard deviation of the numeric columns, each of shape (columns,); None
            where there are none.
        forward: the network.
        inverse: from its outputs to logits of p(class | x) of the rows trained on.
        book: the ledger.
        correct: whether what training did to the probabilities is undone.
        calibration: the map fitted on the validation rows, if any.
        rule: from probabilities to labels.
    """

    layout: Layout
    readers: Sequence[Callable[[Sequence[str]], Read]]
    scale: tuple[np.ndarray, np.ndarray] | None
    forward: Forward
    inverse: Callable[[np.ndarray], np.ndarray]
    book: dict[str, Any]
    correct: bool
    calibration: Calibration | None
    rule: Rule

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of every array's class axis."""
        return self.book["labels"]

    def scaled(self, features: np.ndarray) -> np.ndarray | None:
        """Return numeric columns as the network takes them, float32; None where there are none.

        Args:
            features: float64, shape (rows, columns).
        """
        if self.scale is None:
            return None
        mean, deviation = self.scale
        # What is too large for float32 becomes infinite, and is said of its row.
        with np.errstate(over="ignore"):
            return ((features - mean) / deviation).astype(np.float32)

    def probabilities(self, texts: Sequence[str], features: np.ndarray | None) -> np.ndarray:
        """Return the classes' probabilities, as the evaluation has them.

        Args:
            texts: a text a row, as prepare cleans them; not looked at by a network of numbers.
            features: as `scaled` returns them.

        Returns:
            Float64, shape (rows, classes).
        """
        outputs = self.forward(encoded(features, [read(texts) for read in self.readers]))
        if self.correct:
            # The evaluation works from logits that are kept as float32.
            logits = self.inverse(outputs).astype(np.float32)
            outputs = ledger.correct(logits, self.book)
        return likely(outputs, self.calibration, self.rule.multilabel)

    def labels(self, probabilities: np.ndarray) -> list[str]:
        """Return each row's label by the decision rule; several are joined by |."""
        return joined(self.rule.predict(probabilities), self.classes)


def load(folder: Path = Path("models")) -> Predictor:
    """Return the predictor that a run has left.

    Raises:
        UserError: a piece is missing, the pieces are of different runs, or the model has no
            `forward`.
    """
    layout = Layout(**read_json(folder / "input.json"))
    network = read_json(folder / "network/network.json")
    book = read_json(folder / "ledger.json")
    decision = read_json(folder / "decision.json")
    places = [folder / place for place in params.EMBEDDINGS]
    told = {place: read_json(place / "embedding.json") for place in places}
    read = [place for place in places if told[place]["input"] in network["inputs"]]
    readers = [_reader(place, told[place]) for place in read]
    if not read:
        layout = layout.model_copy(update={"text": None})
    words = [place for place in read if told[place]["input"] == "tokens"]
    vectors = np.load(words[0] / "vectors.npy") if words else None
    vocabulary = read_json(words[0] / "vocabulary.json") if words else []
    scale = None
    if "features" in network["inputs"] and layout.features:
        scaler = read_json(folder / "embedding/scaler.json")
        scale = np.array(scaler["mean"]), np.array(scaler["scale"])
    else:
        layout = layout.model_copy(update={"features": []})
    models = [_model(folder / "network", told, vectors) for told in network["models"]]
    try:
        found = Predictor(
            layout,
            readers,
            scale,
            mean(models),
            _inverse(book),
            book,
            decision["correct"],
            Calibration.from_json(decision["calibration"]) if decision["calibration"] else None,
            Rule.from_json(decision),
        )
        features = found.scaled(np.zeros((1, len(layout.features))))
        found.labels(found.probabilities([" ".join(vocabulary[-1:])], features))
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(
            f"the files in {folder}/ are not those of one run ({error!r}). Run `dvc repro`."
        ) from error
    return found


def _model(folder: Path, told: dict[str, Any], vectors: np.ndarray | None) -> Forward:
    """Return the mean of a model's networks; `told` is what `network.json` says of it."""
    forward = forward_of(importlib.import_module(f"ballast.models.{told['model']}"))
    networks = [
        {path.stem: np.load(path) for path in sorted((folder / str(number)).glob("*.npy"))}
        for number in told["networks"]
    ]
    return mean([forward(weights, vectors) for weights in networks])


def _reader(folder: Path, told: dict[str, Any]) -> Callable[[Sequence[str]], Read]:
    """Return the way from texts to what a network reads, of the embedding that `told` names."""
    embedding = importlib.import_module(f"ballast.embeddings.{told['embedding']}")
    return embedding.reader(folder, told["options"])


def _inverse(book: dict[str, Any]) -> Callable[[np.ndarray], np.ndarray]:
    """Return the way from outputs to logits that the run's loss has."""
    if not book["log_odds"]:
        return lambda outputs: outputs
    loss = importlib.import_module(f"ballast.losses.{book['loss']}")
    return partial(loss.inverse, classes=ledger.trained_on(book), **book["loss_options"])
