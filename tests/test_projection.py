"""The faster network gives what the plain one gives, learns what it learns, from its variables."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ballast.models import cnn, mlp, two_channel_cnn
from ballast.network import Inputs
from ballast.projection import projected

# Keras turns its variables into arrays in the way of NumPy 1.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:keras")
WORDS, DIMENSIONS, COLUMNS = 40, 8, 2
NETWORKS = {
    "cnn": (cnn, {"filters": 6, "width": 3}),
    "cnn of frozen vectors": (cnn, {"filters": 6, "width": 4, "trainable": False}),
    "cnn of single words": (cnn, {"filters": 6, "width": 1}),
    "two channels": (two_channel_cnn, {"filters": 5, "widths": [2, 5]}),
}
EACH = pytest.mark.parametrize("name", NETWORKS)


def build(name: str, features: int = COLUMNS) -> tuple[keras.Model, keras.Model]:
    """Return a network, without dropout, and the faster one."""
    keras.utils.set_random_seed(3)
    vectors = np.random.default_rng(0).normal(size=(WORDS, DIMENSIONS)).astype(np.float32)
    file, options = NETWORKS[name]
    model = file.build(Inputs(vectors, features, 4), **options, dropout=0.0)
    # Responses to padding alone are worth nothing while biases are zero.
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv1D):
            layer.bias.assign(np.linspace(-1, 1, layer.filters))
    return model, projected(model)


def rows(features: int = COLUMNS, seed: int = 0) -> dict[str, np.ndarray]:
    """Texts of 0 to 9 tokens, some shorter than the filters are wide, one of a single word."""
    rng = np.random.default_rng(seed)
    lengths = np.array([9, 9, 4, 3, 2, 1, 0, 6])
    tokens = rng.integers(1, WORDS, (len(lengths), 9)).astype(np.int32)
    tokens[1] = 7
    tokens[np.arange(9) >= lengths[:, None]] = 0
    columns = rng.normal(size=(len(lengths), features)).astype(np.float32)
    return {"tokens": tokens} | ({"features": columns} if features else {})


@EACH
@pytest.mark.parametrize("features", [0, COLUMNS])
def test_outputs_are_those_of_the_plain_network(name, features):
    plain, fast = build(name, features)
    given = rows(features)
    np.testing.assert_allclose(fast(given), plain(given), atol=2e-6)


@EACH
def test_gradients_are_those_of_the_plain_network(name):
    plain, fast = build(name)
    given, variables = rows(), [variable.value for variable in plain.trainable_variables]

    def gradients(model):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.sin(model(given)))
        return [np.asarray(tf.convert_to_tensor(g)) for g in tape.gradient(loss, variables)]

    for variable, one, other in zip(variables, gradients(plain), gradients(fast), strict=True):
        assert np.abs(one).max() > 0, variable.name
        np.testing.assert_allclose(other, one, atol=1e-5, err_msg=variable.name)


@EACH
def test_training_it_trains_the_plain_network(name):
    plain, fast = build(name)
    twin, _ = build(name)
    for model in (fast, twin):
        loss = keras.losses.CategoricalCrossentropy(from_logits=True)
        model.compile(keras.optimizers.SGD(0.05), loss=loss, jit_compile=False)
        for seed in range(6):
            model.train_on_batch(rows(seed=seed), np.eye(4)[np.arange(8) % 4])
    np.testing.assert_allclose(plain(rows()), twin(rows()), atol=1e-4)
    for one, other in zip(plain.weights, twin.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)


@EACH
def test_a_rows_output_does_not_depend_on_its_batch(name):
    _, fast = build(name)
    given = rows()
    together = np.asarray(fast(given))
    for row in range(8):
        alone = {key: values[row : row + 1] for key, values in given.items()}
        length = max(1, np.count_nonzero(alone["tokens"]))
        alone["tokens"] = alone["tokens"][:, :length]
        np.testing.assert_allclose(fast(alone)[0], together[row], atol=2e-6)


def test_a_network_without_text_stays_as_it_is():
    model = mlp.build(Inputs(None, 3, 2))
    assert projected(model) is model
