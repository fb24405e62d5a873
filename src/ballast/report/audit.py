"""The leakage audit: contents that stand in several rows, within the parts of the split and across.

Made from what the split wrote, whatever it promises.
"""

from collections.abc import Sequence

import numpy as np

PARTS = ("train", "validation", "test")
PAIRS = (("train", "validation"), ("train", "test"), ("validation", "test"))


def shared_rows(groups: Sequence, parts: Sequence[str]) -> dict[str, int]:
    """Return how many rows share their group with others, by part and by pair of parts.

    Args:
        groups: what rows have in common, one value a row; None stands alone.
        parts: train, validation, test or excluded, one a row.

    Returns:
        {"train": rows that share theirs with other training rows, ...,
        "train, test": test rows whose group training rows have as well, ...}.
    """
    told = np.array([group is not None for group in groups], dtype=bool)
    numbers = np.unique([str(group) for group in groups], return_inverse=True)[1]
    parts = np.asarray(parts)
    sizes = {
        part: np.bincount(numbers[told & (parts == part)], minlength=len(numbers) + 1)
        for part in PARTS
    }

    def rows_of(part: str, others: np.ndarray) -> int:
        return int(others[numbers[told & (parts == part)]].sum())

    within = {part: rows_of(part, sizes[part] > 1) for part in PARTS}
    across = {f"{one}, {other}": rows_of(other, sizes[one] > 0) for one, other in PAIRS}
    return within | across
