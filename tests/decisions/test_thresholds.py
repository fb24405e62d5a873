"""A recall or a precision is guaranteed as far as the held-out rows allow, and no further."""

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from problems import classes_of, one_hot, some_probabilities, some_targets
from scipy.stats import binomtest

from ballast.decisions import min_precision, min_recall
from ballast.evaluation import intervals
from ballast.evaluation.thresholds import gaps, rows_needed
from ballast.project import params
from ballast.project.errors import UserError

EACH = pytest.mark.parametrize("member", [min_recall, min_precision], ids=["recall", "precision"])


def wilson(hits: int, rows: int, level: float = 0.95) -> float:
    if not rows:
        return 0.0
    return binomtest(int(hits), int(rows)).proportion_ci(level, method="wilson").low


def binary(scores: np.ndarray) -> np.ndarray:
    return np.stack([1 - scores, scores], axis=1)


@settings(max_examples=200)
@given(rows=st.integers(1, 60), data=st.data(), target=st.floats(0.05, 0.95))
def test_rows_needed_is_the_least_number_that_is_enough(rows, data, target):
    share = data.draw(st.integers(1, rows)) / rows
    needed = rows_needed(share, target, 0.95)
    if needed is None:
        assert share <= target
        assert intervals.wilson(share * 1e9, 1e9, 0.95)[0] < target
    elif needed < 1e6:
        counts = np.array([needed, max(needed - 1, 1)])
        at, before = intervals.wilson(share * counts, counts, 0.95)[0]
        assert at >= target - 1e-9
        assert before <= target + 1e-9 or needed == 1


def test_offsets_are_in_the_gaps_and_0_where_possible():
    offsets, is_open = gaps(np.array([-3.0, -3.0, -1.0, 2.0]))
    np.testing.assert_allclose(offsets, [-4.0, -3.0, -2.0, 0.0, 3.0])
    np.testing.assert_array_equal(is_open, [True, False, True, True, True])


def candidates(scores: np.ndarray, present: np.ndarray):
    """Return (recall's counts, precision's counts) of every possible threshold."""
    for threshold in [*np.unique(scores), np.inf]:
        positive = scores >= threshold
        hits = int(present[positive].sum())
        yield (hits, int(present.sum())), (hits, int(positive.sum()))


@pytest.mark.thorough
@EACH
@settings(max_examples=150)
@given(
    seed=st.integers(0, 100_000),
    target=st.sampled_from([0.1, 0.3, 0.5, 0.7]),
    coarse=st.booleans(),
    multilabel=st.booleans(),
)
@example(seed=0, target=0.3, coarse=True, multilabel=False)
def test_no_threshold_with_the_guarantee_is_better(member, seed, target, coarse, multilabel):
    rng = np.random.default_rng(seed)
    p = rng.integers(1, 6, 25) / 6 if coarse else rng.random(25)
    present = (rng.random(25) < p).astype(np.uint8)
    if multilabel:
        targets, columns = present[:, None], p[:, None]
    else:
        targets, columns = one_hot(present, 2), binary(p)
    classes = classes_of(targets, multilabel, positive=None if multilabel else 1)
    rule = member.fit(targets, columns, classes, target=target)
    predicted = rule.predict(columns)[:, -1]
    hits = int((predicted * present).sum())
    bounded, other = (hits, int(present.sum())), (hits, int(predicted.sum()))
    pairs = list(candidates(p, present))
    if member is min_precision:
        bounded, other = other, bounded
        pairs = [(b, a) for a, b in pairs]

    def share(pair):
        return pair[0] / max(pair[1], 1)

    feasible = [b for a, b in pairs if wilson(*a) >= target]
    if feasible:
        assert rule.note == ""
        assert wilson(*bounded) >= target
        assert share(other) == pytest.approx(max(map(share, feasible)))
    elif present.any():
        assert "infeasible" in rule.note
        assert wilson(*bounded) == pytest.approx(max(wilson(*a) for a, _ in pairs))
    else:
        assert "no held-out row" in rule.note
        assert (rule.offsets == 0).all()


def some_rows(multilabel: bool):
    rng = np.random.default_rng(0)
    targets = some_targets(rng, 300, 4, multilabel)
    return targets, some_probabilities(rng, targets, multilabel)


@EACH
def test_one_of_several_classes_is_set_against_the_rest(member):
    targets, p = some_rows(False)
    rule = member.fit(targets, p, classes_of(targets), label="b", target=0.6)
    assert rule.note == ""
    assert np.flatnonzero(rule.offsets).tolist() == [1]
    predicted = rule.predict(p)
    hits = (targets * predicted).sum(axis=0)[1]
    rows = (targets if member is min_recall else predicted).sum(axis=0)[1]
    assert wilson(hits, rows) >= 0.6
    # The order of the other classes stays.
    rest = predicted[:, 1] == 0
    best_other = np.where(np.arange(4) == 1, -1, p).argmax(axis=1)
    np.testing.assert_array_equal(predicted[rest].argmax(axis=1), best_other[rest])


@EACH
def test_every_label_has_its_threshold_or_only_one_of_them(member):
    targets, p = some_rows(True)
    classes = classes_of(targets, True)
    every = member.fit(targets, p, classes, target=0.5)
    one = member.fit(targets, p, classes, target=0.5, label="c")
    assert one.offsets[2] == every.offsets[2]
    assert one.offsets[[0, 1, 3]].tolist() == [0, 0, 0]
    assert every.note == ""


@EACH
def test_one_of_several_classes_must_be_named_and_exist(member):
    targets, p = some_rows(False)
    with pytest.raises(UserError, match=r"label: name the class.*a, b, c, d"):
        member.fit(targets, p, classes_of(targets))
    for multilabel in (False, True):
        targets, p = some_rows(multilabel)
        with pytest.raises(UserError, match=r"label: 'spam' is no class.*a, b, c, d"):
            member.fit(targets, p, classes_of(targets, multilabel), label="spam")


@EACH
@pytest.mark.parametrize("option", [{"target": 0}, {"target": 1.0}, {"level": 1.0}, {"label": 3}])
def test_options_out_of_range_are_refused(member, option):
    with pytest.raises(UserError, match=next(iter(option))):
        params.options(member.fit, option, "decisions.min")


def test_the_note_says_how_many_more_positives_are_needed_for_the_recall():
    """10 of 10 guarantee .72; at this rate n guarantee n / (n + 3.84), which is .80 at 16."""
    present = np.arange(30) >= 20
    targets, p = one_hot(present.astype(int), 2), binary(np.linspace(0.05, 0.95, 30))
    classes = replace(classes_of(targets, positive=1), names=("ham", "spam"))
    rule = min_recall.fit(targets, p, classes, target=0.8)
    assert rule.note == (
        "min_recall infeasible: spam (10 of 10 found, lower bound 0.72 < 0.80; "
        "about 6 more positives needed)."
    )
    assert wilson(16, 16) >= 0.8 > wilson(15, 15)
    np.testing.assert_array_equal(rule.predict(p)[:, 1], present)


def test_the_note_says_if_no_number_of_rows_is_enough_for_the_precision():
    present = np.tile([0, 1, 1, 1, 1], 20)
    targets, p = one_hot(present, 2), np.full((100, 2), 0.5)
    rule = min_precision.fit(targets, p, classes_of(targets, positive=1), target=0.9)
    assert re.search(
        r"80 of 100 correct, lower bound 0\.71 < 0\.90; at this rate no number", rule.note
    )
