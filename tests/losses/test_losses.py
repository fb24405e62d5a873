"""Losses: what every member promises, references in float64, and the way back to probabilities."""

import doctest
import inspect
import re
from dataclasses import replace
from functools import cache, partial
from typing import get_args

import keras
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from loss_formulas import FORMULAS
from problems import LETTERS, check_blocks, check_contract
from scipy.optimize import minimize
from scipy.special import expit, log_expit, log_softmax, logit, softmax
from sklearn.metrics import f1_score

from ballast.labels.classes import Classes
from ballast.losses import _likelihood as likelihood
from ballast.losses import (
    asymmetric,
    auc_margin,
    balanced_softmax,
    cost_sensitive,
    cross_entropy,
    distribution_balanced,
    expected_cost,
    focal,
    generalized_cross_entropy,
    ldam,
    logit_adjustment,
    soft_f1,
)
from ballast.probabilities import balancing, costs
from ballast.probabilities.calibration import Method
from ballast.project import params
from ballast.project.errors import UserError

MEMBERS = params.members("losses")
ALPHA = {"a": 0.25, "b": 3.0}
COSTS = {"a": {"b": 3.0}, "b": {"a": 20.0}}
PLAIN_ASYMMETRIC = {"gamma_positive": 0.0, "gamma_negative": 0.0, "shift": 0.0, "smoothing": 0.0}
PLAIN_BALANCED = {"rebalance": False, "kappa": 0.0, "scale": 1.0, "gamma": 0.0}
VARIANTS = [
    *[(name, {}) for name in MEMBERS],
    ("focal", {"gamma": 0.0}),
    ("focal", {"gamma": 0.5, "alpha": ALPHA}),
    ("focal", {"gamma": 1.0}),
    ("focal", {"gamma": 5.0, "alpha": ALPHA}),
    ("asymmetric", {"gamma_positive": 1.0, "shift": 0.0, "smoothing": 0.0}),
    ("asymmetric", {"gamma_negative": 0.5, "shift": 0.3, "smoothing": 0.0}),
    ("auc_margin", {"margin": 0.4}),
    ("cost_sensitive", {"costs": COSTS}),
    ("distribution_balanced", {"rebalance": False, "gamma": 0.0, "kappa": 1.0}),
    ("distribution_balanced", {"kappa": 0.0, "scale": 1.0, "alpha": 0.5, "beta": 2.0}),
    ("expected_cost", {"costs": COSTS, "cross_entropy": 0.5}),
    ("generalized_cross_entropy", {"q": 0.3}),
    ("ldam", {"margin": 2.0, "scale": 1.5}),
    ("logit_adjustment", {"tau": 0.4}),
    ("poly1", {"epsilon": -0.7}),
    ("poly1", {"epsilon": 4.0}),
    ("weighted_sigmoid", {"most": 0.7}),
]


def of(multilabel: bool, count: int = 3) -> Classes:
    return Classes(LETTERS[:count], np.arange(count, 0, -1), 10, multilabel)


@cache
def checked(name: str) -> tuple:
    return check_contract("loss", name)


def bound(name: str, changes: dict, classes: Classes) -> dict:
    """Return all arguments but labels and logits; the costs among the changes are the classes'."""
    options = checked(name)[1] | changes
    costs = options.pop("costs", None)
    return {"classes": replace(classes, costs=costs), **options}


def member(name: str, changes: dict, classes: Classes):
    """Return the loss of (labels, logits), and the inverse of logits, options filled in."""
    module, arguments = checked(name)[0], bound(name, changes, classes)
    back = getattr(module, "inverse", None)
    return partial(module.loss, **arguments), back and partial(back, **arguments)


def whole_batch(name: str) -> bool:
    """Tell whether a loss is a function of the whole batch, the mean of its values."""
    return getattr(checked(name)[0], "PER_BATCH", False)


def refusal(name: str, multilabel: bool) -> str:
    """Return what a member says against a task, or nothing where it is defined."""
    try:
        checked(name)[0].loss(*some_rows(multilabel), of(multilabel))
    except UserError as error:
        return str(error)
    return ""


