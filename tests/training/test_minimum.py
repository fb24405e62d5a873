"""The least loss of linear models, where algebra tells it, and the search along a direction."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from ballast.training import lbfgs as minimum
from ballast.training.lbfgs import Examples, Place, along

ROWS, TERMS, COLUMNS, CLASSES = 40, 6, 3, 2


@pytest.fixture(scope="module")
def parts() -> list:
    rng = np.random.default_rng(0)
    terms = rng.random((ROWS, TERMS)) * (rng.random((ROWS, TERMS)) < 0.5)
    columns = rng.normal(size=(ROWS, COLUMNS)) * [1, 10, 0.1]
    return [csr_array(terms.astype(np.float32)), columns.astype(np.float32)]


@pytest.fixture(scope="module")
def wanted() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(ROWS, CLASSES)).astype(np.float32)


@pytest.fixture
def squares(wanted):
    """Half the mean squared distance from what is wanted."""

    def loss(logits):
        away = logits - wanted
        return float((away.astype(float) ** 2).sum() / 2 / ROWS), away / np.float32(ROWS)

    return loss


def some_weights(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = [(TERMS, CLASSES), (COLUMNS, CLASSES), (CLASSES,)]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def total(examples: Examples, loss, weights) -> float:
    *kernels, _ = weights
    squared = sum(float((kernel.astype(float) ** 2).sum()) for kernel in kernels)
    return loss(examples.logits(weights))[0] + examples.penalty / 2 * squared


def test_weights_are_the_same_as_one_array_and_back(parts):
    examples, weights = Examples(parts, 0.1), some_weights(0)
    for found, expected in zip(examples.weights(examples.flat(weights)), weights, strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_the_gradient_is_what_a_small_step_changes(parts, squares):
    examples, weights = Examples(parts, 0.1), some_weights(1)
    slopes = squares(examples.logits(weights))[1]
    gradient, here = examples.gradient(slopes, weights), examples.flat(weights)
    for way in np.eye(len(here), dtype=np.float32)[::3]:
        ends = [total(examples, squares, examples.weights(here + step * way)) for step in (-1, 1)]
        # Of a square, the difference of both sides is the slope to the rounding.
        assert gradient @ way == pytest.approx((ends[1] - ends[0]) / 2, rel=1e-3, abs=1e-4)


def test_of_squares_it_is_ridge_regression(parts, squares, wanted, monkeypatch):
    monkeypatch.setattr(minimum, "TOLERANCE", 0.0)
    penalty = 0.05
    found, loss = minimum.minimum(Examples(parts, penalty), squares, some_weights(2))
    inputs = np.concatenate([parts[0].toarray(), parts[1], np.ones((ROWS, 1))], axis=1, dtype=float)
    ridge = ROWS * penalty * np.diag([1.0] * (TERMS + COLUMNS) + [0.0])
    expected = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ wanted)
    np.testing.assert_allclose(np.vstack(found), expected, atol=2e-4)
    away = inputs @ expected - wanted
    assert loss == pytest.approx((away**2).sum() / 2 / ROWS, rel=1e-4)


def test_an_iteration_costs_two_products(parts, squares, monkeypatch):
    """Wherever on a direction the loss is looked at."""
    counts = dict.fromkeys(("logits", "gradient", "looks"), 0)
    for name in ("logits", "gradient"):
        method = getattr(Examples, name)

        def counted(self, *given, name=name, method=method):
            counts[name] += 1
            return method(self, *given)

        monkeypatch.setattr(Examples, name, counted)

    def loss(logits):
        counts["looks"] += 1
        return squares(logits)

    minimum.minimum(Examples(parts, 0.01), loss, some_weights(3))
    assert counts["logits"] == counts["gradient"] > 3
    assert counts["looks"] > counts["logits"]


def test_it_ends_where_the_outputs_overflow(parts):
    start = some_weights(4)
    nothing = np.zeros((ROWS, CLASSES), np.float32)
    found, loss = minimum.minimum(Examples(parts, 0.1), lambda _: (np.nan, nothing), start)
    assert np.isnan(loss)
    for own, expected in zip(found, start, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-6)


def curve(least: float, steepness: float, end: float):
    """A place's value and slope on a fourth power with its minimum at `least`; beyond end: NaN."""

    def look(step: float) -> Place:
        away = step - least
        value = steepness * (away**4 + away**2) if step < end else np.nan
        slope = steepness * (4 * away**3 + 2 * away)
        return Place(step, value, slope, value, np.empty(0))

    return look


@given(
    st.floats(0.01, 1000),
    st.floats(0.001, 1000),
    st.floats(1.1, 10),
    st.floats(0.001, 100),
)
def test_a_good_place_is_found_from_any_first_step(least, steepness, beyond, step):
    look = curve(least, steepness, beyond * least)
    first = look(0.0)
    found = along(look, first, step)
    assert found.value < first.value
    assert abs(found.slope) <= minimum.FLAT * abs(first.slope)


def test_uphill_there_is_none():
    first = curve(-1.0, 1.0, np.inf)(0.0)
    assert along(curve(-1.0, 1.0, np.inf), first, 1.0) is first
