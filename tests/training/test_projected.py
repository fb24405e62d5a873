"""Filters trained without Keras: the same steps as by Keras, the same bits twice."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from defaults import parameters
from problems import classes_of, objective_of, one_hot
from scipy.sparse import csr_array

from ballast.losses import cross_entropy
from ballast.models import attention, cnn, mlp, two_channel_cnn, wide_and_deep
from ballast.networks.inputs import Inputs
from ballast.networks.layers import interpolating, variables
from ballast.project import params
from ballast.project.errors import UserError
from ballast.training.architecture import Architecture
from ballast.training.batches import Batch, Table
from ballast.training.learners.keras import KerasLearner
from ballast.training.learners.projected import ProjectedLearner
from ballast.training.options import Training

WORDS, DIMENSIONS, COLUMNS, TERMS, CLASSES, RATE = 40, 8, 2, 9, 4, 0.01
NETWORKS = {
    "cnn": (cnn, {"filters": 6, "width": 3}),
    "cnn of frozen vectors": (cnn, {"filters": 6, "width": 4, "trainable": False}),
    "cnn of single words": (cnn, {"filters": 6, "width": 1}),
    "two channels": (two_channel_cnn, {"filters": 5, "widths": [2, 5]}),
    "wide and deep": (wide_and_deep, {"filters": 6, "width": 3, "rate": 0.5}),
}
EACH = pytest.mark.parametrize("name", NETWORKS)
# Shorter than the filters are wide, empty, and one of a single word: equal windows win together.
LENGTHS = np.array([9, 9, 4, 3, 2, 1, 0, 6, 12, 0, 5, 7])
ROWS = len(LENGTHS)


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    tf.config.experimental.enable_op_determinism()


def starting_vectors() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(WORDS, DIMENSIONS)).astype(np.float32)


def build(name: str, features: int = COLUMNS, dropout: float = 0.0) -> keras.Model:
    keras.utils.set_random_seed(3)
    file, options = NETWORKS[name]
    inputs = Inputs(starting_vectors(), np.zeros((1, features)), CLASSES, TERMS)
    model = file.build(inputs, **options, dropout=dropout)
    # With biases of zero, responses to padding alone would have no gradient.
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv1D):
            layer.bias.assign(np.linspace(-1, 1, layer.filters))
    return model


def some_rows(features: int = COLUMNS) -> Table:
    rng = np.random.default_rng(0)
    offsets = np.concatenate([[0], np.cumsum(LENGTHS)])
    tokens = rng.integers(1, WORDS, offsets[-1]).astype(np.uint16)
    tokens[offsets[1] : offsets[2]] = 7
    columns = rng.normal(size=(ROWS, features)).astype(np.float32)
    weights = rng.random((ROWS, TERMS)) * (rng.random((ROWS, TERMS)) < 0.4)
    terms = csr_array(weights.astype(np.float32))
    return Table(tokens, offsets, columns if features else None, terms)


def some_labels(multilabel: bool = False) -> np.ndarray:
    if multilabel:
        return (np.random.default_rng(1).random((ROWS, CLASSES)) < 0.4).astype(np.float32)
    return one_hot(np.arange(ROWS) % CLASSES, CLASSES).astype(np.float32)


def loss_of(multilabel: bool = False, weights: np.ndarray | None = None):
    classes = classes_of(some_labels(multilabel), multilabel)
    loss = partial(cross_entropy.loss, classes=classes)
    return loss if weights is None else objective_of(classes, loss, weights).weighted(True)


def projected(name: str, precision: str = "float32", **changes) -> ProjectedLearner:
    return ProjectedLearner(build(name, **changes), loss_of(), RATE, precision)


def learn(learner, table: Table, labels: np.ndarray, mixes: bool = False) -> list[float]:
    """Make steps with some of the rows each, or with partners that are none; return the losses."""
    rng, losses, table = np.random.default_rng(2), [], table.only(learner.model.input)
    for _ in range(8):
        rows = rng.choice(ROWS, 7, replace=False)
        partners = (np.full(7, -1), np.zeros(7)) if mixes else ()
        losses.append(learner.step(table, Batch(rows, labels[rows], *partners)))
    return losses


def check_same(
    name: str, loss, labels: np.ndarray, features: int = COLUMNS, mixes: bool = False
) -> None:
    """Hold steps with some rows against those of Keras."""
    model, twin = (build(name, features) for _ in range(2))
    start = {weight: value.numpy() for weight, value in variables(model).items()}
    ours = ProjectedLearner(model, loss, RATE, "float32")
    theirs = KerasLearner(twin, interpolating(twin) if mixes else twin, loss, RATE)
    table = some_rows(features)
    losses = learn(ours, table, labels)
    np.testing.assert_allclose(losses, learn(theirs, table, labels, mixes), rtol=1e-5)
    weights, expected = ours.weights(), theirs.weights()
    assert list(weights) == list(expected)
    for weight, values in expected.items():
        assert np.abs(values - start[weight]).max() > RATE, weight
        # A step changes a number by about the rate, even if its gradient is hardly more than
        # rounding.
        np.testing.assert_allclose(weights[weight], values, atol=RATE / 1000, err_msg=weight)


@pytest.mark.thorough
@EACH
@pytest.mark.parametrize("features", [0, COLUMNS])
def test_steps_are_those_of_keras(name, features):
    check_same(name, loss_of(), some_labels(), features)


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_steps_by_a_weighted_loss_are_those_of_keras(multilabel):
    weights = np.random.default_rng(0).uniform(0.2, 4, (2, CLASSES) if multilabel else CLASSES)
    check_same("two channels", loss_of(multilabel, weights), some_labels(multilabel))


@pytest.mark.parametrize("name", ["cnn", "two channels", "wide and deep"])
def test_rows_without_partners_in_an_interpolating_network_are_rows_alone(name):
    check_same(name, loss_of(), some_labels(), mixes=True)


@EACH
def test_empty_texts_alone_are_learnt_from(name):
    learner = projected(name)
    empty = np.flatnonzero(LENGTHS == 0)
    before = learner.weights()
    assert np.isfinite(learner.step(some_rows(), Batch(empty, some_labels()[empty])))
    after = learner.weights()
    unchanged = {weight for weight in before if (before[weight] == after[weight]).all()}
    # Padding is zero, so its windows are the biases alone.
    assert unchanged == {
        weight
        for weight in before
        if weight.startswith("vectors")
        or (weight.startswith("filters") and weight.endswith("kernel"))
    }


@pytest.mark.thorough
@pytest.mark.parametrize("name", params.members("losses"))
def test_every_loss_is_learnt_from(name):
    module, options = params.member(parameters(), "loss", name)
    table, rows, tasks = some_rows().only(["tokens", "features"]), np.arange(ROWS), 0
    for multilabel in (False, True):
        model, labels = build("cnn"), some_labels(multilabel)
        loss = partial(module.loss, classes=classes_of(labels, multilabel), **options)
        try:
            expected = np.mean(loss(labels, model(table.take(rows).padded())))
        except UserError:
            continue  # not defined for this task
        tasks += 1
        learner = ProjectedLearner(model, loss, RATE, "float32")
        before = learner.weights()
        assert learner.step(table, Batch(rows, labels)) == pytest.approx(expected, rel=1e-5)
        for weight, values in learner.weights().items():
            assert np.isfinite(values).all()
            assert (values != before[weight]).any(), weight
    assert tasks


@EACH
def test_bfloat16_learns_nearly_the_same(name):
    exact, rounded = projected(name), projected(name, "bfloat16")
    table, labels = some_rows(), some_labels()
    losses, others = (learn(learner, table, labels) for learner in (exact, rounded))
    assert losses != others
    # Both factors and their product are rounded to 8 bits, each off by 1/512 at most, and so is a
    # sum where little cancels.
    np.testing.assert_allclose(others[0], losses[0], rtol=3 / 512)
    np.testing.assert_allclose(others, losses, rtol=0.05)
    weights = rounded.weights()
    for weight, values in exact.weights().items():
        # Where two windows nearly tie another may win, so single numbers differ by some steps.
        assert np.abs(weights[weight] - values).mean() < RATE / 2, weight


@pytest.mark.thorough
@EACH
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_steps_twice_give_the_same_weights_to_the_bit(name, precision):
    both = []
    for _ in range(2):
        learner = projected(name, precision, dropout=0.3)
        both.append((learn(learner, some_rows(), some_labels()), learner.weights()))
    (losses, weights), (again, others) = both
    assert losses == again
    for weight, values in weights.items():
        np.testing.assert_array_equal(values, others[weight], err_msg=weight)


@EACH
def test_weights_are_copies_that_later_steps_leave_alone(name):
    learner = projected(name)
    table, labels = some_rows(), some_labels()
    learn(learner, table, labels)
    weights = learner.weights()
    copies = {weight: values.copy() for weight, values in weights.items()}
    learn(learner, table, labels)
    for weight, values in learner.weights().items():
        np.testing.assert_array_equal(weights[weight], copies[weight])
        assert (values != copies[weight]).any(), weight


@pytest.mark.parametrize("name", ["cnn of frozen vectors", "two channels"])
def test_frozen_vectors_stay_as_they_are(name):
    learner = projected(name)
    learn(learner, some_rows(), some_labels())
    np.testing.assert_array_equal(learner.frozen, starting_vectors())


@pytest.mark.parametrize("name", ["cnn", "cnn of single words", "two channels"])
def test_vectors_of_words_that_do_not_occur_stay_as_they_are_to_the_bit(name):
    learner = projected(name)
    table = some_rows()
    learn(learner, table, some_labels())
    changed = (learner.weights()["vectors.embeddings"] != starting_vectors()).any(axis=1)
    assert set(np.flatnonzero(changed)) <= set(table.tokens.tolist())
    assert changed.any()


def test_filters_are_trained_without_keras_unless_rows_are_mixed():
    columns = np.zeros((1, COLUMNS))
    texts = Inputs(starting_vectors(), columns, CLASSES)
    # The convolution of attention is not followed by the largest response.
    for file, inputs, mixes, kind in [
        (cnn, texts, False, ProjectedLearner),
        (cnn, texts, True, KerasLearner),
        (mlp, Inputs(None, columns, CLASSES), False, KerasLearner),
        (mlp, Inputs(None, columns, CLASSES), True, KerasLearner),
        (attention, texts, False, KerasLearner),
    ]:
        architecture = Architecture(file, {}, inputs)
        (model,) = architecture.build(1, 0)
        assert type(architecture.learner(model, loss_of(), Training(), mixes)) is kind
