"""Plans: fractions rounded at random, labels of entries, the same after a round trip."""

import numpy as np
import pytest
from problems import one_hot

from ballast.resampling.plans import Plan, load, load_texts, repeat, save

IDS = [f"row-{number}" for number in range(6)]


def test_whole_times_are_drawn_as_they_stand():
    plan = repeat(np.array([0, 2, 1, 0, 3]))
    assert plan.size == 6
    for epoch in range(3):
        drawn = plan.rows[plan.draw(epoch, np.random.default_rng(epoch))]
        np.testing.assert_array_equal(np.sort(drawn), [1, 1, 2, 4, 4, 4])


@pytest.mark.parametrize("total", [10, 97, 1000])
def test_fractions_are_rounded_at_random_without_changing_the_sum(total):
    rng = np.random.default_rng(0)
    times = rng.random(200) * 3
    times *= total / times.sum()
    plan, counts = Plan(np.arange(200), times), np.zeros(200)
    for epoch in range(400):
        drawn = np.bincount(plan.draw(epoch, rng), minlength=200)
        assert drawn.sum() == plan.size == total
        assert ((drawn == np.floor(times)) | (drawn == np.ceil(times))).all()
        counts += drawn
    # The chance of a rounding up has a standard deviation below .5 / sqrt(400) = .025.
    assert np.abs(counts / 400 - times).max() < 0.125


def test_a_changing_plan_goes_from_first_to_last():
    plan = Plan(np.arange(2), np.array([10.0, 10.0]), first=np.array([20.0, 0.0]), epochs=4)
    rng = np.random.default_rng(0)
    drawn = [np.bincount(plan.draw(epoch, rng), minlength=2).tolist() for epoch in (0, 2, 4, 9)]
    assert drawn == [[20, 0], [15, 5], [10, 10], [10, 10]]


def test_targets_are_those_of_the_rows_or_of_the_entries_or_mixed():
    targets = one_hot([0, 1, 2], 3)
    rows = np.array([2, 0])
    np.testing.assert_array_equal(Plan(rows, np.ones(2)).targets(targets), targets[rows])
    relabelled = Plan(rows, np.ones(2), labels=targets[:2])
    np.testing.assert_array_equal(relabelled.targets(targets), targets[:2])
    mixed = Plan(
        rows,
        np.ones(2),
        partners=np.array([1, 1]),
        shares=np.array([0.5, 0.5]),
        label_shares=np.array([0.25, 0.0]),
    )
    np.testing.assert_allclose(mixed.targets(targets), [[0, 0.25, 0.75], [1, 0, 0]])


FULL = Plan(
    rows=np.array([0, 3, 5]),
    times=np.array([1.0, 0.5, 2.5]),
    first=np.array([2.0, 1.0, 1.0]),
    epochs=7,
    partners=np.array([-1, 2, 4]),
    shares=np.array([0.0, 0.25, 0.5]),
    label_shares=np.array([0.0, 0.5, 0.25]),
    labels=np.array([[1, 0], [1, 1], [0, 0]], dtype=np.uint8),
    sampler="some",
    distortion="rows are interpolated",
)


@pytest.mark.parametrize("plan", [FULL, repeat(np.array([0, 2, 0, 1, 0, 0]))])
def test_a_plan_is_the_same_after_a_round_trip(plan, tmp_path):
    save(plan, IDS, tmp_path)
    loaded = load(IDS, 2, tmp_path)
    for name, value in vars(plan).items():
        np.testing.assert_array_equal(getattr(loaded, name), value, err_msg=name)


def test_a_plan_finds_its_rows_by_their_ids(tmp_path):
    save(FULL, IDS, tmp_path)
    loaded = load(["another", *IDS], 2, tmp_path)
    np.testing.assert_array_equal(loaded.rows, FULL.rows + 1)
    np.testing.assert_array_equal(loaded.partners, [-1, 3, 5])


def test_new_texts_are_numbered_after_the_rows_and_know_their_sources(tmp_path):
    texts = [(4, "one"), (1, "two")]
    plan = Plan(np.array([0, 6, 7]), np.ones(3), texts=texts, sampler="eda")
    save(plan, IDS, tmp_path)
    loaded = load(["another", *IDS, "last"], 2, tmp_path)
    assert list(loaded.texts) == load_texts(["another", *IDS, "last"], tmp_path)
    assert list(loaded.texts) == [(5, "one"), (2, "two")]
    np.testing.assert_array_equal(loaded.rows, [1, 8, 9])
