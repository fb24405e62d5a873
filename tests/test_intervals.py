"""The interval of macro-F1: the plain bootstrap of rows, only from counts."""

import numpy as np
import pytest
from problems import classes_of, one_hot, some_probabilities, some_targets
from sklearn.metrics import f1_score

from ballast.intervals import f1_macro
from ballast.rules import Rule

EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


def some_problem(multilabel: bool, rows: int = 150, count: int = 3):
    rng = np.random.default_rng(8)
    targets = some_targets(rng, rows, count, multilabel)
    p = some_probabilities(rng, targets, multilabel)
    predicted = Rule(np.zeros(count), multilabel).predict(p)
    return targets, predicted, classes_of(targets, multilabel)


@EACH_TASK
def test_the_point_lies_inside_and_wider_levels_hold_narrower_ones(multilabel):
    targets, predicted, classes = some_problem(multilabel)
    point = f1_score(targets, predicted, average="macro")
    ends = [f1_macro(targets, predicted, classes, 0, 1000, level) for level in (0.5, 0.9, 0.99)]
    for low, high in ends[1:]:
        assert 0 <= low < point < high <= 1
    assert ends[2][0] < ends[1][0] < ends[0][0] < ends[0][1] < ends[1][1] < ends[2][1]


@EACH_TASK
def test_same_seed_same_interval(multilabel):
    targets, predicted, classes = some_problem(multilabel)
    found = [f1_macro(targets, predicted, classes, seed, 300, 0.9) for seed in (0, 0, 1)]
    assert found[0] == found[1] != found[2]
    assert all(type(end) is float for end in found[0])


@EACH_TASK
def test_the_order_of_the_rows_makes_no_difference(multilabel):
    targets, predicted, classes = some_problem(multilabel)
    found = f1_macro(targets, predicted, classes, 0, 300, 0.9)
    assert f1_macro(targets[::-1], predicted[::-1], classes, 0, 300, 0.9) == found


@EACH_TASK
def test_counts_give_the_interval_that_drawing_rows_gives(multilabel):
    targets, predicted, classes = some_problem(multilabel)
    rng = np.random.default_rng(3)
    values = []
    for _ in range(4000):
        drawn = rng.integers(0, len(targets), len(targets))
        true, found = targets[drawn].astype(int), predicted[drawn].astype(int)
        hits = (true & found).sum(axis=0)
        values.append((2 * hits / np.maximum((true + found).sum(axis=0), 1)).mean())
    expected = np.quantile(values, [0.05, 0.95])
    # The standard error of a 5% quantile of 4000 draws is about .03 of a standard deviation.
    bound = 0.2 * np.std(values)
    np.testing.assert_allclose(
        f1_macro(targets, predicted, classes, 0, 4000, 0.9), expected, atol=bound
    )


@EACH_TASK
@pytest.mark.parametrize("replicates", [100, 199, 200, 201, 399])
def test_any_number_of_replicates_is_drawn(multilabel, replicates):
    targets, predicted, classes = some_problem(multilabel)
    low, high = f1_macro(targets, predicted, classes, 0, replicates, 0.95)
    assert 0 <= low < high <= 1


@EACH_TASK
def test_perfect_rows_have_nothing_to_doubt_and_hopeless_ones_neither(multilabel):
    targets = one_hot([0, 1] * 30, 2)
    classes = classes_of(targets, multilabel)
    assert f1_macro(targets, targets, classes, 0, 200, 0.95) == (1, 1)
    assert f1_macro(targets, 1 - targets, classes, 0, 200, 0.95) == (0, 0)


def test_a_class_without_rows_counts_with_0():
    targets = one_hot([0, 1] * 30, 3)
    assert f1_macro(targets, targets, classes_of(targets), 0, 200, 0.95) == (
        pytest.approx((2 / 3, 2 / 3))
    )


def test_few_rows_are_told_less_about():
    targets, predicted, classes = some_problem(False, rows=400)
    wide = f1_macro(targets[:40], predicted[:40], classes, 0, 1000, 0.9)
    narrow = f1_macro(targets, predicted, classes, 0, 1000, 0.9)
    assert narrow[1] - narrow[0] < (wide[1] - wide[0]) / 2
