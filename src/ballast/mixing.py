"""Pairs of rows to mix."""

import numpy as np


def pairs(rows: int, alpha: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a partner for each row, and how far to go towards it.

    The partners are a random order of the rows, so each row is the partner of one; a row may meet
    itself.

    Args:
        rows: number of rows.
        alpha: the shares are drawn from Beta(alpha, alpha).
        seed: seed of both draws.

    Returns:
        partners, shape (rows,); shares, 0 to 1, shape (rows,).
    """
    rng = np.random.default_rng(seed)
    return rng.permutation(rows), rng.beta(alpha, alpha, rows)
