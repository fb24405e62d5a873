"""Linear models: the weights of least loss, held against scikit-learn's, and the path of C."""

from functools import partial

import keras
import numpy as np
import pytest
from problems import classes_of, objective_of, one_hot
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from ballast.losses import cross_entropy, squared_hinge
from ballast.models import linear
from ballast.networks.forward import mean
from ballast.networks.inputs import Inputs
from ballast.resampling.plans import repeat
from ballast.training import lbfgs
from ballast.training.batches import Batch, Table, make_batch
from ballast.training.learners.linear import learner
from ballast.training.objective import mixed_label_loss
from ballast.training.options import Training

ROWS, COLUMNS, TERMS, CLASSES = 120, 3, 5, 3
ALL = np.arange(ROWS)
C = 0.7


@pytest.fixture(autouse=True)
def converged(monkeypatch):
    """Search until rounding, to hold the minimum against other libraries'."""
    monkeypatch.setattr(lbfgs, "TOLERANCE", 1e-9)


@pytest.fixture(scope="module")
def table() -> Table:
    """Columns and terms that the classes depend on, with noise."""
    rng = np.random.default_rng(0)
    terms = rng.random((ROWS, TERMS)) * (rng.random((ROWS, TERMS)) < 0.4)
    features = rng.normal(size=(ROWS, COLUMNS))
    return Table(None, None, features.astype(np.float32), csr_array(terms.astype(np.float32)))


@pytest.fixture(scope="module")
def labels(table) -> np.ndarray:
    rng = np.random.default_rng(1)
    logits = dense(table) @ rng.normal(size=(COLUMNS + TERMS, CLASSES)) + [1, 0, -1]
    return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def dense(table: Table) -> np.ndarray:
    """Return what the network reads as one matrix, terms first."""
    return np.concatenate([table.terms.toarray(), table.features], axis=1, dtype=np.float64)


def classes():
    return classes_of(one_hot(np.arange(CLASSES), CLASSES))


def learner_of(loss=cross_entropy, start: float = C, factor: float = 2.0, wrap=None):
    """Return the learner of a linear model by a loss of the catalogue, or by one made of it."""
    inputs = Inputs(None, np.zeros((2, COLUMNS)), CLASSES, TERMS)
    model = linear.build(inputs, start=start, factor=factor)
    rows = partial(loss.loss, classes=classes())
    return learner(model, wrap(rows) if wrap else rows, Training(), False)


def examples(labels: np.ndarray, rows: np.ndarray = ALL) -> Batch:
    return Batch(rows, one_hot(labels[rows], CLASSES).astype(np.float32))


def parts(trained) -> tuple[np.ndarray, np.ndarray]:
    """Return the kernel, terms first, and the bias."""
    weights = trained.weights()
    assert set(weights) == {"from_terms.kernel", "from_features.kernel", "from_terms.bias"}
    kernel = np.concatenate([weights["from_terms.kernel"], weights["from_features.kernel"]])
    return kernel.astype(np.float64), weights["from_terms.bias"].astype(np.float64)


def same_but_for_a_shift(bias: np.ndarray, other: np.ndarray, tolerance: float = 0.02) -> None:
    """A number added for every class changes no probability, and no penalty."""
    np.testing.assert_allclose(bias - bias.mean(), other - other.mean(), atol=tolerance)


def test_cross_entropy_is_logistic_regression(table, labels):
    trained = learner_of()
    loss = trained.step(table, examples(labels))
    kernel, bias = parts(trained)
    expected = LogisticRegression(C=C, tol=1e-8, max_iter=1000).fit(dense(table), labels)
    np.testing.assert_allclose(kernel, expected.coef_.T, atol=0.01 * np.abs(expected.coef_).max())
    same_but_for_a_shift(bias, expected.intercept_)
    logs = expected.predict_log_proba(dense(table))
    # The loss alone, without the penalty.
    assert loss == pytest.approx(-logs[ALL, labels].mean(), rel=0.005)


def hinge(table: Table, labels: np.ndarray, kernel: np.ndarray, bias=0.0, c: float = C) -> float:
    """Return C times the sum of the squared hinges, plus half the squared weights."""
    signs = 2 * one_hot(labels, CLASSES).astype(float) - 1
    slack = np.maximum(0, 1 - signs * (dense(table) @ kernel + bias))
    return c * (slack**2).sum() + (kernel**2).sum() / 2


def test_squared_hinge_is_a_linear_support_vector_machine(table, labels):
    """By the whole objective too: without a bias, it could not be as small."""
    trained = learner_of(squared_hinge)
    trained.step(table, examples(labels))
    kernel, bias = parts(trained)
    objective = hinge(table, labels, kernel, bias)
    settings = {"C": C, "tol": 1e-8, "max_iter": 100_000, "random_state": 0}
    # A column this large makes the penalty of its bias vanish.
    expected = LinearSVC(**settings, intercept_scaling=100).fit(dense(table), labels)
    least = hinge(table, labels, expected.coef_.T, expected.intercept_)
    assert objective == pytest.approx(least, rel=1e-3)
    np.testing.assert_allclose(kernel, expected.coef_.T, atol=0.02 * np.abs(expected.coef_).max())
    np.testing.assert_allclose(bias, expected.intercept_, atol=0.02)
    without = LinearSVC(**settings, fit_intercept=False).fit(dense(table), labels)
    assert objective < hinge(table, labels, without.coef_.T)


