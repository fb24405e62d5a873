"""Tomek links: rows of different classes that are each other's nearest are left out."""

from typing import Literal

from imblearn.under_sampling import TomekLinks

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one, larger, times
from ballast.resampling.plans import Plan, repeat

DISTORTION = (
    "Rows that touch another class are left out: at the border p(class | x) moves towards the "
    "classes that lose fewer there, the smallest above all."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    cleaned: Literal["larger", "all"] = "larger",
) -> Plan:
    """Return how often to use each row: 0 in a Tomek link, else 1.

    x and z are a link if each is the other's nearest row and their labels differ.
    Neighbours are searched in `rows.space`.
    A class that would lose all its rows keeps them.

    Source: Tomek, Two Modifications of CNN, 1976; imbalanced-learn's TomekLinks.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: not used.
        cleaned: which classes may lose rows: those larger than the smallest, or all.

    Returns:
        How often to use each row, 0 or 1.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> import numpy as np
        >>> two = Classes(("no", "yes"), np.array([4, 2]), 6)
        >>> targets = np.eye(2)[[0, 0, 0, 0, 1, 1]]
        >>> rows = Rows(targets, None, np.array([[0.0], [1], [2], [4], [4.5], [6]]))
        >>> sample(rows, two, seed=0).rows
        array([0, 1, 2, 4, 5])
    """
    labels = labels_of_one(rows.targets, "tomek")
    strategy = "all" if cleaned == "all" else larger(labels)
    return repeat(times(TomekLinks(sampling_strategy=strategy), labels, rows.space), DISTORTION)
