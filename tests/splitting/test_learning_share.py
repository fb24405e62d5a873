"""Shares of the training rows to learn from, and seeds of the test rows: what changes, what not."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_splitting import names, one_hot, random_labels

from ballast.labels.parts import SPARE, TEST, TRAIN, VALIDATION, Split
from ballast.project import params
from ballast.project.errors import UserError
from ballast.splitting.learning_share import spare
from ballast.splitting.stratified import split

SHARES = (0.01, 0.1, 0.25, 0.5, 0.9, 1.0)


def drawn(problem, run_seed=0, times=None, predefined=None, **options):
    """Return parts and folds of a problem: labels and units."""
    targets, units = problem
    rows = len(targets)
    return split(
        targets,
        units,
        names(rows),
        np.full(rows, -1) if predefined is None else predefined,
        times,
        [f"class{label}" for label in range(targets.shape[1])],
        run_seed,
        **options,
    )


def several_labels(chance, rows=600):
    """Return rows with some labels or none, in groups."""
    targets = (chance.random((rows, 4)) < [0.04, 0.1, 0.3, 0.5]).astype(np.uint8)
    return targets, chance.integers(0, rows // 2, rows)


def single_label(chance, rows=600):
    return random_labels(chance, rows, [0.7, 0.25, 0.05]), np.arange(rows)


PROBLEMS = pytest.mark.parametrize("problem", [several_labels, single_label])


def with_none(targets):
    """Return labels with a further one for rows that have none."""
    return np.column_stack([targets, ~targets.any(axis=1)])


@PROBLEMS
@pytest.mark.parametrize("options", [{}, {"validation": 0.1}, {"folds": 1, "validation": 0.1}])
@pytest.mark.parametrize("timed", [False, True])
def test_test_rows_and_folds_are_those_of_the_whole(problem, options, timed):
    chance = np.random.default_rng(0)
    targets, units = problem(chance)
    times = chance.random(units.max() + 1)[units] if timed else None
    whole, folds = drawn((targets, units), times=times, **options)
    assert SPARE not in whole
    for share in SHARES:
        parts, fold_of = drawn((targets, units), times=times, share=share, **options)
        assert (fold_of == folds).all()
        assert (np.where(parts == SPARE, TRAIN, parts) == whole).all()
        assert (parts == SPARE).any() == (share < 1)


@PROBLEMS
@pytest.mark.parametrize("folds", [1, 5])
@pytest.mark.parametrize("seed", range(3))
def test_a_smaller_share_is_a_subset_and_units_stay_whole(problem, folds, seed):
    targets, units = problem(np.random.default_rng(seed))
    learnt = []
    for share in SHARES:
        parts, _ = drawn((targets, units), seed, share=share, folds=folds, validation=0.1)
        learnt.append(parts == TRAIN)
        assert all(len(set(parts[units == unit])) == 1 for unit in set(units.tolist()))
    for smaller, larger in pairwise(learnt):
        assert smaller.sum() < larger.sum()
        assert not (smaller & ~larger).any()


@given(
    counts=st.lists(st.integers(4, 60), min_size=2, max_size=6).map(lambda rest: [*rest, 30]),
    share=st.sampled_from(SHARES),
    folds=st.integers(2, 5),
)
@settings(max_examples=40)
def test_every_class_has_its_share_in_every_fold_and_a_row_at_least(counts, share, folds):
    targets = one_hot(np.repeat(np.arange(len(counts)), counts))
    parts, fold_of = drawn((targets, np.arange(len(targets))), share=share, folds=folds)
    for fold in range(folds):
        there = targets[fold_of == fold].sum(axis=0)
        learnt = targets[(fold_of == fold) & (parts == TRAIN)].sum(axis=0)
        assert (learnt >= np.minimum(there, 1)).all()
        assert (np.abs(learnt - np.maximum(share * there, np.minimum(there, 1))) <= 1).all()


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", SHARES)
def test_no_fold_loses_one_of_several_labels(seed, share):
    targets, units = several_labels(np.random.default_rng(seed))
    parts, fold_of = drawn((targets, units), seed, share=share)
    labels = with_none(targets)
    for fold in range(5):
        inside = fold_of == fold
        there, learnt = (labels[rows].any(axis=0) for rows in (inside, inside & (parts == TRAIN)))
        assert (there == learnt).all()


@pytest.mark.parametrize("seed", range(3))
def test_several_labels_have_about_their_share(seed):
    targets, units = several_labels(np.random.default_rng(seed), rows=4000)
    parts, _ = drawn((targets, units), seed, share=0.5)
    labels = with_none(targets)
    learnt = labels[parts == TRAIN].sum(axis=0) / labels[parts != TEST].sum(axis=0)
    np.testing.assert_allclose(learnt, 0.5, atol=0.06)


@pytest.mark.parametrize("size", [3, 7, 10])
@pytest.mark.parametrize("share", [0.4, 0.5, 0.85])
def test_over_the_folds_a_class_has_its_share_to_the_row(size, share):
    """Three rows a fold, of which 0.4 are 1.2: some folds learn from one, some from two."""
    counts = np.repeat(np.eye(4, dtype=int), 5 * size, axis=0)
    learnt = ~spare(counts, np.tile(np.arange(5), 4 * size), share)
    assert (np.abs(learnt @ counts - share * 5 * size) <= 1).all()


def test_with_one_fold_spare_rows_are_not_held_out():
    problem = single_label(np.random.default_rng(0))
    for folds in (1, 5):
        parts, fold_of = drawn(problem, share=0.5, folds=folds, validation=0.1)
        held_out = Split(names(600), parts, fold_of, problem[0]).held_out
        assert np.isin(np.flatnonzero(parts == SPARE), held_out).all() == (folds == 5)
        assert (SPARE in parts[held_out]) == (folds == 5)


@PROBLEMS
def test_the_seed_of_the_split_draws_test_and_validation_and_the_runs_deals_folds(problem):
    problem = problem(np.random.default_rng(0))
    first, first_folds = drawn(problem, 0, validation=0.1)
    again, again_folds = drawn(problem, 0, validation=0.1, seed=0)
    assert (again == first).all()
    assert (again_folds == first_folds).all()
    for run_seed in (1, 2):
        parts, folds = drawn(problem, run_seed, validation=0.1, seed=0)
        assert (parts == first).all()
        assert (folds != first_folds).any()
    other, _ = drawn(problem, 0, validation=0.1, seed=1)
    assert all(set(np.flatnonzero(other == part)) != set(np.flatnonzero(first == part))
               for part in (TEST, VALIDATION))  # fmt: skip


def test_the_runs_seed_chooses_the_spare_rows():
    problem = single_label(np.random.default_rng(0))
    parts = [drawn(problem, run_seed, seed=0, share=0.5)[0] for run_seed in (0, 1)]
    assert ((parts[0] == TEST) == (parts[1] == TEST)).all()
    assert (parts[0] != parts[1]).any()


def test_predefined_parts_and_those_by_time_have_no_seed():
    targets, units = single_label(np.random.default_rng(0))
    predefined = np.repeat([TRAIN, VALIDATION, TEST], [400, 80, 120])
    for given_parts in ({"predefined": predefined}, {"times": np.arange(600.0)}):
        results = [
            drawn((targets, units), 5, **given_parts, validation=0.1, seed=seed)
            for seed in (None, 0, 1)
        ]
        for parts, folds in results[1:]:
            assert (parts == results[0][0]).all()
            assert (folds == results[0][1]).all()


@pytest.mark.parametrize(
    "options",
    [{"seed": seed} for seed in (-1, 2**32, 0.5, True, "0")]
    + [{"share": share} for share in (0, -0.1, 1.01, "half", None)],
)
def test_what_is_no_seed_or_no_share_is_refused(options):
    (name,) = options
    with pytest.raises(UserError, match=rf"params\.yaml: split\.{name}: "):
        params.options(split, options, "split")


@pytest.mark.parametrize("options", [{"seed": None}, {"seed": 2**32 - 1}, {"share": 1}])
def test_the_ends_of_the_ranges_are_allowed(options):
    assert options.items() <= params.options(split, options, "split").items()
