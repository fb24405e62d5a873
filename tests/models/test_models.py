"""Models: what every member promises, and that a row's logits are its own."""

import importlib
import inspect
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
from problems import check_blocks, check_contract
from scipy.sparse import csr_array

from ballast.models import attention, cnn, mlp, none, two_channel_cnn
from ballast.networks.forward import Encoded
from ballast.networks.inputs import Inputs
from ballast.networks.layers import MIN_WIDTH, Pieces, interpolating, tensor, variables
from ballast.networks.trained import forward_of
from ballast.project import params
from ballast.project.errors import UserError
from ballast.training import learners
from ballast.training.architecture import Architecture

# What has a learner of its own instead of a Keras model: tests/training/ has them.
PLAIN = ["additive", "boosting", "linear"]
MEMBERS = [name for name in params.members("models") if name not in (*PLAIN, "none")]
TEXTUAL = ["attention", "cnn", "fasttext", "transformer", "two_channel_cnn", "wide_and_deep"]
SMALL = {
    "cnn": {"filters": 6, "width": 3},
    "two_channel_cnn": {"filters": 4, "widths": [2, 3]},
    "mlp": {"hidden": [5]},
    "attention": {"filters": 6, "width": 3, "units": 4},
    "wide_and_deep": {"filters": 6},
    "fasttext": {"buckets": 30},
}
# What each reads of a row, of all that there is.
READS = {name: {"tokens", "features"} for name in TEXTUAL} | {
    "mlp": {"features"},
    "additive": {"features"},
    "boosting": {"features"},
    "linear": {"terms", "features"},
    "wide_and_deep": {"tokens", "terms", "features"},
}
# With word vectors that are not trained.
FROZEN = [
    pytest.param(name, {"trainable": False}, id=f"{name}-frozen") for name in ("attention", "cnn")
]
# The folder of a pretrained model, whose vectors have as many numbers as `inputs` gives.
PRETRAINED: dict[str, Path] = {}


@pytest.fixture(scope="module", autouse=True)
def pretrained(tmp_path_factory):
    if find_spec("tokenizers"):
        from tiny_models import write_model

        PRETRAINED["transformer"] = write_model(tmp_path_factory.mktemp("encoders") / "tiny")
    yield
    PRETRAINED.clear()


def inputs(text: bool = True, features: int = 2) -> Inputs:
    vectors = np.random.default_rng(0).normal(size=(12, 8)).astype(np.float32)
    vectors[0] = 0
    columns = np.random.default_rng(1).normal(size=(40, features))
    return Inputs(vectors if text else None, columns, 3, 7 if text else 0)


def build(name: str, given: Inputs, seed: int = 1, **changes):
    # Layers are numbered anew, as in a new process: their names are those of files.
    keras.utils.clear_session()
    keras.utils.set_random_seed(seed)
    module, options = check_contract("model", name)
    if name == "transformer":
        if name not in PRETRAINED:
            pytest.skip("the extra `encoder` is not installed")
        given = replace(given, encoder=PRETRAINED[name])
    return module.build(given, **options | SMALL.get(name, {}) | changes)


def rows(model: keras.Model, count: int = 6, tokens: int = 9, seed: int = 0):
    """Random inputs that a network reads, without padding."""
    rng = np.random.default_rng(seed)
    made = {
        "tokens": rng.integers(1, 12, (count, tokens)),
        "features": rng.normal(size=(count, 2)).astype(np.float32),
        "terms": sparse(rng.random((count, 7)) * (rng.random((count, 7)) < 0.5)),
    }
    return {name: made[name] for name in model.input}


def sparse(weights: np.ndarray):
    """Return weights of terms as Keras takes them."""
    return tensor(csr_array(weights.astype(np.float32)))


def logits(model: keras.Model, given) -> np.ndarray:
    return np.asarray(model(tensors(given), training=False))


def tensors(given) -> dict:
    """Return inputs as TensorFlow's, which Keras wants where one of them is sparse."""
    return {k: v if isinstance(v, tf.SparseTensor) else tf.constant(v) for k, v in given.items()}


def weights_of(model: keras.Model) -> dict[str, np.ndarray]:
    return {name: variable.numpy() for name, variable in variables(model).items()}


