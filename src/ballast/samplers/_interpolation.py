"""New rows on the line between a row and a near one: recipes, not copies.

Every number is drawn as in imbalanced-learn. Applied in the space in which neighbours are searched,
a recipe gives the row that imbalanced-learn makes with the same seed.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from imblearn.base import BaseSampler
from sklearn.neighbors import NearestNeighbors

from ballast.resampling.drawing import lacking, pick
from ballast.resampling.plans import Plan


class Recipes(NamedTuple):
    """New rows x + share * (x_partner - x): row numbers, partners' row numbers (-1: none)."""

    rows: np.ndarray
    partners: np.ndarray
    shares: np.ndarray


def nearest(space: np.ndarray, among: np.ndarray, rows: np.ndarray, count: int) -> np.ndarray:
    """Return the `count` nearest rows of each row, fewer if there are not so many.

    Args:
        space: a vector for each row.
        among: numbers of the rows to search, at least two; they include `rows`.
        rows: numbers of the rows whose neighbours are wanted.
        count: number of neighbours, not counting the row itself.

    Returns:
        Row numbers, the nearest first, shape (len(rows), count).
    """
    index = NearestNeighbors(n_neighbors=min(count + 1, len(among))).fit(space[among])
    return among[index.kneighbors(space[rows], return_distance=False)[:, 1:]]


def foreign_shares(
    space: np.ndarray, labels: np.ndarray, rows: np.ndarray, count: int
) -> np.ndarray:
    """Return the share of other classes among the `count` rows nearest to each of `rows`."""
    near = nearest(space, np.arange(len(labels)), rows, count)
    return (labels[near] != labels[rows, None]).mean(axis=1)


def between(
    space: np.ndarray,
    rows: np.ndarray,
    among: np.ndarray,
    neighbours: int,
    count: int,
    seed: int,
    step: float = 1.0,
) -> Recipes:
    """Draw `count` recipes: a row, one of its neighbours, a share from 0 to `step`; all uniform.

    Args:
        space: a vector for each row.
        rows: numbers of the rows to start from; may be empty.
        among: numbers of the rows to search for neighbours.
        neighbours: number of nearest rows to choose the partner from.
        count: number of recipes.
        seed: seed of the draw.
        step: the largest share; a negative one leads away from the partner.
    """
    if not len(rows):
        return Recipes(rows, rows, np.zeros(0))
    near = nearest(space, among, rows, neighbours)
    random = np.random.RandomState(seed)
    start, partner = np.divmod(random.randint(near.size, size=count), near.shape[1])
    return Recipes(rows[start], near[start, partner], step * random.uniform(size=count))


def grow(
    labels: np.ndarray, ratio: float, recipes: Callable[[np.ndarray, int], Recipes], distortion: str
) -> Plan:
    """Return the plan of every row once and new ones for each class below ratio * max n.

    Args:
        labels: label number of each row.
        ratio: target size of each class, as a share of the largest.
        recipes: draws new rows from a class's row numbers and the number of missing rows. A class
            with a single row has no neighbours, so that row is repeated.
        distortion: as in `Plan`.
    """
    parts = [_repeated(np.arange(len(labels)))]
    for members, missing in lacking(labels, ratio):
        if len(members) > 1:
            parts.append(recipes(members, missing))
        else:
            parts.append(_repeated(np.repeat(members, missing)))
    rows, partners, shares = (np.concatenate(part) for part in zip(*parts, strict=True))
    if not (partners >= 0).any():
        distortion = ""
    return Plan(rows, np.ones(len(rows)), partners=partners, shares=shares, distortion=distortion)


def smote(
    space: np.ndarray, labels: np.ndarray, ratio: float, neighbours: int, seed: int, distortion: str
) -> Plan:
    """Return SMOTE's plan: recipes between any row of a class and its neighbours in the class."""
    return grow(
        labels,
        ratio,
        lambda members, count: between(space, members, members, neighbours, count, seed),
        distortion,
    )


def interpolate(plan: Plan, space: np.ndarray) -> np.ndarray:
    """Return the vectors of a plan's entries, shape (entries, dimensions)."""
    start = space[plan.rows]
    # Partner -1 selects the last row, which a share of 0 cancels.
    return start + plan.shares[:, None] * (space[plan.partners] - start)


def clean(plan: Plan, sampler: BaseSampler, labels: np.ndarray, space: np.ndarray) -> Plan:
    """Return the entries that a cleaning sampler picks among old and new rows."""
    picked = pick(sampler, labels[plan.rows], interpolate(plan, space))
    columns = ("rows", "times", "partners", "shares")
    return replace(plan, **{name: getattr(plan, name)[picked] for name in columns})


def _repeated(rows: np.ndarray) -> Recipes:
    return Recipes(rows, np.full(len(rows), -1), np.zeros(len(rows)))
