"""Predict an input in bounded memory: while a chunk is computed, the next one is read."""

import os
import sys
import tempfile
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfileobj

import numpy as np
from threadpoolctl import threadpool_limits

from ballast.prediction import sinks, sources
from ballast.prediction.bundle import Predictor
from ballast.prediction.sinks import Predicted
from ballast.prediction.sources import STANDARD, Chunk, Source
from ballast.project.errors import UserError
from ballast.project.progress import bars
from ballast.rows.cleaning import FaultError, content


@dataclass
class Summary:
    """What became of the rows: how many there were, and how many fell to which fault."""

    rows: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """Return it for people."""
        failed = self.faults.total()
        told = [f"{self.rows - failed} of {self.rows} rows predicted"]
        if failed:
            told[0] += f"; {failed} not, for what the column of errors says:"
            told += [f"  {count} x {fault}" for fault, count in self.faults.most_common(5)]
        return told


def predict(
    predictor: Predictor, rows: Path, output: Path, form: str | None = None, prefix: str = ""
) -> Summary:
    """Write each row of the input with its label and the classes' probabilities.

    A row that can't be predicted is written too, with the reason in the last column.

    Args:
        predictor: what a run has left.
        rows: the input; `-` is standard input.
        output: likewise.
        form: the input's format, where its name doesn't tell.
        prefix: put before the names of the added columns.

    Raises:
        UserError: input or output is not as it must be, or no row at all could be predicted.
    """
    with tempfile.TemporaryDirectory() as folder:
        labels = None
        if predictor.decision.rule.prior is not None:
            # The rule looks at all rows together, before the first label is known.
            if rows == STANDARD:
                rows, form = Path(folder) / "input", form or "csv"
                with rows.open("wb") as copy:
                    copyfileobj(sys.stdin.buffer, copy)
            labels = iter(_labels_of_all(predictor, rows, form))
        with sources.opened(rows, form, predictor.layout) as source:
            names = sinks.added(predictor.classes, prefix)
            with sinks.opened(output, source, names) as sink:
                summary = _write(predictor, source, sink, labels)
    if summary.rows and summary.faults.total() == summary.rows:
        raise UserError("\n".join(["no row could be predicted:", *summary.lines()[1:]]))
    return summary


def _labels_of_all(predictor: Predictor, rows: Path, form: str | None) -> list[str]:
    """Return the labels of the rows that can be predicted."""
    with sources.opened(rows, form, predictor.layout) as source:
        judged = list(_judged(predictor, source))
    if not judged:
        return []
    probabilities = np.concatenate([each.usable_probabilities for each in judged])
    outputs = {
        slot: np.concatenate([each.outputs[slot] for each in judged]) for slot in predictor.models
    }
    return predictor.labels(outputs, probabilities)


def _write(
    predictor: Predictor, source: Source, sink: sinks.Sink, labels: Iterator[str] | None
) -> Summary:
    summary = Summary()
    place = "row" if source.form == "parquet" else "line"
    for judged in _judged(predictor, source):
        if labels is None:
            chunk_labels = iter(predictor.labels(judged.outputs, judged.usable_probabilities))
        else:
            chunk_labels = labels
        errors = [
            fault and f"{place} {record.row}: {fault}"
            for record, fault in zip(judged.chunk.records, judged.faults, strict=True)
        ]
        predicted = [None if fault else next(chunk_labels) for fault in judged.faults]
        sink.write(Predicted(judged.chunk, predicted, judged.probabilities, errors))
        summary.rows += len(errors)
        # What stands behind a colon is the row's own.
        summary.faults.update(fault.partition(":")[0] for fault in judged.faults if fault)
    return summary


@dataclass(frozen=True)
class _Judged:
    """A chunk with its rows' probabilities (NaN where there is a fault), or what is wrong.

    The models' outputs are those of the rows without a fault, by slot.
    """

    chunk: Chunk
    outputs: dict[str, np.ndarray]
    probabilities: np.ndarray
    faults: list[str | None]

    @property
    def usable_probabilities(self) -> np.ndarray:
        return self.probabilities[[fault is None for fault in self.faults]]


def _judged(predictor: Predictor, source: Source) -> Iterator[_Judged]:
    """Yield the chunks of the input in their order, under a progress bar."""
    with bars() as progress:
        task = progress.add_task("predicting", total=source.size)
        for judged in _side_by_side(predictor, source.chunks):
            yield judged
            progress.update(task, completed=judged.chunk.done)


def _side_by_side(predictor: Predictor, chunks: Iterable[Chunk]) -> Iterator[_Judged]:
    # The network's machine code holds no lock of Python's, so reading and writing go on beside it.
    workers = os.cpu_count() or 1
    waiting = deque()
    # Threads of BLAS beside these would wait for a core, spinning, longer than they compute.
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        for chunk in chunks:
            waiting.append(pool.submit(judge, predictor, chunk))
            if len(waiting) > workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def judge(predictor: Predictor, chunk: Chunk) -> _Judged:
    """Return the probabilities of a chunk's rows, each cleaned as prepare does it."""
    texts, numbers, faults = [], [], []
    for record in chunk.records:
        try:
            text, features = content(record, predictor.layout)
        except FaultError as fault:
            faults.append(str(fault))
            continue
        faults.append(None)
        texts.append(text)
        numbers.append(features)
    rows = np.flatnonzero([fault is None for fault in faults])
    columns = len(predictor.layout.features)
    scaled = None
    if predictor.scaler is not None:
        numbers = np.array(numbers, dtype=np.float64).reshape(len(rows), columns)
        scaled = predictor.scaler.apply(numbers)
        small = np.isfinite(scaled).all(axis=1)
        for row in rows[~small]:
            faults[row] = "a numeric column holds a number too large to be scaled"
        rows, scaled = rows[small], scaled[small]
        texts = [text for text, fits in zip(texts, small, strict=True) if fits]
    probabilities = np.full((len(faults), len(predictor.classes)), np.nan)
    outputs = predictor.outputs(texts, scaled)
    probabilities[rows] = predictor.probabilities(outputs)
    return _Judged(chunk, outputs, probabilities, faults)
