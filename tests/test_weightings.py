"""Weightings: what every member promises, and the identities of each."""

import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest
from problems import check_blocks, check_contract, classes_of, some_targets
from sklearn.utils.class_weight import compute_class_weight

from ballast import params
from ballast.balancing import clipped_weights
from ballast.classes import Classes
from ballast.errors import UserError
from ballast.examples import Examples, mean_vectors
from ballast.ledger import normalise
from ballast.weightings import (
    balanced,
    by_class,
    clipped,
    effective_number,
    none,
    square_root,
)

MEMBERS = params.members("weightings")
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


def examples_of(targets: np.ndarray, vectors: np.ndarray | None = None) -> Examples:
    """Return examples used once each; without vectors, some that know something of the labels."""
    rows = np.arange(len(targets))
    if vectors is None:
        # Of the labels' sizes, not of their order.
        sizes = targets * targets.sum(axis=0)
        vectors = np.random.default_rng(0).normal(size=(len(targets), 3))
        vectors[:, 0] += np.sort(sizes, axis=1) @ np.arange(targets.shape[1]) / 50
    return Examples(rows, rows, targets, np.ones(len(rows)), lambda chosen: vectors[chosen], 0)


def rows_mean(weights: np.ndarray, targets: np.ndarray, multilabel: bool) -> np.ndarray:
    """Mean weight over the rows, multi-label of each label."""
    if multilabel:
        return np.where(targets, weights[1], weights[0]).mean(axis=0)
    return (targets @ weights).mean()


def test_every_member_has_its_block_of_options():
    check_blocks("weighting")


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("name", MEMBERS)
def test_contract(name, multilabel):
    module, options = check_contract("weighting", name)
    targets = some_targets(np.random.default_rng(1), 50, 4, multilabel)
    classes, examples = classes_of(targets, multilabel), examples_of(targets)
    weights = module.weigh(classes, examples, **options)
    assert weights.shape == ((2, 4) if multilabel else (4,))
    assert np.issubdtype(weights.dtype, np.floating)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    np.testing.assert_array_equal(weights, module.weigh(classes, examples, **options))
    mean = rows_mean(normalise(weights, classes), targets, multilabel)
    np.testing.assert_allclose(mean, 1, rtol=1e-12)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("name", MEMBERS)
def test_classes_in_another_order_have_the_same_weights(name, multilabel):
    module, options = check_contract("weighting", name)
    targets = some_targets(np.random.default_rng(2), 50, 4, multilabel)
    order = [2, 0, 3, 1]
    found, moved = (
        module.weigh(classes_of(some, multilabel), examples_of(some), **options)
        for some in (targets, targets[:, order])
    )
    np.testing.assert_allclose(moved, found[..., order], rtol=1e-12)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("filling", [0, 1])
def test_a_class_without_rows_leaves_all_weights_finite(name, multilabel, filling):
    module, options = check_contract("weighting", name)
    targets = some_targets(np.random.default_rng(1), 50, 4, multilabel)
    if filling and not multilabel:
        targets[:] = 0
    targets[:, 1] = filling
    classes, examples = classes_of(targets, multilabel), examples_of(targets)
    weights = module.weigh(classes, examples, **options)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    mean = rows_mean(normalise(weights, classes), targets, multilabel)
    np.testing.assert_allclose(mean, 1, rtol=1e-12)


def test_none_weighs_everything_1():
    targets = some_targets(np.random.default_rng(1), 50, 4)
    assert (none.weigh(classes_of(targets), None) == 1).all()
    assert (none.weigh(classes_of(targets, True), None) == 1).all()


def test_balanced_is_scikit_learns():
    targets = some_targets(np.random.default_rng(5), 80, 4)
    labels = targets.argmax(axis=1)
    theirs = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    np.testing.assert_allclose(balanced.weigh(classes_of(targets), None), theirs, rtol=1e-12)
    np.testing.assert_allclose(
        balanced.weigh(classes_of(targets), None), 80 / (4 * targets.sum(axis=0)), rtol=1e-12
    )


def test_balanced_is_scikit_learns_for_each_label():
    targets = some_targets(np.random.default_rng(5), 80, 3, multilabel=True)
    theirs = [
        compute_class_weight("balanced", classes=np.array([0, 1]), y=targets[:, c])
        for c in range(3)
    ]
    weights = balanced.weigh(classes_of(targets, True), None)
    np.testing.assert_allclose(weights, np.transpose(theirs), rtol=1e-12)


@pytest.mark.parametrize("multilabel", [False, True])
def test_balanced_needs_no_scaling_and_makes_all_classes_equal(multilabel):
    targets = some_targets(np.random.default_rng(6), 70, 4, multilabel)
    classes = classes_of(targets, multilabel)
    weights = balanced.weigh(classes, None)
    np.testing.assert_allclose(normalise(weights, classes), weights, rtol=1e-12)
    totals = weights[-1] * classes.counts if multilabel else weights * classes.counts
    expected = classes.rows / 2 if multilabel else classes.rows / 4
    np.testing.assert_allclose(totals, expected, rtol=1e-12)


def test_balanced_takes_no_notice_of_a_class_without_rows():
    targets = some_targets(np.random.default_rng(7), 60, 3)
    wider = np.insert(targets, 1, 0, axis=1)
    weights = balanced.weigh(classes_of(wider), None)
    assert weights[1] == 1
    np.testing.assert_allclose(
        weights[[0, 2, 3]], balanced.weigh(classes_of(targets), None), rtol=1e-12
    )


