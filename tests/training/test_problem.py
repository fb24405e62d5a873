"""The problem that split, plan and embeddings make: new texts, folds, classes after sampling."""

import numpy as np
import pytest
from problems import one_hot

from ballast.labels.classes import LabelSet
from ballast.labels.parts import TEST, TRAIN, VALIDATION, Split
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan
from ballast.training.batches import Table
from ballast.training.problem import build_problem

LABELS = LabelSet("multiclass", ("a", "b", "c"))
# Rows 0 to 5 are trained on in two folds, then one validates and two test.
SPLIT = Split(
    ids=[f"row-{number}" for number in range(9)],
    parts=np.array([TRAIN] * 6 + [VALIDATION] + [TEST] * 2),
    folds=np.array([0, 1, 0, 1, 0, 1, -1, -1, -1]),
    targets=one_hot([0, 0, 0, 0, 1, 2, 0, 1, 2], 3),
)
NOTHING = Table(None, None, None)


def build(plan: Plan, split: Split = SPLIT, costs: dict | None = None):
    return build_problem(split, plan, NOTHING, LABELS, costs, seed=3)


def test_training_held_out_and_test_rows_are_those_of_the_split():
    problem = build(Plan(np.arange(6), np.ones(6)))
    assert problem.training.tolist() == [0, 1, 2, 3, 4, 5]
    assert problem.held_out.tolist() == [0, 1, 2, 3, 4, 5, 6]
    assert (problem.network_count, problem.seed) == (2, 3)
    np.testing.assert_array_equal(problem.targets, SPLIT.targets)


def test_without_folds_there_is_one_network():
    folds = np.full(9, -1)
    split = Split(SPLIT.ids, SPLIT.parts, folds, SPLIT.targets)
    problem = build(Plan(np.arange(6), np.ones(6)), split)
    assert problem.network_count == 1
    assert problem.held_out.tolist() == [6]
    np.testing.assert_array_equal(problem.after.counts, problem.before.counts)


def test_classes_are_those_of_training_rows_and_of_the_examples():
    problem = build(Plan(np.arange(6), np.array([1, 1, 1, 1, 2, 3.5])), costs={"a": {"b": 2.0}})
    assert problem.before.counts.tolist() == [4, 1, 1]
    assert problem.before.rows == 6
    assert problem.after.counts.tolist() == [4, 2, 3.5]
    assert problem.after.rows == 9.5
    assert problem.before.costs == problem.after.costs == {"a": {"b": 2.0}}


def test_costs_of_no_class_are_refused():
    with pytest.raises(UserError, match=r"costs.*'d' is no class"):
        build(Plan(np.arange(6), np.ones(6)), costs={"d": {"a": 1.0}})


def test_a_new_text_has_fold_and_labels_of_its_source():
    plan = Plan(np.array([4, 9, 10]), np.ones(3), texts=[(4, "one"), (5, "two")])
    problem = build(plan)
    assert problem.origins.tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 4, 5]
    assert problem.folds[[9, 10]].tolist() == [0, 1]
    np.testing.assert_array_equal(problem.targets[9:], one_hot([1, 2], 3))
    assert problem.after.counts.tolist() == [0, 2, 1]


def test_an_interpolation_between_folds_counts_as_often_as_networks_see_it():
    """Of three networks, two learn from two rows of a fold, one from rows of two folds."""
    folds = np.array([0, 1, 0, 1, 2, 1, -1, -1, -1])
    split = Split(SPLIT.ids, SPLIT.parts, folds, SPLIT.targets)
    shares = np.full(3, 0.5)
    plan = Plan(np.array([0, 1, 5]), np.ones(3), partners=np.array([2, 4, -1]), shares=shares)
    assert [plan.without(folds, fold).tolist() for fold in range(3)] == [
        [False, True, True],
        [True, False, False],
        [True, False, True],
    ]
    after = build(plan, split).after
    np.testing.assert_allclose(after.counts, [1.5, 0, 1])
    assert after.rows == 2.5
