"""Losses: what every member promises, references in float64, and the way back to probabilities."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import LETTERS, check_blocks, check_contract
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, logit, softmax

from ballast import params
from ballast.classes import Classes
from ballast.errors import UserError
from ballast.losses import cross_entropy, focal

MEMBERS = params.members("losses")
ALPHA = {"a": 0.25, "b": 3.0}
VARIANTS = [
    *[(name, {}) for name in MEMBERS],
    ("focal", {"gamma": 0.0}),
    ("focal", {"gamma": 0.5, "alpha": ALPHA}),
    ("focal", {"gamma": 1.0}),
    ("focal", {"gamma": 5.0, "alpha": ALPHA}),
]
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
EACH_VARIANT = pytest.mark.parametrize(("name", "changes"), VARIANTS)


def of(multilabel: bool, count: int = 3) -> Classes:
    return Classes(LETTERS[:count], np.arange(count, 0, -1), 10, multilabel)


def member(name: str, changes: dict, classes: Classes):
    """Return the loss of (labels, logits), and the inverse of logits, options filled in."""
    module, options = check_contract("loss", name)
    options = options | changes
    return (
        partial(module.loss, classes=classes, **options),
        partial(module.inverse, classes=classes, **options),
    )


def some_rows(multilabel: bool, rows: int = 12, count: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(rows, count))
    if multilabel:
        return (rng.random((rows, count)) < 0.4).astype(float), logits
    return np.eye(count)[rng.integers(0, count, rows)], logits


def gradient(loss, labels: np.ndarray, logits: np.ndarray, dtype=tf.float64) -> np.ndarray:
    tensor = tf.constant(logits, dtype)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        total = tf.reduce_sum(loss(tf.constant(labels, dtype), tensor))
    return tape.gradient(total, tensor).numpy()


def reference(name: str, labels, logits, multilabel: bool, *, gamma=2.0, alpha=None) -> np.ndarray:
    """Write the formulas down as they stand, in float64."""
    gamma = {"cross_entropy": 0.0, "focal": gamma}[name]
    weights = np.array([(alpha or {}).get(letter, 1.0) for letter in LETTERS[: labels.shape[1]]])
    if multilabel:
        p = expit(logits)
        yes = -weights * (1 - p) ** gamma * np.log(p)
        no = -(p**gamma) * np.log(1 - p)
        return labels * yes + (1 - labels) * no
    p = (labels * softmax(logits, axis=1)).sum(axis=1)
    return -(labels @ weights) * (1 - p) ** gamma * np.log(p)


def test_every_member_has_its_block_of_options():
    check_blocks("loss")


@EACH_TASK
@EACH_VARIANT
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_loss_a_row_or_a_label(name, changes, multilabel, dtype):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel)
    values = loss(tf.constant(labels, dtype), tf.constant(logits, dtype))
    assert values.shape == (labels.shape if multilabel else labels.shape[:1])
    assert keras.backend.standardize_dtype(values.dtype) == dtype
    assert (values.numpy() >= 0).all()
    again = loss(tf.constant(labels, dtype), tf.constant(logits, dtype))
    np.testing.assert_array_equal(values, again)


@EACH_TASK
@EACH_VARIANT
def test_numpy_arrays_do_as_well_as_tensors(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel)
    np.testing.assert_allclose(
        np.asarray(loss(labels, logits)), loss(tf.constant(labels), tf.constant(logits))
    )


@EACH_TASK
@EACH_VARIANT
def test_bfloat16_has_no_nan(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel)
    logits[:3] *= 20
    values = loss(tf.constant(labels, tf.bfloat16), tf.constant(logits, tf.bfloat16))
    assert values.dtype == tf.bfloat16
    assert np.isfinite(tf.cast(values, tf.float32)).all()
    assert np.isfinite(gradient(loss, labels, logits, tf.bfloat16).astype(np.float32)).all()


@EACH_TASK
@EACH_VARIANT
@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_far_logits_have_finite_losses_and_gradients(name, changes, multilabel, dtype):
    loss, _ = member(name, changes, of(multilabel))
    corners = np.array([[60, -60, 0], [-60, 60, 60], [-60, -60, -60], [60, 60, 60], [0, -60, 60]])
    for labels in np.eye(3) if not multilabel else np.array(list(np.ndindex(2, 2, 2)), float):
        labels = np.tile(labels, (len(corners), 1))
        values = loss(tf.constant(labels, dtype), tf.constant(corners, dtype)).numpy()
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert np.isfinite(gradient(loss, labels, corners, dtype)).all()


@EACH_TASK
@EACH_VARIANT
def test_raising_the_true_logit_never_raises_the_loss(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel, rows=200, seed=4)
    found = gradient(loss, labels, 3 * logits)
    assert (found[labels == 1] <= 0).all()
    assert (found[labels == 1] < 0).any()
    if multilabel:
        assert (found[labels == 0] >= 0).all()

    steps = np.linspace(-60, 60, 241)
    for c in range(3):
        for present in (1, 0) if multilabel else (1,):
            path = np.zeros((len(steps), 3))
            path[:, c] = steps
            marked = np.zeros_like(path)
            marked[:, c] = present
            values = np.asarray(loss(marked, path))
            values = values[:, c] if multilabel else values
            assert (np.diff(values) * (1 if present else -1) <= 0).all()
            assert abs(values[0] - values[-1]) > 1


@EACH_TASK
@EACH_VARIANT
def test_gradients_are_finite_differences(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel, seed=2)
    expected, step = np.empty_like(logits), 1e-5
    for c in range(logits.shape[1]):
        move = step * np.eye(logits.shape[1])[c]
        change = np.asarray(loss(labels, logits + move)) - np.asarray(loss(labels, logits - move))
        expected[:, c] = (change[:, c] if multilabel else change) / (2 * step)
    np.testing.assert_allclose(gradient(loss, labels, logits), expected, rtol=1e-5, atol=1e-8)


@EACH_TASK
@EACH_VARIANT
def test_classes_in_another_order_have_the_same_losses(name, changes, multilabel):
    classes = of(multilabel)
    order = [2, 0, 1]
    names = tuple(classes.names[c] for c in order)
    moved = Classes(names, classes.counts[order], classes.rows, multilabel)
    labels, logits = some_rows(multilabel)
    values = np.asarray(member(name, changes, classes)[0](labels, logits))
    others = np.asarray(member(name, changes, moved)[0](labels[:, order], logits[:, order]))
    np.testing.assert_allclose(others, values[:, order] if multilabel else values, rtol=1e-12)


@EACH_TASK
@EACH_VARIANT
def test_a_traced_loss_is_the_eager_one(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel)
    traced = tf.function(lambda labels, logits: loss(labels, logits))
    for dtype, bound in ((tf.float64, 1e-12), (tf.float32, 1e-5)):
        pair = tf.constant(labels, dtype), tf.constant(logits, dtype)
        np.testing.assert_allclose(traced(*pair), loss(*pair), rtol=bound, atol=bound)


@EACH_TASK
@EACH_VARIANT
def test_values_are_the_formulas(name, changes, multilabel):
    if name not in ("cross_entropy", "focal"):
        pytest.skip("a member without a formula written down here")
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel, rows=100, seed=6)
    expected = reference(name, labels, logits, multilabel, **changes)
    np.testing.assert_allclose(np.asarray(loss(labels, logits)), expected, rtol=1e-6)
    single = loss(tf.constant(labels, tf.float32), tf.constant(logits, tf.float32))
    np.testing.assert_allclose(single, expected, rtol=2e-4, atol=1e-6)


@EACH_TASK
def test_cross_entropy_is_exact_where_probabilities_round_to_1(multilabel):
    logits = np.array([[50.0, 0.0, 0.0]])
    found = np.asarray(cross_entropy.loss(np.array([[1.0, 0, 0]]), logits, of(multilabel)))
    if multilabel:
        np.testing.assert_allclose(found[0, 0], -log_expit(50), rtol=1e-12)
    else:
        np.testing.assert_allclose(found[0], -log_softmax(logits[0])[0], atol=1e-15)


@EACH_TASK
@settings(deadline=None, max_examples=25, derandomize=True)
@given(seed=st.integers(0, 10_000), gamma=st.floats(0, 6))
def test_focal_is_cross_entropy_times_a_power_of_the_rest(multilabel, seed, gamma):
    classes = of(multilabel)
    labels, logits = some_rows(multilabel, seed=seed)
    plain = np.asarray(cross_entropy.loss(labels, logits, classes))
    found = np.asarray(focal.loss(labels, logits, classes, gamma=gamma))
    true = np.exp(-plain)
    np.testing.assert_allclose(found, (1 - true) ** gamma * plain, rtol=1e-6, atol=1e-12)


@EACH_TASK
def test_focal_without_gamma_is_cross_entropy(multilabel):
    classes = of(multilabel)
    labels, logits = some_rows(multilabel)
    np.testing.assert_allclose(
        np.asarray(focal.loss(labels, logits, classes, gamma=0.0)),
        np.asarray(cross_entropy.loss(labels, logits, classes)),
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        softmax(focal.inverse(logits, classes, gamma=0.0, alpha=None), axis=1),
        softmax(cross_entropy.inverse(logits, classes), axis=1),
        rtol=1e-9,
    )


@EACH_TASK
def test_alpha_scales_the_loss_of_its_class(multilabel):
    classes = of(multilabel)
    labels, logits = some_rows(multilabel, rows=50)
    plain = np.asarray(focal.loss(labels, logits, classes))
    found = np.asarray(focal.loss(labels, logits, classes, alpha=ALPHA))
    factors = np.where(labels, [0.25, 3.0, 1.0], 1.0)
    factors = factors if multilabel else factors.prod(axis=1)
    np.testing.assert_allclose(found, factors * plain, rtol=1e-12)


@EACH_TASK
def test_alpha_of_an_unknown_class_is_refused(multilabel):
    labels, logits = some_rows(multilabel)
    with pytest.raises(UserError, match=r"'nobody' is no class.*a, b, c"):
        focal.loss(labels, logits, of(multilabel), alpha={"a": 1.0, "nobody": 2.0})


@pytest.mark.parametrize("block", [{"gamma": -1}, {"alpha": 0.25}, {"alpha": {"a": 0}}])
def test_options_out_of_range_are_refused(block):
    with pytest.raises(UserError, match=r"losses\.focal"):
        params.options(focal.loss, block, "losses.focal")


# The way back: the loss is minimised by brute force, and its inverse must find p again.

INVERTED = [
    *[(name, {}) for name in MEMBERS],
    *[
        ("focal", {"gamma": gamma, "alpha": alpha})
        for gamma in (0.5, 1.0, 2.0, 5.0)
        for alpha in (None, ALPHA)
    ],
]


def minimiser(loss, p: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return the logits with the least expected loss where p is the truth, for each row of p."""
    count = p.shape[1]

    def expected(flat: np.ndarray) -> tuple[float, np.ndarray]:
        logits = tf.constant(flat.reshape(p.shape))
        with tf.GradientTape() as tape:
            tape.watch(logits)
            if multilabel:
                yes, no = loss(tf.ones_like(logits), logits), loss(tf.zeros_like(logits), logits)
                total = tf.reduce_sum(p * yes + (1 - p) * no)
            else:
                sure = [tf.constant(np.tile(np.eye(count)[c], (len(p), 1))) for c in range(count)]
                total = sum(tf.reduce_sum(p[:, c] * loss(sure[c], logits)) for c in range(count))
        return float(total), tape.gradient(total, logits).numpy().ravel()

    # Line searches stop where the loss no longer changes: its rounding is the limit.
    found = minimize(expected, np.zeros(p.size), jac=True, method="BFGS", options={"gtol": 1e-11})
    assert np.abs(found.jac).max() < 1e-7
    return found.x.reshape(p.shape)