def some_rows(multilabel: bool, rows: int = 12, count: int = 3, seed: int = 0):
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(rows, count))
    if multilabel:
        return (rng.random((rows, count)) < 0.4).astype(float), logits
    return np.eye(count)[rng.integers(0, count, rows)], logits


TASKS = {name: [task for task in (False, True) if not refusal(name, task)] for name in MEMBERS}
INVERTIBLE = [name for name in MEMBERS if hasattr(checked(name)[0], "inverse")]


def cases(variants: list) -> list:
    return [
        pytest.param(name, changes, task, id=f"{name}-{i}-{'multi' if task else 'single'}")
        for i, (name, changes) in enumerate(variants)
        for task in TASKS[name]
    ]


EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
EACH_CASE = pytest.mark.parametrize(("name", "changes", "multilabel"), cases(VARIANTS))


def gradient(loss, labels: np.ndarray, logits: np.ndarray, dtype=tf.float64) -> np.ndarray:
    tensor = tf.constant(logits, dtype)
    with tf.GradientTape() as tape:
        tape.watch(tensor)
        total = tf.reduce_sum(loss(tf.constant(labels, dtype), tensor))
    return tape.gradient(total, tensor).numpy()


def test_every_member_has_its_block_of_options():
    check_blocks("loss")


@pytest.mark.parametrize("name", MEMBERS)
def test_a_task_that_a_loss_is_not_for_is_refused_with_the_reason_and_another(name):
    assert TASKS[name]
    for task in {False, True} - set(TASKS[name]):
        said = refusal(name, task)
        found = re.fullmatch(rf"params\.yaml: loss: {name} needs .+: .+\. Use (\w+)\b.*\.", said)
        assert found, said
        assert task in TASKS[found[1]]


@EACH_CASE
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


@EACH_CASE
def test_numpy_arrays_do_as_well_as_tensors(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel)
    np.testing.assert_allclose(
        np.asarray(loss(labels, logits)), loss(tf.constant(labels), tf.constant(logits))
    )


@EACH_CASE
def test_bfloat16_has_no_nan(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel)
    logits[:3] *= 20
    values = loss(tf.constant(labels, tf.bfloat16), tf.constant(logits, tf.bfloat16))
    assert values.dtype == tf.bfloat16
    assert np.isfinite(tf.cast(values, tf.float32)).all()
    assert np.isfinite(gradient(loss, labels, logits, tf.bfloat16).astype(np.float32)).all()


@pytest.mark.thorough
@EACH_CASE
@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float32, tf.float64])
def test_far_logits_have_finite_losses_and_gradients(name, changes, multilabel, dtype):
    loss, _ = member(name, changes, of(multilabel))
    corners = np.array([[60, -60, 0], [-60, 60, 60], [-60, -60, -60], [60, 60, 60], [0, -60, 60]])
    for labels in np.eye(3) if not multilabel else np.array(list(np.ndindex(2, 2, 2)), float):
        labels = np.tile(labels, (len(corners), 1))
        values = loss(tf.constant(labels, dtype), tf.constant(corners, dtype)).numpy().astype(float)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
        assert np.isfinite(gradient(loss, labels, corners, dtype).astype(float)).all()


@pytest.mark.parametrize(
    ("name", "changes", "multilabel"),
    # Of a loss of the whole batch, what a row adds depends on the others: see their own tests.
    cases([variant for variant in VARIANTS if not whole_batch(variant[0])]),
)
def test_raising_the_true_logit_never_raises_the_loss(name, changes, multilabel):
    if name == "asymmetric" and not multilabel:
        changes = changes | {"smoothing": 0.0}  # smoothing: see the test of this loss
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
            assert (np.diff(values) * (1 if present else -1) <= 1e-15).all()
            assert abs(values[0] - values[-1]) > 1