@EACH_TASK
def test_fractions_of_rows_weigh_as_many_more_rows_of_the_same_shares(multilabel):
    """Expected rows of an epoch may be below 1."""
    few = Classes(("a", "b", "c"), np.array([1.5, 0.3, 0.2]), 2, multilabel)
    many = Classes(("a", "b", "c"), np.array([150, 30, 20]), 200, multilabel)
    for member in (balanced, square_root, clipped):
        np.testing.assert_allclose(member.weigh(few, None), member.weigh(many, None), rtol=1e-12)


@EACH_TASK
def test_square_root_squared_is_balanced(multilabel):
    classes = classes_of(some_targets(np.random.default_rng(3), 90, 4, multilabel), multilabel)
    found = square_root.weigh(classes, None) ** 2
    np.testing.assert_allclose(found, balanced.weigh(classes, None), rtol=1e-12)


@EACH_TASK
def test_effective_number_goes_from_equal_to_balanced(multilabel):
    classes = classes_of(some_targets(np.random.default_rng(3), 90, 4, multilabel), multilabel)
    assert (effective_number.weigh(classes, None, beta=0.0) == 1).all()
    found = normalise(effective_number.weigh(classes, None, beta=1 - 1e-9), classes)
    # 1 - beta^n loses about seven of sixteen digits this near to 1.
    np.testing.assert_allclose(found, balanced.weigh(classes, None), rtol=1e-6)


def test_effective_number_by_hand():
    # beta = .5: 1 + 1/2 + 1/4 = 1.75 rows of 3, and 1 + 1/2 = 1.5 of 2.
    found = effective_number.weigh(Classes(("a", "b"), np.array([3, 2]), 5), None, beta=0.5)
    np.testing.assert_allclose(found, [1 / 1.75, 1 / 1.5], rtol=1e-12)


@EACH_TASK
def test_clipped_goes_from_equal_to_balanced_and_keeps_its_limits(multilabel):
    classes = classes_of(some_targets(np.random.default_rng(4), 900, 6, multilabel), multilabel)
    np.testing.assert_allclose(clipped.weigh(classes, None, most=0.5), 1, rtol=1e-12)
    plain = balanced.weigh(classes, None)
    np.testing.assert_allclose(clipped.weigh(classes, None, most=0.999), plain, rtol=1e-12)
    found = clipped.weigh(classes, None, most=0.7)
    # .3 for two groups of rows; for six a third of it, and five times that less than all.
    lowest = 1 / (6 * (1 - 5 * 0.1)) if not multilabel else 1 / 1.4
    np.testing.assert_allclose(found, np.clip(plain, lowest, 1 / 0.6), rtol=1e-12)
    assert (found < plain).any()


def test_clipped_weights_by_hand():
    # b = .2: a = 2.5, absent 2.5 * .2 / .8 = .625; .01 is clipped to .1: 5 and 5 / 9.
    found = clipped_weights(np.array([0.2, 0.01]), 0.9)
    np.testing.assert_allclose(found, [[0.625, 5 / 9], [2.5, 5]], rtol=1e-12)


def test_clipped_weighs_two_classes_as_one_label():
    prior = np.array([0.97, 0.03])
    two = clipped.weigh(Classes(("no", "yes"), prior * 1000, 1000), None)
    np.testing.assert_allclose(two, clipped_weights(prior[1:], 0.9)[:, 0], rtol=1e-12)


def test_by_class_weighs_the_named_classes():
    classes = classes_of(some_targets(np.random.default_rng(1), 50, 4))
    assert (by_class.weigh(classes, None) == 1).all()
    found = by_class.weigh(classes, None, weights={"c": 2.5, "a": 0.5})
    np.testing.assert_array_equal(found, [0.5, 1, 2.5, 1])
    several = dataclasses.replace(classes, multilabel=True)
    found = by_class.weigh(several, None, weights={"c": 2.5})
    np.testing.assert_array_equal(found, [[1, 1, 1, 1], [1, 1, 2.5, 1]])


def test_by_class_lists_the_classes_for_an_unknown_name():
    classes = classes_of(some_targets(np.random.default_rng(1), 50, 3))
    with pytest.raises(UserError, match=r"'z' is no class.*a, b, c"):
        by_class.weigh(classes, None, weights={"a": 1.0, "z": 2.0})


@pytest.mark.parametrize(
    ("module", "block"),
    [
        (effective_number, {"beta": 1.0}),
        (effective_number, {"beta": -0.1}),
        (clipped, {"most": 0.4}),
        (clipped, {"most": 1.0}),
        (by_class, {"weights": {"a": 0.0}}),
        (by_class, {"weights": {"a": float("inf")}}),
        (by_class, {"weights": [1.0]}),
    ],
)
def test_values_out_of_range_are_refused(module, block):
    with pytest.raises(UserError, match=f"member.{next(iter(block))}"):
        params.options(module.weigh, block, "member")


def test_mean_vectors_by_hand():
    words = np.array([[0, 0], [1, 2], [3, 6]], dtype=np.float32)
    table = SimpleNamespace(
        tokens=np.array([1, 2, 2, 2, 1]),
        offsets=np.array([0, 2, 2, 5]),
        features=np.array([[7], [8], [9]], dtype=np.float32),
        lengths=lambda rows: np.array([2, 0, 3])[rows],
    )
    found = mean_vectors(table, words, np.array([2, 1, 0, 0]))
    expected = [[7 / 3, 14 / 3, 9], [0, 0, 8], [2, 4, 7], [2, 4, 7]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.dtype == np.float64
