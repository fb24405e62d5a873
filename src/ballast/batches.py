"""Batches of rows from memory-mapped tokens and numeric columns."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import numpy as np
import tensorflow as tf

from ballast.plans import Plan

# Rows are ordered by length within so many batches: less padding, and still a random order.
POOL = 16


@dataclass(frozen=True)
class Table:
    """All rows as the network takes them, in the rows' order; nothing is copied into memory.

    Attributes:
        tokens: all texts in one array, or None.
        offsets: where each text begins, shape (rows + 1,), or None.
        features: numeric columns, float32, shape (rows, columns), or None.
    """

    tokens: np.ndarray | None
    offsets: np.ndarray | None
    features: np.ndarray | None

    def lengths(self, rows: np.ndarray) -> np.ndarray:
        """Return the number of tokens of each row; 0 where there is no text."""
        if self.offsets is None:
            return np.zeros(len(rows), dtype=np.int64)
        return self.offsets[rows + 1] - self.offsets[rows]

    def only(self, names: Container[str]) -> "Table":
        """Return the table without what a network doesn't take: `names` of its inputs."""
        texts = "tokens" in names
        return Table(
            self.tokens if texts else None,
            self.offsets if texts else None,
            self.features if "features" in names else None,
        )

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return the network's inputs for some rows; texts are padded to the longest of them."""
        inputs = {}
        if self.tokens is not None:
            inputs["tokens"] = self._padded(rows, self.lengths(rows).max())
        if self.features is not None:
            inputs["features"] = self.features[rows]
        return inputs

    def between(
        self, rows: np.ndarray, partners: np.ndarray, shares: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the inputs of a network that mixes texts: x + share * (x_partner - x).

        Numeric columns are mixed here; of texts both stand side by side, equally long. A row
        without a partner (-1) is its own.
        """
        partners = np.where(partners < 0, rows, partners)
        shares = shares.astype(np.float32)
        inputs = {}
        if self.tokens is not None:
            longest = max(self.lengths(rows).max(), self.lengths(partners).max())
            inputs["tokens"] = self._padded(rows, longest)
            inputs["partner"] = self._padded(partners, longest)
            inputs["share"] = shares
        if self.features is not None:
            own = self.features[rows]
            inputs["features"] = own + shares[:, None] * (self.features[partners] - own)
        return inputs

    def _padded(self, rows: np.ndarray, longest: int) -> np.ndarray:
        filled = np.arange(max(1, longest)) < self.lengths(rows)[:, None]
        padded = np.zeros(filled.shape, dtype=np.int32)
        padded[filled] = np.concatenate(
            [self.tokens[self.offsets[row] : self.offsets[row + 1]] for row in rows]
        )
        return padded


def open_table(folder: Path) -> Table:
    """Map what the embed stage wrote."""

    def load(name: str) -> np.ndarray | None:
        path = folder / name
        return np.load(path, mmap_mode="r") if path.exists() else None

    return Table(load("tokens.npy"), load("offsets.npy"), load("features.npy"))


def training_batches(
    table: Table, plan: Plan, targets: np.ndarray, batch_size: int, seed: int
) -> tf.data.Dataset:
    """Return the plan's examples in a new order each epoch, with their targets.

    Where the plan mixes labels, a target is (own labels, the partner's labels, the partner's
    share), shape (2 * classes + 1,).

    Args:
        table: all rows.
        plan: of row numbers of the table.
        targets: multi-hot labels of all rows, shape (rows, classes).
        batch_size: rows a batch; the last one may be smaller.
        seed: seed of the orders.
    """
    rng, numbers = np.random.default_rng(seed), count()
    lengths = table.lengths(plan.rows)
    labels = (targets[plan.rows] if plan.labels is None else plan.labels).astype(np.float32)
    if plan.label_shares is not None:
        labels = np.column_stack([labels, targets[plan.partners], plan.label_shares])

    def epoch() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        order = rng.permutation(plan.draw(next(numbers), rng))
        batches = [
            chunk
            for pool in _pools(order, batch_size)
            for chunk in chunks(pool[np.argsort(lengths[pool], kind="stable")], batch_size)
        ]
        for number in rng.permutation(len(batches)):
            chosen = batches[number]
            rows = plan.rows[chosen]
            if plan.partners is None:
                inputs = table.take(rows)
            else:
                inputs = table.between(rows, plan.partners[chosen], plan.shares[chosen])
            yield inputs, labels[chosen].astype(np.float32)

    steps = sum(len(chunks(pool, batch_size)) for pool in _pools(np.arange(plan.size), batch_size))
    signature = _signature(table)
    if plan.partners is not None and table.tokens is not None:
        signature |= {"partner": signature["tokens"], "share": tf.TensorSpec((None,), tf.float32)}
    return _dataset(epoch, (signature, tf.TensorSpec((None, labels.shape[1]), tf.float32)), steps)


def scoring_batches(table: Table, rows: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Return the rows in the given order, without targets."""
    parts = chunks(rows, batch_size)

    def once() -> Iterator[tuple[dict[str, np.ndarray]]]:
        for part in parts:
            yield (table.take(part),)

    return _dataset(once, (_signature(table),), len(parts))


def _pools(order: np.ndarray, batch_size: int) -> list[np.ndarray]:
    return np.array_split(order, max(1, len(order) // (batch_size * POOL)))


def chunks(rows: np.ndarray, size: int) -> list[np.ndarray]:
    """Cut an array into pieces of `size`; the last one may be smaller."""
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _dataset(generator, signature, count: int) -> tf.data.Dataset:
    batches = tf.data.Dataset.from_generator(generator, output_signature=signature)
    return batches.apply(tf.data.experimental.assert_cardinality(count)).prefetch(2)


def _signature(table: Table) -> dict[str, tf.TensorSpec]:
    signature = {}
    if table.tokens is not None:
        signature["tokens"] = tf.TensorSpec((None, None), tf.int32)
    if table.features is not None:
        signature["features"] = tf.TensorSpec((None, table.features.shape[1]), tf.float32)
    return signature
