"""Adam on arrays: what Keras gives, also for rows that steps leave out; others stay as they are."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ballast.training.adam import STILL, Rates, Rows, Whole

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


def some(rng: np.random.Generator, *shape: int) -> np.ndarray:
    """Return numbers of very different sizes."""
    return (rng.normal(size=shape) * 10.0 ** rng.integers(-4, 3, shape)).astype(np.float32)


@pytest.mark.parametrize("shape", [(7,), (3, 4, 5)])
def test_a_whole_array_moves_as_in_keras(shape):
    rng = np.random.default_rng(0)
    start, gradients = some(rng, *shape), some(rng, STEPS, *shape)
    values = start.copy()
    moved = Whole(values, Rates(RATE))
    for gradient in gradients:
        moved.update(gradient)
    np.testing.assert_allclose(values, of_keras(start, gradients), **CLOSE)


def steps_with(row: str) -> np.ndarray:
    """Return the steps that have a gradient for a row, by the kind of row."""
    every = np.arange(STEPS)
    return {
        "each": every,
        "some": every[every % 7 == 3],
        "first": every[:1],
        "late": every[-3:],
        "away within STILL": every[(every < 50) | (every > 50 + STILL)],
        "away beyond STILL": every[(every < 20) | (every > 120 + 2 * STILL)],
        "never": every[:0],
    }[row]


ROWS = ["each", "some", "first", "late", "away within STILL", "away beyond STILL", "never"]


def table() -> tuple[np.ndarray, np.ndarray]:
    """Return a table, and the gradients of each step: 0 for rows that it leaves out."""
    rng = np.random.default_rng(1)
    gradients = np.zeros((STEPS, len(ROWS), 4), np.float32)
    for number, row in enumerate(ROWS):
        own = steps_with(row)
        gradients[own, number] = some(rng, len(own), 4)
    return some(rng, len(ROWS), 4), gradients


def moved(start: np.ndarray, gradients: np.ndarray, looks: int = STEPS + 1) -> np.ndarray:
    """Return a table after steps with the rows that have gradients; all are asked for at times."""
    rows = Rows(start.copy(), Rates(RATE))
    for step, gradient in enumerate(gradients, 1):
        own = np.flatnonzero(gradient.any(axis=1))[::-1].copy()
        rows.bring(own)
        rows.update(own, gradient[own])
        if step % looks == 0:
            rows.all()
    return rows.all()


@pytest.mark.parametrize("steps", [1, 40, STEPS])
def test_rows_move_as_in_keras_where_the_others_have_gradients_of_0(steps):
    start, gradients = table()
    expected = of_keras(start, gradients[:steps])
    np.testing.assert_allclose(moved(start, gradients[:steps]), expected, **CLOSE)


def test_a_row_without_a_gradient_stays_as_it_is_to_the_bit():
    start, gradients = table()
    for looks in (3, STEPS + 1):
        found = moved(start, gradients, looks)
        np.testing.assert_array_equal(found[ROWS.index("never")], start[ROWS.index("never")])


def test_when_rows_are_asked_for_does_not_matter():
    start, gradients = table()
    once, often = moved(start, gradients), moved(start, gradients, looks=3)
    np.testing.assert_allclose(once, often, **CLOSE)
    near = [number for number, row in enumerate(ROWS) if row in ("each", "some", "late")]
    np.testing.assert_array_equal(once[near], often[near])


def test_a_row_moves_no_more_after_that_many_steps():
    own, slope = np.array([0]), np.ones((1, 1), np.float32)
    rows = Rows(slope.copy(), Rates(RATE))
    rows.update(own, slope)
    for _ in range(STILL):
        rows.update(own[:0], slope[:0])
        last = rows.all().copy()
    for _ in range(STILL):
        rows.update(own[:0], slope[:0])
        np.testing.assert_array_equal(rows.all(), last)


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
