"""Batches of rows from memory-mapped tokens, terms and numeric columns."""

from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path

import numpy as np
from scipy.sparse import csr_array, diags_array

from ballast.networks.forward import Encoded, encoded
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan
from ballast.texts import embedded

# Rows are sorted by length within pools of so many batches: less padding, in an order still random.
POOL = 16
# What networks read, by the field of a table that holds it.
INPUTS = {"tokens": "tokens", "terms": "terms", "features": "columns"}


class Table(Encoded):
    """All rows as networks read them, in the rows' order; nothing is copied into memory."""

    @property
    def names(self) -> list[str]:
        """What there is of a row: tokens, terms, features."""
        return [name for name, field in INPUTS.items() if getattr(self, field) is not None]

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Return the number of tokens of each row; 0 where there is no text."""
        if self.tokens is None:
            return np.zeros(len(rows), dtype=np.int64)
        return self.offsets[rows + 1] - self.offsets[rows]

    def only(self, names: Container[str]) -> "Table":
        """Return the table without what a network doesn't read, by the names of its inputs."""
        return replace(self, **{INPUTS[name]: None for name in self.names if name not in names})

    def take(self, rows: np.ndarray) -> Encoded:
        """Return some rows, their texts in one array."""
        columns = None if self.columns is None else self.columns[rows]
        terms = None if self.terms is None else self.terms[rows]
        if self.tokens is None:
            return Encoded(None, None, columns, terms)
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(self.lengths(rows), out=offsets[1:])
        return Encoded(self._texts(rows), offsets, columns, terms)

    def interpolated(
        self, rows: np.ndarray, partners: np.ndarray, shares: np.ndarray
    ) -> dict[str, np.ndarray | csr_array]:
        """Return x + share * (x_partner - x) as `layers.interpolating` takes it.

        Numeric columns and terms are interpolated here; of texts, whose vectors the network
        interpolates, the tokens of both are given, padded to one length. A row without a partner
        (-1) is its own.
        """
        partners = np.where(partners < 0, rows, partners)
        shares = shares.astype(np.float32)
        longest = max(self.lengths(rows).max(), self.lengths(partners).max())
        inputs, others = (self.take(each).padded(longest) for each in (rows, partners))
        if self.tokens is not None:
            inputs |= {"partner": others["tokens"], "share": shares}
        if self.columns is not None:
            difference = others["features"] - inputs["features"]
            inputs["features"] = inputs["features"] + shares[:, None] * difference
        if self.terms is not None:
            difference = others["terms"] - inputs["terms"]
            inputs["terms"] = inputs["terms"] + diags_array(shares) @ difference
        return inputs

    def columns_of(self, batch: "Batch") -> np.ndarray:
        """Return a batch's columns, NaN where missing, interpolated if the rows have partners."""
        columns = self.columns[batch.rows]
        if batch.partners is None:
            return columns
        partners = self.columns[np.where(batch.partners < 0, batch.rows, batch.partners)]
        return columns + batch.shares.astype(np.float32)[:, None] * (partners - columns)

    def inputs(self, batch: "Batch") -> dict[str, np.ndarray | csr_array]:
        """Return a batch's examples as Keras takes them, interpolated if they have partners."""
        if batch.partners is None:
            return self.take(batch.rows).padded()
        return self.interpolated(batch.rows, batch.partners, batch.shares)

    def _texts(self, rows: np.ndarray) -> np.ndarray:
        ends = self.offsets[rows + 1]
        texts = zip(self.offsets[rows].tolist(), ends.tolist(), strict=True)
        return np.concatenate([self.tokens[start:end] for start, end in texts])


def open_table(slots: Sequence[str], folder: Path = embedded.DATA) -> Table:
    """Return what the embed stage has written for each slot, memory-mapped.

    Raises:
        UserError: two of them have token numbers.
    """
    inputs = {slot: embedded.load_record(folder / slot).input for slot in slots}
    texts = [slot for slot in slots if inputs[slot] == "tokens"]
    if len(texts) > 1:
        raise UserError(
            f"params.yaml: {' and '.join(texts)} both give word vectors, and a network reads the "
            "words of one. Set the other to none, tfidf or sentence."
        )
    return Table(**vars(encoded(embedded.load_rows(folder / slot) for slot in slots)))


@dataclass(frozen=True)
class Batch:
    """The examples of one step.

    Attributes:
        rows: row numbers of the table, shape (examples,).
        labels: float32, shape (examples, classes); if the plan mixes labels, those of the row,
            those of the partner and the partner's share, shape (examples, 2 * classes + 1).
        partners: row numbers, -1 for none; or None.
        shares: how far towards the partner; or None.
    """

    rows: np.ndarray
    labels: np.ndarray
    partners: np.ndarray | None = None
    shares: np.ndarray | None = None


def make_batch(plan: Plan, targets: np.ndarray, entries: np.ndarray) -> Batch:
    """Return some entries of a plan with their labels.

    Args:
        plan: of row numbers of the table.
        targets: multi-hot labels of all rows, shape (rows, classes).
        entries: their numbers in the plan.
    """
    rows = plan.rows[entries]
    partners = None if plan.partners is None else plan.partners[entries]
    shares = None if plan.shares is None else plan.shares[entries]
    labels = targets[rows] if plan.labels is None else plan.labels[entries]
    if plan.label_shares is not None:
        labels = np.column_stack([labels, targets[partners], plan.label_shares[entries]])
    return Batch(rows, labels.astype(np.float32), partners, shares)


def epoch_batches(
    table: Table, plan: Plan, used: np.ndarray, batch_size: int, seed: int | list[int]
) -> Iterator[list[np.ndarray]]:
    """Yield each epoch's batches, without end: entry numbers of the plan, shuffled anew.

    Args:
        table: all rows.
        plan: of row numbers of the table.
        used: whether an entry is used at all, bool, shape (entries,).
        batch_size: entries a batch; one may be smaller.
        seed: of the shuffling.
    """
    rng, lengths = np.random.default_rng(seed), table.lengths(plan.rows)
    for epoch in count():
        drawn = plan.draw(epoch, rng)
        entries = rng.permutation(drawn[used[drawn]])
        batches = [
            chunk
            for pool in chunks(entries, batch_size * POOL)
            for chunk in chunks(pool[np.argsort(lengths[pool], kind="stable")], batch_size)
        ]
        yield [batches[number] for number in rng.permutation(len(batches))]


def chunks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Return an array in chunks of `size`; the last one may be smaller."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]
