"""Scores: against scikit-learn's, and calibration errors computed by hand."""

from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from problems import classes_of, one_hot, some_probabilities, some_targets
from sklearn import metrics

from ballast.evaluation import bootstrap, scores
from ballast.evaluation.intervals import Plan
from ballast.probabilities.rules import Rule

TASKS = pytest.mark.parametrize(
    ("count", "multilabel", "positive"),
    [(2, False, 1), (2, False, 0), (4, False, None), (3, True, None)],
    ids=["binary", "binary_other", "multi_class", "multi_label"],
)
EXACT = {"rel": 1e-9, "abs": 1e-9}


def some_problem(count: int, multilabel: bool, positive: int | None, seed: int = 0):
    rng = np.random.default_rng(seed)
    targets = some_targets(rng, 120, count, multilabel)
    p = some_probabilities(rng, targets, multilabel)
    predicted = Rule(np.zeros(count), multilabel).predict(p)
    return targets, predicted, p, classes_of(targets, multilabel, positive)


@TASKS
@pytest.mark.parametrize("seed", range(3))
def test_headline_is_scikit_learns(count, multilabel, positive, seed):
    targets, predicted, p, classes = some_problem(count, multilabel, positive, seed)
    headline = scores.headline(targets, predicted, p, classes)
    extra = scores.OF_LABELS if multilabel else ()
    assert tuple(headline) == (*get_args(scores.Headline), *extra)
    assert all(type(value) is float for value in headline.values())

    columns = range(count) if positive is None else [positive]
    expected = {
        "f1_macro": metrics.f1_score(targets, predicted, average="macro"),
        "average_precision": np.mean(
            [metrics.average_precision_score(targets[:, c], p[:, c]) for c in columns]
        ),
        "roc_auc": np.mean([metrics.roc_auc_score(targets[:, c], p[:, c]) for c in columns]),
    }
    pairs = [(targets[:, c], predicted[:, c]) for c in range(count)]
    rarest = targets.sum(axis=0).argmin()
    expected["recall_rarest"] = metrics.recall_score(*pairs[rarest])
    if multilabel:
        expected["mcc"] = np.mean([metrics.matthews_corrcoef(*pair) for pair in pairs])
        expected["balanced_accuracy"] = np.mean(
            [metrics.balanced_accuracy_score(*pair) for pair in pairs]
        )
        expected["log_loss"] = np.mean(
            [metrics.log_loss(targets[:, c], p[:, c]) for c in range(count)]
        )
        for average in ("micro", "samples"):
            expected[f"f1_{average}"] = metrics.f1_score(
                targets, predicted, average=average, zero_division=1
            )
    else:
        truth, guess = targets.argmax(axis=1), predicted.argmax(axis=1)
        expected["mcc"] = metrics.matthews_corrcoef(truth, guess)
        expected["balanced_accuracy"] = metrics.balanced_accuracy_score(truth, guess)
        expected["log_loss"] = metrics.log_loss(truth, p)
    for name, value in expected.items():
        assert headline[name] == pytest.approx(value, **EXACT), name


@TASKS
def test_scores_of_each_class_are_scikit_learns(count, multilabel, positive):
    targets, predicted, _, classes = some_problem(count, multilabel, positive)
    per_class = scores.per_class(targets, predicted, classes)
    for c, name in enumerate(classes.names):
        pair = targets[:, c], predicted[:, c]
        assert per_class["f1"][name] == pytest.approx(metrics.f1_score(*pair), **EXACT)
        assert per_class["recall"][name] == pytest.approx(metrics.recall_score(*pair), **EXACT)
        assert per_class["precision"][name] == pytest.approx(
            metrics.precision_score(*pair), **EXACT
        )
        assert per_class["support"][name] == targets[:, c].sum()
        assert per_class["predicted"][name] == predicted[:, c].sum()


@TASKS
def test_classes_in_another_order_score_the_same(count, multilabel, positive):
    targets, predicted, p, classes = some_problem(count, multilabel, positive)
    order = np.arange(count)[::-1]
    flipped = None if positive is None else int(np.flatnonzero(order == positive)[0])
    others = classes_of(targets[:, order], multilabel, flipped)
    headline = scores.headline(targets, predicted, p, classes)
    again = scores.headline(targets[:, order], predicted[:, order], p[:, order], others)
    assert again == pytest.approx(headline, **EXACT)


@TASKS
def test_perfect_rows_score_perfectly(count, multilabel, positive):
    targets, _, _, classes = some_problem(count, multilabel, positive)
    headline = scores.headline(targets, targets, targets.astype(float), classes)
    for name, value in headline.items():
        best = 0 if name in scores.LOWER_IS_BETTER else 1
        assert value == pytest.approx(best, abs=1e-12), name


