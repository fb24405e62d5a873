"""Rows mixed with random other rows."""

import numpy as np

from ballast.resampling.plans import Plan


def mixed(rows: int, partners: int, alpha: float, seed: int, distortion: str) -> Plan:
    """Return each row mixed with partners, its label in the same shares.

    The partners are random permutations of the rows, so each row is a partner as often as it has
    partners; a row may be its own partner. First come all rows with their first partners, then with
    their second ones, and so on; every epoch draws about one of a row's entries.

    Args:
        rows: number of rows.
        partners: number of partners of each row.
        alpha: the partners' shares are drawn from Beta(alpha, alpha).
        seed: seed of both draws.
        distortion: as in `Plan`.
    """
    rng = np.random.default_rng(seed)
    orders = [rng.permutation(rows) for _ in range(partners)]
    shares = rng.beta(alpha, alpha, partners * rows)
    return Plan(
        rows=np.tile(np.arange(rows), partners),
        times=np.full(len(shares), 1 / partners),
        partners=np.concatenate(orders),
        shares=shares,
        label_shares=shares,
        distortion=distortion,
    )
