"""What samplers that repeat or leave out whole rows have in common."""

import numpy as np
from imblearn.base import BaseSampler

from ballast.errors import UserError


def labels_of_one(targets: np.ndarray, sampler: str) -> np.ndarray:
    """Return each row's only label number, shape (rows,).

    Raises:
        UserError: rows have several labels, so no sampler of single-label rows applies.
    """
    if (targets.sum(axis=1) != 1).any():
        raise UserError(
            f"params.yaml: sampler: {sampler} needs exactly one label a row, and this data set is "
            "multi-label: repeating a row for one of its labels repeats its other labels too. "
            "Use sampler: none."
        )
    return targets.argmax(axis=1)


def times(sampler: BaseSampler, labels: np.ndarray) -> np.ndarray:
    """Return how often an imbalanced-learn sampler that picks rows takes each, shape (rows,)."""
    sampler.fit_resample(np.arange(len(labels))[:, None], labels)
    return np.bincount(sampler.sample_indices_, minlength=len(labels))
