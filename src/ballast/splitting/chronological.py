"""Split by time: the latest rows test, the latest before them validate, folds are periods."""

import numpy as np

from ballast.labels.parts import TEST, TRAIN, VALIDATION
from ballast.project.errors import UserError


def parts_by_time(times: np.ndarray, validation: float, test: float) -> np.ndarray:
    """Return the part of each row, shape (rows,): no row is later than one of a later part.

    Args:
        times: when each row was, shape (rows,); rows of one time stay together, so shares are met
            as nearly as that allows.
        validation: share of the rows before the test rows.
        test: share of the latest rows.

    Raises:
        UserError: the times are too few for as many parts.
    """
    distinct, counts = np.unique(times, return_counts=True)
    # Share of the rows that are at this time or later.
    later = np.cumsum(counts[::-1])[::-1] / len(times)
    parts = np.full(len(times), TRAIN)
    for part, share in ((VALIDATION, test + validation), (TEST, test)):
        if part == TEST or validation:
            parts[times >= distinct[np.abs(later - share).argmin()]] = part
    wanted = {TRAIN, TEST} | ({VALIDATION} if validation else set())
    if set(parts.tolist()) != wanted:
        raise UserError(
            f"the `time` column has {len(distinct)} different times, too few rows of each for "
            f"{len(wanted)} parts. Name a finer one in the dataset's block in params.yaml, or "
            "leave `time` out: rows are drawn at random then."
        )
    return parts


def periods(times: np.ndarray, sizes: np.ndarray, folds: int) -> np.ndarray:
    """Return the fold of each unit: one period after the other, with about as many rows each.

    Args:
        times: when each unit was, shape (units,).
        sizes: rows in each unit.
        folds: number of folds, at most the number of units.
    """
    order = np.argsort(times, kind="stable")
    before = np.cumsum(sizes[order]) - sizes[order]
    result = np.empty(len(times), dtype=np.int64)
    result[order] = before * folds // sizes.sum()
    return result
