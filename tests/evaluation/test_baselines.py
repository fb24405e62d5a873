"""Scores of trivial classifiers: computed by hand, and by drawing."""

from dataclasses import replace

import numpy as np
import pytest
from problems import classes_of, one_hot, some_targets

from ballast.evaluation import baselines, scores


def test_twelve_positives_of_586():
    """Trivial average precision is the positive share, .0205; always positive has F1 .040."""
    targets = one_hot([0] * 574 + [1] * 12, 2)
    by_baseline = baselines.scores_of(targets, classes_of(targets, positive=1))
    share = 12 / 586
    for baseline in by_baseline.values():
        assert baseline["average_precision"] == pytest.approx(share)
        assert baseline["roc_auc"] == pytest.approx(0.5)
        assert baseline["mcc"] == pytest.approx(0)
        assert baseline["balanced_accuracy"] == pytest.approx(0.5)
        entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
        assert baseline["log_loss"] == pytest.approx(entropy)
        assert baseline["calibration_error"] == pytest.approx(0, abs=1e-12)
    majority, random = by_baseline["always_majority"], by_baseline["prior_random"]
    assert majority["f1_macro"] == pytest.approx(2 * 574 / (586 + 574) / 2)
    assert majority["recall_rarest"] == 0
    # Of the same share in both, F1 and recall are that share.
    assert random["f1_macro"] == pytest.approx(0.5)
    assert random["recall_rarest"] == pytest.approx(share)


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_prior_random_is_what_drawing_gives(multilabel):
    rng = np.random.default_rng(0)
    targets = some_targets(rng, 40_000, 4, multilabel)
    classes = classes_of(some_targets(rng, 300, 4, multilabel), multilabel)
    if multilabel:
        drawn = (rng.random(targets.shape) < classes.prior).astype(np.uint8)
    else:
        drawn = one_hot(rng.choice(4, len(targets), p=classes.prior), 4)
    probabilities = np.tile(classes.prior, (len(targets), 1))
    expected = scores.headline(targets, drawn, probabilities, classes)
    random = baselines.scores_of(targets, classes)["prior_random"]
    assert list(random) == list(expected)
    # f1_samples is a mean of ratios, here taken as ratios of means.
    tolerances = {"f1_samples": 0.1}
    for name, value in expected.items():
        assert random[name] == pytest.approx(value, abs=tolerances.get(name, 0.012)), name


def test_expected_costs_of_twelve_positives_of_586():
    """Missing one costs 40, a false alarm 2: by hand, and by drawing."""
    targets = one_hot([0] * 574 + [1] * 12, 2)
    costs = {"a": {"b": 2.0}, "b": {"a": 40.0}}
    by_baseline = baselines.scores_of(targets, replace(classes_of(targets), costs=costs))
    share = 12 / 586
    assert by_baseline["always_majority"]["expected_cost"] == pytest.approx(40 * share)
    assert by_baseline["prior_random"]["expected_cost"] == pytest.approx(42 * share * (1 - share))


def test_the_expected_cost_of_prior_random_is_what_drawing_gives():
    rng = np.random.default_rng(1)
    targets = some_targets(rng, 40_000, 4)
    costs = {"a": {"b": 0.0, "d": 3.0}, "c": {"c": 0.5}, "d": {"a": 2.0}}
    classes = replace(classes_of(some_targets(rng, 300, 4)), costs=costs)
    drawn = one_hot(rng.choice(4, len(targets), p=classes.prior), 4)
    p = np.tile(classes.prior, (len(targets), 1))
    expected = scores.headline(targets, drawn, p, classes)["expected_cost"]
    random = baselines.scores_of(targets, classes)["prior_random"]
    assert random["expected_cost"] == pytest.approx(expected, abs=0.012)


def test_the_most_frequent_labels_are_predicted_for_every_row():
    targets = np.array([[1, 0], [1, 1], [1, 0], [0, 0]], dtype=np.uint8)
    majority = baselines.scores_of(targets, classes_of(targets, multilabel=True))["always_majority"]
    predicted = np.tile([1, 0], (4, 1)).astype(np.uint8)
    assert majority["f1_macro"] == pytest.approx(6 / 7 / 2)
    assert majority["f1_micro"] == pytest.approx(2 * 3 / (4 + 4))
    assert majority["f1_samples"] == scores.f1_of_rows(targets, predicted).mean()


def test_a_class_without_training_rows_is_no_error():
    targets = one_hot([0, 1, 2], 3)
    by_baseline = baselines.scores_of(targets, classes_of(one_hot([0, 0, 1], 3)))
    assert all(np.isfinite(list(baseline.values())).all() for baseline in by_baseline.values())
