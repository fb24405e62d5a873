"""MLSMOTE: new rows between near rows with a rare label, labelled by majority (multi-label)."""

from typing import Annotated

import numpy as np
from pydantic import Field
from sklearn.neighbors import NearestNeighbors

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows
from ballast.resampling.plans import Plan
from ballast.samplers._labelsets import rare_labels

DISTORTION = "New rows lie between rows with a rare label and have the labels of most of those."


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    neighbours: Annotated[int, Field(ge=1)] = 5,
) -> Plan:
    """Return each row once, and a new one for each rare label of each row.

    A label is rare where IRLbl(l) = max_j n_j / n_l exceeds MeanIR, the mean of IRLbl over the
    labels. Each row that has it is the seed once: x = x_seed + s (x_near - x_seed), s uniform from
    0 to 1, where near is one of the seed's k nearest among these rows, drawn at random. The new row
    has the labels of at least half of the k + 1 rows, the seed and its k nearest (the paper's
    ranking of labels); the rare one is always among them. A label with fewer rows has fewer
    neighbours, and one with a single row none. Neighbours are searched in `rows.space`; for texts
    the word vectors are mixed. Source: Charte, Rivera,
    del Jesus and Herrera, MLSMOTE: Approaching imbalanced multilabel learning through synthetic
    instance generation, 2015.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the draws.
        neighbours: k.

    Returns:
        The rows, then the new ones with their labels.

    Raises:
        UserError: each row has one label.

    Example:
        >>> targets = np.array([[1, 0]] * 5 + [[1, 1], [0, 1]])
        >>> classes = Classes(("a", "b"), targets.sum(axis=0), 7, multilabel=True)
        >>> plan = sample(Rows(targets, None, np.arange(7.0)[:, None]), classes, seed=0)
        >>> plan.rows[7:], plan.partners[7:]
        (array([5, 6]), array([6, 5]))
        >>> plan.labels[7:]
        array([[1, 1],
               [1, 1]])
    """
    rare, _ = rare_labels(classes, "mlsmote")
    rng = np.random.default_rng(seed)
    every = np.arange(len(rows.targets))
    entries = [(every, np.full(len(every), -1), rows.targets)]
    for label in rare:
        bag = np.flatnonzero(rows.targets[:, label])
        k = min(neighbours, len(bag) - 1)
        if k > 0:
            # Called without rows, `kneighbors` does not return a row as its own neighbour.
            index = NearestNeighbors(n_neighbors=k).fit(rows.space[bag])
            near = bag[index.kneighbors(return_distance=False)]
            votes = rows.targets[bag] + rows.targets[near].sum(axis=1, dtype=np.int64)
            chosen = near[np.arange(len(bag)), rng.integers(k, size=len(bag))]
            entries.append((bag, chosen, (2 * votes >= k + 1).astype(rows.targets.dtype)))
    seeds, partners, labels = (np.concatenate(parts) for parts in zip(*entries, strict=True))
    new = partners >= 0
    return Plan(
        rows=seeds,
        times=np.ones(len(seeds)),
        partners=partners,
        shares=np.where(new, rng.random(len(seeds)), 0.0),
        labels=labels,
        distortion=DISTORTION if new.any() else "",
    )
