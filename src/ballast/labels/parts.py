"""The parts of the split by name, and which rows are held out."""

from collections.abc import Sequence

import numpy as np

TRAIN, VALIDATION, TEST, EXCLUDED = range(4)
PARTS = ("train", "validation", "test", "excluded")


def choosing(parts: Sequence[str], folds: np.ndarray) -> np.ndarray:
    """Return the numbers of the rows that choose: validation rows, and training rows with a fold.

    Args:
        parts: name of each row's part.
        folds: each row's fold, -1 for none.
    """
    return np.flatnonzero((np.asarray(parts) == PARTS[VALIDATION]) | (folds >= 0))
