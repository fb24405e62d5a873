"""Splits by time: parts and folds are periods, and what belongs together stays together."""

from hashlib import blake2b
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_splitting import names, one_hot, parted, random_labels, split_in_folds

from ballast.labels.parts import EXCLUDED, TEST, TRAIN, VALIDATION
from ballast.project.errors import UserError
from ballast.splitting.chronological import parts_by_time

ORDER = [TRAIN, VALIDATION, TEST]


def problem(seed: int, rows: int = 400):
    chance = np.random.default_rng(seed)
    targets = random_labels(chance, rows, [0.6, 0.3, 0.1])
    return targets, chance.integers(0, 90, rows).astype(float)


@given(
    times=st.lists(st.integers(0, 40), min_size=30, max_size=200),
    validation=st.sampled_from([0.0, 0.1, 0.3]),
    test=st.sampled_from([0.1, 0.2, 0.4]),
)
def test_no_row_is_later_than_one_of_a_later_part_and_shares_are_met(times, validation, test):
    times = np.array(times, dtype=float)
    try:
        parts = parts_by_time(times, validation, test)
    except UserError as error:
        assert "too few different times" in str(error)  # noqa: PT017
        return
    periods = [times[parts == part] for part in ORDER if (parts == part).any()]
    assert len(periods) == (3 if validation else 2)
    for earlier, later in pairwise(periods):
        assert earlier.max() < later.min()
    # As near as rows of one time allow, which stay together.
    ties = np.unique(times, return_counts=True)[1].max()
    assert abs((parts == TEST).sum() - test * len(times)) <= ties / 2
    later = (parts != TRAIN).sum() if validation else (parts == TEST).sum()
    assert abs(later - (validation + test) * len(times)) <= ties / 2


@pytest.mark.parametrize("validation", [0.0, 0.1])
@pytest.mark.parametrize("seed", range(3))
def test_folds_are_periods_of_about_as_many_rows(seed, validation):
    targets, times = problem(seed)
    parts, folds = split_in_folds(targets, times=times, validation=validation, folds=4)
    assert ((folds >= 0) == (parts == TRAIN)).all()
    for fold in range(3):
        assert times[folds == fold].max() <= times[folds == fold + 1].min()
    assert np.ptp(np.bincount(folds[folds >= 0])) <= 1


@pytest.mark.parametrize("seed", range(3))
def test_of_a_group_in_several_periods_the_latest_rows_are_used(seed):
    targets, times = problem(seed)
    units = np.random.default_rng(seed).integers(0, 200, len(times))
    parts, folds = split_in_folds(targets, units, times=times, validation=0.1, folds=3)
    plain = parts_by_time(times, 0.1, 0.2)
    for unit in np.unique(units):
        inside = units == unit
        latest = plain[inside].max()
        expected = np.where(plain[inside] == latest, latest, EXCLUDED)
        np.testing.assert_array_equal(parts[inside], expected)
        assert len(set(folds[inside & (parts == TRAIN)].tolist())) <= 1


@pytest.mark.parametrize("times", [[5.0] * 40, [1.0] * 35 + [2.0] * 5])
def test_too_few_times_are_told_in_one_message(times):
    targets = one_hot([0, 1] * 20)
    with pytest.raises(UserError, match=r"too few different times \(\d\) .*finer one"):
        parted(targets, times=np.array(times))


# Without times.


@pytest.mark.parametrize("seed", range(3))
def test_rows_without_labels_are_in_every_part_by_their_share(seed):
    chance = np.random.default_rng(seed)
    targets = (chance.random((600, 3)) < [0.5, 0.2, 0.05]).astype(np.uint8)
    targets[:, 0] |= chance.random(600) < 0.6
    empty = ~targets.any(axis=1)
    parts, folds = split_in_folds(targets, validation=0.1, folds=3)
    shares = np.array([(parts[empty] == part).mean() for part in ORDER])
    np.testing.assert_allclose(shares, [0.7, 0.1, 0.2], atol=2 / empty.sum())
    assert np.ptp(np.bincount(folds[empty & (folds >= 0)])) <= 1


def test_splits_without_times_and_without_empty_rows_are_those_of_before():
    chance = np.random.default_rng(0)
    single = np.eye(4, dtype=np.uint8)[chance.choice(4, 400, p=[0.7, 0.2, 0.06, 0.04])]
    several = (chance.random((400, 4)) < [0.6, 0.3, 0.1, 0.05]).astype(np.uint8)
    several[~several.any(axis=1), 0] = 1
    units, digest = chance.integers(0, 250, 400), blake2b(digest_size=8)
    for targets in (single, several):
        result = split_in_folds(targets, units, seed=3, ids=names(400), folds=5)
        for each in result:
            digest.update(each.astype(np.int64).tobytes())
    assert digest.hexdigest() == "e5002635f282b0b6"