def test_each_step_has_a_larger_c_and_starts_where_the_last_one_ended(table, labels):
    trained, losses = learner_of(start=0.05, factor=4.0), []
    for number in range(4):
        losses.append(trained.step(table, examples(labels)))
        kernel, bias = parts(trained)
        expected = LogisticRegression(C=0.05 * 4**number, tol=1e-8, max_iter=1000)
        expected.fit(dense(table), labels)
        largest = np.abs(expected.coef_).max()
        np.testing.assert_allclose(kernel, expected.coef_.T, atol=0.02 * largest)
        same_but_for_a_shift(bias, expected.intercept_, 0.05)
    assert losses == sorted(losses, reverse=True)


def test_repeated_rows_are_rows_with_weights(table, labels):
    times = np.random.default_rng(2).integers(0, 4, ROWS)
    plan = repeat(times)
    drawn = plan.draw(0, np.random.default_rng(0))
    trained = learner_of()
    trained.step(table, make_batch(plan, one_hot(labels, CLASSES), drawn))
    expected = LogisticRegression(C=C, tol=1e-8, max_iter=1000)
    expected.fit(dense(table), labels, sample_weight=times)
    kernel, bias = parts(trained)
    np.testing.assert_allclose(kernel, expected.coef_.T, atol=0.02 * np.abs(expected.coef_).max())
    same_but_for_a_shift(bias, expected.intercept_)


def test_weights_of_classes_are_scikit_learns(table, labels):
    weights = np.array([0.5, 1.0, 3.0])
    enabled = keras.Variable(True, trainable=False)

    def wrap(loss):
        return objective_of(classes(), loss, weights).weighted(enabled)

    trained = learner_of(wrap=wrap)
    trained.step(table, examples(labels))
    expected = LogisticRegression(C=C, tol=1e-8, class_weight=dict(enumerate(weights)))
    expected.fit(dense(table), labels)
    kernel, _ = parts(trained)
    np.testing.assert_allclose(kernel, expected.coef_.T, atol=0.02 * np.abs(expected.coef_).max())
    # Deferred, they apply from one step to the next.
    enabled.assign(False)
    deferred = learner_of(wrap=wrap)
    deferred.step(table, examples(labels))
    plain = learner_of()
    plain.step(table, examples(labels))
    np.testing.assert_allclose(parts(deferred)[0], parts(plain)[0], atol=1e-5)


def test_where_nothing_depends_on_the_inputs_the_bias_is_the_prior(labels):
    empty = Table(
        None, None, np.zeros((ROWS, COLUMNS), np.float32), csr_array((ROWS, TERMS), dtype="f4")
    )
    trained = learner_of()
    trained.step(empty, examples(labels))
    kernel, bias = parts(trained)
    assert not kernel.any()
    shares = np.exp(bias) / np.exp(bias).sum()
    np.testing.assert_allclose(shares, np.bincount(labels) / ROWS, atol=0.005)


def test_mixed_rows_are_rows_of_their_own(table, labels):
    """With partners, inputs and labels are mixed: the same as a table of the mixed rows."""
    rng = np.random.default_rng(3)
    partners, shares = rng.permutation(ROWS), rng.random(ROWS).astype(np.float32)
    partners[:5] = -1
    targets = one_hot(labels, CLASSES).astype(np.float32)
    mixed = np.column_stack([targets, targets[partners], np.where(partners < 0, 0, shares)])
    trained = learner_of(wrap=mixed_label_loss)
    trained.step(table, Batch(ALL, mixed.astype(np.float32), partners, shares))
    share = np.where(partners < 0, 0, shares)[:, None]
    inner = ((1 - share) * part + share * part[partners] for part in (dense(table), targets))
    inputs, soft = inner
    terms, features = np.split(inputs.astype(np.float32), [TERMS], axis=1)
    separate = learner_of()
    mixed_rows = Table(None, None, features, csr_array(terms))
    separate.step(mixed_rows, Batch(ALL, soft.astype(np.float32)))
    for values, expected in zip(parts(trained), parts(separate), strict=True):
        np.testing.assert_allclose(values, expected, atol=1e-3)


def test_a_second_learner_gives_the_same_bits(table, labels):
    both = []
    for _ in range(2):
        trained = learner_of(squared_hinge)
        for _ in range(2):
            trained.step(table, examples(labels))
        both.append({name: values.tobytes() for name, values in trained.weights().items()})
    assert both[0] == both[1]


def test_merged_networks_compute_the_mean_of_their_logits(table, labels):
    networks = []
    for rows in (ALL[::2], ALL[1::2], ALL[:70]):
        trained = learner_of()
        trained.step(table, examples(labels, rows))
        networks.append(trained.weights())
    forwards = [linear.forward(weights, None) for weights in networks]
    (merged,) = linear.merged(networks)
    logits = linear.forward(merged, None)(table.take(ALL))
    np.testing.assert_allclose(logits, mean(forwards)(table.take(ALL)), atol=1e-5)
