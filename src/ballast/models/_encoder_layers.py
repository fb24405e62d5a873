"""`ballast.encoders.transformer` as Keras trains it."""

import keras
import numpy as np
from keras import layers, ops

from ballast.encoders.transformer import Layer, Transformer

# Added to the attention scores of padding.
MASKED = -1e9
ACTIVATIONS = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_new": lambda x: ops.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: ops.gelu(x, approximate=True),
    "relu": ops.relu,
}


class Positions(layers.Layer):
    """Texts' vectors in windows, with the vectors of their positions, and a mask of the padding.

    A token is padding if its vector is zero: between two interpolated texts, that is the only sign.
    """

    def __init__(self, transformer: Transformer, settings: np.ndarray) -> None:
        """Take the weights of the embedding layer; `settings` are stored with them."""
        super().__init__(name="places")
        self.eps = transformer.eps
        arrays = {"table": transformer.places, "scale": transformer.norm[0]}
        arrays["shift"] = transformer.norm[1]
        if transformer.widened is not None:
            arrays["kernel"], arrays["bias"] = transformer.widened
        self.arrays = {name: _weight(self, name, values) for name, values in arrays.items()}
        _weight(self, "settings", settings, trainable=False)

    def call(self, vectors: keras.KerasTensor) -> list[keras.KerasTensor]:
        """Return shapes (windows, tokens, units) and (windows, tokens).

        Args:
            vectors: shape (batch, tokens, units); windows are filled one after the other.
        """
        batch, tokens, units = ops.shape(vectors)
        width = ops.minimum(tokens, self.arrays["table"].shape[0])
        count = -(-tokens // width)
        padding = ops.zeros((batch, count * width - tokens, units), vectors.dtype)
        x = ops.reshape(ops.concatenate([vectors, padding], axis=1), (batch * count, width, units))
        mask = ops.cast(ops.any(ops.not_equal(x, 0), axis=-1), x.dtype)
        x = x + ops.take(self.arrays["table"], ops.arange(width), axis=0)
        x = _layer_norm(x, self.arrays["scale"], self.arrays["shift"], self.eps)
        if "kernel" in self.arrays:
            x = x @ self.arrays["kernel"] + self.arrays["bias"]
        return [x, mask]


class Attention(layers.Layer):
    """One layer: self-attention within a window, then a feed-forward network."""

    def __init__(self, weights: Layer, transformer: Transformer, dropout: float, name: str) -> None:
        """Take the layer's weights, and the rate of dropout before each residual sum."""
        super().__init__(name=name)
        self.heads, self.eps = transformer.heads, transformer.eps
        self.activation = ACTIVATIONS[transformer.activation]
        self.dropout = layers.Dropout(dropout)
        self.arrays = {}
        for part, pair in vars(weights).items():
            arrays = zip(("first", "second"), pair, strict=True)
            self.arrays[part] = [_weight(self, f"{part}_{k}", values) for k, values in arrays]

    def call(
        self, x: keras.KerasTensor, mask: keras.KerasTensor, training: bool = False
    ) -> keras.KerasTensor:
        """Return shape (windows, tokens, units), as `x` has."""
        windows, tokens, units = ops.shape(x)
        split = (windows, tokens, 3, self.heads, units // self.heads)
        attended = ops.reshape(self._dense(x, "attended"), split)
        query, key, value = ops.unstack(ops.transpose(attended, (2, 0, 3, 1, 4)), axis=0)
        scores = query @ ops.transpose(key, (0, 1, 3, 2)) * (units // self.heads) ** -0.5
        shares = ops.softmax(scores + MASKED * (1 - mask[:, None, None]), axis=-1)
        heads = ops.transpose(shares @ value, (0, 2, 1, 3))
        joined = self._dense(ops.reshape(heads, (windows, tokens, units)), "joined")
        x = x + self.dropout(joined, training=training)
        x = _layer_norm(x, *self.arrays["joined_norm"], self.eps)
        down = self._dense(self.activation(self._dense(x, "up")), "down")
        x = x + self.dropout(down, training=training)
        return _layer_norm(x, *self.arrays["down_norm"], self.eps)

    def _dense(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        kernel, bias = self.arrays[name]
        return x @ kernel + bias


class Pooled(layers.Layer):
    """One vector for each text: the mean over its tokens, or over its windows' first tokens."""

    def __init__(self, pooling: str) -> None:
        """Take the pooling, mean or cls."""
        super().__init__(name="text")
        self.pooling = pooling

    def call(
        self, x: keras.KerasTensor, mask: keras.KerasTensor, vectors: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Return shape (batch, units).

        Args:
            x: shape (windows, tokens, units).
            mask: shape (windows, tokens).
            vectors: of the tokens, shape (batch, ...), for the number of texts.
        """
        batch = ops.shape(vectors)[0]
        if self.pooling == "cls":
            # A window's weight is its number of tokens.
            x, mask = x[:, :1], ops.sum(mask, axis=1, keepdims=True)
        x = ops.reshape(x, (batch, -1, x.shape[-1]))
        mask = ops.reshape(mask, (batch, -1, 1))
        return ops.sum(x * mask, axis=1) / ops.maximum(ops.sum(mask, axis=1), 1)


def _weight(
    layer: layers.Layer, name: str, values: np.ndarray, trainable: bool = True
) -> keras.Variable:
    weight = layer.add_weight(values.shape, "zeros", trainable=trainable, name=name)
    weight.assign(values)
    return weight


def _layer_norm(x, scale, shift, eps: float):
    x = x - ops.mean(x, axis=-1, keepdims=True)
    return x / ops.sqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + eps) * scale + shift
