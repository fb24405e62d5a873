"""The split: whole units, every label's share, predefined parts, stability under new rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ballast.labels.parts import EXCLUDED, PARTS, SPARE, TEST, TRAIN, VALIDATION, Split
from ballast.project.errors import UserError
from ballast.rows.grouping import units as join_units
from ballast.splitting.stratified import split


def names(count, start=0):
    """Return ids that look like hashes, in no order."""
    return [f"{(i * 2654435761) % 2**32:08x}" for i in range(start, start + count)]


def one_hot(labels):
    return np.eye(max(labels) + 1, dtype=np.uint8)[np.asarray(labels)]


def parted(targets, units=None, predefined=None, seed=0, ids=None, times=None, **shares):
    """Return the parts of a split without folds unless said otherwise."""
    return split_in_folds(targets, units, predefined, seed, ids, times, **shares)[0]


def split_in_folds(targets, units=None, predefined=None, seed=0, ids=None, times=None, **shares):
    """Return parts and folds."""
    count = len(targets)
    return split(
        targets,
        np.arange(count) if units is None else np.asarray(units),
        names(count) if ids is None else ids,
        np.full(count, -1) if predefined is None else np.asarray(predefined),
        times,
        [f"class{label}" for label in range(targets.shape[1])],
        seed,
        **{"validation": 0.1, "folds": 1, **shares},
    )


def sizes(targets, parts):
    """Return rows of each label in each part, shape (parts, labels)."""
    return np.array([targets[parts == part].sum(axis=0) for part in range(3)])


def random_labels(chance, count, shares):
    return one_hot(chance.choice(len(shares), size=count, p=np.array(shares) / sum(shares)))


@given(
    counts=st.lists(st.integers(3, 60), min_size=2, max_size=5),
    validation=st.sampled_from([0.1, 0.15, 0.3]),
    test=st.sampled_from([0.1, 0.2, 0.33]),
    seed=st.integers(0, 9),
)
@settings(max_examples=60)
def test_each_class_is_within_one_row_of_its_share_and_in_every_part(
    counts, validation, test, seed
):
    targets = one_hot(np.repeat(np.arange(len(counts)), counts))
    counts_by_part = sizes(targets, parted(targets, seed=seed, validation=validation, test=test))
    assert (counts_by_part > 0).all()
    assert (np.abs(counts_by_part[TEST] - test * np.array(counts)) <= 1).all()
    assert (np.abs(counts_by_part[VALIDATION] - validation * np.array(counts)) <= 1).all()
    assert (counts_by_part.sum(axis=0) == counts).all()


@given(
    data=st.lists(st.lists(st.integers(1, 12), min_size=3, max_size=12), min_size=2, max_size=4),
    validation=st.sampled_from([0.1, 0.45]),
    test=st.sampled_from([0.2, 0.45]),
)
@settings(max_examples=60)
def test_units_stay_whole_and_a_class_of_three_units_is_in_every_part(data, validation, test):
    labels = np.repeat(np.arange(len(data)), [sum(unit_sizes) for unit_sizes in data])
    units = np.repeat(np.arange(sum(map(len, data))), [size for some in data for size in some])
    targets = one_hot(labels)
    parts = parted(targets, units, validation=validation, test=test)
    assert all(len(set(parts[units == unit])) == 1 for unit in range(units.max() + 1))
    assert (sizes(targets, parts) > 0).all()


@pytest.mark.parametrize("members", [(5, 5, 5), (10, 1, 1), (4, 4, 1), (90, *[1] * 10)])
def test_a_class_of_few_uneven_units_is_in_every_part(members):
    labels = [0] * sum(members) + [1] * 60
    units = [*np.repeat(np.arange(len(members)), members), *range(100, 160)]
    assert (sizes(one_hot(labels), parted(one_hot(labels), units)) > 0).all()


@pytest.mark.parametrize("seed", range(3))
def test_groups_are_stratified_too(seed):
    chance = np.random.default_rng(seed)
    targets = random_labels(chance, 2000, [0.9, 0.1])
    counts = sizes(targets, parted(targets, chance.integers(0, 400, 2000)))
    share = counts / targets.sum(axis=0)
    np.testing.assert_allclose(share, [[0.7] * 2, [0.1] * 2, [0.2] * 2], atol=0.02)


@pytest.mark.parametrize("seed", range(3))
def test_multi_label_shares_are_close(seed):
    chance = np.random.default_rng(seed)
    targets = (chance.random((1500, 6)) < [0.02, 0.05, 0.1, 0.2, 0.3, 0.5]).astype(np.uint8)
    targets = targets[targets.any(axis=1)]
    counts = sizes(targets, parted(targets))
    assert (counts > 0).all()
    totals = targets.sum(axis=0)
    errors = np.abs(counts - np.array([[0.7], [0.1], [0.2]]) * totals)
    assert (errors <= np.maximum(2, 0.03 * totals)).all()


def test_a_huge_unit_stays_in_train():
    chance = np.random.default_rng(0)
    targets = random_labels(chance, 600, [0.8, 0.2])
    units = np.r_[np.zeros(300, dtype=int), np.arange(1, 301)]
    parts = parted(targets, units)
    assert (parts[:300] == TRAIN).all()
    assert (sizes(targets, parts) > 0).all()


@pytest.mark.parametrize("seed", range(20))
def test_a_huge_unit_with_a_row_of_a_rare_class_stays_in_train_too(seed):
    """A third of all rows are copies of each other, one of them under the rare label."""
    labels = np.r_[np.zeros(340, int), 1, np.zeros(640, int), np.ones(19, int)]
    units = np.r_[np.zeros(341, int), 1 + np.arange(659)]
    parts = parted(one_hot(labels), units, seed=seed)
    assert (parts[:341] == TRAIN).all()
    assert (parts == TEST).sum() in range(190, 211)


def test_the_split_depends_on_ids_and_seed_alone():
    chance = np.random.default_rng(0)
    targets = random_labels(chance, 300, [0.7, 0.2, 0.1])
    units = chance.integers(0, 200, 300)
    ids = np.array(names(300))
    parts = parted(targets, units, ids=ids.tolist())
    assert (parted(targets, units, ids=ids.tolist()) == parts).all()
    order = chance.permutation(300)
    shuffled = parted(targets[order], 900 - units[order], ids=ids[order].tolist())
    assert (shuffled == parts[order]).all()
    assert (parted(targets, units, ids=ids.tolist(), seed=1) != parts).any()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("grouped", [False, True])
def test_a_tenth_more_rows_move_less_than_a_tenth_of_the_old(seed, grouped):
    chance = np.random.default_rng(seed)
    targets = random_labels(chance, 1100, [0.7, 0.2, 0.1])
    units = chance.integers(0, 250, 1100) if grouped else np.arange(1100)
    before = parted(targets[:1000], units[:1000], ids=names(1000))
    after = parted(targets, units, ids=names(1100))[:1000]
    assert (before != after).mean() < 0.1


@given(
    st.lists(
        st.tuples(st.sampled_from([TRAIN, VALIDATION, TEST]), st.integers(0, 30)),
        min_size=30,
        max_size=60,
    )
)
def test_predefined_parts_stay_and_only_duplicates_in_another_part_are_excluded(rows):
    # Six more rows make sure that every part has both classes.
    rows = [*rows, *((part, 100 + 3 * i + part) for i in (0, 1) for part in range(3))]
    predefined = np.array([part for part, _ in rows])
    units = np.array([unit for _, unit in rows])
    targets = one_hot([0, 1] * ((len(rows) - 6) // 2) + [0] * (len(rows) % 2) + [0] * 3 + [1] * 3)
    parts = parted(targets, units, predefined)
    for unit in set(units.tolist()):
        inside = predefined[units == unit]
        last = inside.max()
        assert parts[units == unit].tolist() == [
            part if part == last else EXCLUDED for part in inside
        ]


def test_parts_that_are_not_predefined_are_filled_from_train():
    targets = one_hot([0, 1] * 100)
    predefined = np.array([TRAIN] * 150 + [TEST] * 50)
    parts = parted(targets, None, predefined)
    assert (parts[150:] == TEST).all()
    assert sorted(set(parts[:150])) == [TRAIN, VALIDATION]
    assert set(sizes(targets, parts)[VALIDATION]) <= {7, 8}
    only_train = parted(targets, None, np.zeros(200, dtype=int))
    assert (np.bincount(only_train) == [140, 20, 40]).all()


def test_a_training_row_with_a_duplicate_in_test_is_excluded_when_validation_is_filled():
    targets = one_hot([0, 1] * 20)
    predefined = np.array([TRAIN] * 30 + [TEST] * 10)
    units = np.arange(40)
    units[0] = units[30]
    parts = parted(targets, units, predefined)
    assert parts[0] == EXCLUDED
    assert (parts == EXCLUDED).sum() == 1


@pytest.mark.parametrize("rows", [1, 2])
def test_a_class_with_too_few_rows_is_named_with_the_remedies(rows):
    with pytest.raises(UserError) as error:
        parted(one_hot([0] * 20 + [1] * rows))
    for needle in (f"'class1' ({rows})", "independent", "3 are needed", "rare", "group"):
        assert needle in str(error.value)


def test_a_class_in_fewer_groups_than_parts_is_named():
    with pytest.raises(UserError, match=r"'class1' \(2\).*independent"):
        parted(one_hot([0] * 20 + [1] * 10), [*range(20), *[20] * 5, *[21] * 5])


def test_predefined_parts_without_a_class_in_train_or_without_rows_are_refused():
    with pytest.raises(UserError, match="train has no row of: class1"):
        parted(one_hot([0, 0, 0, 1]), None, [TRAIN, VALIDATION, TEST, TEST])
    with pytest.raises(UserError, match="validation has no row of: class0, class1"):
        # The only validation row has a duplicate in test.
        parted(one_hot([0, 1, 0, 0, 1]), [0, 1, 2, 2, 3], [TRAIN, TRAIN, VALIDATION, TEST, TEST])


def test_shares_that_leave_nothing_to_train_on_are_refused():
    with pytest.raises(UserError, match=r"split\.validation \+ split\.test must be below 1"):
        parted(one_hot([0, 1] * 10), validation=0.5, test=0.5)


@given(
    # One class at least leaves a training row for each fold.
    counts=st.lists(st.integers(3, 60), min_size=1, max_size=4).map(lambda rest: [*rest, 12]),
    folds=st.integers(2, 7),
    validation=st.sampled_from([0.0, 0.1]),
)
@settings(max_examples=60)
def test_folds_hold_all_training_rows_and_an_equal_share_of_each_class(counts, folds, validation):
    targets = one_hot(np.repeat(np.arange(len(counts)), counts))
    parts, fold_of = split_in_folds(targets, folds=folds, validation=validation)
    assert ((fold_of >= 0) == (parts == TRAIN)).all()
    dealt = np.array([targets[fold_of == fold].sum(axis=0) for fold in range(folds)])
    assert (np.ptp(dealt, axis=0) <= 1).all()
    assert np.ptp(dealt.sum(axis=1)) <= len(counts)


@pytest.mark.parametrize("seed", range(3))
def test_folds_keep_groups_whole_and_balanced_with_several_labels_or_none(seed):
    chance = np.random.default_rng(seed)
    targets = (chance.random((1500, 4)) < [0.02, 0.1, 0.3, 0.5]).astype(np.uint8)
    units = chance.integers(0, 700, 1500)
    parts, fold_of = split_in_folds(targets, units, folds=5, validation=0.0)
    assert all(len(set(fold_of[units == unit])) == 1 for unit in set(units.tolist()))
    dealt = np.array([targets[fold_of == fold].sum(axis=0) for fold in range(5)])
    share = targets[parts == TRAIN].sum(axis=0) / 5
    assert (np.abs(dealt - share) <= np.maximum(3, 0.05 * share)).all()
    assert np.ptp(np.bincount(fold_of[fold_of >= 0])) <= 0.05 * len(targets)


@given(
    counts=st.lists(st.integers(2, 40), min_size=2, max_size=4),
    validation=st.sampled_from([0.1, 0.3]),
    seed=st.integers(0, 3),
)
@settings(max_examples=60)
def test_the_test_rows_are_the_same_whatever_is_held_out(counts, validation, seed):
    counts = [max(3, count) for count in counts]
    targets = one_hot(np.repeat(np.arange(len(counts)), counts))
    without = parted(targets, seed=seed, validation=0.0, folds=3)
    beside = parted(targets, seed=seed, validation=validation)
    assert ((without == TEST) == (beside == TEST)).all()


def test_without_a_validation_part_predefined_validation_rows_join_train():
    targets = one_hot([0, 1] * 20)
    predefined = np.array([TRAIN] * 20 + [VALIDATION] * 10 + [TEST] * 10)
    parts, fold_of = split_in_folds(targets, None, predefined, validation=0.0, folds=2)
    assert (parts == np.where(predefined == TEST, TEST, TRAIN)).all()
    assert np.bincount(fold_of[:30]).tolist() == [15, 15]


def test_a_split_without_held_out_rows_is_refused():
    with pytest.raises(UserError, match=r"split\.validation is 0 and split\.folds is 1"):
        parted(one_hot([0, 1] * 10), validation=0.0, folds=1)


def test_more_folds_than_groups_are_refused():
    with pytest.raises(UserError, match=r"split\.folds is 5, and there are 4 independent"):
        parted(one_hot([0, 0, 1] * 2), [0, 1, 2, 3, 4, 5], validation=0.0, folds=5)


def test_validation_rows_and_rows_with_a_fold_are_held_out():
    parts = np.array([TRAIN, VALIDATION, TEST, TRAIN, EXCLUDED])
    folds = np.array([0, -1, -1, -1, -1])
    assert Split(names(5), parts, folds, np.zeros((5, 2))).held_out.tolist() == [0, 1]


@given(
    st.lists(
        st.tuples(st.sampled_from([None, "g", "h", "0", "1"]), st.integers(0, 9)),
        min_size=1,
        max_size=15,
    )
)
def test_rows_that_share_a_group_or_a_duplicate_number_are_one_unit(rows):
    groups, duplicates = zip(*rows, strict=True)
    units = join_units(list(groups), np.array(duplicates))
    linked = np.array([
        [i == j or a == b or (g is not None and g == h) for j, (h, b) in enumerate(rows)]
        for i, (g, a) in enumerate(rows)
    ])  # fmt: skip
    reach = np.linalg.matrix_power(linked.astype(float), len(rows)) > 0
    assert ((units[:, None] == units[None, :]) == reach).all()


def test_the_parts_are_named_in_the_order_of_their_numbers():
    assert [PARTS[part] for part in (TRAIN, VALIDATION, TEST, EXCLUDED, SPARE)] == [
        "train",
        "validation",
        "test",
        "excluded",
        "spare",
    ]
