"""Means and standard deviations of numeric columns, some of whose numbers are missing."""

import numpy as np


def scales(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each column, both of shape (columns,).

    A column without two different numbers has the deviation 1, one without any the mean 0. Numbers
    too large for either give infinity or NaN.

    Args:
        numbers: float64, shape (rows, columns), NaN where missing.
    """
    known = np.ma.masked_invalid(numbers)
    with np.errstate(over="ignore", invalid="ignore"):
        mean, deviation = known.mean(axis=0).filled(0), known.std(axis=0).filled(1)
        # The mean of equal numbers is rounded, so they may differ from it by that much.
        rounding = len(numbers) * np.finfo(np.float64).eps * np.abs(mean)
    return mean, np.where(deviation <= rounding, 1.0, deviation)