def step(model: keras.Model, given, times: int = 3) -> None:
    """Move every weight down its slope: each step of Keras' trainer would be traced twice first."""
    labels = np.arange(next(iter(given.values())).shape[0]) % 3
    for _ in range(times):
        with tf.GradientTape() as tape:
            outputs = model(tensors(given), training=True)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, outputs)
        weights = [each.value for each in model.trainable_variables]
        for weight, slope in zip(weights, tape.gradient(loss, weights), strict=True):
            weight.assign_sub(0.1 * tf.sign(tf.convert_to_tensor(slope)))


def vectors_of(model: keras.Model) -> dict[bool, np.ndarray]:
    """Return the word vectors by whether they are trained."""
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Embedding)]
    return {layer.trainable: layer.embeddings.numpy() for layer in layers}


def test_every_member_has_its_block_of_options():
    check_blocks("model")


@pytest.mark.parametrize("name", [*MEMBERS, *PLAIN])
def test_contract_of_a_file(name):
    module, _ = check_contract("model", name)
    learner = getattr(module, "LEARNER", "keras")
    folder = Path(learners.__file__).parent
    assert learner in {file.stem for file in folder.glob("*.py")} - {"__init__"}
    trains = importlib.import_module(f"ballast.training.learners.{learner}")
    assert list(inspect.signature(trains.learner).parameters) == [
        "model",
        "loss",
        "options",
        "mixes",
    ]
    model = build(name, inputs())
    assert isinstance(model, keras.Model) == (name in MEMBERS)
    # Without Keras nothing can stand in for it.
    assert hasattr(module, "forward") or name in MEMBERS
    assert set(model.input) == READS[name]


@pytest.mark.parametrize("name", MEMBERS)
def test_contract_of_a_network(name):
    model = build(name, inputs())
    values = logits(model, rows(model))
    assert values.shape == (6, 3)
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    # Logits, not probabilities: no activation on top.
    assert model.layers[-1].name == "logits"
    assert model.layers[-1].activation is keras.activations.linear
    np.testing.assert_array_equal(logits(build(name, inputs()), rows(model)), values)


@pytest.mark.parametrize("name", MEMBERS)
def test_dropout_is_for_training_only(name):
    model = build(name, inputs(), dropout=0.5)
    given = rows(model)
    np.testing.assert_array_equal(logits(model, given), logits(model, given))
    assert (np.asarray(model(tensors(given), training=True)) != logits(model, given)).any()


@pytest.mark.parametrize("name", MEMBERS)
def test_numeric_columns_are_joined(name):
    model = build(name, inputs())
    given = rows(model)
    assert "features" in given
    changed = given | {"features": given["features"] + [[0, 1]]}
    assert (logits(model, changed) != logits(model, given)).any(axis=1).all()


@pytest.mark.parametrize("name", TEXTUAL)
def test_texts_alone_do(name):
    model = build(name, inputs(features=0))
    assert set(model.input) == READS[name] - {"features"}
    assert logits(model, rows(model)).shape == (6, 3)


@pytest.mark.parametrize("name", TEXTUAL)
def test_a_model_of_texts_needs_texts(name):
    module = importlib.import_module(f"ballast.models.{name}")
    with pytest.raises(UserError, match=f"model: {name} reads (tokens|the word pieces)"):
        Architecture(module, {}, inputs(text=False)).build(1, 0)


def test_only_a_second_model_can_be_none():
    with pytest.raises(UserError, match=r"model: none .* only second_model can be none"):
        none.build(inputs())


def test_mlp_needs_columns_and_leaves_texts_aside():
    with pytest.raises(UserError, match=r"mlp reads features.*give tokens and terms"):
        Architecture(mlp, {}, inputs(features=0)).build(1, 0)
    assert set(build("mlp", inputs()).input) == {"features"}
    assert set(build("mlp", inputs(text=False)).input) == {"features"}


def test_mlp_without_hidden_layers_is_linear():
    model = build("mlp", inputs(), pieces=0, hidden=[])
    kernel, bias = (weight.numpy() for weight in model.weights)
    given = rows(model)
    np.testing.assert_allclose(logits(model, given), given["features"] @ kernel + bias, rtol=1e-5)


@pytest.mark.parametrize(
    ("module", "block"),
    [
        (cnn, {"filters": 0}),
        (cnn, {"dropout": 1.0}),
        (cnn, {"trainable": "yes"}),
        (mlp, {"hidden": [0]}),
        (attention, {"heads": 0}),
        (attention, {"vector_dropout": 1.0}),
        (mlp, {"pieces": -1}),
        (two_channel_cnn, {"widths": []}),
        (two_channel_cnn, {"widths": [3, 0]}),
    ],
)
def test_options_out_of_range_are_refused(module, block):
    with pytest.raises(UserError, match=next(iter(block))):
        params.options(module.build, block, "models.some")


