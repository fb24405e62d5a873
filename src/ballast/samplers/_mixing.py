"""Pairs of rows to mix."""

import numpy as np


def pairs(rows: int, partners: int, alpha: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return partners for each row, and the share of each partner.

    The partners are random permutations of the rows, so each row is a partner as often as it has
    partners; a row may be its own partner.

    Args:
        rows: number of rows.
        partners: number of partners of each row.
        alpha: the shares are drawn from Beta(alpha, alpha).
        seed: seed of both draws.

    Returns:
        All rows' first partners, then all second ones, and so on, shape (partners * rows,);
        shares, 0 to 1, likewise.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(rows) for _ in range(partners)]
    return np.concatenate(orders), rng.beta(alpha, alpha, partners * rows)
