"""L-BFGS on linear models, where algebra knows the minimum, and its line search."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from ballast.training import lbfgs
from ballast.training.lbfgs import Design, Point, line_search, minimise

ROWS, TERMS, COLUMNS, CLASSES = 40, 6, 3, 2


@pytest.fixture(scope="module")
def matrices() -> list:
    rng = np.random.default_rng(0)
    terms = rng.random((ROWS, TERMS)) * (rng.random((ROWS, TERMS)) < 0.5)
    columns = rng.normal(size=(ROWS, COLUMNS)) * [1, 10, 0.1]
    return [csr_array(terms.astype(np.float32)), columns.astype(np.float32)]


@pytest.fixture(scope="module")
def targets() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(ROWS, CLASSES)).astype(np.float32)


@pytest.fixture
def squares(targets):
    """Half the mean squared distance from the targets."""

    def loss(logits):
        error = logits - targets
        return float((error.astype(float) ** 2).sum() / 2 / ROWS), error / np.float32(ROWS)

    return loss


def some_weights(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    shapes = [(TERMS, CLASSES), (COLUMNS, CLASSES), (CLASSES,)]
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def total(design: Design, loss, weights) -> float:
    *kernels, _ = weights
    squared = sum(float((kernel.astype(float) ** 2).sum()) for kernel in kernels)
    return loss(design.logits(weights))[0] + design.penalty / 2 * squared


def test_weights_are_the_same_as_one_array_and_back(matrices):
    design, weights = Design(matrices, 0.1), some_weights(0)
    restored = design.unflatten(design.flatten(weights))
    for values, expected in zip(restored, weights, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-6)


def test_the_gradient_is_what_a_small_step_changes(matrices, squares):
    design, weights = Design(matrices, 0.1), some_weights(1)
    by_logits = squares(design.logits(weights))[1]
    gradient, position = design.gradient(by_logits, weights), design.flatten(weights)
    for direction in np.eye(len(position), dtype=np.float32)[::3]:
        before, after = (
            total(design, squares, design.unflatten(position + step * direction))
            for step in (-1, 1)
        )
        # Of a square, the difference of both sides is the derivative to the rounding.
        assert gradient @ direction == pytest.approx((after - before) / 2, rel=1e-3, abs=1e-4)


def test_of_squares_it_is_ridge_regression(matrices, squares, targets, monkeypatch):
    monkeypatch.setattr(lbfgs, "TOLERANCE", 0.0)
    penalty = 0.05
    weights, loss = minimise(Design(matrices, penalty), squares, some_weights(2))
    columns = [matrices[0].toarray(), matrices[1], np.ones((ROWS, 1))]
    inputs = np.concatenate(columns, axis=1, dtype=float)
    ridge = ROWS * penalty * np.diag([1.0] * (TERMS + COLUMNS) + [0.0])
    expected = np.linalg.solve(inputs.T @ inputs + ridge, inputs.T @ targets)
    np.testing.assert_allclose(np.vstack(weights), expected, atol=2e-4)
    error = inputs @ expected - targets
    assert loss == pytest.approx((error**2).sum() / 2 / ROWS, rel=1e-4)


def test_an_iteration_costs_two_products(matrices, squares, monkeypatch):
    """However often the line search evaluates the loss."""
    counts = dict.fromkeys(("logits", "gradient", "evaluations"), 0)
    for name in ("logits", "gradient"):
        method = getattr(Design, name)

        def counted(self, *arguments, name=name, method=method):
            counts[name] += 1
            return method(self, *arguments)

        monkeypatch.setattr(Design, name, counted)

    def loss(logits):
        counts["evaluations"] += 1
        return squares(logits)

    minimise(Design(matrices, 0.01), loss, some_weights(3))
    assert counts["logits"] == counts["gradient"] > 3
    assert counts["evaluations"] > counts["logits"]


def test_it_ends_where_the_outputs_overflow(matrices):
    start = some_weights(4)
    zero = np.zeros((ROWS, CLASSES), np.float32)
    weights, loss = minimise(Design(matrices, 0.1), lambda _: (np.nan, zero), start)
    assert np.isnan(loss)
    for values, expected in zip(weights, start, strict=True):
        np.testing.assert_allclose(values, expected, rtol=1e-6)


def quartic(minimum: float, scale: float, end: float):
    """Points of a fourth power with its minimum at `minimum`; beyond end, NaN."""

    def at(step: float) -> Point:
        distance = step - minimum
        value = scale * (distance**4 + distance**2) if step < end else np.nan
        slope = scale * (4 * distance**3 + 2 * distance)
        return Point(step, value, slope, value, np.empty(0))

    return at


@given(
    st.floats(0.01, 1000),
    st.floats(0.001, 1000),
    st.floats(1.1, 10),
    st.floats(0.001, 100),
)
def test_the_line_search_succeeds_from_any_first_step(minimum, scale, beyond, step):
    at = quartic(minimum, scale, beyond * minimum)
    first = at(0.0)
    point = line_search(at, first, step)
    assert point.value < first.value
    assert abs(point.slope) <= lbfgs.CURVATURE * abs(first.slope)


def test_uphill_there_is_no_step():
    at = quartic(-1.0, 1.0, np.inf)
    first = at(0.0)
    assert line_search(at, first, 1.0) is first