# Pieces of columns.


def through(columns: np.ndarray, quantiles) -> np.ndarray:
    """Return Pieces of some columns, its limit made 1."""
    pieces = Pieces(np.asarray(quantiles, dtype=np.float64))
    return np.asarray(pieces(columns)) / pieces.limit


def test_pieces_say_how_far_through_each_a_number_is():
    quantiles = [[0.0, -1.0], [1.0, 0.0], [3.0, 4.0]]
    columns = np.array([[-5, -5], [0.5, 0], [2, 1], [9, 9]], np.float32)
    # The first piece of both columns, then the second.
    expected = [[-1, -1, -1, -1], [0, 1, -1, -1], [1, 1, 0, -0.5], [1, 1, 1, 1]]
    np.testing.assert_allclose(through(columns, quantiles), expected, atol=1e-6)


def test_pieces_add_up_to_the_column_between_the_outer_quantiles():
    rng = np.random.default_rng(2)
    values = rng.exponential(size=(300, 1))
    quantiles = np.quantile(values, np.linspace(0, 1, 9), axis=0)
    shares = (through(values.astype(np.float32), quantiles) + 1) / 2
    restored = quantiles[0] + shares @ np.diff(quantiles, axis=0)
    np.testing.assert_allclose(restored, values, atol=1e-5)


def test_each_piece_has_as_many_training_rows_as_the_next():
    values = np.random.default_rng(2).exponential(size=(800, 1))
    quantiles = np.quantile(values, np.linspace(0, 1, 9), axis=0)
    inside = np.abs(through(values.astype(np.float32), quantiles)) < 1 - 1e-6
    assert np.isin(inside.sum(axis=0), [98, 99, 100]).all()


def test_pieces_without_width_are_left_out_and_narrow_ones_are_bounded():
    # A constant column; one that is nearly always 0; one of two numbers; a jump of 1e-9.
    quantiles = np.array([[3, 0, 0, 0], [3, 0, 0, 1e-9], [3, 0, 1, 2], [3, 5, 1, 4]], float)
    columns = np.array([[3, 0, 0, 0], [2, 1, 1, 1], [1e9, -1e9, 0.5, 1e-9]], np.float32)
    pieces = through(columns, quantiles).reshape(3, 3, 4)
    assert np.isfinite(pieces).all()
    assert not pieces[:, :, 0].any()
    assert not pieces[:, :2, 1].any()
    np.testing.assert_allclose(pieces[:, 1, 2], [-1, 1, 0], atol=1e-6)
    slopes = np.asarray(Pieces(quantiles).slopes)
    np.testing.assert_allclose(slopes.max(), 2 / np.sqrt(3) / MIN_WIDTH, rtol=1e-6)


@pytest.mark.parametrize("pieces", [1, 8, 50])
def test_pieces_weigh_no_more_than_their_column(pieces):
    values = np.random.default_rng(2).normal(size=(800, 1)).astype(np.float32)
    quantiles = np.quantile(values, np.linspace(0, 1, pieces + 1), axis=0)
    squares = (np.asarray(Pieces(quantiles)(values)) ** 2).sum(axis=1)
    assert squares.max() <= 1 + 1e-5
    assert pieces == 1 or squares.mean() > 0.7


def test_pieces_of_huge_numbers_are_at_their_limit_without_keras_too():
    model = build("mlp", inputs(), hidden=[])
    features = np.array([[3e38, -3e38]], np.float32)
    values = mlp.forward(weights_of(model), None)(Encoded(None, None, features))
    np.testing.assert_allclose(values, logits(model, {"features": features}), rtol=1e-5)


def test_pieces_stay_as_they_are_in_training():
    model = build("mlp", inputs())
    start = weights_of(model)
    step(model, rows(model))
    for name, values in weights_of(model).items():
        assert (values == start[name]).all() == name.startswith("pieces."), name


