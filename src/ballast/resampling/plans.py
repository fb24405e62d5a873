"""The plan that a sampler returns: a resampling is a plan, not a copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from ballast.labels.classes import multi_hot
from ballast.project import storage

FOLDER = Path("data/resampled")


@dataclass(frozen=True)
class Plan:
    """Which rows to train on, how often, and between which to interpolate.

    An entry is one example: row x, or x + share * (x_partner - x), interpolated in numeric columns,
    terms and word vectors.

    Attributes:
        rows: row numbers, shape (entries,); new texts are numbered after the rows.
        times: how often each entry is used an epoch, float; a fraction is a probability.
        first: the same for the first epoch, if the plan changes; its sum is the same whole number.
            Or None.
        epochs: number of epochs after which the change is complete.
        partners: row number of each entry's partner, -1 for none; or None.
        shares: how far towards the partner, 0 to 1, or down to -1 away from it; or None.
        label_shares: share of the partner's labels in the loss; or None for 0.
        labels: multi-hot labels of the entries, if they aren't those of `rows`; or None.
        texts: new texts, each with the number of the row that it was made from.
        sampler: name of the sampler.
        distortion: what the sampler does to p(x|y) beyond any formula, in words.
    """

    rows: np.ndarray
    times: np.ndarray
    first: np.ndarray | None = None
    epochs: int = 1
    partners: np.ndarray | None = None
    shares: np.ndarray | None = None
    label_shares: np.ndarray | None = None
    labels: np.ndarray | None = None
    texts: Sequence[tuple[int, str]] = ()
    sampler: str = ""
    distortion: str = ""

    @property
    def size(self) -> int:
        """Examples an epoch."""
        return round(self.times.sum())

    def targets(self, targets: np.ndarray) -> np.ndarray:
        """Return the entries' labels: multi-hot, or mixed with the partner's, (entries, classes).

        Args:
            targets: multi-hot labels of the rows that `rows` numbers, new texts included.
        """
        labels = targets[self.rows] if self.labels is None else self.labels
        if self.label_shares is None:
            return labels
        share = self.label_shares[:, None]
        return (1 - share) * labels + share * targets[self.partners]

    def without(self, folds: np.ndarray, fold: int) -> np.ndarray:
        """Return which entries involve no row of a fold, bool, shape (entries,).

        Args:
            folds: fold of each row that `rows` numbers; of a new text, that of its source.
            fold: the one to leave out.
        """
        outside = folds[self.rows] != fold
        if self.partners is None:
            return outside
        return outside & ((self.partners < 0) | (folds[self.partners] != fold))

    def draw(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Return the entry numbers of one epoch, each as often as the plan says.

        Fractions are rounded up or down at random, without changing the sum (systematic sampling).

        Args:
            epoch: 0 for the first one.
            rng: for the rounding.
        """
        times = self.times
        if self.first is not None:
            times = self.first + min(1, epoch / self.epochs) * (self.times - self.first)
        counts = np.floor(times).astype(np.int64)
        if (counts != times).any():
            order = rng.permutation(len(times))
            edges = np.floor(np.cumsum(times[order]) + rng.random())
            edges[-1] = self.size
            counts[order] = np.diff(np.minimum(edges, self.size), prepend=0)
        return np.repeat(np.arange(len(times)), counts)


def repeat(times: np.ndarray, distortion: str = "") -> Plan:
    """Return the plan that uses row i `times[i]` times; rows with 0 are left out.

    There is no distortion if every row is used once.
    """
    rows = np.flatnonzero(times)
    distortion = distortion if (times != 1).any() else ""
    return Plan(rows, times[rows].astype(np.float64), distortion=distortion)


def save(plan: Plan, ids: Sequence[str], folder: Path = FOLDER) -> None:
    """Write the plan with ids instead of row numbers, and the new texts with their sources.

    Args:
        plan: the plan.
        ids: of the rows; those of new texts are made from their sources'.
        folder: to write to.
    """
    new = _new_ids(ids, plan.texts)
    names = [*ids, *new]
    columns = {"id": [names[row] for row in plan.rows], "times": plan.times}
    if plan.first is not None:
        columns["first"] = plan.first
    if plan.partners is not None:
        columns["partner"] = [None if row < 0 else names[row] for row in plan.partners]
        columns["share"] = plan.shares
    if plan.label_shares is not None:
        columns["label_share"] = plan.label_shares
    if plan.labels is not None:
        columns["labels"] = [np.flatnonzero(row).tolist() for row in plan.labels]
    sources, texts = [ids[row] for row, _ in plan.texts], [text for _, text in plan.texts]
    augmented = {"id": new, "source": sources, "text": texts}
    storage.fresh_folder(folder)
    storage.write_table(folder / "plan.parquet", columns)
    storage.write_table(
        folder / "augmented.parquet",
        {name: pa.array(values, pa.string()) for name, values in augmented.items()},
    )
    about = {"sampler": plan.sampler, "epochs": plan.epochs, "distortion": plan.distortion}
    storage.write_json(folder / "plan.json", about)


def load(ids: Sequence[str], classes: int, folder: Path = FOLDER) -> Plan:
    """Read what `save` wrote.

    Args:
        ids: row i of the plan is the one with id `ids[i]`; the new texts come after them.
        classes: number of classes.
        folder: to read from.
    """
    table = storage.read_table(folder / "plan.parquet")
    columns = {name: table[name] for name in table.column_names}
    texts = load_texts(ids, folder)
    number = {name: row for row, name in enumerate([*ids, *_new_ids(ids, texts)])} | {None: -1}

    def rows(column: str) -> np.ndarray:
        return np.array([number[name] for name in columns[column].to_pylist()])

    return Plan(
        rows=rows("id"),
        times=columns["times"].to_numpy(),
        first=columns["first"].to_numpy() if "first" in columns else None,
        partners=rows("partner") if "partner" in columns else None,
        shares=columns["share"].to_numpy() if "share" in columns else None,
        label_shares=columns["label_share"].to_numpy() if "label_share" in columns else None,
        labels=multi_hot(columns["labels"], classes) if "labels" in columns else None,
        texts=texts,
        **storage.read_json(folder / "plan.json"),
    )


def load_texts(ids: Sequence[str], folder: Path = FOLDER) -> list[tuple[int, str]]:
    """Return the new texts alone, each with the number of the row that it was made from."""
    table = storage.read_table(folder / "augmented.parquet")
    number = {name: row for row, name in enumerate(ids)}
    sources = [number[name] for name in table["source"].to_pylist()]
    return list(zip(sources, table["text"].to_pylist(), strict=True))


def _new_ids(ids: Sequence[str], texts: Sequence[tuple[int, str]]) -> list[str]:
    return [f"{ids[row]}+{number}" for number, (row, _) in enumerate(texts)]
