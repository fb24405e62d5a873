"""A pretrained model of the BERT family, trained further, pooling, linear layer."""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from ballast.encoders.encoder import pooled, read_recipe
from ballast.encoders.transformer import ACTIVATIONS, Layer, Transformer, read_transformer
from ballast.networks.forward import Encoded, Forward, classified
from ballast.networks.inputs import Inputs, KerasModel
from ballast.project.errors import UserError

NEEDS = [{"wordpieces"}]

POOLINGS = ("mean", "cls")


def build(
    inputs: Inputs,
    *,
    pooling: Literal["mean", "cls"] = "mean",
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    train_words: bool = False,
) -> KerasModel:
    """Return word pieces -> pretrained layers, all trained -> pooling -> Dense(classes).

    Needs embedding: wordpieces, and steps much smaller than other models: training.learning_rate
    from 0.00002 to 0.00005, 2 to 4 epochs, batches of 16 or 32. A text of several windows is the
    mean of them, weighted by their tokens.

    Source: Devlin, Chang, Lee and Toutanova, BERT: Pre-training of Deep Bidirectional Transformers
    for Language Understanding, 2019.

    Args:
        inputs: the model's vectors of its tokens, its folder, numeric columns (joined after
            pooling) and number of logits.
        pooling: mean of the tokens, or the first one.
        dropout: rate of dropout, before each layer's residual sums and after pooling.
        train_words: whether the tokens' vectors are trained too, which are most of the weights.

    Returns:
        A model from {"tokens": (batch, tokens)[, "features": (batch, columns)]} to logits.

    Raises:
        UserError: the embedding gives no word pieces of a pretrained model.
    """
    from ballast.models._encoder_layers import Attention, Pooled, Positions
    from ballast.networks.layers import classifier, look_up, token_input

    if inputs.vectors is None or inputs.encoder is None:
        raise UserError(
            "params.yaml: model: transformer reads the word pieces of a pretrained model: use "
            "embedding: wordpieces, and name the model under `encoder`."
        )
    pretrained = read_transformer(inputs.encoder)
    if inputs.vectors.shape[1] != pretrained.words.shape[1]:
        raise UserError("params.yaml: model: transformer needs embedding: wordpieces.")
    longest = read_recipe(inputs.encoder).longest or len(pretrained.places)
    pretrained = replace(pretrained, places=pretrained.places[:longest])
    activation = list(ACTIVATIONS).index(pretrained.activation)
    settings = [pretrained.heads, pretrained.eps, activation, POOLINGS.index(pooling)]
    tokens = token_input()
    vectors = look_up(tokens, inputs, train_words)
    x, mask = Positions(pretrained, np.array(settings, dtype=np.float32))(vectors)
    for number, layer in enumerate(pretrained.layers):
        x = Attention(layer, pretrained, dropout, f"layer_{number}")(x, mask)
    return classifier(tokens, Pooled(pooling)(x, mask, vectors), inputs, dropout)


def forward(weights: dict[str, np.ndarray], vectors: np.ndarray) -> Forward:
    """Return the network of `build`, as trained, in NumPy.

    Args:
        weights: by name, as `ballast.networks.layers.variables` names them.
        vectors: the embedding's, shape (tokens + 2, units); trained ones take their place.
    """
    heads, eps, activation, pooling = weights["places.settings"].tolist()
    widened = "places.kernel" in weights
    count = sum(name.endswith(".attended_first") for name in weights)
    transformer = Transformer(
        weights.get("vectors.embeddings", vectors),
        weights["places.table"],
        (weights["places.scale"], weights["places.shift"]),
        (weights["places.kernel"], weights["places.bias"]) if widened else None,
        [_layer(weights, f"layer_{k}") for k in range(count)],
        int(heads),
        eps,
        list(ACTIVATIONS)[int(activation)],
    )

    def logits(rows: Encoded) -> np.ndarray:
        longest, texts = len(transformer.places), len(rows.offsets) - 1
        windows, text_of = [], []
        for text, tokens in enumerate(np.split(rows.tokens, rows.offsets[1:-1])):
            parts = np.split(tokens, np.arange(longest, len(tokens), longest))
            windows += [part for part in parts if len(part)]
            text_of += [text for part in parts if len(part)]
        hidden = np.zeros((texts, transformer.dimensions), dtype=np.float32)
        lengths = np.maximum(np.diff(rows.offsets), 1).astype(np.float32)
        vectors = pooled(transformer, windows, POOLINGS[int(pooling)])
        for text, window, vector in zip(text_of, windows, vectors, strict=True):
            hidden[text] += vector * (len(window) / lengths[text])
        return classified(hidden, rows, weights)

    return logits


def _layer(weights: dict[str, np.ndarray], name: str) -> Layer:
    parts = Layer.__dataclass_fields__
    return Layer(
        *((weights[f"{name}.{part}_first"], weights[f"{name}.{part}_second"]) for part in parts)
    )
