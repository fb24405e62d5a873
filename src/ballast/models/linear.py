"""A linear layer on the weights of terms, vectors of texts and numeric columns: no hidden layer."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from ballast.networks.forward import Encoded, Forward
from ballast.networks.inputs import Inputs

LEARNER = "linear"
NEEDS = [{"terms", "features"}]


@dataclass(frozen=True)
class Linear:
    """A linear model to be trained with weaker and weaker penalties.

    Attributes:
        input: number of terms and of columns by name, without those of which there are none.
        outputs: number of logits.
        start: C of the first epoch; the factor of the squared weights in the loss is
            1 / (2 C rows).
        factor: what C is multiplied by from epoch to epoch.
        constants: what it computes with but doesn't learn: nothing.
    """

    input: dict[str, int]
    outputs: int
    start: float
    factor: float
    constants: dict[str, np.ndarray] = field(default_factory=dict)

    def matrices(self, inputs: dict[str, np.ndarray | csr_array]) -> list[np.ndarray | csr_array]:
        """Return what the weights multiply, a matrix for each kernel."""
        return [inputs[name] for name in self.input]


def build(
    inputs: Inputs,
    *,
    start: Annotated[float, Field(gt=0)] = 0.1,
    factor: Annotated[float, Field(gt=1)] = 2.0,
) -> Linear:
    """Return a linear layer on terms and numeric columns side by side, one bias for all.

    An epoch minimises the sum of the losses times C plus half the squared weights, for any loss: a
    linear support vector machine with `loss: squared_hinge`, logistic regression with
    `cross_entropy`. C is `start` in the first epoch and grows by `factor` from one to the next, so
    the best epoch is the best C. `training.batch_size` and `learning_rate` have no effect.

    Source: Fan, Chang, Hsieh, Wang and Lin, LIBLINEAR, 2008; that few networks beat it, Wang and
    Manning, Baselines and Bigrams, 2012.

    Args:
        inputs: terms, numeric columns (and vectors of texts) and number of logits; word vectors are
            not read.
        start: C of the first epoch, the strongest regularisation.
        factor: what C is multiplied by from epoch to epoch.
    """
    sizes = {"terms": inputs.terms, "features": inputs.features}
    present = {name: size for name, size in sizes.items() if size}
    return Linear(present, inputs.outputs, start, factor)


def merged(networks: Sequence[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """Return the one network with the same mean logits: that of the mean weights."""
    return [{name: np.mean([each[name] for each in networks], axis=0) for name in networks[0]}]


def forward(weights: dict[str, np.ndarray], vectors: None) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name: `from_terms.kernel` and `from_features.kernel`, and the bias of the first.
        vectors: not used; word vectors are not read.
    """
    names = [name for name in ("terms", "features") if f"from_{name}.kernel" in weights]
    bias = weights[f"from_{names[0]}.bias"]

    def logits(rows: Encoded) -> np.ndarray:
        return sum(getattr(rows, name) @ weights[f"from_{name}.kernel"] for name in names) + bias

    return logits
