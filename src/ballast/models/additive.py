"""A sum of functions, one for each numeric column, linear between quantiles: no interactions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.networks.forward import Encoded, Forward, dense
from ballast.networks.inputs import Inputs

LEARNER = "linear"
NEEDS = [{"features"}]
# Four knots as Harrell places them, and both ends: classes are rare where columns are extreme.
QUANTILES = (0, 0.05, 0.35, 0.65, 0.95, 1)
TRAINED = ("from_features.kernel", "from_features.bias")


@dataclass(frozen=True)
class Additive:
    """An additive model to be trained with weaker and weaker penalties.

    Attributes:
        input: number of columns and their pieces, by the name of the input.
        outputs: number of logits.
        start: C of the first epoch; the factor of the squared weights in the loss is
            1 / (2 C rows).
        factor: what C is multiplied by from epoch to epoch.
        constants: the pieces, by name.
    """

    input: dict[str, int]
    outputs: int
    start: float
    factor: float
    constants: dict[str, np.ndarray]

    def matrices(self, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        """Return what the weights multiply, float32, shape (rows, columns and pieces)."""
        return [with_pieces(inputs["features"], self.constants)]


def build(
    inputs: Inputs,
    *,
    start: Annotated[float, Field(gt=0)] = 0.002,
    factor: Annotated[float, Field(gt=1)] = 2.0,
) -> Additive:
    """Return logistic regression, or another loss, on columns and their pieces.

    A piece rises from 0 at one quantile of its column to 1 at the next, and is divided by its
    standard deviation: so the penalty is no heavier on the few rows of the tails. Columns of two
    values have none. As in `linear`, the best epoch is the best C; `training.batch_size` and
    `learning_rate` have no effect. What depends on several columns at once it can't learn, which
    makes it a good second model beside `boosting`.

    Source: Hastie and Tibshirani, Generalized additive models, 1986; the inner knots, Harrell,
    Regression modeling strategies, 2015, section 2.4.6.

    Args:
        inputs: numeric columns (and vectors of texts) and number of logits; texts are not read.
        start: C of the first epoch, the strongest regularisation.
        factor: what C is multiplied by from epoch to epoch.
    """
    constants = _pieces(np.asarray(inputs.columns, np.float64))
    size = inputs.features + constants["pieces.starts"].size
    return Additive({"features": size}, inputs.outputs, start, factor, constants)


def _pieces(columns: np.ndarray) -> dict[str, np.ndarray]:
    """Return where the pieces of each column begin, their slopes and heights, by name.

    Args:
        columns: of the training rows, shape (rows, columns).

    Returns:
        Float32, shape (pieces, columns). Where quantiles coincide, a piece stays 0.
    """
    quantiles = np.quantile(columns, QUANTILES, axis=0)
    starts, ends = quantiles[:-1], quantiles[1:]
    several = ((columns > quantiles[0]) & (columns < quantiles[-1])).any(axis=0)
    slopes = np.divide(1, ends - starts, out=np.zeros_like(starts), where=several & (ends > starts))
    # One after the other: all pieces of 20,000 rows side by side may take a gigabyte.
    deviations = np.stack(
        [
            np.clip((columns - start) * slope, 0, 1).std(axis=0)
            for start, slope in zip(starts, slopes, strict=True)
        ]
    )
    heights = np.divide(1, deviations, out=np.zeros_like(starts), where=deviations > 0)
    names = ("pieces.starts", "pieces.slopes", "pieces.heights")
    values = (starts, slopes * heights, heights)
    return {name: each.astype(np.float32) for name, each in zip(names, values, strict=True)}


def with_pieces(features: np.ndarray, constants: dict[str, np.ndarray]) -> np.ndarray:
    """Return columns and their pieces side by side, shape (rows, columns + pieces * columns)."""
    # What overflows float32 is clipped to the height.
    with np.errstate(over="ignore"):
        positions = (features[:, None] - constants["pieces.starts"]) * constants["pieces.slopes"]
    pieces = np.clip(positions, 0, constants["pieces.heights"])
    return np.concatenate([features, pieces.reshape(len(features), -1)], axis=1)


def merged(networks: Sequence[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """Return the one network with the same mean logits: that of the mean weights."""
    means = {name: np.mean([each[name] for each in networks], axis=0) for name in TRAINED}
    return [networks[0] | means]


def forward(weights: dict[str, np.ndarray], vectors: None) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name: the pieces', and kernel and bias `from_features`.
        vectors: not used; texts are not read.
    """

    def logits(rows: Encoded) -> np.ndarray:
        return dense(with_pieces(rows.features, weights), weights, "from_features")

    return logits
