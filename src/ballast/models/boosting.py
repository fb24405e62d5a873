"""Boosted trees on numeric columns: each reduces the loss that those before it have left."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.networks.forward import Encoded, Forward
from ballast.networks.inputs import Inputs
from ballast.networks.trees import summed

LEARNER = "boosting"
NEEDS = [{"features"}]


@dataclass(frozen=True)
class Boosted:
    """Trees to be trained.

    Attributes:
        outputs: number of logits.
        trees: number of trees an epoch.
        rate: factor of the values of a tree's leaves.
        leaves: largest number of leaves of a tree.
        smallest: smallest number of examples in a leaf.
        penalty: added to the curvature of a leaf.
        input: names of the inputs.
    """

    outputs: int
    trees: int
    rate: float
    leaves: int
    smallest: int
    penalty: float
    input: tuple[str, ...] = ("features",)


def build(
    inputs: Inputs,
    *,
    trees: Annotated[int, Field(ge=1)] = 10,
    rate: Annotated[float, Field(gt=0, le=1)] = 0.05,
    leaves: Annotated[int, Field(ge=2)] = 15,
    smallest: Annotated[int, Field(ge=1)] = 5,
    penalty: Annotated[float, Field(gt=0)] = 1.0,
) -> Boosted:
    """Return trees to be trained on any loss; they suit columns with thresholds and interactions.

    An epoch adds `trees` of them, each with a leaf value for every class, so the best epoch is the
    best number of trees. `training.batch_size` and `learning_rate` have no effect.

    Source: Friedman, Greedy function approximation: a gradient boosting machine, 2001.

    Args:
        inputs: numeric columns (and vectors of texts) and number of logits; texts are not read.
        trees: number of trees an epoch.
        rate: factor of the values of a tree's leaves; smaller ones need more trees.
        leaves: largest number of leaves of a tree.
        smallest: smallest number of examples in a leaf.
        penalty: added to the curvature of the loss in a leaf: leaves of few examples, or of
            examples predicted right already, get smaller values.
    """
    return Boosted(inputs.outputs, trees, rate, leaves, smallest, penalty)


def forward(weights: dict[str, np.ndarray], vectors: None) -> Forward:
    """Return the trees of `build`, as trained.

    Args:
        weights: their arrays by name, as `ballast.networks.trees.summed` takes them.
        vectors: not used; word vectors are not read.
    """

    def logits(rows: Encoded) -> np.ndarray:
        return summed(np.ascontiguousarray(rows.columns, np.float32), **weights)

    return logits
