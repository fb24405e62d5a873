"""Weightings: what every member promises, and the balanced weights' identities."""

import numpy as np
import pytest
from problems import check_blocks, check_contract, classes_of, some_targets
from sklearn.utils.class_weight import compute_class_weight

from ballast import params
from ballast.ledger import normalise
from ballast.weightings import balanced, none

MEMBERS = params.members("weightings")


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
    classes = classes_of(targets, multilabel)
    weights = module.weigh(classes, **options)
    assert weights.shape == ((2, 4) if multilabel else (4,))
    assert np.issubdtype(weights.dtype, np.floating)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    np.testing.assert_array_equal(weights, module.weigh(classes, **options))
    mean = rows_mean(normalise(weights, classes), targets, multilabel)
    np.testing.assert_allclose(mean, 1, rtol=1e-12)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("name", MEMBERS)
def test_classes_in_another_order_have_the_same_weights(name, multilabel):
    module, options = check_contract("weighting", name)
    targets = some_targets(np.random.default_rng(2), 50, 4, multilabel)
    order = [2, 0, 3, 1]
    np.testing.assert_allclose(
        module.weigh(classes_of(targets[:, order], multilabel), **options),
        module.weigh(classes_of(targets, multilabel), **options)[..., order],
        rtol=1e-12,
    )


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("filling", [0, 1])
def test_a_class_without_rows_leaves_all_weights_finite(name, multilabel, filling):
    module, options = check_contract("weighting", name)
    targets = some_targets(np.random.default_rng(1), 50, 4, multilabel)
    if filling and not multilabel:
        targets[:] = 0
    targets[:, 1] = filling
    classes = classes_of(targets, multilabel)
    weights = module.weigh(classes, **options)
    assert np.isfinite(weights).all()
    assert (weights > 0).all()
    mean = rows_mean(normalise(weights, classes), targets, multilabel)
    np.testing.assert_allclose(mean, 1, rtol=1e-12)


def test_none_weighs_everything_1():
    targets = some_targets(np.random.default_rng(1), 50, 4)
    assert (none.weigh(classes_of(targets)) == 1).all()
    assert (none.weigh(classes_of(targets, True)) == 1).all()


def test_balanced_is_scikit_learns():
    targets = some_targets(np.random.default_rng(5), 80, 4)
    labels = targets.argmax(axis=1)
    theirs = compute_class_weight("balanced", classes=np.arange(4), y=labels)
    np.testing.assert_allclose(balanced.weigh(classes_of(targets)), theirs, rtol=1e-12)
    np.testing.assert_allclose(
        balanced.weigh(classes_of(targets)), 80 / (4 * targets.sum(axis=0)), rtol=1e-12
    )


def test_balanced_is_scikit_learns_for_each_label():
    targets = some_targets(np.random.default_rng(5), 80, 3, multilabel=True)
    theirs = [
        compute_class_weight("balanced", classes=np.array([0, 1]), y=targets[:, c])
        for c in range(3)
    ]
    weights = balanced.weigh(classes_of(targets, True))
    np.testing.assert_allclose(weights, np.transpose(theirs), rtol=1e-12)


@pytest.mark.parametrize("multilabel", [False, True])
def test_balanced_needs_no_scaling_and_makes_all_classes_equal(multilabel):
    targets = some_targets(np.random.default_rng(6), 70, 4, multilabel)
    classes = classes_of(targets, multilabel)
    weights = balanced.weigh(classes)
    np.testing.assert_allclose(normalise(weights, classes), weights, rtol=1e-12)
    totals = weights[-1] * classes.counts if multilabel else weights * classes.counts
    expected = classes.rows / 2 if multilabel else classes.rows / 4
    np.testing.assert_allclose(totals, expected, rtol=1e-12)


def test_balanced_takes_no_notice_of_a_class_without_rows():
    targets = some_targets(np.random.default_rng(7), 60, 3)
    wider = np.insert(targets, 1, 0, axis=1)
    weights = balanced.weigh(classes_of(wider))
    assert weights[1] == 1
    np.testing.assert_allclose(weights[[0, 2, 3]], balanced.weigh(classes_of(targets)), rtol=1e-12)