@pytest.mark.thorough
@EACH_CASE
def test_gradients_are_finite_differences(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel, seed=2)
    labels, logits = labels[:6], logits[:6]
    expected, step = np.empty_like(logits), 1e-5
    for place in np.ndindex(logits.shape):
        move = np.zeros_like(logits)
        move[place] = step
        ahead, back = (np.sum(loss(labels, logits + m)) for m in (move, -move))
        expected[place] = (ahead - back) / (2 * step)
    np.testing.assert_allclose(gradient(loss, labels, logits), expected, rtol=1e-5, atol=1e-7)


@EACH_CASE
def test_classes_in_another_order_have_the_same_losses(name, changes, multilabel):
    classes = of(multilabel)
    order = [2, 0, 1]
    names = tuple(classes.names[c] for c in order)
    moved = Classes(names, classes.counts[order], classes.rows, multilabel)
    labels, logits = some_rows(multilabel)
    values = np.asarray(member(name, changes, classes)[0](labels, logits))
    others = np.asarray(member(name, changes, moved)[0](labels[:, order], logits[:, order]))
    np.testing.assert_allclose(others, values[:, order] if multilabel else values, rtol=1e-12)


@EACH_CASE
def test_a_traced_loss_is_the_eager_one(name, changes, multilabel):
    loss, _ = member(name, changes, of(multilabel))
    labels, logits = some_rows(multilabel)
    traced = tf.function(lambda labels, logits: loss(labels, logits))
    for dtype, bound in ((tf.float64, 1e-12), (tf.float32, 1e-5)):
        pair = tf.constant(labels, dtype), tf.constant(logits, dtype)
        np.testing.assert_allclose(traced(*pair), loss(*pair), rtol=bound, atol=bound)


@EACH_CASE
def test_values_are_the_formulas(name, changes, multilabel):
    classes = of(multilabel)
    loss, _ = member(name, changes, classes)
    labels, logits = some_rows(multilabel, rows=100, seed=6)
    if name == "distribution_balanced":
        labels[0] = 0
    # A member without a formula written down there fails here.
    expected = FORMULAS[name](labels, logits, **bound(name, changes, classes))
    summary = np.mean if whole_batch(name) else np.asarray
    np.testing.assert_allclose(summary(loss(labels, logits)), expected, rtol=1e-6, atol=1e-12)
    single = loss(tf.constant(labels, tf.float32), tf.constant(logits, tf.float32))
    np.testing.assert_allclose(summary(single), expected, rtol=2e-4, atol=1e-6)


@EACH_TASK
def test_cross_entropy_is_exact_where_probabilities_round_to_1(multilabel):
    logits = np.array([[50.0, 0.0, 0.0]])
    found = np.asarray(cross_entropy.loss(np.array([[1.0, 0, 0]]), logits, of(multilabel)))
    if multilabel:
        np.testing.assert_allclose(found[0, 0], -log_expit(50), rtol=1e-12)
    else:
        np.testing.assert_allclose(found[0], -log_softmax(logits[0])[0], atol=1e-15)


@EACH_TASK
@settings(max_examples=25)
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


PLAIN = [
    ("asymmetric", PLAIN_ASYMMETRIC),
    ("cost_sensitive", {}),
    ("cost_sensitive", {"costs": {"a": {"b": 1.0}, "b": {"b": 1.0}}}),
    ("distribution_balanced", PLAIN_BALANCED),
    ("expected_cost", {"costs": {x: dict.fromkeys("abc", 0.0) for x in "abc"}}),
    ("expected_cost", {"costs": {x: dict.fromkeys("abc", 2.0) for x in "abc"}}),
    ("focal", {"gamma": 0.0}),
    ("generalized_cross_entropy", {"q": 0.0}),
    ("generalized_cross_entropy", {"q": 1e-9}),
    ("ldam", {"margin": 0.0, "scale": 1.0}),
    ("logit_adjustment", {"tau": 0.0}),
    ("poly1", {"epsilon": 0.0}),
    ("weighted_sigmoid", {"most": 0.5}),
]


