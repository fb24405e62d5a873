"""The same network, trained faster: each distinct token of a batch is projected once."""

from functools import partial

import keras
import tensorflow as tf
from keras import layers

from ballast import windows
from ballast.network import POOLED, token_input


def projected(model: keras.Model) -> keras.Model:
    """Return a network that gives the same and learns the same, from the same variables.

    In place of its convolutions over padded vectors stands `ProjectedWindows`. A network that
    reads no text is returned as it is.

    Args:
        model: a network as `models/` builds it.
    """
    filters = [layer for layer in model.layers if isinstance(layer, layers.Conv1D)]
    if not filters:
        return model
    channels = [layer for layer in model.layers if isinstance(layer, layers.Embedding)]
    others = {name: tensor for name, tensor in model.input.items() if name != "tokens"}
    rest = keras.Model([model.get_layer(POOLED).output, *others.values()], model.output)
    sources = {
        "tokens": token_input(),
        **{name: keras.Input(tensor.shape[1:], name=name) for name, tensor in others.items()},
    }
    pooled = ProjectedWindows(channels, filters)(sources["tokens"])
    return keras.Model(sources, rest([pooled, *(sources[name] for name in others)]))


class ProjectedWindows(layers.Layer):
    """Token numbers to each filter's largest response, with a gradient of its own.

    The vectors of the channels are added before the filters, which is the same (Kim 2014). The
    gradient visits only the windows that won; where several are equally large it takes the first
    one, which TensorFlow shares out among them.

    Args:
        channels: the word vectors.
        filters: of each width.
    """

    def __init__(self, channels: list[layers.Embedding], filters: list[layers.Conv1D]):
        super().__init__()
        self.channels, self.filters = channels, filters

    def call(self, tokens: keras.KerasTensor) -> keras.KerasTensor:
        """Return the responses, shape (batch, filters * widths), of tokens (batch, places)."""
        lengths = tf.math.count_nonzero(tokens, axis=1)
        offsets = tf.concat([[0], tf.cumsum(lengths)], axis=0)
        distinct, numbers = tf.unique(tf.boolean_mask(tokens, tokens != 0))
        vectors = tf.add_n([tf.gather(layer.embeddings, distinct) for layer in self.channels])
        trained = any(layer.trainable for layer in self.channels)
        pooled = [
            _largest(numbers, offsets, vectors, layer.kernel, layer.bias, trained)
            for layer in self.filters
        ]
        return tf.concat(pooled, axis=1)


def _largest(tokens, offsets, vectors, kernel, bias, trained):
    """Return relu of the largest responses of filters of one width, shape (texts, filters).

    Args:
        tokens: of all texts, by their rows in `vectors`, int32, shape (all tokens,).
        offsets: where each text begins, int64, shape (texts + 1,).
        vectors: of the distinct tokens, shape (distinct, dimensions).
        kernel: shape (width, dimensions, filters).
        bias: shape (filters,).
        trained: whether the vectors need a gradient.
    """
    width, dimensions, filters = kernel.shape

    @tf.custom_gradient
    def pooled(vectors, kernel, bias):
        flat = tf.reshape(tf.transpose(kernel, [1, 0, 2]), [dimensions, width * filters])
        table = tf.reshape(vectors @ flat, [-1, width, filters])
        texts = [tokens, offsets]
        best, where = _compiled(
            windows.largest_responses, [*texts, table, bias], [tf.float32, tf.int32]
        )
        best = tf.ensure_shape(best, [None, filters])

        def back(slopes):
            won = [*texts, where, tf.where(best > 0, slopes, 0.0)]
            by_kernel = partial(windows.kernel_gradient, width=width)
            by_kernel = _compiled(by_kernel, [*won, vectors], tf.float32)
            by_kernel = tf.ensure_shape(by_kernel, [filters, width, dimensions])
            by_vectors = None
            if trained:
                by_table = _compiled(windows.table_gradient, [*won, table], tf.float32)
                by_table = tf.reshape(by_table, [-1, width * filters])
                by_vectors = tf.matmul(by_table, flat, transpose_b=True)
            return by_vectors, tf.transpose(by_kernel, [1, 2, 0]), tf.reduce_sum(won[-1], axis=0)

        return tf.nn.relu(best), back

    return pooled(vectors, tf.convert_to_tensor(kernel), tf.convert_to_tensor(bias))


def _compiled(kernel, inputs, types):
    return tf.numpy_function(kernel, inputs, types, stateful=False)
