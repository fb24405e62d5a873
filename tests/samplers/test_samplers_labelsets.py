"""ML-ROS and MLSMOTE: rare labels as the papers define them, rows repeated or made of near ones."""

import numpy as np
import pytest
from problems import classes_of, one_hot, some_targets
from test_samplers import rows_of

from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.drawing import Rows
from ballast.samplers import ml_ros, mlsmote
from ballast.samplers._labelsets import rare_labels

MODULES = [ml_ros, mlsmote]


@pytest.fixture
def targets() -> np.ndarray:
    """Return 200 rows of five labels, the last two rare."""
    rng = np.random.default_rng(3)
    targets = (rng.random((200, 5)) < [0.7, 0.5, 0.4, 0.06, 0.04]).astype(np.uint8)
    targets[0] = 1
    return targets


def plan_of(module, targets, seed=0, **options):
    return module.sample(rows_of(targets), classes_of(targets, True), seed, **options)


def ratios(counts):
    return counts.max() / counts


def test_rare_is_what_exceeds_the_mean_imbalance_ratio_of_the_labels_that_there_are(targets):
    wider = np.insert(targets, 2, 0, axis=1)
    by_label = ratios(targets.sum(axis=0, dtype=int))
    rare, mean = rare_labels(classes_of(targets, True), "x")
    assert mean == by_label.mean()
    np.testing.assert_array_equal(rare, np.flatnonzero(by_label > mean))
    wide_rare, wide_mean = rare_labels(classes_of(wider, True), "x")
    np.testing.assert_array_equal(wide_rare, rare + 1)
    assert wide_mean == mean


def test_where_labels_are_as_many_or_none_is_there_nothing_is_rare():
    for targets in (np.ones((4, 3), dtype=np.uint8), np.zeros((4, 3), dtype=np.uint8)):
        assert len(rare_labels(classes_of(targets, True), "x")[0]) == 0
        for module in MODULES:
            plan = plan_of(module, targets)
            np.testing.assert_array_equal(plan.rows, np.arange(4))
            assert (plan.times == 1).all()
            assert not plan.distortion


@pytest.mark.parametrize("module", MODULES)
def test_rows_of_one_label_are_refused_with_the_reason(module):
    name = module.__name__.split(".")[-1]
    targets = one_hot([0, 0, 1], 2)
    with pytest.raises(UserError, match=f"sampler: {name}.*several labels.*random_over"):
        module.sample(rows_of(targets), classes_of(targets), 0)


@pytest.mark.parametrize("percent", [1.0, 4.0, 10.0])
def test_ml_ros_adds_the_percentage_of_rows_with_rare_labels(percent, targets):
    plan = plan_of(ml_ros, targets, percent=percent)
    assert plan.size == 200 + int(200 * percent / 100)
    rare, _ = rare_labels(classes_of(targets, True), "x")
    assert targets[plan.rows[plan.times > 1]][:, rare].any(axis=1).all()
    assert (plan.times >= 1).all()
    assert plan.distortion


def test_ml_ros_stops_where_every_rare_label_has_come_to_the_mean(targets):
    plan = plan_of(ml_ros, targets, percent=1000.0)
    assert 200 < plan.size < 2200
    _, mean = rare_labels(classes_of(targets, True), "x")
    after = plan.times @ targets
    assert ratios(after).max() <= mean * 1.1
    # One clone less of any row, and a label wouldn't be there yet.
    assert ratios(after).max() > mean * 0.7


def test_ml_ros_labels_take_turns():
    # IRLbl 6, 6, 1, 1, 1; two clones: one of each rare label.
    targets = np.array([[1, 0, 0, 0, 0], [0, 1, 0, 0, 0]] + [[0, 0, 1, 1, 1]] * 6, dtype=np.uint8)
    for seed in range(5):
        times = plan_of(ml_ros, targets, seed, percent=25.0).times
        np.testing.assert_array_equal(times, [2, 2] + [1] * 6)