@pytest.mark.parametrize(("name", "changes", "multilabel"), cases(PLAIN))
def test_without_its_own_part_a_loss_is_cross_entropy(name, changes, multilabel):
    classes = of(multilabel)
    loss, inverse = member(name, changes, classes)
    labels, logits = some_rows(multilabel, rows=40)
    plain = np.asarray(cross_entropy.loss(labels, logits, classes))
    # The same cost of everything adds that cost.
    added = 2.0 if changes.get("costs", {}).get("a", {}).get("a") == 2 else 0.0
    np.testing.assert_allclose(np.asarray(loss(labels, logits)) - added, plain, rtol=1e-6)
    if inverse:
        change = inverse(logits) - logits
        change = change if multilabel else change - change[:, :1]
        np.testing.assert_allclose(change, 0, atol=1e-6)


@EACH_TASK
@pytest.mark.parametrize("counts", [[3, 2, 1], [5.5, 1e-3, 2.25], [0, 4, 6]])
def test_balanced_softmax_is_logit_adjustment_at_tau_1(multilabel, counts):
    classes = Classes(tuple("abc"), np.array(counts), 10, multilabel)
    labels, logits = some_rows(multilabel)
    np.testing.assert_allclose(
        np.asarray(balanced_softmax.loss(labels, logits, classes)),
        np.asarray(logit_adjustment.loss(labels, logits, classes, tau=1.0)),
        rtol=1e-12,
    )
    change = balanced_softmax.inverse(logits, classes) - logit_adjustment.inverse(
        logits, classes, tau=1.0
    )
    np.testing.assert_allclose(change if multilabel else np.ptp(change, axis=1), 0, atol=1e-12)


@EACH_CASE
def test_a_class_without_a_row_and_a_label_of_every_row_do_no_harm(name, changes, multilabel):
    classes = Classes(tuple("abc"), np.array([0, 4, 10 if multilabel else 6]), 10, multilabel)
    loss, inverse = member(name, changes, classes)
    labels, logits = some_rows(multilabel)
    labels = labels * [0, 1, 1] if multilabel else np.eye(3)[1 + np.arange(12) % 2]
    assert np.isfinite(np.asarray(loss(labels, logits))).all()
    assert np.isfinite(gradient(loss, labels, logits)).all()
    if inverse:
        assert np.isfinite(inverse(logits)).all()


@pytest.mark.parametrize(
    ("name", "block"),
    [
        ("asymmetric", {"shift": 1.0}),
        ("asymmetric", {"gamma_negative": -1}),
        ("auc_margin", {"margin": 0}),
        ("balanced_softmax", {"tau": 1.0}),
        # Costs are at the top level of params.yaml.
        ("cost_sensitive", {"costs": {"a": {"b": 2.0}}}),
        ("expected_cost", {"costs": {"a": {"b": 2.0}}}),
        ("distribution_balanced", {"scale": 0}),
        ("distribution_balanced", {"rebalance": 1}),
        ("expected_cost", {"cross_entropy": 0}),
        ("generalized_cross_entropy", {"q": 1.0}),
        ("ldam", {"scale": 0}),
        ("ldam", {"margin": -0.5}),
        ("logit_adjustment", {"tau": -1}),
        ("poly1", {"epsilon": -1}),
        ("soft_f1", {"smoothing": 0}),
        ("weighted_sigmoid", {"most": 0.4}),
        ("weighted_sigmoid", {"most": 1.0}),
    ],
)
def test_options_of_the_others_out_of_range_are_refused(name, block):
    with pytest.raises(UserError, match=rf"losses\.{name}\.{next(iter(block))}"):
        params.options(checked(name)[0].loss, block, f"losses.{name}")


@EACH_TASK
def test_a_loss_of_the_whole_batch_says_so(multilabel):
    """A row alone and the same row among others: equal for all losses but those."""
    labels, logits = some_rows(multilabel)
    for name in (name for name in MEMBERS if multilabel in TASKS[name]):
        loss, _ = member(name, {}, of(multilabel))
        among, alone = (
            np.asarray(loss(labels, logits))[:1],
            np.asarray(loss(labels[:1], logits[:1])),
        )
        assert np.allclose(among, alone) != whole_batch(name), name