@TASKS
@pytest.mark.parametrize("guessed", [False, True], ids=["never_guessed", "guessed"])
def test_a_class_without_test_rows_counts_only_where_it_is_predicted(
    count, multilabel, positive, guessed
):
    _, _, p, classes = some_problem(count, multilabel, positive)
    targets = np.zeros((len(p), count), dtype=np.uint8)
    targets[:, 0] = 1
    if count > 2:
        targets[: len(p) // 2, 1] = 1
        targets[: len(p) // 2, 0] = int(multilabel)
    last = count - 1
    predicted = targets.copy()
    if guessed:
        predicted[0] = one_hot([last], count)[0]
    headline = scores.headline(targets, predicted, p, classes)
    assert all(np.isfinite(value) for value in headline.values())
    assert headline["f1_macro"] == pytest.approx(
        metrics.f1_score(targets, predicted, average="macro", zero_division=np.nan), **EXACT
    )
    assert scores.per_class(targets, predicted, classes)["f1"][classes.names[last]] == 0
    if not multilabel:
        # The mean over the classes that the rows have, as scikit-learn's.
        assert headline["balanced_accuracy"] == pytest.approx(
            np.mean(
                [
                    metrics.recall_score(targets[:, c], predicted[:, c])
                    for c in range(count)
                    if targets[:, c].any()
                ]
            ),
            **EXACT,
        )


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_macro_f1_of_few_rows_of_many_classes_is_scikit_learns_within_its_interval(
    seed, multilabel
):
    rng = np.random.default_rng(seed)
    classes = classes_of(some_targets(rng, 200, 10, multilabel), multilabel)
    if multilabel:
        targets, predicted = (rng.random((2, 6, 10)) < 0.1).astype(np.uint8)
    else:
        targets, predicted = (one_hot(rng.integers(0, 10, 6), 10) for _ in range(2))
        predicted[:3] = targets[:3]
    assert not (targets | predicted).any(axis=0).all()
    p = np.full(targets.shape, 0.1)
    expected = metrics.f1_score(targets, predicted, average="macro", zero_division=np.nan)
    if not multilabel:
        numbers = targets.argmax(axis=1), predicted.argmax(axis=1)
        assert metrics.f1_score(*numbers, average="macro") == pytest.approx(expected, **EXACT)
    assert scores.headline(targets, predicted, p, classes)["f1_macro"] == pytest.approx(expected)
    for kind in ("wilson", "bca", "percentile"):
        plan = Plan(kind, False, 200, 0.95, seed)
        low, high = bootstrap.headline(targets, predicted, p, classes, plan)["f1_macro"]
        assert low <= expected <= high


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_single_label_everywhere_is_a_correlation_of_0_without_a_warning(multilabel):
    targets = one_hot([0, 0, 0], 2)
    p = np.full((3, 2), 0.5)
    headline = scores.headline(targets, targets, p, classes_of(targets, multilabel))
    assert headline["mcc"] == 0
    assert headline["roc_auc"] == headline["average_precision"] == 0


def test_the_rarest_class_is_that_of_the_training_rows():
    targets = one_hot([0, 0, 0, 1, 1, 1, 2], 3)
    predicted = one_hot([0, 0, 0, 1, 2, 0, 2], 3)
    classes = classes_of(one_hot([0, 0, 0, 0, 1, 2, 2, 2], 3))
    headline = scores.headline(targets, predicted, predicted.astype(float), classes)
    assert headline["recall_rarest"] == pytest.approx(1 / 3)


@pytest.mark.parametrize("multilabel", [False, True])
def test_log_loss_of_a_certain_mistake_is_large_but_finite(multilabel):
    targets, p = one_hot([0], 2), np.array([[0.0, 1.0]])
    assert scores.row_losses(targets, p, multilabel).mean() == pytest.approx(-np.log(1e-15))


# Expected cost.

COSTS = {"a": {"b": 0.25, "c": 3.0}, "c": {"a": 20.0, "c": 0.5}}


def costing(classes, costs=COSTS):
    return replace(classes, costs=costs)


def test_the_expected_cost_is_the_mean_of_the_rows_costs():
    """By hand: a as a 0, a as b .25, b as c 1 by default, c as a 20, c as c .5."""
    targets, predicted = one_hot([0, 0, 1, 2, 2], 3), one_hot([0, 1, 2, 0, 2], 3)
    headline = scores.headline(
        targets, predicted, np.full((5, 3), 1 / 3), costing(classes_of(targets))
    )
    assert headline["expected_cost"] == pytest.approx((0 + 0.25 + 1 + 20 + 0.5) / 5)
    assert tuple(headline) == (*get_args(scores.Headline), "expected_cost")
    assert len(headline) <= 10


@pytest.mark.parametrize("count", [2, 4])
@pytest.mark.parametrize("costs", [{}, {"a": {"b": 1.0}, "b": {"b": 0.0}}])
def test_at_costs_of_1_it_is_the_share_of_wrong_rows(count, costs):
    targets, predicted, p, classes = some_problem(count, False, None)
    headline = scores.headline(targets, predicted, p, costing(classes, costs))
    accuracy = metrics.accuracy_score(targets, predicted)
    assert headline["expected_cost"] == pytest.approx(1 - accuracy, **EXACT)


@TASKS
def test_without_costs_there_is_no_expected_cost(count, multilabel, positive):
    headline = scores.headline(*some_problem(count, multilabel, positive))
    assert "expected_cost" not in headline
    assert "expected_cost" in scores.LOWER_IS_BETTER


def test_costs_leave_the_other_scores_as_they_are():
    targets, predicted, p, classes = some_problem(3, False, None)
    plain = scores.headline(targets, predicted, p, classes)
    with_costs = scores.headline(targets, predicted, p, costing(classes))
    assert with_costs == plain | {"expected_cost": with_costs["expected_cost"]}


# Calibration.


@pytest.mark.parametrize("multilabel", [False, True])
def test_probabilities_equal_to_the_shares_have_no_calibration_error(multilabel, monkeypatch):
    monkeypatch.setattr(scores, "BINS", 5)
    # In each block of 10 rows, 10 * p of them have class 0; one bin takes one block.
    targets, p = [], []
    for tenths in (6, 7, 8, 9, 10):
        targets += [0] * tenths + [1] * (10 - tenths)
        p += [tenths / 10] * 10
    targets, p = one_hot(targets, 2), np.array(p)
    if multilabel:
        value = scores.calibration_error(targets[:, :1], p[:, None], True)
    else:
        value = scores.calibration_error(targets, np.stack([p, 1 - p], axis=1), False)
    assert value == pytest.approx(0, abs=1e-12)


def test_calibration_error_computed_by_hand(monkeypatch):
    # Sorted by confidence: .6 right, .7 wrong | .8 right, .9 right, the bins of two rows each:
    # (|1 - 1.3| + |2 - 1.7|) / 4 = .15
    p = np.array([[0.8, 0.2], [0.6, 0.4], [0.3, 0.7], [0.1, 0.9]])
    targets = one_hot([0, 0, 0, 1], 2)
    monkeypatch.setattr(scores, "BINS", 2)
    assert scores.calibration_error(targets, p, False) == pytest.approx(0.15)
    # Of labels: .1 0, .2 0 | .3 1, .4 0 | .6 1, .7 0 | .8 1, .9 1
    # (.3 + |1 - .7| + |1 - 1.3| + |2 - 1.7|) / 8 = .15
    monkeypatch.setattr(scores, "BINS", 4)
    assert scores.calibration_error(targets, p, True) == pytest.approx(0.15)


def test_calibration_error_of_one_bin_is_the_gap_of_the_means(monkeypatch):
    monkeypatch.setattr(scores, "BINS", 1)
    rng = np.random.default_rng(0)
    targets = some_targets(rng, 50, 3)
    p = some_probabilities(rng, targets)
    accuracy = (p.argmax(axis=1) == targets.argmax(axis=1)).mean()
    assert scores.calibration_error(targets, p, False) == pytest.approx(
        abs(accuracy - p.max(axis=1).mean())
    )


def test_calibration_error_of_fewer_rows_than_bins():
    assert scores.calibration_error(one_hot([0], 2), np.array([[0.8, 0.2]]), False) == (
        pytest.approx(0.2)
    )


def test_overconfidence_is_an_error_and_grows():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 5000)
    targets = one_hot((rng.random(5000) > p).astype(int), 2)
    errors = []
    for power in (1, 2, 4):
        odds = (p / (1 - p)) ** power
        sharp = odds / (1 + odds)
        errors.append(scores.calibration_error(targets, np.stack([sharp, 1 - sharp], 1), False))
    assert errors[0] < 0.03 < errors[1] < errors[2]


def test_calibration_error_does_not_depend_on_the_order_of_equal_confidences():
    """All rows at .7 with 70 % correct is calibrated, in any order of the rows."""
    right = np.arange(100) < 70
    p = np.tile([0.3, 0.7], (100, 1))
    assert scores.calibration_error(one_hot(right.astype(int), 2), p, False) < 1e-12


def test_the_rarest_class_has_test_rows():
    classes = classes_of(one_hot([0] * 50 + [1] * 5 + [2] * 20, 3))
    rows = one_hot([0, 2, 2], 3)
    headline = scores.headline(rows, rows, rows.astype(float), classes)
    assert headline["recall_rarest"] == 1
