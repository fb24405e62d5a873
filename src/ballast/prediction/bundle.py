"""The bundle in `models/`: from the contents of rows to labels."""

import importlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import numpy as np
from ruamel.yaml import YAML

from ballast.evaluation.decision import Decision
from ballast.labels.classes import texts_of
from ballast.networks.forward import Encoded, Forward, encoded
from ballast.networks.trained import Trained
from ballast.project import params
from ballast.project.errors import UserError
from ballast.rows.cleaning import Content
from ballast.rows.dataset import Layout
from ballast.texts import embedded
from ballast.texts.corpus import Contents
from ballast.texts.embedded import Read

# A row in which all but the text is missing.
BLANK = Content("a")


@dataclass(frozen=True)
class Predictor:
    """Trained models and all that prediction needs around them.

    Attributes:
        layout: how the training files are read, and which columns the models use.
        readers: from contents to what each embedding in use makes of them.
        models: from rows to the outputs of each model in use, by slot.
        decision: from the outputs to probabilities and labels.
    """

    layout: Layout
    readers: Sequence[Callable[[Contents], Read]]
    models: Mapping[str, Forward]
    decision: Decision

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of every array's class axis."""
        return self.decision.mixture.parts[0].correction.ledger.labels

    def reading(self, settings: Sequence[str]) -> "Predictor":
        """Return the predictor for files that are written in another way than those of training.

        Args:
            settings: name=value, options of the layout.

        Raises:
            UserError: there is no such option, or it has no such value.
        """
        if not settings:
            return self
        changes = {}
        for setting in settings:
            name, sign, value = setting.partition("=")
            if not sign:
                raise UserError(f"-S {setting}: expected name=value, as in encoding=cp1252.")
            changes[name] = YAML(typ="safe").load(value)
        try:
            layout = params.check(Layout, self.layout.model_dump() | changes, "-S")
        except UserError as error:
            # What is checked is no file.
            raise UserError(str(error).replace("params.yaml: -S.", "-S ")) from error
        return replace(self, layout=layout)

    def encoded(self, contents: Contents) -> Encoded:
        """Return rows as the models read them, from what `layout` takes of each."""
        return encoded(read(contents) for read in self.readers)

    def outputs(self, rows: Encoded) -> dict[str, np.ndarray]:
        """Return each model's outputs by slot, float32, shape (rows, classes)."""
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
    embeddings = {slot: _embedding(records[slot]) for slot in slots}
    words = [slot for slot in slots if records[slot].input == "tokens"]
    vectors = embedded.load_word_vectors(folder / words[0]) if words else None
    needs = {kind for each in embeddings.values() for kinds in each.NEEDS for kind in kinds}
    try:
        predictor = Predictor(
            layout.only(texts="text" in needs, columns="columns" in needs),
            [
                each.reader(folder / slot, records[slot].options)
                for slot, each in embeddings.items()
            ],
            {slot: each.forward(vectors) for slot, each in trained.items()},
            decision,
        )
        # One row, to check that the files fit together.
        row = contents_of([BLANK], predictor.layout)
        outputs = predictor.outputs(predictor.encoded(row))
        predictor.labels(outputs, predictor.probabilities(outputs))
    except (KeyError, ValueError, IndexError) as error:
        raise UserError(
            f"the files in {folder}/ are not those of one run ({error!r}). Run `dvc repro`."
        ) from error
    return predictor


def contents_of(rows: Sequence[Content], layout: Layout) -> Contents:
    """Return the contents of some rows side by side.

    Args:
        rows: as cleaned by the layout; one without columns lacks them all.
        layout: which columns there are.
    """

    def matrix(values: Iterable[tuple], columns: int, kind: type) -> np.ndarray:
        padded = [each or (None,) * columns for each in values]
        return np.array(padded, dtype=kind).reshape(len(rows), columns)

    return Contents(
        texts=[row.text for row in rows] if layout.texts else None,
        numbers=matrix((row.numbers for row in rows), len(layout.features), np.float64),
        categories=matrix((row.categories for row in rows), len(layout.categories), object),
        dates=matrix((row.dates for row in rows), len(layout.date_formats), np.float64),
    )


def _embedding(record: embedded.Record) -> ModuleType:
    return importlib.import_module(f"ballast.embeddings.{record.embedding}")
