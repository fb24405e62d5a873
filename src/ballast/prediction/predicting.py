"""Predict the rows of an input in bounded memory: chunks are read, computed and written at once."""

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from threadpoolctl import threadpool_limits

from ballast.prediction import sinks, sources
from ballast.prediction.bundle import Predictor, contents_of
from ballast.prediction.sources import Chunk, Source
from ballast.project.errors import UserError
from ballast.project.progress import bars
from ballast.rows.cleaning import content
from ballast.rows.dataset import Layout
from ballast.rows.diagnosis import remedy
from ballast.rows.fields import FaultError, sound
from ballast.rows.places import place
from ballast.rows.reading import Record


@dataclass
class Summary:
    """Number of rows, and of those with each kind of fault."""

    rows: int = 0
    faults: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """Return it for people."""
        failed = self.faults.total()
        lines = [f"{self.rows - failed} of {self.rows} rows predicted"]
        if failed:
            lines[0] += f"; {failed} not, for the reasons in the column of errors:"
            lines += [f"  {count} x {fault}" for fault, count in self.faults.most_common(5)]
        return lines


def predict(
    predictor: Predictor, rows: Path, output: Path, form: str | None = None, prefix: str = ""
) -> Summary:
    """Write each row of the input with its label and the classes' probabilities.

    Rows that can't be predicted are written too, with the reason in the last column.

    Args:
        predictor: that of a run.
        rows: the input; `-` is standard input.
        output: the output; `-` is standard output.
        form: format of the input, if its name has no known suffix.
        prefix: put before the names of the added columns.

    Raises:
        UserError: input or output can't be used, or no row could be predicted.
    """
    summary = Summary()
    try:
        _write_all(predictor, rows, output, form, prefix, summary)
    except UserError as error:
        raise UserError(f"{error} {_advice(predictor.layout, rows)}".strip()) from error
    if summary.rows and summary.faults.total() == summary.rows:
        advice = _advice(predictor.layout, rows)
        lines = ["no row could be predicted:", *summary.lines()[1:], *filter(None, [advice])]
        raise UserError("\n".join(lines))
    return summary


def _write_all(
    predictor: Predictor, rows: Path, output: Path, form: str | None, prefix: str, summary: Summary
) -> None:
    """Write each row, and count it in the summary."""
    names = sinks.added(predictor.classes, prefix)
    with (
        sources.opened(rows, form, predictor.layout) as source,
        sinks.opened(output, source, names) as sink,
    ):
        for scored, labels in _labelled(predictor, source):
            errors = [
                fault and f"{place(record.row, record.line)}: {fault}"
                for record, fault in zip(scored.chunk.records, scored.faults, strict=True)
            ]
            sink.write(scored.chunk, labels, scored.probabilities, errors)
            summary.rows += len(errors)
            # What follows a colon is specific to the row.
            summary.faults.update(fault.partition(":")[0] for fault in scored.faults if fault)


def _advice(layout: Layout, rows: Path) -> str:
    """Return how more of an input's rows could be used, "" where no option would help."""

    def is_usable(record: Record, tried: Layout) -> bool:
        return sound(content, record, tried) is not None

    try:
        where = "with -S, as in -S \"separator=';'\""
        return remedy(rows, layout, is_usable, where) if rows.is_file() else ""
    except UserError:
        # Of a damaged file there is nothing more to say.
        return ""


def _labelled(predictor: Predictor, source: Source) -> Iterator[tuple["_Scored", list[str | None]]]:
    """Yield the chunks of the input in order, with each row's label; None if there is a fault."""
    scored = _scored(predictor, source)
    groups = ([chunk] for chunk in scored)
    if predictor.decision.rule.prior is not None:
        # The rule needs the probabilities of all rows before the first label.
        groups = filter(None, [list(scored)])
    for chunks in groups:
        outputs = {
            slot: np.concatenate([chunk.outputs[slot] for chunk in chunks])
            for slot in predictor.models
        }
        probabilities = np.concatenate([chunk.usable_probabilities for chunk in chunks])
        labels = iter(predictor.labels(outputs, probabilities))
        for chunk in chunks:
            yield chunk, [None if fault else next(labels) for fault in chunk.faults]


@dataclass(frozen=True)
class _Scored:
    """A chunk with its rows' probabilities (NaN if there is a fault) and faults.

    `outputs` are those of each model by slot, for the rows without a fault.
    """

    chunk: Chunk
    outputs: dict[str, np.ndarray]
    probabilities: np.ndarray
    faults: list[str | None]

    @property
    def usable_probabilities(self) -> np.ndarray:
        return self.probabilities[[fault is None for fault in self.faults]]


def _scored(predictor: Predictor, source: Source) -> Iterator[_Scored]:
    """Yield the chunks of the input in order, under a progress bar."""
    with bars() as progress:
        task = progress.add_task("predicting", total=source.size)
        for scored in _in_parallel(predictor, source.chunks):
            yield scored
            progress.update(task, completed=scored.chunk.done)


def _in_parallel(predictor: Predictor, chunks: Iterable[Chunk]) -> Iterator[_Scored]:
    # Networks compute without Python's global lock, so reading and writing go on meanwhile.
    workers = os.cpu_count() or 1
    pending = deque()
    # More threads of BLAS than cores would spin, waiting for a core.
    with threadpool_limits(1), ThreadPoolExecutor(workers) as pool:
        for chunk in chunks:
            pending.append(pool.submit(score, predictor, chunk))
            if len(pending) > workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def score(predictor: Predictor, chunk: Chunk) -> _Scored:
    """Return the probabilities of a chunk's rows, each cleaned as in prepare."""
    contents, faults = [], []
    for record in chunk.records:
        try:
            contents.append(content(record, predictor.layout))
            faults.append(None)
        except FaultError as fault:
            faults.append(str(fault))
    usable = np.flatnonzero([fault is None for fault in faults])
    probabilities = np.full((len(faults), len(predictor.classes)), np.nan)
    if not contents:
        nothing = np.zeros((0, len(predictor.classes)), dtype=np.float32)
        return _Scored(chunk, dict.fromkeys(predictor.models, nothing), probabilities, faults)
    rows = predictor.encoded(contents_of(contents, predictor.layout))
    outputs = predictor.outputs(rows)
    if rows.columns is not None and (huge := np.isinf(rows.columns).any(axis=1)).any():
        for row in usable[huge]:
            faults[row] = "a numeric column holds a number too large to be scaled"
        usable = usable[~huge]
        outputs = {slot: values[~huge] for slot, values in outputs.items()}
    probabilities[usable] = predictor.probabilities(outputs)
    return _Scored(chunk, outputs, probabilities, faults)