def test_cost_sensitive_jumps_where_the_predicted_class_changes():
    costs = {"c": {"a": 20.0}}
    rows = (
        np.array([[0.0, 0.0, 1.0]] * 3),
        np.log([[0.5, 0.3, 0.2], [0.3, 0.5, 0.2], [0.3, 0.2, 0.5]]),
    )
    found = np.asarray(cost_sensitive.loss(*rows, replace(of(False), costs=costs)))
    np.testing.assert_allclose(found, [-20 * np.log(0.2), -np.log(0.2), -np.log(0.5)], rtol=1e-12)


def test_costs_are_a_matrix_for_two_classes_too():
    two = replace(of(False, 2), costs={"b": {"a": 10.0}})
    rows = np.eye(2)[[1, 0]], np.array([[1.0, 0.0], [0.0, 1.0]])
    found = cost_sensitive.loss(*rows, two)
    np.testing.assert_allclose(found, np.log1p(np.e) * np.array([10, 1]), rtol=1e-12)
    found = expected_cost.loss(*rows, two)
    wrong = np.e / (1 + np.e)
    np.testing.assert_allclose(found, np.log1p(np.e) + wrong * np.array([10, 1]), rtol=1e-12)


@pytest.mark.parametrize("module", [balancing, costs, likelihood])
def test_examples_of_what_losses_share_are_true(module):
    assert doctest.testmod(module).failed == 0


def test_outputs_of_expected_cost_that_no_p_leads_to_still_have_a_finite_inverse():
    """Costs as squared distances and little cross-entropy: the middle class is never best."""
    far = {"a": {"c": 4.0}, "c": {"a": 4.0}}
    logits = np.array([[0.0, 3.0, 0.0], [0.0, 60.0, 0.0], [0.0, 0.0, 0.0]])
    found = expected_cost.inverse(logits, replace(of(False), costs=far), cross_entropy=0.05)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("share", [0.01, 0.1, 1.0])
def test_the_inverse_of_expected_cost_is_one_for_all_outputs_of_two_classes(share):
    """p = s1 (k + s0) / (k + 11 s0 s1), worked out by hand for costs 1 and 10."""
    steps = np.linspace(-15, 15, 61)
    logits = np.stack([np.zeros_like(steps), steps], axis=1)
    two = replace(of(False, 2), costs={"b": {"a": 10.0}})
    found = softmax(expected_cost.inverse(logits, two, cross_entropy=share), axis=1)[:, 1]
    s = expit(steps)
    expected = s * (share + 1 - s) / (share + 11 * s * (1 - s))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_smaller_the_share_of_cross_entropy_the_closer_argmax_to_the_cheapest_class():
    costs, p = {"b": {"a": 10.0}}, np.array([[0.85, 0.15]])  # to say a costs 1.5, to say b .85
    found = [
        softmax(minimiser(member("expected_cost", {"costs": costs, "cross_entropy": share},
                                 of(False, 2))[0], p, False))[0, 1]
        for share in (100.0, 1.0, 0.1)
    ]  # fmt: skip
    assert 0.15 < found[0] < 0.16
    assert found[0] < found[1] < found[2]
    assert found[2] > 0.5