def test_a_linear_model_of_pieces_learns_a_bend_that_one_of_columns_cannot():
    rng = np.random.default_rng(4)
    features = rng.normal(size=(400, 2)).astype(np.float32)
    middle = (np.abs(features[:, 0]) < 0.7).astype(int)
    right = {}
    for pieces in (0, 8):
        model = build("mlp", Inputs(None, features, 2), pieces=pieces, hidden=[])
        model.compile(
            keras.optimizers.Adam(0.1),
            loss=keras.losses.CategoricalCrossentropy(from_logits=True),
            jit_compile=False,
        )
        for _ in range(150):
            model.train_on_batch({"features": features}, np.eye(2)[middle])
        predicted = logits(model, {"features": features}).argmax(axis=1)
        right[pieces] = (predicted == middle).mean()
    assert right[0] < 0.7
    assert right[8] > 0.95


# Padding.


# A text of one token has all of the attention; Keras takes it for a mistake.
@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:You are using a softmax over axis:UserWarning")
@pytest.mark.parametrize(("name", "changes"), [*((name, {}) for name in TEXTUAL), *FROZEN])
@pytest.mark.parametrize("tokens", [1, 9])
def test_padding_makes_no_difference_before_or_after_training(name, changes, tokens):
    model = build(name, inputs(), dropout=0.0, **changes)
    given = rows(model, tokens=tokens)
    short = rows(model, count=2, tokens=tokens, seed=1)
    padded = short | {"tokens": np.pad(short["tokens"], ((0, 0), (0, 6)))}
    for _ in range(2):
        np.testing.assert_allclose(logits(model, padded), logits(model, short), atol=1e-6)
        # Train with texts of unlike lengths: what padding's vector became would show.
        step(model, given | {"tokens": np.pad(given["tokens"], ((0, 0), (0, 4)))})


