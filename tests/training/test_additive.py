"""Additive models: their pieces, the weights of least loss, and what the networks compute."""

import numpy as np
import pytest
from problems import classes_of, one_hot
from sklearn.linear_model import LogisticRegression

from ballast.losses import cross_entropy
from ballast.models import additive, linear
from ballast.networks.forward import mean
from ballast.networks.inputs import Inputs
from ballast.training import lbfgs
from ballast.training.batches import Batch, Table
from ballast.training.learners.linear import learner
from ballast.training.options import Training

ROWS, C = 300, 0.05
ALL = np.arange(ROWS)


@pytest.fixture(autouse=True)
def converged(monkeypatch):
    """Search until rounding, to hold the minimum against scikit-learn's."""
    monkeypatch.setattr(lbfgs, "TOLERANCE", 1e-9)


@pytest.fixture(scope="module")
def columns() -> np.ndarray:
    """A normal and a skewed column, one of two values, and a constant."""
    rng = np.random.default_rng(0)
    parts = [
        rng.normal(size=ROWS),
        rng.lognormal(size=ROWS),
        rng.random(ROWS) < 0.03,
        np.ones(ROWS),
    ]
    return np.column_stack(parts).astype(np.float32)


@pytest.fixture(scope="module")
def labels(columns) -> np.ndarray:
    """Positive at both ends of the first column."""
    return (np.abs(columns[:, 0]) > 1).astype(int)


def build(columns: np.ndarray, member=additive, start: float = C):
    return member.build(Inputs(None, columns, 2), start=start)


def trained(columns: np.ndarray, labels: np.ndarray, member=additive, rows: np.ndarray = ALL):
    """Return the weights after a step."""

    def loss(labels, logits):
        return cross_entropy.loss(labels, logits, classes=classes_of(np.eye(2)))

    steps = learner(build(columns, member), loss, Training(), False)
    batch = Batch(rows, one_hot(labels[rows], 2).astype(np.float32))
    steps.step(Table(None, None, columns), batch)
    return steps.weights()


def pieces_of(columns: np.ndarray, constants: dict) -> np.ndarray:
    """Return the pieces, shape (rows, pieces, columns)."""
    both = additive.with_pieces(columns, constants)
    np.testing.assert_array_equal(both[:, : columns.shape[1]], columns)
    return both[:, columns.shape[1] :].reshape(len(columns), -1, columns.shape[1])


def test_pieces_have_the_standard_deviation_1_and_begin_at_quantiles(columns):
    constants = build(columns).constants
    pieces = pieces_of(columns, constants)
    np.testing.assert_allclose(pieces[..., :2].std(axis=0), 1, rtol=1e-4)
    for number, share in enumerate(additive.QUANTILES[:-1]):
        positive = (pieces[:, number, :2] > 0).mean(axis=0)
        np.testing.assert_allclose(positive, 1 - share, atol=0.01)


def test_columns_of_fewer_than_three_values_have_no_pieces(columns):
    assert not pieces_of(columns, build(columns).constants)[..., 2:].any()


def test_behind_the_training_rows_functions_go_on_as_lines(columns):
    constants = build(columns).constants
    ends = np.stack([columns.min(axis=0), columns.max(axis=0)])
    inside, outside = (
        pieces_of(rows, constants) for rows in (ends, np.float32([[-3e38] * 4, [3e38] * 4]))
    )
    np.testing.assert_allclose(outside, inside, rtol=1e-4, atol=1e-4)


def test_it_is_logistic_regression_on_the_pieces(columns, labels):
    weights = trained(columns, labels)
    # Two opposite weights for each: half the penalty of one.
    expected = LogisticRegression(C=2 * C, tol=1e-8, max_iter=2000)
    expected.fit(additive.with_pieces(columns, weights).astype(np.float64), labels)
    logits = additive.forward(weights, None)(Table(None, None, columns))
    assert logits.dtype == np.float32
    shares = expected.predict_proba(additive.with_pieces(columns, weights))
    np.testing.assert_allclose(
        np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), shares, atol=0.005
    )


def test_it_learns_what_no_line_can(columns, labels):
    rows = Table(None, None, columns)
    right = {
        member: (member.forward(trained(columns, labels, member), None)(rows).argmax(1) == labels)
        for member in (additive, linear)
    }
    assert right[additive].mean() > 0.9 > 0.75 > right[linear].mean()


def test_merged_networks_compute_the_mean_of_their_logits(columns, labels):
    networks = [trained(columns, labels, rows=rows) for rows in (ALL[::2], ALL[1::2], ALL[:90])]
    (merged,) = additive.merged(networks)
    rows = Table(None, None, columns)
    expected = mean([additive.forward(weights, None) for weights in networks])(rows)
    np.testing.assert_allclose(additive.forward(merged, None)(rows), expected, atol=1e-5)
