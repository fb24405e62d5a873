"""The leakage audit: content that occurs in several rows, within and across parts of the split.

It is computed from the written split and does not rely on the split's own guarantees.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from ballast.labels.parts import EXCLUDED, PARTS, SPARE, TRAIN

USED = PARTS[:EXCLUDED]
PAIRS = tuple(combinations(USED, 2))


def shared_rows(groups: Sequence, parts: Sequence[str]) -> dict[str, int]:
    """Return how many rows share their group with others, by part and by pair of parts.

    Spare rows count as training rows: what they share with test or validation rows is a leak too.

    Args:
        groups: group of each row, None for no group.
        parts: train, validation, test, excluded or spare, for each row.

    Returns:
        {"train": training rows whose group has other training rows, ...,
        "train, test": test rows whose group has training rows, ...}.
    """
    grouped = np.array([group is not None for group in groups], dtype=bool)
    numbers = np.unique([str(group) for group in groups], return_inverse=True)[1]
    parts = np.array([PARTS[TRAIN] if part == PARTS[SPARE] else part for part in parts])
    members = {part: numbers[grouped & (parts == part)] for part in USED}
    sizes = {part: np.bincount(members[part], minlength=len(numbers)) for part in USED}
    within = {part: int((sizes[part] > 1)[members[part]].sum()) for part in USED}
    across = {f"{a}, {b}": int((sizes[a] > 0)[members[b]].sum()) for a, b in PAIRS}
    return within | across