def test_ml_ros_counts_the_labels_that_come_along():
    # IRLbl 1, 1, 1, 6, MeanIR 9/4. After k clones the labels have 6 + k, and the rare one 1 + k
    # rows: (6 + k) / (1 + k) <= 9/4 from k = 3 on; 6 / (1 + k) would be so from k = 2 on.
    targets = np.array([[1, 1, 1, 1]] + [[1, 1, 1, 0]] * 5, dtype=np.uint8)
    np.testing.assert_array_equal(plan_of(ml_ros, targets, percent=1000.0).times, [4] + [1] * 5)


@pytest.mark.parametrize("module", MODULES)
def test_the_seed_makes_the_plan(module, targets):
    one, same, other = (plan_of(module, targets, seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(one.times, same.times)
    if module is ml_ros:
        assert (one.times != other.times).any()
    else:
        np.testing.assert_array_equal(one.partners, same.partners)
        np.testing.assert_array_equal(one.shares, same.shares)
        assert (one.partners != other.partners).any()


def test_mlsmote_makes_a_row_of_each_row_of_each_rare_label(targets):
    plan = plan_of(mlsmote, targets)
    rare, _ = rare_labels(classes_of(targets, True), "x")
    bags = [np.flatnonzero(targets[:, label]) for label in rare]
    np.testing.assert_array_equal(plan.rows, np.concatenate([np.arange(200), *bags]))
    np.testing.assert_array_equal(plan.labels[:200], targets)
    assert (plan.partners[:200] == -1).all()
    assert (plan.shares[:200] == 0).all()
    assert (plan.times == 1).all()
    assert plan.label_shares is None
    assert plan.distortion
    start = 200
    for label, bag in zip(rare, bags, strict=True):
        new = slice(start, start + len(bag))
        assert np.isin(plan.partners[new], bag).all()
        assert (plan.partners[new] != bag).all()
        assert plan.labels[new, label].all()
        start += len(bag)
    assert ((plan.shares[200:] >= 0) & (plan.shares[200:] < 1)).all()


def test_mlsmote_labels_are_those_of_half_of_the_seed_and_its_neighbours():
    # Four rows on a line have the rare label b; with k = 3 each one's neighbours are the others.
    # Of these four two have a (at least half), and one has c.
    with_rare = [[1, 1, 0], [1, 1, 0], [0, 1, 1], [0, 1, 0]]
    targets = np.array(with_rare + [[1, 0, 1]] * 16, dtype=np.uint8)
    rows = Rows(targets, None, np.arange(20.0)[:, None])
    plan = mlsmote.sample(rows, classes_of(targets, True), 0, neighbours=3)
    np.testing.assert_array_equal(plan.rows[20:], [0, 1, 2, 3])
    np.testing.assert_array_equal(plan.labels[20:], [[1, 1, 0]] * 4)


def test_mlsmote_partners_are_near():
    # Rare rows in two far groups: with k = 2 none is mixed with one of the other group.
    targets = np.array([[0, 1, 0]] * 6 + [[1, 0, 1]] * 30, dtype=np.uint8)
    place = np.concatenate([[0, 1, 2, 100, 101, 102], np.arange(30.0)])[:, None]
    plan = mlsmote.sample(Rows(targets, None, place), classes_of(targets, True), 0, neighbours=2)
    np.testing.assert_array_equal(plan.partners[36:] >= 3, [False] * 3 + [True] * 3)
    assert (plan.partners[36:] < 6).all()


def test_mlsmote_leaves_a_label_with_a_single_row_and_keeps_the_type():
    targets = np.array([[0, 1]] + [[1, 0]] * 9, dtype=np.uint8)
    plan = plan_of(mlsmote, targets)
    assert len(plan.rows) == 10
    assert plan.labels.dtype == np.uint8


@pytest.mark.parametrize(
    ("module", "option"), [(ml_ros, {"percent": 0}), (mlsmote, {"neighbours": 0})]
)
def test_options_out_of_range_are_refused(module, option):
    with pytest.raises(UserError, match=next(iter(option))):
        params.options(module.sample, option, "samplers.x")


@pytest.mark.parametrize("module", MODULES)
def test_random_rows_of_many_labels(module):
    for seed in range(10):
        targets = some_targets(np.random.default_rng(seed), 60, 4, multilabel=True)
        plan = plan_of(module, targets, seed)
        assert plan.targets(targets).shape == (len(plan.rows), 4)
        assert ((plan.times @ plan.targets(targets)) >= targets.sum(axis=0)).all()
