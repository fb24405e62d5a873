"""The plan that a sampler returns: a resampling is a plan, not a copy."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ballast.labels.classes import multi_hot
from ballast.project import storage


@dataclass(frozen=True)
class Plan:
    """Which rows to train on, how often, and between which to interpolate.

    An entry is one example: row x, or x + share * (x_partner - x). What a network sees of it are
    the mixed numeric columns, and the mixed word vectors of the two texts.

    Attributes:
        rows: row numbers, shape (entries,); from the number of rows on, new texts.
        times: how often each entry is used an epoch, float; a fraction is a chance.
        first: the same in the first epoch, where the plan changes; both add up to the same whole
            number. Or None.
        epochs: after so many epochs the change is complete.
        partners: row number of each entry's partner, -1 for none; or None.
        shares: how far towards the partner, 0 to 1, or down to -1 away from it; or None.
        label_shares: how much of the loss is that of the partner's labels; or None for 0.
        labels: multi-hot labels of the entries, where they aren't those of `rows`; or None.
        texts: new texts, each with the number of the row that it was made from.
        sampler: name of the sampler.
        bends: what the sampler does to p(x|y), in words; no closed inverse undoes it.
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
    bends: str = ""

    @property
    def size(self) -> int:
        """Examples an epoch."""
        return round(self.times.sum())

    def targets(self, targets: np.ndarray) -> np.ndarray:
        """Return the entries' labels: multi-hot, or mixed with the partner's, (entries, classes).

        Args:
            targets: multi-hot labels of the rows that `rows` numbers, new texts included.
        """
        own = targets[self.rows] if self.labels is None else self.labels
        if self.label_shares is None:
            return own
        share = self.label_shares[:, None]
        return (1 - share) * own + share * targets[self.partners]

    def without(self, folds: np.ndarray, fold: int) -> np.ndarray:
        """Tell which entries know nothing of the rows of a fold, bool, shape (entries,).

        Args:
            folds: fold of each row that `rows` numbers, new texts included: that of their source.
            fold: the one to leave out.
        """
        clear = folds[self.rows] != fold
        if self.partners is None:
            return clear
        return clear & ((self.partners < 0) | (folds[self.partners] != fold))

    def draw(self, epoch: int, rng: np.random.Generator) -> np.ndarray:
        """Return the entry numbers of one epoch, each as often as its times say.

        Fractions are rounded up or down by chance, the sum kept (systematic sampling).

        Args:
            epoch: 0 for the first one.
            rng: for the chance.
        """
        wanted = self.times
        if self.first is not None:
            wanted = self.first + min(1, epoch / self.epochs) * (self.times - self.first)
        counts = np.floor(wanted).astype(np.int64)
        if (counts != wanted).any():
            order = rng.permutation(len(wanted))
            edges = np.floor(np.cumsum(wanted[order]) + rng.random())
            edges[-1] = self.size
            counts[order] = np.diff(np.minimum(edges, self.size), prepend=0)
        return np.repeat(np.arange(len(wanted)), counts)


def repeat(times: np.ndarray, bends: str = "") -> Plan:
    """Return the plan that uses row i `times[i]` times; rows with 0 are left out.

    Where every row is used once, nothing bends.
    """
    rows = np.flatnonzero(times)
    bends = bends if (times != 1).any() else ""
    return Plan(rows, times[rows].astype(np.float64), bends=bends)


def write_plan(folder: Path, plan: Plan, ids: Sequence[str]) -> None:
    """Write `plan.parquet`, an entry a line with ids instead of row numbers, and `plan.json`.

    Args:
        folder: where to.
        plan: the plan.
        ids: of the rows that the plan numbers, new texts included.
    """
    columns = {"id": [ids[row] for row in plan.rows], "times": plan.times}
    if plan.first is not None:
        columns["first"] = plan.first
    if plan.partners is not None:
        columns["partner"] = [None if row < 0 else ids[row] for row in plan.partners]
        columns["share"] = plan.shares
    if plan.label_shares is not None:
        columns["label_share"] = plan.label_shares
    if plan.labels is not None:
        columns["labels"] = [np.flatnonzero(row).tolist() for row in plan.labels]
    storage.write_table(folder / "plan.parquet", columns)
    about = {"sampler": plan.sampler, "epochs": plan.epochs, "bends": plan.bends}
    storage.write_json(folder / "plan.json", about)


def read_plan(folder: Path, ids: Sequence[str], classes: int) -> Plan:
    """Read what `write_plan` wrote; the texts themselves are left out.

    Args:
        folder: where from.
        ids: row i of the plan is the one with id `ids[i]`.
        classes: number of classes.
    """
    table = storage.read_table(folder / "plan.parquet")
    found = {name: table[name] for name in table.column_names}
    number = {name: row for row, name in enumerate(ids)} | {None: -1}

    def rows(column: str) -> np.ndarray:
        return np.array([number[name] for name in found[column].to_pylist()])

    return Plan(
        rows=rows("id"),
        times=found["times"].to_numpy(),
        first=found["first"].to_numpy() if "first" in found else None,
        partners=rows("partner") if "partner" in found else None,
        shares=found["share"].to_numpy() if "share" in found else None,
        label_shares=found["label_share"].to_numpy() if "label_share" in found else None,
        labels=multi_hot(found["labels"], classes) if "labels" in found else None,
        **storage.read_json(folder / "plan.json"),
    )
