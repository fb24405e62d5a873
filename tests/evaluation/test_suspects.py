"""Suspect labels: cases worked out by hand, and what must hold of any rows."""

import numpy as np
import pytest
from problems import classes_of, one_hot, some_probabilities, some_targets

from ballast.evaluation import suspects as module
from ballast.evaluation.notes import NONE
from ballast.evaluation.suspects import LEAST, Suspect, suspects, table

TASKS = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


def some_rows(multilabel: bool, rows: int = 300, count: int = 4):
    rng = np.random.default_rng(3)
    targets = some_targets(rng, rows, count, multilabel)
    return targets, some_probabilities(rng, targets, multilabel), classes_of(targets, multilabel)


def test_a_row_is_suspect_where_another_class_reaches_its_mean_and_its_own_does_not():
    """Thresholds: a (9 * .9 + .4 + .2) / 11 = .79, b (9 * .7 + .3) / 10 = .66."""
    p_a = np.array([0.9] * 9 + [0.4, 0.2] + [0.3] * 9 + [0.7])
    targets = one_hot([0] * 11 + [1] * 10, 2)
    found = suspects(targets, np.stack([p_a, 1 - p_a], axis=1), classes_of(targets))
    # Of the row of a with .4, b has .6 alone; of the row of b with .3, a has .7.
    assert found.worst == [Suspect(10, "a", "b", 0.2, 0.8)]
    assert found.worst[0].margin == pytest.approx(-0.6)
    assert (found.labels, found.rows, found.pairs) == (1, 1, [("a", "b", 1)])
    assert found.silent == []


def test_of_several_classes_at_their_thresholds_the_most_probable_one_counts():
    own = np.tile([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.2, 0.2, 0.6]], (10, 1))
    targets = one_hot([0, 1, 2] * 10 + [0], 3)
    p = np.vstack([own, [[0.0, 0.4, 0.6]]])
    (suspect,) = suspects(targets, p, classes_of(targets)).worst
    assert (suspect.row, suspect.label, suspect.suspected) == (30, "a", "c")


def test_a_rare_class_is_suspected_below_the_probability_of_the_given_label():
    """Its own rows have .3 on average: .35 is much of it, where the given one lacks its .9."""
    p_b = np.array([0.1] * 30 + [0.35] + [0.3] * 10)
    targets = one_hot([0] * 31 + [1] * 10, 2)
    found = suspects(targets, np.stack([1 - p_b, p_b], axis=1), classes_of(targets))
    assert found.worst == [Suspect(30, "a", "b", 0.65, 0.35)]


@TASKS
def test_a_perfect_model_suspects_nothing(multilabel):
    targets, _, classes = some_rows(multilabel)
    found = suspects(targets, targets.astype(float), classes)
    assert (found.worst, found.labels, found.rows, found.pairs) == ([], 0, 0, [])


@TASKS
def test_labels_that_a_perfect_model_contradicts_are_suspected_alone(multilabel):
    targets, _, classes = some_rows(multilabel)
    p = np.where(targets, 0.9, 0.1 if multilabel else 0.1 / 3)
    given = targets.copy()
    given[7] = 1 - given[7] if multilabel else np.roll(given[7], 1)
    found = suspects(given, p, classes)
    assert {suspect.row for suspect in found.worst} == {7}
    assert found.rows == 1
    assert found.labels == (4 if multilabel else 1)


@TASKS
def test_permuted_rows_permute_the_result(multilabel):
    targets, p, classes = some_rows(multilabel)
    order = np.random.default_rng(0).permutation(len(targets))
    here, there = suspects(targets, p, classes), suspects(targets[order], p[order], classes)
    assert len(here.worst) == here.labels > 10
    assert [order[each.row] for each in there.worst] == [each.row for each in here.worst]
    assert there.pairs == here.pairs


@TASKS
def test_the_worst_come_first_and_the_list_is_bounded(multilabel, monkeypatch):
    targets, p, classes = some_rows(multilabel)
    every = suspects(targets, p, classes)
    margins = [each.margin for each in every.worst]
    assert margins == sorted(margins)
    assert sum(count for *_, count in every.pairs) == every.labels >= every.rows
    assert [count for *_, count in every.pairs] == sorted(
        (c for *_, c in every.pairs), reverse=True
    )
    monkeypatch.setattr(module, "MOST", 5)
    bounded = suspects(targets, p, classes)
    assert bounded.worst == every.worst[:5]
    assert (bounded.labels, bounded.pairs) == (every.labels, every.pairs)


def test_a_label_by_itself_is_a_task_of_two_classes():
    """Multi-label rows of one label, and the same rows as `absent` or `present`."""
    targets, p, _ = some_rows(True, count=2)
    targets, p = targets[:, :1], p[:, :1]
    labels = suspects(targets, p, classes_of(targets, True))
    pairs = one_hot(targets[:, 0], 2)
    two = suspects(pairs, np.hstack([1 - p, p]), classes_of(pairs))
    assert [each.row for each in labels.worst] == [each.row for each in two.worst]
    np.testing.assert_allclose(
        [each.margin for each in labels.worst], [each.margin for each in two.worst]
    )
    assert {(a, b) for a, b, _ in labels.pairs} == {("a", NONE), (NONE, "a")}
    # `a` is here the name of `absent`.
    named = {("a", "b"): (NONE, "a"), ("b", "a"): ("a", NONE)}
    assert {named[a, b]: count for a, b, count in two.pairs} == {
        (a, b): count for a, b, count in labels.pairs
    }


@TASKS
def test_a_class_with_few_rows_neither_suspects_nor_is_suspected(multilabel):
    targets, p, classes = some_rows(multilabel)
    rows = np.flatnonzero(targets[:, 3])
    few = targets.copy()
    few[rows[LEAST - 1 :], 3] = 0
    if not multilabel:
        few[rows[LEAST - 1 :], 0] = 1
    found = suspects(few, p, classes)
    assert found.silent == ["d"]
    assert found.labels > 0
    assert "d" not in {name for each in found.worst for name in (each.label, each.suspected)}
    one_more = few.copy()
    one_more[rows[LEAST - 1]] = targets[rows[LEAST - 1]]
    assert suspects(one_more, p, classes).silent == []


def test_a_label_that_hardly_a_row_lacks_says_nothing_either():
    targets, p, classes = some_rows(True)
    targets[LEAST - 1 :, 1] = 1
    assert suspects(targets, p, classes).silent == ["b"]


def test_the_table_has_ids_and_five_digits():
    targets, p, classes = some_rows(False)
    found = suspects(targets, p, classes)
    header, *lines = table(found, [f"id{row}" for row in range(len(targets))])
    assert header == ("id", "label", "suspected", "p_label", "p_suspected", "margin")
    assert len(lines) == len(found.worst)
    first = found.worst[0]
    assert lines[0][:3] == (f"id{first.row}", first.label, first.suspected)
    assert lines[0][3] == round(first.p_label, 5)
    assert lines[0][5] == pytest.approx(first.margin, abs=1e-5)
