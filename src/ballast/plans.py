"""The plan that a sampler returns: a resampling is a plan, not a copy."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


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
        shares: how far towards the partner, 0 to 1; or None.
        label_shares: how much of the loss is that of the partner's labels; or None for 0.
        labels: multi-hot labels of the entries, where they aren't those of `rows`; or None.
        texts: new texts, each with the number of the row that it was made from.
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
    """Return the plan that uses row i `times[i]` times; rows with 0 are left out."""
    rows = np.flatnonzero(times)
    return Plan(rows, times[rows].astype(np.float64), bends=bends)
