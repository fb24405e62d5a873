"""A linear layer on the weights of terms, vectors of texts and numeric columns: no hidden layer."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ballast.networks.forward import Encoded, Forward
from ballast.project.errors import UserError

if TYPE_CHECKING:
    import keras

    from ballast.networks.layers import Inputs

NEEDS = [{"terms", "features"}]


def build(
    inputs: "Inputs",
    *,
    start: Annotated[float, Field(gt=0)] = 0.1,
    factor: Annotated[float, Field(gt=1)] = 2.0,
) -> "keras.Model":
    """Return Dense(classes) on terms and numeric columns side by side.

    Trained to the least sum of the losses times C plus half the squared weights, whatever the loss:
    a linear support vector machine with `loss: squared_hinge`, logistic regression with
    `cross_entropy`. An epoch is one such minimum: C is `start` in the first and grows by `factor`
    from each to the next, so the best epoch is the best C. `training.batch_size` and
    `learning_rate` have no meaning for it. Source: Fan, Chang, Hsieh, Wang and Lin, LIBLINEAR,
    2008; that few networks beat it, Wang and Manning, Baselines and Bigrams, 2012.

    Args:
        inputs: terms, numeric columns (and vectors of texts) and number of logits; words' vectors
            are not read.
        start: the first epoch's C, its strongest regularisation.
        factor: what C is multiplied by from epoch to epoch.

    Returns:
        A model from {["terms": (batch, terms), sparse], ["features": (batch, columns)]} to logits.

    Raises:
        UserError: there are neither terms nor columns.
    """
    import keras
    from keras import layers

    from ballast.networks.layers import Linear, term_input

    if not inputs.terms + inputs.features:
        raise UserError(
            "params.yaml: model: linear reads weights of terms, vectors of texts or numeric "
            "columns, and no embedding gives any: use embedding: tfidf for texts, or model: cnn "
            "with embeddings of words."
        )
    sources = {}
    if inputs.terms:
        sources["terms"] = term_input(inputs)
    if inputs.features:
        sources["features"] = keras.Input((inputs.features,), name="features")
    # One bias for all.
    parts = [
        layers.Dense(inputs.outputs, use_bias=not number, name=f"from_{name}")(source)
        for number, (name, source) in enumerate(sources.items())
    ]
    total = layers.Add()(parts) if len(parts) > 1 else parts[0]
    model = Linear(sources, layers.Activation("linear", name="logits")(total))
    model.start, model.factor = start, factor
    return model


def forward(weights: dict[str, np.ndarray], vectors: None) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.networks.layers.variables` names them.
        vectors: not used; words' vectors are not read.
    """

    kinds = [name for name in ("terms", "features") if f"from_{name}.kernel" in weights]
    bias = weights[f"from_{kinds[0]}.bias"]

    def logits(rows: Encoded) -> np.ndarray:
        given = {"terms": rows.terms, "features": rows.features}
        parts = [given[name] @ weights[f"from_{name}.kernel"] for name in kinds]
        return sum(parts) + bias

    return logits
