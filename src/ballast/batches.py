"""Batches of rows from memory-mapped tokens and numeric columns."""

from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import tensorflow as tf

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
            lengths = self.lengths(rows)
            filled = np.arange(max(1, lengths.max())) < lengths[:, None]
            padded = np.zeros(filled.shape, dtype=np.int32)
            padded[filled] = np.concatenate(
                [self.tokens[self.offsets[row] : self.offsets[row + 1]] for row in rows]
            )
            inputs["tokens"] = padded
        if self.features is not None:
            inputs["features"] = self.features[rows]
        return inputs


def open_table(folder: Path) -> Table:
    """Map what the embed stage wrote."""

    def load(name: str) -> np.ndarray | None:
        path = folder / name
        return np.load(path, mmap_mode="r") if path.exists() else None

    return Table(load("tokens.npy"), load("offsets.npy"), load("features.npy"))


def training_batches(
    table: Table, rows: np.ndarray, targets: np.ndarray, batch_size: int, seed: int
) -> tf.data.Dataset:
    """Return the rows in a new order each epoch, with their targets.

    Args:
        table: all rows.
        rows: row numbers, repeated as often as the plan says.
        targets: multi-hot labels of `rows`, shape (len(rows), classes).
        batch_size: rows a batch; the last one may be smaller.
        seed: seed of the orders.
    """
    rng = np.random.default_rng(seed)
    lengths = table.lengths(rows)

    def epoch() -> Iterator[tuple[dict[str, np.ndarray], np.ndarray]]:
        order = rng.permutation(len(rows))
        pools = np.array_split(order, max(1, len(rows) // (batch_size * POOL)))
        batches = [
            chunk
            for pool in pools
            for chunk in chunks(pool[np.argsort(lengths[pool], kind="stable")], batch_size)
        ]
        for number in rng.permutation(len(batches)):
            chosen = batches[number]
            yield table.take(rows[chosen]), targets[chosen].astype(np.float32)

    pools = np.array_split(rows, max(1, len(rows) // (batch_size * POOL)))
    count = sum(len(chunks(pool, batch_size)) for pool in pools)
    signature = (_signature(table), tf.TensorSpec((None, targets.shape[1]), tf.float32))
    return _dataset(epoch, signature, count)


def scoring_batches(table: Table, rows: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Return the rows in the given order, without targets."""
    parts = chunks(rows, batch_size)

    def once() -> Iterator[tuple[dict[str, np.ndarray]]]:
        for part in parts:
            yield (table.take(part),)

    return _dataset(once, (_signature(table),), len(parts))


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
