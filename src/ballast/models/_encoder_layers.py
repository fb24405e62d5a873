"""`ballast.encoders.transformer` as Keras trains it."""

from dataclasses import fields

import keras
import numpy as np
from keras import layers, ops

from ballast.encoders.transformer import Layer, Transformer

# Added to the share of what is padding.
NOTHING = -1e9
ACTIVATIONS = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_new": lambda x: ops.gelu(x, approximate=True),
    "gelu_pytorch_tanh": lambda x: ops.gelu(x, approximate=True),
    "relu": ops.relu,
}


class Places(layers.Layer):
    """Vectors of texts cut into windows, each with its places added, and a mask of what is text.

    Padding is told by its vector, which is zero: where texts are mixed, nothing else is left.
    """

    def __init__(self, transformer: Transformer, settings: np.ndarray) -> None:
        """Take what stands before the layers; `settings` are kept with the weights."""
        super().__init__(name="places")
        self.eps = transformer.eps
        own = {"table": transformer.places, "scale": transformer.norm[0]}
        own["shift"] = transformer.norm[1]
        if transformer.widened is not None:
            own["kernel"], own["bias"] = transformer.widened
        self.own = {name: _weight(self, name, values) for name, values in own.items()}
        _weight(self, "settings", settings, trainable=False)

    def call(self, vectors: keras.KerasTensor) -> list[keras.KerasTensor]:
        """Return shapes (windows, tokens, units) and (windows, tokens).

        Args:
            vectors: shape (batch, tokens, units); a text's first window ends where it is full.
        """
        batch, tokens, units = ops.shape(vectors)
        width = ops.minimum(tokens, self.own["table"].shape[0])
        count = -(-tokens // width)
        more = ops.zeros((batch, count * width - tokens, units), vectors.dtype)
        x = ops.reshape(ops.concatenate([vectors, more], axis=1), (batch * count, width, units))
        mask = ops.cast(ops.any(ops.not_equal(x, 0), axis=-1), x.dtype)
        x = x + ops.take(self.own["table"], ops.arange(width), axis=0)
        x = _normed(x, self.own["scale"], self.own["shift"], self.eps)
        if "kernel" in self.own:
            x = x @ self.own["kernel"] + self.own["bias"]
        return [x, mask]


class Attention(layers.Layer):
    """One layer: attention over the tokens of a window, then a wider layer and back."""

    def __init__(self, weights: Layer, transformer: Transformer, dropout: float, name: str) -> None:
        """Take the layer's weights; `dropout` is the share of each sum that is left out."""
        super().__init__(name=name)
        self.heads, self.eps = transformer.heads, transformer.eps
        self.activation = ACTIVATIONS[transformer.activation]
        self.dropout = layers.Dropout(dropout)
        self.own = {}
        for field in fields(Layer):
            pair = zip(("first", "second"), getattr(weights, field.name), strict=True)
            self.own[field.name] = [
                _weight(self, f"{field.name}_{k}", values) for k, values in pair
            ]

    def call(
        self, x: keras.KerasTensor, mask: keras.KerasTensor, training: bool = False
    ) -> keras.KerasTensor:
        """Return shape (windows, tokens, units), as `x` has."""
        windows, tokens, units = ops.shape(x)
        split = (windows, tokens, 3, self.heads, units // self.heads)
        attended = ops.reshape(self._dense(x, "attended"), split)
        query, key, value = ops.unstack(ops.transpose(attended, (2, 0, 3, 1, 4)), axis=0)
        scores = query @ ops.transpose(key, (0, 1, 3, 2)) * (units // self.heads) ** -0.5
        shares = ops.softmax(scores + NOTHING * (1 - mask[:, None, None]), axis=-1)
        answers = ops.transpose(shares @ value, (0, 2, 1, 3))
        answers = self._dense(ops.reshape(answers, (windows, tokens, units)), "joined")
        x = x + self.dropout(answers, training=training)
        x = _normed(x, *self.own["joined_norm"], self.eps)
        back = self._dense(self.activation(self._dense(x, "up")), "down")
        x = x + self.dropout(back, training=training)
        return _normed(x, *self.own["down_norm"], self.eps)

    def _dense(self, x: keras.KerasTensor, name: str) -> keras.KerasTensor:
        kernel, bias = self.own[name]
        return x @ kernel + bias


class Pooled(layers.Layer):
    """One vector for each text: the mean of its tokens', or of its windows' first ones."""

    def __init__(self, pooling: str) -> None:
        """Take mean or cls."""
        super().__init__(name="text")
        self.pooling = pooling

    def call(
        self, x: keras.KerasTensor, mask: keras.KerasTensor, vectors: keras.KerasTensor
    ) -> keras.KerasTensor:
        """Return shape (batch, units).

        Args:
            x: shape (windows, tokens, units).
            mask: shape (windows, tokens).
            vectors: as they came in, shape (batch, ...).
        """
        batch = ops.shape(vectors)[0]
        if self.pooling == "cls":
            # Windows count by their tokens.
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


def _normed(x, scale, shift, eps: float):
    x = x - ops.mean(x, axis=-1, keepdims=True)
    return x / ops.sqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + eps) * scale + shift
