"""Adam on arrays: what Keras gives, also for rows that steps leave out; others stay as they are."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ballast.training.adam import MOMENTUM_STEPS, DenseAdam, Rates, SparseAdam

RATE, STEPS = 0.01, 500
# Rounding alone: a step moves a number by about the rate, and .9 m is m - .1 m but for a bit.
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


def of_keras(start: np.ndarray, gradients: np.ndarray) -> np.ndarray:
    """Return the array after a step of Keras' Adam for each gradient."""
    variable, optimizer = keras.Variable(start), keras.optimizers.Adam(RATE)
    optimizer.build([variable])
    step = tf.function(lambda gradient: optimizer.apply([gradient], [variable]))
    for gradient in gradients:
        step(tf.constant(gradient))
    return variable.numpy()


def random(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return numbers of very different sizes."""
    return (rng.normal(size=shape) * 10.0 ** rng.integers(-4, 3, shape)).astype(np.float32)


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
def test_an_array_changes_as_in_keras(shape):
    rng = np.random.default_rng(0)
    start, gradients = random(rng, *shape), random(rng, STEPS, *shape)
    values = start.copy()
    optimizer = DenseAdam(values, Rates(RATE))
    for gradient in gradients:
        optimizer.update(gradient)
    np.testing.assert_allclose(values, of_keras(start, gradients), **CLOSE)


def steps_with(row: str) -> np.ndarray:
    """Return the steps that have a gradient for a row, by the kind of row."""
    every = np.arange(STEPS)
    return {
        "each": every,
        "some": every[every % 7 == 3],
        "first": every[:1],
        "late": every[-3:],
        "away with momentum": every[(every < 50) | (every > 50 + MOMENTUM_STEPS)],
        "away for longer": every[(every < 20) | (every > 120 + 2 * MOMENTUM_STEPS)],
        "never": every[:0],
    }[row]


ROWS = ["each", "some", "first", "late", "away with momentum", "away for longer", "never"]


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return a table, and the gradients of each step: 0 for rows that it leaves out."""
    rng = np.random.default_rng(1)
    gradients = np.zeros((STEPS, len(ROWS), 4), np.float32)
    for number, row in enumerate(ROWS):
        steps = steps_with(row)
        gradients[steps, number] = random(rng, len(steps), 4)
    return random(rng, len(ROWS), 4), gradients


def trained(start: np.ndarray, gradients: np.ndarray, interval: int = STEPS + 1) -> np.ndarray:
    """Return a table after steps with the rows that have gradients; all are read at intervals."""
    optimizer = SparseAdam(start.copy(), Rates(RATE))
    for step, gradient in enumerate(gradients, 1):
        rows = np.flatnonzero(gradient.any(axis=1))[::-1].copy()
        optimizer.catch_up(rows)
        optimizer.update(rows, gradient[rows])
        if step % interval == 0:
            optimizer.all()
    return optimizer.all()


@pytest.mark.parametrize("steps", [1, 40, STEPS])
def test_rows_change_as_in_keras_where_the_others_have_gradients_of_0(steps):
    start, gradients = table()
    expected = of_keras(start, gradients[:steps])
    np.testing.assert_allclose(trained(start, gradients[:steps]), expected, **CLOSE)


def test_a_row_without_a_gradient_stays_as_it_is_to_the_bit():
    start, gradients = table()
    for interval in (3, STEPS + 1):
        values = trained(start, gradients, interval)
        np.testing.assert_array_equal(values[ROWS.index("never")], start[ROWS.index("never")])


def test_when_rows_are_read_does_not_matter():
    start, gradients = table()
    once, often = trained(start, gradients), trained(start, gradients, interval=3)
    np.testing.assert_allclose(once, often, **CLOSE)
    near = [number for number, row in enumerate(ROWS) if row in ("each", "some", "late")]
    np.testing.assert_array_equal(once[near], often[near])


def test_a_row_has_no_momentum_after_that_many_steps():
    row, gradient = np.array([0]), np.ones((1, 1), np.float32)
    optimizer = SparseAdam(gradient.copy(), Rates(RATE))
    optimizer.update(row, gradient)
    for _ in range(MOMENTUM_STEPS):
        optimizer.update(row[:0], gradient[:0])
        last = optimizer.all().copy()
    for _ in range(MOMENTUM_STEPS):
        optimizer.update(row[:0], gradient[:0])
        np.testing.assert_array_equal(optimizer.all(), last)


def test_rates_are_the_learning_rate_with_both_corrections():
    rates = Rates(RATE)
    for step in (1, 2, 10, 1023, 1024, 1025, 5000):
        expected = RATE * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
        assert rates.upto(step)[step] == pytest.approx(expected, rel=1e-4)
    assert rates.upto(100000)[100000] == pytest.approx(RATE)


def test_rates_stay_the_same_as_they_grow():
    rates = Rates(RATE)
    before = rates.upto(5).copy()
    np.testing.assert_array_equal(rates.upto(4 * len(before))[: len(before)], before)