@pytest.mark.parametrize("name", TEXTUAL)
def test_every_word_is_read_up_to_the_last(name):
    model = build(name, inputs(), dropout=0.0)
    # In each of 9 places each of 11 words, the rest of the row as it is.
    given = {
        kind: np.repeat(values, 99, axis=0)
        if kind != "terms"
        else tf.sparse.concat(0, [values] * 99)
        for kind, values in rows(model, count=1).items()
    }
    given["tokens"][np.arange(99), np.arange(99) // 11] = np.arange(99) % 11 + 1
    # Filters answer with their largest response, so a word counts if some word in its place does.
    outcomes = logits(model, given).reshape(9, 11, 3)
    assert (np.ptp(outcomes, axis=1) > 1e-5).any(axis=1).all()


@pytest.mark.parametrize("name", TEXTUAL)
def test_words_are_read_in_their_order(name):
    model = build(name, inputs(), dropout=0.0)
    given = rows(model)
    backwards = given | {"tokens": given["tokens"][:, ::-1]}
    assert np.abs(logits(model, backwards) - logits(model, given)).max() > 1e-3


# Trained and frozen vectors.


@pytest.mark.parametrize("trainable", [True, False])
def test_cnn_trains_its_vectors_unless_they_are_frozen(trainable):
    model = build("cnn", inputs(), trainable=trainable)
    assert set(vectors_of(model)) == {trainable}
    step(model, rows(model))
    vectors = vectors_of(model)[trainable]
    start = inputs().vectors
    if trainable:
        assert (vectors[1:] != start[1:]).any(axis=1).sum() > 5
        assert not vectors[0].any(), "padding stays zero"
    else:
        np.testing.assert_array_equal(vectors, start)


def test_of_two_channels_one_is_trained():
    model = build("two_channel_cnn", inputs())
    start = vectors_of(model)
    np.testing.assert_array_equal(start[True], inputs().vectors)
    np.testing.assert_array_equal(start[False], inputs().vectors)
    step(model, rows(model))
    vectors = vectors_of(model)
    np.testing.assert_array_equal(vectors[False], inputs().vectors)
    assert (vectors[True][1:] != inputs().vectors[1:]).any()


def test_channels_added_before_the_filters_are_filters_added_after():
    rng = np.random.default_rng(0)
    one, other = rng.normal(size=(2, 4, 9, 5)).astype(np.float32)
    filters = keras.layers.Conv1D(6, 3)
    bias = rng.normal(size=6).astype(np.float32)
    before = np.asarray(filters(one + other)) + bias
    after = np.asarray(filters(one)) + np.asarray(filters(other)) + bias
    np.testing.assert_allclose(before, after, atol=1e-5)


def test_two_channels_are_the_sum_in_numpy():
    """The whole network, written down: windows of the summed channels, relu, max, linear layer."""
    model = build("two_channel_cnn", inputs(), filters=4, widths=[3])
    step(model, rows(model))
    given = rows(model, seed=5)
    channels = vectors_of(model)
    looked_up = sum(table[given["tokens"]] for table in channels.values())
    padded = np.pad(looked_up, ((0, 0), (0, 3), (0, 0)))
    layer = next(layer for layer in model.layers if isinstance(layer, keras.layers.Conv1D))
    kernel, bias = (weight.numpy() for weight in layer.weights)
    windows = np.stack([padded[:, start : start + 3] for start in range(10)], axis=1)
    responses = np.maximum(np.einsum("bpwd,wdf->bpf", windows, kernel) + bias, 0)
    hidden = np.concatenate([responses.max(axis=1), given["features"]], axis=1)
    kernel, bias = (weight.numpy() for weight in model.layers[-1].weights)
    np.testing.assert_allclose(logits(model, given), hidden @ kernel + bias, atol=1e-4)


# On disk.


@pytest.mark.parametrize(("name", "changes"), [*((name, {}) for name in MEMBERS), *FROZEN])
def test_a_network_comes_back_from_its_weights(name, changes):
    model = build(name, inputs(), **changes)
    given = rows(model)
    step(model, given)
    weights = weights_of(model)
    other = build(name, inputs(), seed=77, **changes)
    assert (logits(other, given) != logits(model, given)).any()
    for weight, variable in variables(other).items():
        variable.assign(weights[weight])
    np.testing.assert_array_equal(logits(other, given), logits(model, given))


@pytest.mark.parametrize(
    ("name", "changes", "names"),
    [
        ("mlp", {"hidden": [5, 4]}, ["pieces", "hidden_0", "hidden_1", "logits"]),
        ("mlp", {"pieces": 0}, ["hidden_0", "logits"]),
        ("cnn", {}, ["vectors", "filters_0", "logits"]),
        ("cnn", {"trainable": False}, ["filters_0", "logits"]),
        ("attention", {"trainable": False}, ["states", "content", "gate", "scores", "logits"]),
        ("two_channel_cnn", {"widths": [2, 2]}, ["vectors", "filters_0", "filters_1", "logits"]),
        ("wide_and_deep", {}, ["vectors", "filters_0", "from_text", "from_terms"]),
        ("fasttext", {}, ["vectors", "pair_vectors", "logits"]),
        ("transformer", {}, ["places", "layer_0", "layer_1", "logits"]),
        (
            "transformer",
            {"train_words": True},
            ["vectors", "places", "layer_0", "layer_1", "logits"],
        ),
    ],
)
def test_weights_have_plain_names_and_frozen_vectors_are_none(name, changes, names):
    weights = variables(build(name, inputs(), **changes))
    assert {weight.partition(".")[0] for weight in weights} == set(names)


# Without Keras.


FORMS = [
    *[(name, {}) for name in MEMBERS],
    ("cnn", {"trainable": False}),
    ("cnn", {"filters": 1, "width": 1}),
    ("cnn", {"width": 12}),
    ("two_channel_cnn", {"widths": [2, 2, 5]}),
    ("mlp", {"hidden": []}),
    ("mlp", {"pieces": 0}),
    ("mlp", {"hidden": [5, 4]}),
    ("fasttext", {"buckets": 1}),
    ("transformer", {"pooling": "cls", "train_words": True}),
    ("attention", {"trainable": False}),
    ("attention", {"width": 1}),
    ("attention", {"width": 4, "heads": 3}),
    ("attention", {"width": 12}),
]


@pytest.mark.parametrize(
    ("name", "changes", "features"),
    [(*form, count) for form in FORMS for count in (0, 2) if count or form[0] != "mlp"],
)
def test_forward_gives_what_keras_gives(name, changes, features):
    given = inputs(features=features)
    model = build(name, given, **changes)
    step(model, rows(model))
    rng = np.random.default_rng(3)
    lengths = np.array([9, 0, 1, 4, 11, 0, 2, 3])
    padded = np.zeros((8, 11), dtype=np.int32)
    filled = np.arange(11) < lengths[:, None]
    padded[filled] = rng.integers(1, 12, lengths.sum())
    weights = csr_array((rng.random((8, 7)) * (rng.random((8, 7)) < 0.5)).astype(np.float32))
    made = {
        "tokens": padded,
        "features": rng.normal(size=(8, 2)).astype(np.float32),
        "terms": tensor(weights),
    }
    expected = logits(model, {kind: made[kind] for kind in model.input})
    file = importlib.import_module(f"ballast.models.{name}")
    forward = forward_of(file, {}, given, weights_of(model))
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    for kind in (np.uint16, np.uint32):
        tokens = padded[filled].astype(kind)
        values = forward(Encoded(tokens, offsets, made["features"] if features else None, weights))
        assert values.dtype == np.float32
        np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("name", MEMBERS)
def test_without_a_fast_form_keras_gives_the_same(name):
    """From other first weights, with terms sparse and texts of different lengths."""
    given = inputs()
    model = build(name, given)
    step(model, rows(model))
    rng = np.random.default_rng(4)
    made = Encoded(
        rng.integers(1, 12, 14).astype(np.uint16),
        np.array([0, 9, 9, 10, 14]),
        rng.normal(size=(4, 2)).astype(np.float32),
        csr_array((rng.random((4, 7)) * (rng.random((4, 7)) < 0.5)).astype(np.float32)),
    )
    module = importlib.import_module(f"ballast.models.{name}")
    slow = SimpleNamespace(build=lambda given, **changes: build(name, given, 9, **changes))
    values, expected = (
        forward_of(file, {}, given, weights_of(model))(made) for file in (slow, module)
    )
    assert values.dtype == np.float32
    np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5)


