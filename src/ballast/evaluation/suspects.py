"""Labels that may be wrong: held-out rows that look more like another class than like their own."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ballast.evaluation.notes import NONE
from ballast.evaluation.scores import share
from ballast.labels.classes import Classes

# A class with fewer held-out rows says nothing: the mean of its probabilities is chance.
LEAST = 10
# Of equal probabilities, the mean may be above each by so much: rounding decides nothing.
ROUNDING = 1e-9
# Most suspects in the list; the counts are of all.
MOST = 1000


@dataclass(frozen=True)
class Suspect:
    """A label that may be wrong.

    Attributes:
        row: its number among the held-out rows.
        label: the label that it has; `NONE` where one may be missing.
        suspected: what it may be instead; `NONE` where a label may be one too many.
        p_label: corrected probability of that label.
        p_suspected: of the suspected one.
    """

    row: int
    label: str
    suspected: str
    p_label: float
    p_suspected: float

    @property
    def margin(self) -> float:
        """Normalised margin, -1 to 1: the lower, the more suspect."""
        return self.p_label - self.p_suspected


@dataclass(frozen=True)
class Suspects:
    """All suspect labels of the held-out rows.

    Attributes:
        worst: at most `MOST` of them, lowest margin first.
        labels: number of suspect labels.
        rows: number of rows that have one.
        pairs: (label, suspected, number of labels), most frequent first.
        silent: names of the classes of which nothing is said, for want of rows.
    """

    worst: list[Suspect]
    labels: int
    rows: int
    pairs: list[tuple[str, str, int]]
    silent: list[str]


def suspects(targets: np.ndarray, probabilities: np.ndarray, classes: Classes) -> Suspects:
    """Return the labels that confident learning suspects.

    The threshold of a class is the mean probability of the class over the rows labelled with it.
    Of the classes whose probability reaches their threshold, the row's likely class is the most
    probable one; where that is not its label, the label is suspect. Multi-label: each label of each
    row by itself, as present or absent. A class with fewer than `LEAST` rows (multi-label: with or
    without it) neither suspects nor is suspected. Source: Northcutt, Jiang and Chuang, Confident
    Learning: Estimating Uncertainty in Dataset Labels, 2021.

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, by networks that have not seen them, likewise.
        classes: for the names and the task.
    """
    support = targets.sum(axis=0, dtype=np.int64)
    rarer = np.minimum(support, len(targets) - support) if classes.multilabel else support
    enough = rarer >= LEAST
    find = _of_labels if classes.multilabel else _of_classes
    rows, labels, suspected, p_label, p_suspected = find(targets > 0, probabilities, enough)
    names = (*classes.names, NONE)
    order = np.argsort(p_label - p_suspected, kind="stable")[:MOST]
    columns = (column[order].tolist() for column in (rows, labels, suspected, p_label, p_suspected))
    counts = Counter(zip(labels.tolist(), suspected.tolist(), strict=True))
    return Suspects(
        worst=[
            Suspect(r, names[a], names[b], p, q) for r, a, b, p, q in zip(*columns, strict=True)
        ],
        labels=len(rows),
        rows=len(np.unique(rows)),
        pairs=[
            (names[a], names[b], count)
            for (a, b), count in sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
        silent=[name for name, says in zip(classes.names, enough, strict=True) if not says],
    )


def table(suspects: Suspects, ids: Sequence[str]) -> list[tuple]:
    """Return the rows of `label_issues.csv`, header first; probabilities to five digits.

    Args:
        suspects: of these rows.
        ids: of the held-out rows.
    """
    header = ("id", "label", "suspected", "p_label", "p_suspected", "margin")
    return [
        header,
        *(
            (
                ids[each.row],
                each.label,
                each.suspected,
                *(round(value, 5) for value in (each.p_label, each.p_suspected, each.margin)),
            )
            for each in suspects.worst
        ),
    ]


def _of_classes(present: np.ndarray, p: np.ndarray, enough: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return rows, their labels, the suspected ones, and the probabilities of both."""
    strengths = np.where(enough, _reaching(present, p), 0.0)
    labels, likely = present.argmax(axis=1), strengths.argmax(axis=1)
    every = np.arange(len(p))
    suspect = enough[labels] & (strengths[every, likely] > strengths[every, labels])
    rows = np.flatnonzero(suspect)
    labels, likely = labels[rows], likely[rows]
    return rows, labels, likely, p[rows, labels], p[rows, likely]


def _of_labels(present: np.ndarray, p: np.ndarray, enough: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the same of each label by itself: instead of a label, its absence, and vice versa."""
    with_it, without = _reaching(present, p), _reaching(~present, 1 - p)
    likelier = np.where(present, without > with_it, with_it > without)
    rows, columns = np.nonzero(likelier & enough)
    here, none = present[rows, columns], p.shape[1]
    q = np.where(here, p[rows, columns], 1 - p[rows, columns])
    return rows, np.where(here, columns, none), np.where(here, none, columns), q, 1 - q


def _reaching(present: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Return the probabilities that reach the threshold of their class, 0 for all others."""
    thresholds = share((present * p).sum(axis=0), present.sum(axis=0))
    return np.where(p >= thresholds - ROUNDING, p, 0.0)
