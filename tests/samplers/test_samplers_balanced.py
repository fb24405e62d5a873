"""Class-balanced draws: class frequencies are a power of the sizes, epoch by epoch."""

import numpy as np
import pytest
from problems import classes_of, one_hot, some_targets
from test_samplers import rows_of

from ballast.project import params
from ballast.project.errors import UserError
from ballast.samplers import class_balanced


@pytest.fixture
def targets() -> np.ndarray:
    return some_targets(np.random.default_rng(3), 90, 4)


def plan_of(targets, **options):
    return class_balanced.sample(rows_of(targets), classes_of(targets), 0, **options)


@pytest.mark.parametrize("q", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_frequencies_are_a_power_of_the_class_sizes_and_rows_stay_as_many(q, targets):
    plan = plan_of(targets, q=q)
    sizes = targets.sum(axis=0, dtype=np.float64)
    np.testing.assert_allclose(plan.times @ targets, 90 * sizes**q / (sizes**q).sum())
    assert plan.size == 90
    assert not plan.distortion
    assert plan.first is None


def test_q_1_is_each_row_once_to_the_bit(targets):
    assert (plan_of(targets, q=1.0).times == 1).all()


def test_by_hand():
    # Sizes 4 and 1: sqrt gives 2 : 1, so 10/3 of 5 draws fall on the four rows, 5/3 on the one.
    times = plan_of(one_hot([0, 0, 0, 0, 1], 2), q=0.5).times
    np.testing.assert_allclose(times, [5 / 6] * 4 + [5 / 3])


def test_a_class_without_rows_draws_nothing(targets):
    wider = np.insert(targets, 2, 0, axis=1)
    np.testing.assert_array_equal(plan_of(wider).times, plan_of(targets).times)


def test_epochs_draw_other_rows_of_the_same_classes(targets):
    plan, rng = plan_of(targets), np.random.default_rng(1)
    epochs = [np.bincount(plan.rows[plan.draw(epoch, rng)], minlength=90) for epoch in range(400)]
    assert all(times.sum() == 90 for times in epochs)
    assert len({tuple(times) for times in epochs}) == 400
    np.testing.assert_allclose(np.mean(epochs, axis=0) @ targets, [22.5] * 4, atol=0.5)


def test_progress_starts_at_the_classes_as_they_are_and_ends_at_q(targets):
    plan, rng = plan_of(targets, progressive=True, epochs=4), np.random.default_rng(1)
    assert plan.distortion
    np.testing.assert_array_equal(plan.draw(0, rng), np.arange(90))
    sizes = targets.sum(axis=0)
    for epoch, share in [(1, 0.25), (2, 0.5), (3, 0.75), (4, 1), (9, 1)]:
        drawn = [targets[plan.rows[plan.draw(epoch, rng)]].sum(axis=0) for _ in range(300)]
        wanted = (1 - share) * sizes + share * 22.5
        np.testing.assert_allclose(np.mean(drawn, axis=0), wanted, atol=0.6)


@pytest.mark.parametrize("option", [{"q": -0.1}, {"q": 1.1}, {"epochs": 0}, {"progressive": 1}])
def test_options_out_of_range_are_refused(option):
    with pytest.raises(UserError, match=next(iter(option))):
        params.options(class_balanced.sample, option, "samplers.class_balanced")


def test_rows_of_many_labels_are_refused():
    targets = some_targets(np.random.default_rng(0), 20, 3, multilabel=True)
    with pytest.raises(UserError, match=r"sampler: class_balanced.*multi-label"):
        class_balanced.sample(rows_of(targets), classes_of(targets, True), 0)
