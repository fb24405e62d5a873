"""Weightings: what every member promises, and the identities of each."""

import dataclasses

import numpy as np
import pytest
from problems import check_blocks, check_contract, classes_of, one_hot, some_targets
from sklearn.utils.class_weight import compute_class_weight

from ballast.labels.classes import Classes
from ballast.probabilities.balancing import clipped_weights
from ballast.probabilities.ledger import normalise
from ballast.project import params
from ballast.project.errors import UserError
from ballast.training.batches import Table
from ballast.training.examples import Examples, mean_vectors
from ballast.weightings import (
    balanced,
    by_class,
    clipped,
    effective_number,
    none,
    square_root,
    tuned,
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
        (tuned, {"folds": 1}),
        (tuned, {"rounds": 0}),
        (tuned, {"rows": 0}),
    ],
)
def test_values_out_of_range_are_refused(module, block):
    with pytest.raises(UserError, match=f"member.{next(iter(block))}"):
        params.options(module.weigh, block, "member")


def overlapping(multilabel: bool, shares=(0.8, 0.15, 0.05), rows=3000):
    """Return labels of unlike shares and the noisy vectors that they are seen by."""
    rng = np.random.default_rng(0)
    if multilabel:
        targets = (rng.random((rows, len(shares))) < shares).astype(np.uint8)
    else:
        targets = one_hot(rng.choice(len(shares), rows, p=shares), len(shares))
    return targets, rng.normal(size=targets.shape) + 1.2 * targets


def gaps(targets: np.ndarray, vectors: np.ndarray, weights: np.ndarray, multilabel: bool):
    """|predicted / true - 1| of each class, by the stand-in fitted with weights."""

    def relative(labels, weights):
        count = len(weights)
        stand_in = tuned._StandIn(vectors, labels, examples_of(targets, vectors), count, 3)
        predicted, true = (
            np.bincount(rows, minlength=count)
            for rows in (stand_in.log_p(weights).argmax(axis=1), labels)
        )
        return np.abs(predicted / true - 1)

    if multilabel:
        return np.array([relative(t, w)[1] for t, w in zip(targets.T, weights.T, strict=True)])
    return relative(targets.argmax(axis=1), weights)


@EACH_TASK
def test_tuned_weights_make_precision_and_recall_meet(multilabel):
    targets, vectors = overlapping(multilabel)
    classes, examples = classes_of(targets, multilabel), examples_of(targets, vectors)
    weights = tuned.weigh(classes, examples)
    plain = none.weigh(classes, None)
    before, after = (gaps(targets, vectors, w, multilabel) for w in (plain, weights))
    assert before.max() > 0.3
    assert after.max() < 0.1
    assert (after <= before).all()
    # The rarest is predicted too seldom without weights, so it has the largest.
    shown = weights[1] / weights[0] if multilabel else weights
    assert shown.argmax() == classes.counts.argmin()
    assert 1.2 < shown.max() < classes.rows / classes.counts.min()


def test_tuned_leaves_balanced_classes_about_equal(capsys):
    targets, vectors = overlapping(False, shares=(1 / 3, 1 / 3, 1 / 3))
    weights = tuned.weigh(classes_of(targets), examples_of(targets, vectors))
    np.testing.assert_allclose(weights, 1, atol=0.1)
    assert "weighting: none with decision: argmax does as well" in capsys.readouterr().out


def test_tuned_says_what_it_found(capsys):
    targets, vectors = overlapping(False)
    weights = tuned.weigh(classes_of(targets), examples_of(targets, vectors))
    shown, said = capsys.readouterr().out.splitlines()
    assert shown == "tuned: weights " + ", ".join(
        f"{name} {value:.2f}" for name, value in zip("abc", weights, strict=True)
    )
    # The data come from one distribution a class, so a threshold can do all that weights can.
    assert "so decision: max_f1 does the same without weights" in said


@pytest.mark.parametrize(
    ("scores", "advice"),
    [
        ((0.80, 0.801, 0.802), "weighting: none with decision: argmax does as well"),
        ((0.75, 0.81, 0.811), "reaches .811, so decision: max_f1 does the same without weights"),
        ((0.75, 0.81, 0.79), "reaches .790, so the weights are worth it"),
        ((0.75, 0.76, 0.81), "reaches .810, so decision: max_f1 does better, without weights"),
    ],
)
def test_the_verdict_names_the_better_way(scores, advice):
    said = tuned.verdict(*scores)
    assert said.endswith(advice)
    assert f"macro-F1 .{round(scores[1] * 1000)} out of fold" in said


def test_tuned_judges_a_repeated_row_once_and_by_other_rows():
    """Vectors that say nothing of the labels, but a twin among the rows fitted on would."""
    rng = np.random.default_rng(0)
    vectors, twice = rng.normal(size=(60, 200)), np.repeat(np.arange(60), 2)
    labels = np.arange(60) % 2
    once = examples_of(one_hot(labels, 2), vectors)
    repeated = Examples(twice, twice, once.targets[twice], np.ones(120), once.read, 0)
    stand_in = tuned._StandIn(vectors[twice], labels[twice], repeated, 2, 3)
    np.testing.assert_array_equal(stand_in.truth, labels)
    assert (stand_in.log_p(np.ones(2)).argmax(axis=1) == labels).mean() < 0.7


@EACH_TASK
def test_tuned_draws_from_more_rows_each_class_in_proportion(multilabel):
    targets, vectors = overlapping(multilabel)
    drawn = tuned._sample(examples_of(targets, vectors), classes_of(targets, multilabel), 300)
    assert len(np.unique(drawn.rows)) == 300
    np.testing.assert_array_equal(drawn.targets, targets[drawn.rows])
    np.testing.assert_allclose(drawn.targets.mean(axis=0), targets.mean(axis=0), atol=0.02)
    rarest = targets.sum(axis=0).argmin()
    assert abs(drawn.targets[:, rarest].sum() - targets[:, rarest].sum() / 10) <= 1


def test_mean_vectors_by_hand():
    words = np.array([[0, 0], [1, 2], [3, 6]], dtype=np.float32)
    table = Table(
        tokens=np.array([1, 2, 2, 2, 1]),
        offsets=np.array([0, 2, 2, 5]),
        columns=np.array([[7], [8], [9]], dtype=np.float32),
    )
    found = mean_vectors(table, words, np.array([2, 1, 0, 0]))
    expected = [[7 / 3, 14 / 3, 9], [0, 0, 8], [2, 4, 7], [2, 4, 7]]
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert found.dtype == np.float64