@EACH_TASK
@pytest.mark.parametrize(("name", "changes"), INVERTED)
def test_inverse_finds_the_probabilities_that_the_loss_was_minimised_for(name, changes, multilabel):
    loss, inverse = member(name, changes, of(multilabel))
    p = np.array([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05], [0.02, 0.08, 0.9]])
    found = inverse(minimiser(loss, p, multilabel))
    recovered = expit(found) if multilabel else softmax(found, axis=1)
    np.testing.assert_allclose(recovered, p, atol=1e-4)


def test_a_rare_class_looks_far_likelier_to_focal_loss_than_it_is():
    loss, inverse = member("focal", {"gamma": 2.0}, of(False, 2))
    logits = minimiser(loss, np.array([[0.98, 0.02]]), False)
    assert 0.17 < softmax(logits, axis=1)[0, 1] < 0.21
    np.testing.assert_allclose(softmax(inverse(logits), axis=1), [[0.98, 0.02]], atol=1e-4)

    loss, inverse = member("focal", {"gamma": 2.0}, of(True, 2))
    logits = minimiser(loss, np.array([[0.98, 0.02]]), True)
    assert 0.17 < expit(logits[0, 1]) < 0.21
    np.testing.assert_allclose(expit(inverse(logits)), [[0.98, 0.02]], atol=1e-4)


