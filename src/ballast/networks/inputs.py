"""The inputs and outputs that a network is built for."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    import keras

# Quoted: prediction reads models and does without Keras.
KerasModel: TypeAlias = "keras.Model"


@dataclass(frozen=True)
class Inputs:
    """What a network may read, and how many logits it computes.

    Attributes:
        vectors: a vector for each token number, shape (vocabulary + 2, dimensions), or None where
            there are no tokens.
        columns: scaled numeric columns of training rows, shape (rows, columns); of shape (0, 0)
            where there are none. For prediction the rows are zeros: what a network learns from
            them must be among its weights.
        outputs: number of logits.
        terms: number of weighted terms, 0 where there are none.
        encoder: the folder of the pretrained model whose tokens these are, if any.
    """

    vectors: np.ndarray | None
    columns: np.ndarray
    outputs: int
    terms: int = 0
    encoder: Path | None = None

    @property
    def names(self) -> list[str]:
        """What there is to read: tokens, terms, features."""
        sizes = {"tokens": self.vectors is not None, "terms": self.terms, "features": self.features}
        return [name for name, size in sizes.items() if size]

    @property
    def features(self) -> int:
        """Number of numeric columns."""
        return self.columns.shape[1]
