"""What networks compute, without Keras: from encoded rows to logits, in NumPy and Numba."""

from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np

from ballast.errors import UserError
from ballast.windows import Windows


@dataclass(frozen=True)
class Encoded:
    """Rows as a network takes them; what it doesn't take may be None.

    Attributes:
        tokens: the token numbers of all texts in one array, none of them padding.
        offsets: where each text begins, int64, shape (rows + 1,).
        features: scaled numeric columns, float32, shape (rows, columns).
    """

    tokens: np.ndarray | None
    offsets: np.ndarray | None
    features: np.ndarray | None


# From rows to logits, float32, shape (rows, classes); may be called by several threads at once.
Forward = Callable[[Encoded], np.ndarray]


def forward_of(model: ModuleType) -> Callable[..., Forward]:
    """Return a model's `forward`: from its weights, and the embedding's vectors, to the network.

    Args:
        model: the member's file.

    Raises:
        UserError: the file has no such function.
    """
    if not hasattr(model, "forward"):
        name = model.__name__.rpartition(".")[2]
        raise UserError(
            f"model: {name} has no function `forward` in {model.__file__}: what `build` computes, "
            "from its weights alone and in NumPy. Those of the other models show what it returns."
        )
    return model.forward


def dense(inputs: np.ndarray, weights: dict[str, np.ndarray], name: str) -> np.ndarray:
    """Return the outputs of a Dense layer without activation, shape (rows, units)."""
    return inputs @ weights[f"{name}.kernel"] + weights[f"{name}.bias"]


class TextNetwork:
    """Filters over word vectors, their largest responses, numeric columns, a linear layer.

    What `ballast.network.largest_windows` and `finish` build.
    """

    def __init__(self, weights: dict[str, np.ndarray], vectors: np.ndarray) -> None:
        """Take the weights by name; `vectors` has a row for each token number."""
        count = sum(name.startswith("filters_") for name in weights) // 2
        names = [f"filters_{number}" for number in range(count)]
        self.weights = weights
        self.filters = [
            Windows(vectors, weights[f"{name}.kernel"], weights[f"{name}.bias"]) for name in names
        ]

    def __call__(self, rows: Encoded) -> np.ndarray:
        """Return the logits of some rows, float32, shape (rows, classes)."""
        hidden = [filters.largest(rows.tokens, rows.offsets) for filters in self.filters]
        if rows.features is not None:
            hidden.append(rows.features)
        return dense(np.concatenate(hidden, axis=1), self.weights, "logits")