def test_the_inverse_of_cross_entropy_changes_nothing():
    _, logits = some_rows(False)
    np.testing.assert_array_equal(cross_entropy.inverse(logits, of(False)), logits)


@EACH_TASK
@pytest.mark.parametrize(("name", "changes"), INVERTED)
@pytest.mark.parametrize("far", [60.0, 1000.0])
def test_inverse_of_far_logits_is_finite_and_keeps_the_order(name, changes, multilabel, far):
    _, inverse = member(name, changes, of(multilabel))
    logits = np.array([[far, -far, 0], [0, 0, far], [-far, -far, -far], [far, far, -far]])
    for given_as in (logits, logits.astype(np.float32)):
        found = inverse(given_as)
        assert found.shape == logits.shape
        assert np.isfinite(found).all()
    if not changes.get("alpha"):
        for row, back in zip(logits, found, strict=True):
            order = np.argsort(row, kind="stable")
            assert (np.diff(back[order]) >= 0).all()


@EACH_TASK
@pytest.mark.parametrize(("name", "changes"), INVERTED)
def test_inverse_is_smooth_and_increasing_through_all_confidences(name, changes, multilabel):
    _, inverse = member(name, changes, of(multilabel, 2))
    steps = np.linspace(-60, 60, 4001)
    found = inverse(np.stack([np.zeros_like(steps), steps], axis=1))
    odds = found[:, 1] if multilabel else found[:, 1] - found[:, 0]
    slopes = np.diff(odds) / np.diff(steps)
    assert (slopes > 0).all()
    # Where digits are lost, slopes would jump.
    assert np.abs(np.diff(slopes)).max() < 0.05


@settings(deadline=None, max_examples=50, derandomize=True)
@given(z=st.floats(-30, 30), gamma=st.floats(0, 6))
def test_two_classes_are_one_label(z, gamma):
    """softmax of (0, z) is sigmoid of z, and so it is after the inverse."""
    options = {"gamma": gamma, "alpha": None}
    pair = focal.inverse(np.array([[0.0, z]]), of(False, 2), **options)
    label = focal.inverse(np.array([[z]]), of(True, 1), **options)
    np.testing.assert_allclose(pair[0, 1] - pair[0, 0], label[0, 0], rtol=1e-7, atol=1e-9)


def test_the_inverse_is_the_papers_at_a_hand_computed_point():
    # h(.2) / h(.8) at gamma 1, where h(v) = v / (1 - v - v log v).
    ratio = (0.2 / (0.8 - 0.2 * np.log(0.2))) / (0.8 / (0.2 - 0.8 * np.log(0.8)))
    found = focal.inverse(np.array([[logit(0.2)]]), of(True, 1), gamma=1.0, alpha=None)
    np.testing.assert_allclose(found[0, 0], np.log(ratio), rtol=1e-12)
