"""A transformer of the BERT family in NumPy, read from Hugging Face's files.

BERT, RoBERTa, XLM-RoBERTa, CamemBERT, ELECTRA, DistilBERT and ALBERT are one network under several
names. Texts are concatenated instead of padded, so no time is spent on padding.

A text's result is the same to the bit, whatever texts surround it: products with weights are
computed for ROWS tokens at a time, each text's at the same places of the processor's kernel, and
everything else for each token or each text separately.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ballast.networks.compiling import compiled
from ballast.project.errors import UserError

ROWS = 96
# OpenBLAS's kernel for AVX2 takes 12 rows in two ways that round differently, over and over; those
# for other instructions take all rows alike. ROWS is a multiple of it.
PERIOD = 12
# BERT's name -> DistilBERT's name in `config.json`.
DISTILBERT = {
    "hidden_size": "dim",
    "num_hidden_layers": "n_layers",
    "num_attention_heads": "n_heads",
    "hidden_act": "activation",
}
# The names of a layer's weights: a prefix, then query, key, value, output, its norm, up, down, its
# norm.
BERT_LAYER = (
    "encoder.layer.{layer}.",
    "attention.self.query",
    "attention.self.key",
    "attention.self.value",
    "attention.output.dense",
    "attention.output.LayerNorm",
    "intermediate.dense",
    "output.dense",
    "output.LayerNorm",
)
LAYERS = dict.fromkeys(("bert", "camembert", "electra", "roberta", "xlm-roberta"), BERT_LAYER) | {
    "distilbert": (
        "transformer.layer.{layer}.",
        "attention.q_lin",
        "attention.k_lin",
        "attention.v_lin",
        "attention.out_lin",
        "sa_layer_norm",
        "ffn.lin1",
        "ffn.lin2",
        "output_layer_norm",
    ),
    # All layers share their weights.
    "albert": (
        "encoder.albert_layer_groups.0.albert_layers.0.",
        "attention.query",
        "attention.key",
        "attention.value",
        "attention.dense",
        "attention.LayerNorm",
        "ffn",
        "ffn_output",
        "full_layer_layer_norm",
    ),
}
# Positions are counted from the number after the padding token's.
COUNTED_FROM_PADDING = ("camembert", "roberta", "xlm-roberta")

Pair = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Layer:
    """The weights of a layer: kernels (inputs, units) with biases, norms' scales with shifts.

    Attributes:
        attended: query, key and value, concatenated.
        joined: the output projection of the attention.
        joined_norm: the norm after it.
        up: to the feed-forward layer.
        down: back from it.
        down_norm: the norm after it.
    """

    attended: Pair
    joined: Pair
    joined_norm: Pair
    up: Pair
    down: Pair
    down_norm: Pair


@dataclass(frozen=True)
class Transformer:
    """A model of the BERT family: from token numbers to a vector for each token.

    Attributes:
        words: token embeddings, shape (tokens, units).
        places: position embeddings, shape (positions, units).
        norm: the norm after their sum.
        widened: the projection to the layers' width, where that is larger.
        layers: the layers, in order.
        heads: attention heads per layer.
        eps: added to variances in the norms.
        activation: a key of `ACTIVATIONS`.
    """

    words: np.ndarray
    places: np.ndarray
    norm: Pair
    widened: Pair | None
    layers: list[Layer]
    heads: int
    eps: float
    activation: str

    @property
    def dimensions(self) -> int:
        """Length of a token's vector."""
        return len(self.layers[-1].down[1])

    def __call__(self, texts: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return the vectors of each text's tokens, float32, shape (tokens, dimensions).

        Args:
            texts: token numbers of each text, special ones included; at least one, and at most as
                many as there are positions.
        """
        ends = np.cumsum([-(-len(text) // PERIOD) * PERIOD for text in texts])
        starts = [0, *ends[:-1].tolist()]
        parts = [slice(s, s + len(text)) for s, text in zip(starts, texts, strict=True)]
        # Zero rows complete each text's last period, and the last block.
        x = np.zeros((-(-ends[-1] // ROWS) * ROWS, self.words.shape[1]), dtype=np.float32)
        for part, text in zip(parts, texts, strict=True):
            x[part] = self.words[text] + self.places[: len(text)]
        x = normed(x, self.norm, self.eps)
        if self.widened is not None:
            x = dense(x, self.widened)
        for layer in self.layers:
            attended = dense(x, layer.attended)
            contexts = np.zeros_like(x)
            for part in parts:
                contexts[part] = self._attend(attended[part])
            x = normed(x + dense(contexts, layer.joined), layer.joined_norm, self.eps)
            wide = ACTIVATIONS[self.activation](dense(x, layer.up))
            x = normed(x + dense(wide, layer.down), layer.down_norm, self.eps)
        return [x[part] for part in parts]

    def _attend(self, attended: np.ndarray) -> np.ndarray:
        """Return one text's attention, the heads concatenated, shape (tokens, dimensions).

        Args:
            attended: queries, keys and values, shape (tokens, 3 * dimensions).
        """
        tokens, width = len(attended), attended.shape[1] // 3 // self.heads
        # Each of shape (heads, tokens, width).
        query, key, value = attended.reshape(tokens, 3, self.heads, width).transpose(1, 2, 0, 3)
        weights = query @ key.transpose(0, 2, 1)
        weights *= np.float32(width**-0.5)
        weights -= weights.max(axis=-1, keepdims=True)
        np.exp(weights, out=weights)
        weights /= weights.sum(axis=-1, keepdims=True)
        return (weights @ value).transpose(1, 0, 2).reshape(tokens, -1)


def dense(x: np.ndarray, weights: Pair) -> np.ndarray:
    """Return x @ kernel + bias, one block of ROWS rows at a time; len(x) is a multiple of ROWS."""
    kernel, bias = weights
    return (x.reshape(-1, ROWS, x.shape[1]) @ kernel).reshape(len(x), -1) + bias


def normed(x: np.ndarray, weights: Pair, eps: float) -> np.ndarray:
    """Return the rows normalized to mean 0 and variance 1, then scaled and shifted."""
    scale, shift = weights
    x = x - x.mean(axis=-1, keepdims=True)
    variance = np.mean(x * x, axis=-1, keepdims=True)
    return x * (scale / np.sqrt(variance + np.float32(eps))) + shift


@compiled
def gelu(x):
    """Return x * Phi(x), Phi being the normal distribution function; it takes the place of x.

    Source: Hendrycks and Gimpel 2016. The shape is (rows, units).
    """
    # The error function as a quotient of polynomials, as in Eigen and TensorFlow: precise to
    # float32, and thirty times as fast as SciPy's.
    one, half, limit = np.float32(1), np.float32(0.5), np.float32(4)
    for row in x:
        for i in range(len(row)):
            z = min(max(row[i] * np.float32(0.7071067811865476), -limit), limit)
            s = z * z
            p = np.float32(-2.72614225801306e-10) * s + np.float32(2.77068142495902e-08)
            p = p * s + np.float32(-2.10102402082508e-06)
            p = p * s + np.float32(-5.69250639462346e-05)
            p = p * s + np.float32(-7.34990630326855e-04)
            p = p * s + np.float32(-2.95459980854025e-03)
            p = p * s + np.float32(-1.60960333262415e-02)
            q = np.float32(-1.45660718464996e-05) * s + np.float32(-2.13374055278905e-04)
            q = q * s + np.float32(-1.68282697438203e-03)
            q = q * s + np.float32(-7.37332916720468e-03)
            q = q * s + np.float32(-1.42647390514189e-02)
            row[i] *= half * (one + z * p / q)
    return x


def tanh_gelu(x: np.ndarray) -> np.ndarray:
    """Return the tanh approximation of `gelu`, as ALBERT uses it."""
    inner = np.float32((2 / np.pi) ** 0.5) * (x + np.float32(0.044715) * x * x * x)
    return np.float32(0.5) * x * (1 + np.tanh(inner))


def relu(x: np.ndarray) -> np.ndarray:
    """Return max(x, 0)."""
    return np.maximum(x, 0)


ACTIVATIONS = {"gelu": gelu, "gelu_new": tanh_gelu, "gelu_pytorch_tanh": tanh_gelu, "relu": relu}


class _Tensors:
    """Weights by name, float32, without the prefix that names have in some files."""

    def __init__(self, file: Path) -> None:
        from safetensors import SafetensorError
        from safetensors.numpy import load_file

        if not file.is_file():
            raise UserError(
                f"{file} does not exist. Models are read in the safetensors format; one that only "
                "has pytorch_model.bin must be converted first."
            )
        try:
            tensors = load_file(file)
        except (SafetensorError, OSError, TypeError, KeyError) as error:
            raise UserError(f"{file} cannot be read: {error}") from error
        first = "embeddings.word_embeddings.weight"
        name = next((name for name in tensors if name.endswith(first)), first)
        prefix = name.removesuffix(first)
        self.file = file
        self.tensors = {name.removeprefix(prefix): values for name, values in tensors.items()}

    def __contains__(self, name: str) -> bool:
        return name in self.tensors

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.tensors:
            raise UserError(
                f"{self.file} has no weights {name!r}, which config.json calls for. Fetch the "
                "model again with `ballast fetch-encoder`."
            )
        return self.tensors[name].astype(np.float32)

    def norm(self, name: str) -> Pair:
        names = ("gamma", "beta") if f"{name}.gamma" in self else ("weight", "bias")
        return tuple(self[f"{name}.{part}"] for part in names)

    def dense(self, *names: str) -> Pair:
        """Return the kernels of some layers, concatenated, and their biases."""
        kernels = np.concatenate([self[f"{name}.weight"] for name in names])
        biases = np.concatenate([self[f"{name}.bias"] for name in names])
        return np.ascontiguousarray(kernels.T), biases


def read_transformer(folder: Path) -> Transformer:
    """Return the model in `config.json` and `model.safetensors`.

    Raises:
        UserError: a file is missing or broken, or the kind of model is not supported.
    """
    config = _config(folder)
    tensors = _Tensors(folder / "model.safetensors")
    kind = config["model_type"]
    places = tensors["embeddings.position_embeddings.weight"]
    if kind in COUNTED_FROM_PADDING:
        places = places[config["pad_token_id"] + 1 :]
    if "embeddings.token_type_embeddings.weight" in tensors:
        places = places + tensors["embeddings.token_type_embeddings.weight"][0]
    projections = {"albert": "encoder.embedding_hidden_mapping_in", "electra": "embeddings_project"}
    name = projections.get(kind)
    return Transformer(
        tensors["embeddings.word_embeddings.weight"],
        places,
        tensors.norm("embeddings.LayerNorm"),
        tensors.dense(name) if name and f"{name}.weight" in tensors else None,
        [_layer(tensors, LAYERS[kind], number) for number in range(config["num_hidden_layers"])],
        config["num_attention_heads"],
        config["layer_norm_eps"],
        config["hidden_act"],
    )


def _layer(tensors: _Tensors, names: tuple[str, ...], number: int) -> Layer:
    prefix, *parts = names
    prefix = prefix.format(layer=number)
    query, key, value, joined, joined_norm, up, down, down_norm = (prefix + part for part in parts)
    return Layer(
        tensors.dense(query, key, value),
        tensors.dense(joined),
        tensors.norm(joined_norm),
        tensors.dense(up),
        tensors.dense(down),
        tensors.norm(down_norm),
    )


def _config(folder: Path) -> dict[str, Any]:
    """Return `config.json` with BERT's names and the defaults filled in.

    Raises:
        UserError: no such file, or a model that is not supported.
    """
    path = folder / "config.json"
    config = {
        "layer_norm_eps": 1e-12,
        "position_embedding_type": "absolute",
        "num_hidden_groups": 1,
        "inner_group_num": 1,
    } | read_config(path)
    kind = config.get("model_type")
    if kind not in LAYERS:
        raise UserError(f"{path}: model_type {kind!r} is none of {', '.join(LAYERS)}.")
    for name, other in DISTILBERT.items() if kind == "distilbert" else ():
        config[name] = config.get(other)
    for name in ("num_hidden_layers", "num_attention_heads"):
        if type(config.get(name)) is not int or config[name] < 1:
            raise UserError(
                f"{path}: {name} must be a whole number above 0; found {config.get(name)!r}."
            )
    supported = {
        "hidden_act": list(ACTIVATIONS),
        "position_embedding_type": ["absolute"],
        "num_hidden_groups": [1],
        "inner_group_num": [1],
    }
    for name, values in supported.items():
        if config.get(name) not in values:
            raise UserError(f"{path}: {name} {config.get(name)!r} is none of {values}.")
    return config


def read_config(path: Path) -> Any:
    """Return the content of one of a model's JSON files.

    Raises:
        UserError: it does not exist, or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{path} does not exist: {path.parent} holds no model. Fetch one with `ballast "
            "fetch-encoder`."
        ) from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