# Attention.


def encoded(texts: list[np.ndarray], features: np.ndarray | None = None) -> Encoded:
    offsets = np.cumsum([0, *map(len, texts)])
    return Encoded(np.concatenate(texts).astype(np.uint16), offsets, features)


def test_attention_sums_to_1_over_the_words_of_each_text():
    offsets = np.array([0, 3, 4, 60])
    scores = np.random.default_rng(0).normal(scale=300, size=(60, 2)).astype(np.float32)
    shares = attention.attention(scores, offsets)
    assert shares.shape == (60, 2)
    assert (shares >= 0).all()
    np.testing.assert_allclose(np.add.reduceat(shares, offsets[:-1]), 1, rtol=1e-5)
    np.testing.assert_array_equal(shares[:3].argmax(axis=0), scores[:3].argmax(axis=0))


def test_attention_gives_what_keras_gives_for_long_texts_in_blocks_of_any_size(monkeypatch):
    model = build("attention", inputs(features=0), heads=2)
    step(model, rows(model))
    forward = attention.forward(weights_of(model), inputs().vectors)
    rng = np.random.default_rng(0)
    texts = [rng.integers(1, 12, count) for count in (0, 3000, 0, 1, 7, 20, 2, 0)]
    padded = np.array([np.pad(text, (0, 3000 - len(text))) for text in texts])
    expected = logits(model, {"tokens": padded})
    for tokens in (1, 8, 2**14):
        monkeypatch.setattr(attention, "BLOCK", tokens)
        np.testing.assert_allclose(forward(encoded(texts)), expected, rtol=1e-5, atol=1e-5)


def test_attention_of_empty_texts_alone_is_the_bias():
    model = build("attention", inputs(features=0))
    step(model, rows(model))
    weights = weights_of(model)
    empty = np.array([], dtype=int)
    values = attention.forward(weights, inputs().vectors)(encoded([empty, empty]))
    np.testing.assert_allclose(values, [weights["logits.bias"]] * 2, atol=1e-6)
    np.testing.assert_allclose(values, logits(model, {"tokens": np.zeros((2, 3))}), atol=1e-6)


@pytest.mark.parametrize("name", TEXTUAL)
def test_rows_interpolated_by_0_or_1_are_one_of_the_two(name):
    """Of texts of different lengths, one of them empty."""
    model = build(name, inputs())
    step(model, rows(model))
    rng = np.random.default_rng(0)
    first, partner = (rng.integers(1, 12, (3, 6)) for _ in range(2))
    first[0, 4:] = partner[1, 2:] = first[2] = 0
    columns = rng.normal(size=(3, 2)).astype(np.float32)
    twin = interpolating(model)
    given = {"tokens": first, "partner": partner, "features": columns}
    given |= {kind: rows(model, 3)[kind] for kind in {"terms"} & set(model.input)}
    for share, text in ((0, first), (1, partner)):
        values = logits(twin, given | {"share": np.full(3, share, np.float32)})
        plain = {kind: given[kind] for kind in set(model.input)} | {"tokens": text}
        np.testing.assert_allclose(values, logits(model, plain), atol=1e-5)
    half = logits(twin, given | {"share": np.full(3, 0.5, np.float32)})
    assert np.isfinite(half).all()