def test_the_margins_of_ldam_are_those_of_the_fourth_root():
    classes = Classes(("a", "b", "c"), np.array([1, 16, 81]), 98)
    labels, logits = np.eye(3), np.zeros((3, 3))
    found = np.asarray(ldam.loss(labels, logits, classes, margin=0.6))
    expected = [np.log(1 + 2 * np.exp(margin)) for margin in (0.6, 0.3, 0.2)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_asymmetric_drops_absent_labels_up_to_the_shift_and_keeps_present_ones():
    classes = of(True)
    logits = np.full((1, 3), logit(0.04))
    absent, present = (
        np.asarray(asymmetric.loss(np.full((1, 3), y), logits, classes)) for y in (0.0, 1.0)
    )
    np.testing.assert_array_equal(absent, 0)
    np.testing.assert_allclose(present, -0.96 * np.log(0.04), rtol=1e-9)


def test_asymmetric_with_smoothing_falls_until_the_smoothed_target():
    """One label a row: at gamma 0 the loss is least at p = 1 - smoothing + smoothing / C."""
    loss, _ = member("asymmetric", PLAIN_ASYMMETRIC | {"smoothing": 0.3}, of(False))
    p = np.linspace(0.01, 0.99, 99)
    logits = np.log(np.stack([p, (1 - p) / 2, (1 - p) / 2], axis=1))
    values = np.asarray(loss(np.tile([1.0, 0, 0], (99, 1)), logits))
    assert p[values.argmin()] == pytest.approx(0.8)
    assert (np.diff(values)[:78] < 0).all()
    # Focusing takes the others' smoothed share away where they are unlikely.
    focused, _ = member("asymmetric", {"smoothing": 0.3}, of(False))
    values = np.asarray(focused(np.tile([1.0, 0, 0], (99, 1)), logits))
    assert p[values.argmin()] > 0.85


def test_weights_of_the_distribution_balanced_loss_by_hand():
    classes = Classes(("common", "rare"), np.array([4, 1]), 10, True)
    labels = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    plain = {"kappa": 0.0, "scale": 1.0, "gamma": 0.0}
    found = np.asarray(distribution_balanced.loss(labels, np.zeros((4, 2)), classes, **plain))
    # Rates 1/4 and 1: ratios to the row's sum.
    ratios = np.array([[1, 4], [0.25, 1], [0.2, 0.8], [np.inf, np.inf]])
    np.testing.assert_allclose(found / np.log(2), 0.1 + expit(10 * (ratios - 0.9)), rtol=1e-12)


def test_what_generalized_cross_entropy_pulls_with_shrinks_for_rows_far_off():
    labels, logits = np.array([[0.0, 1.0]]), np.array([[12.0, 0.0]])
    pulls = [
        -gradient(
            partial(generalized_cross_entropy.loss, classes=of(False, 2), q=q), labels, logits
        )
        for q in (0.0, 0.7)
    ]
    assert pulls[0][0, 1] > 0.99
    assert 0 < pulls[1][0, 1] < 1e-3


# Losses of the whole batch.


@EACH_TASK
def test_soft_f1_of_sure_outputs_is_the_f1_of_scikit_learn(multilabel):
    labels, logits = some_rows(multilabel, rows=200)
    logits = logits + 3 * labels
    taken = (logits > 0) if multilabel else np.eye(3)[logits.argmax(axis=1)]
    sure = 100 * (2 * taken - 1.0)
    found = np.mean(soft_f1.loss(labels, sure, of(multilabel), smoothing=1e-9))
    np.testing.assert_allclose(1 - found, f1_score(labels, taken, average="macro"), rtol=1e-6)


@EACH_TASK
def test_raising_a_true_logit_never_raises_soft_f1_loss_of_the_batch(multilabel):
    loss, _ = member("soft_f1", {}, of(multilabel))
    labels, logits = some_rows(multilabel, rows=100, seed=4)
    found = gradient(loss, labels, logits)
    assert (found[labels == 1] < 0).all()
    assert not multilabel or (found[labels == 0] > 0).all()


def test_soft_f1_still_lowers_a_class_that_the_batch_lacks():
    loss, _ = member("soft_f1", {}, of(True))
    labels = np.tile([1.0, 1.0, 0.0], (8, 1))
    assert (gradient(loss, labels, np.zeros((8, 3)))[:, 2] > 1e-3).all()


def test_raising_the_only_positive_row_never_raises_the_auc_margin_loss():
    """With more rows on a side their variance counts too, and a row may be too far ahead."""
    labels = np.array([[1.0], [0.0]])
    values = [
        np.mean(auc_margin.loss(labels, np.array([[z], [0.3]]), of(True, 1)))
        for z in np.linspace(-60, 60, 241)
    ]
    assert (np.diff(values) <= 0).all()
    assert values[0] - values[-1] > 1


def test_the_auc_margin_loss_is_least_over_a_and_b_and_most_over_alpha():
    """The paper's saddle point, found by search, is what stands in the file in closed form."""
    rng = np.random.default_rng(3)
    z, y = rng.normal(size=(40, 1)), (rng.random((40, 1)) < 0.3).astype(float)
    h, yes, no = expit(z), y == 1, y == 0

    def least(alpha: float) -> float:
        def total(ab):
            squares = np.mean((h[yes] - ab[0]) ** 2) + np.mean((h[no] - ab[1]) ** 2)
            return squares + 2 * alpha * (1 - h[yes].mean() + h[no].mean()) - alpha**2

        return minimize(total, [0.0, 0.0]).fun

    best = minimize(lambda alpha: -least(alpha[0]), [0.5], bounds=[(0, None)])
    found = np.mean(auc_margin.loss(y, z, of(True, 1)))
    np.testing.assert_allclose(found, -best.fun, rtol=1e-5)


@EACH_TASK
@pytest.mark.parametrize("name", [name for name in MEMBERS if whole_batch(name)])
def test_batches_that_lack_a_class_have_finite_losses(name, multilabel):
    loss, _ = member(name, {}, of(multilabel))
    for far in (1.0, 60.0, 1000.0):
        logits = far * np.array([[1.0, -1, 0], [-1, -1, -1]])
        for row in np.eye(3) if not multilabel else [[0.0, 0, 0], [1.0, 1, 1], [1.0, 0, 0]]:
            labels = np.tile(row, (2, 1))
            for rows in (slice(0, 1), slice(0, 2)):
                assert np.isfinite(loss(labels[rows], logits[rows])).all()
                assert np.isfinite(gradient(loss, labels[rows], logits[rows], tf.float32)).all()


# The way back: the loss is minimised by brute force, and its inverse must find p again.

INVERTED = cases(
    [
        *[(name, changes) for name, changes in VARIANTS if name in INVERTIBLE and name != "focal"],
        *[
            ("focal", {"gamma": gamma, "alpha": alpha})
            for gamma in (0.5, 1.0, 2.0, 5.0)
            for alpha in (None, ALPHA)
        ],
    ]
)
EACH_INVERTED = pytest.mark.parametrize(("name", "changes", "multilabel"), INVERTED)


def minimiser(loss, p: np.ndarray, multilabel: bool) -> np.ndarray:
    """Return the logits with the least expected loss where p is the truth, for each row of p."""
    count = p.shape[1]

    @tf.function
    def traced(logits):
        with tf.GradientTape() as tape:
            tape.watch(logits)
            if multilabel:
                yes, no = loss(tf.ones_like(logits), logits), loss(tf.zeros_like(logits), logits)
                total = tf.reduce_sum(p * yes + (1 - p) * no)
            else:
                sure = [tf.constant(np.tile(np.eye(count)[c], (len(p), 1))) for c in range(count)]
                total = sum(tf.reduce_sum(p[:, c] * loss(sure[c], logits)) for c in range(count))
        return total, tape.gradient(total, logits)

    def expected(flat: np.ndarray) -> tuple[float, np.ndarray]:
        total, slopes = traced(tf.constant(flat.reshape(p.shape)))
        return float(total), slopes.numpy().ravel()

    # Line searches stop where the loss no longer changes: its rounding is the limit.
    found = minimize(expected, np.zeros(p.size), jac=True, method="BFGS", options={"gtol": 1e-11})
    assert np.abs(found.jac).max() < 1e-7
    return found.x.reshape(p.shape)


@pytest.mark.thorough
@EACH_INVERTED
def test_inverse_finds_the_probabilities_that_the_loss_was_minimised_for(name, changes, multilabel):
    loss, inverse = member(name, changes, of(multilabel))
    p = np.array([[0.2, 0.3, 0.5], [0.9, 0.05, 0.05], [0.02, 0.08, 0.9]])
    found = inverse(minimiser(loss, p, multilabel))
    recovered = expit(found) if multilabel else softmax(found, axis=1)
    np.testing.assert_allclose(recovered, p, atol=1e-4)


@EACH_INVERTED
def test_under_the_inverse_the_expected_gradient_vanishes(name, changes, multilabel):
    """The same without a search: at any outputs, those are the p that they are best for."""
    if name == "expected_cost":
        changes = changes | {"cross_entropy": 20.0}  # for any outputs: see the test of this loss
    loss, inverse = member(name, changes, of(multilabel))
    _, logits = some_rows(multilabel, rows=50, seed=8)
    found = inverse(logits)
    p = expit(found) if multilabel else softmax(found, axis=1)
    total = np.zeros_like(logits)
    for c in range(3):
        labels = np.zeros_like(logits)
        labels[:, c] = 1
        if multilabel:
            total[:, c] += p[:, c] * gradient(loss, labels, logits)[:, c]
            total[:, c] += (1 - p[:, c]) * gradient(loss, 1 - labels, logits)[:, c]
        else:
            total += p[:, c : c + 1] * gradient(loss, labels, logits)
    np.testing.assert_allclose(total, 0, atol=1e-9)


@pytest.mark.parametrize("name", MEMBERS)
def test_a_loss_without_a_way_back_says_why(name):
    module, options = checked(name)
    if name not in INVERTIBLE:
        assert "There is no `inverse`: " in module.loss.__doc__
        return
    taken = inspect.signature(module.inverse).parameters.values()
    assert {p.name for p in taken if p.kind is p.KEYWORD_ONLY} == options.keys()
    assert all(p.default is p.empty for p in taken)


@pytest.mark.parametrize("name", MEMBERS)
def test_what_a_loss_says_of_its_outputs_is_about_those_without_a_formula(name):
    module, _ = checked(name)
    assert getattr(module, "CALIBRATION", "isotonic") in get_args(Method)
    for flag in ("PER_BATCH", "ONLY_RANKS", "CORRECTS_PRIOR"):
        assert isinstance(getattr(module, flag, False), bool)
    if hasattr(module, "CALIBRATION") or getattr(module, "ONLY_RANKS", False):
        assert name not in INVERTIBLE


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


@EACH_INVERTED
@pytest.mark.parametrize("far", [60.0, 1000.0])
def test_inverse_of_far_logits_is_finite_and_keeps_the_order(name, changes, multilabel, far):
    # Classes that are alike: then equal outputs stay equal.
    _, inverse = member(name, changes, Classes(tuple("abc"), np.array([3, 3, 3]), 9, multilabel))
    logits = np.array([[far, -far, 0], [0, 0, far], [-far, -far, -far], [far, far, -far]])
    for given_as in (logits, logits.astype(np.float32)):
        found = inverse(given_as)
        assert found.shape == logits.shape
        assert np.isfinite(found).all()
    if not changes.get("alpha") and not changes.get("costs"):
        for row, back in zip(logits, found, strict=True):
            order = np.argsort(row, kind="stable")
            assert (np.diff(back[order]) >= 0).all()


@EACH_INVERTED
def test_inverse_is_smooth_and_increasing_through_all_confidences(name, changes, multilabel):
    _, inverse = member(name, changes, of(multilabel, 2))
    steps = np.linspace(-60, 60, 4001)
    found = inverse(np.stack([np.zeros_like(steps), steps], axis=1))
    odds = found[:, 1] if multilabel else found[:, 1] - found[:, 0]
    slopes = np.diff(odds) / np.diff(steps)
    assert (slopes > 0).all()
    # Where digits are lost, slopes would jump.
    assert np.abs(np.diff(slopes)).max() < 0.05


@settings(max_examples=50)
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
