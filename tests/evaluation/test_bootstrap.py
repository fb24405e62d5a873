"""Intervals of the headline: what drawing rows and scoring them anew gives, without doing it."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from problems import classes_of, one_hot, some_probabilities, some_targets
from scipy import stats

from ballast.evaluation import bootstrap, scores
from ballast.evaluation.intervals import Plan
from ballast.probabilities.rules import Rule

COSTS = {"a": {"b": 0.25}, "b": {"a": 20.0, "b": 0.5}}
TASKS = pytest.mark.parametrize(
    ("multilabel", "positive", "costs"),
    [(False, None, None), (False, 1, None), (True, None, None), (False, None, COSTS)],
    ids=["single", "binary", "multi", "costs"],
)


def some_problem(multilabel=False, positive=None, costs=None, rows=150, count=3, seed=8):
    rng = np.random.default_rng(seed)
    count = count if positive is None else 2
    targets = some_targets(rng, rows, count, multilabel)
    p = some_probabilities(rng, targets, multilabel)
    predicted = Rule(np.zeros(count), multilabel).predict(p)
    classes = replace(classes_of(targets, multilabel, positive), costs=costs)
    return targets, predicted, p, classes


def plan(kind="percentile", stratified=False, replicates=1000, level=0.9, seed=0):
    return Plan(kind, stratified, replicates, level, seed)


def plain_bootstrap(targets, predicted, p, classes, stratified, replicates=1500):
    """Return the headline scores of bootstrap samples, drawn one by one."""
    rng = np.random.default_rng(3)
    headlines = []
    for _ in range(replicates):
        rows = rng.integers(0, len(targets), len(targets))
        if stratified:
            groups = [np.flatnonzero(column) for column in targets.T]
            rows = np.concatenate([rng.choice(group, len(group)) for group in groups])
        headlines.append(scores.headline(targets[rows], predicted[rows], p[rows], classes))
    return {name: np.array([values[name] for values in headlines]) for name in headlines[0]}


@pytest.mark.thorough
@TASKS
@pytest.mark.parametrize("stratified", [False, True], ids=["", "stratified"])
def test_intervals_are_those_of_a_plain_bootstrap(multilabel, positive, costs, stratified):
    if multilabel and stratified:
        return
    problem = some_problem(multilabel, positive, costs)
    expected = plain_bootstrap(*problem, stratified)
    bounds = bootstrap.headline(*problem, plan(stratified=stratified, replicates=4000))
    for name in expected.keys() - {"recall_rarest", "calibration_error"}:
        values = expected[name]
        # The standard error of a 5 % quantile is about .055 of a standard deviation here.
        np.testing.assert_allclose(
            bounds[name],
            np.quantile(values, [0.05, 0.95]),
            atol=0.25 * np.std(values),
            err_msg=name,
        )


def test_calibration_error_keeps_its_bins():
    """Five confidences of 32 rows each have two of the ten bins each."""
    right = np.tile([0.55, 0.6, 0.7, 0.8, 0.9], 32)
    p = np.stack([1 - right, right], axis=1)
    targets = one_hot(np.tile([1, 0, 0, 1, 1], 32), 2)
    bounds = bootstrap.of_probabilities(targets, p, classes_of(targets), plan())
    gaps, rng, expected = targets[:, 1] - p[:, 1], np.random.default_rng(0), []
    for _ in range(2000):
        rows = rng.integers(160, size=160)
        expected.append(sum(abs(gaps[rows[rows % 5 == k]].sum()) for k in range(5)) / 160)
    ends = np.quantile(expected, [0.05, 0.95])
    np.testing.assert_allclose(bounds["calibration_error"], ends, atol=0.2 * np.std(expected))


def test_the_expected_cost_has_the_interval_of_a_mean():
    """With many rows, that of the normal distribution."""
    problem = some_problem(costs=COSTS, rows=5000)
    targets, predicted, _, classes = problem
    costs = scores.of_rows(targets, predicted, classes)["expected_cost"]
    half = 1.645 * costs.std() / np.sqrt(len(costs))
    for kind in ("wilson", "bca", "percentile"):
        low, high = bootstrap.headline(*problem, plan(kind))["expected_cost"]
        assert (low, high) == pytest.approx(
            (costs.mean() - half, costs.mean() + half), abs=half / 5
        )


def test_costs_leave_the_other_intervals_as_they_are():
    plain = bootstrap.headline(*some_problem(), plan("wilson"))
    with_costs = bootstrap.headline(*some_problem(costs=COSTS), plan("wilson"))
    assert with_costs == plain | {"expected_cost": with_costs["expected_cost"]}


@pytest.mark.parametrize("kind", ["wilson", "bca", "percentile"])
def test_an_expected_cost_may_be_above_1(kind):
    targets, predicted = one_hot([0, 1] * 20, 2), one_hot([0, 0, 1, 1] * 10, 2)
    classes = replace(classes_of(targets), costs={"b": {"a": 100.0}})
    low, high = bootstrap.headline(targets, predicted, np.full((40, 2), 0.5), classes, plan(kind))[
        "expected_cost"
    ]
    assert 1 < low < 25.25 < high


def test_bca_is_scipys():
    targets, predicted, _, classes = some_problem(rows=60)
    rows = np.arange(len(targets))

    def f1(drawn, axis):
        true, positive = (side[drawn].astype(float) for side in (targets, predicted))
        hits, size = (true * positive).sum(axis=-2), (true + positive).sum(axis=-2)
        return scores.share(2 * hits, size).mean(axis=-1)

    expected = stats.bootstrap(
        (rows,), f1, confidence_level=0.9, n_resamples=10_000, method="BCa", vectorized=True,
        rng=np.random.default_rng(0),
    )  # fmt: skip
    bounds = bootstrap.of_counts(targets, predicted, classes, plan("bca", replicates=10_000))
    bound = 4 * 0.03 * expected.standard_error
    assert bounds["f1_macro"] == pytest.approx(list(expected.confidence_interval), abs=bound)


@TASKS
@pytest.mark.parametrize("kind", ["wilson", "bca", "percentile"])
def test_the_point_lies_inside_and_higher_levels_are_wider(multilabel, positive, costs, kind):
    problem = some_problem(multilabel, positive, costs)
    point = scores.headline(*problem)
    narrow, wide = (bootstrap.headline(*problem, plan(kind, level=level)) for level in (0.5, 0.99))
    assert narrow.keys() == point.keys()
    for name, value in point.items():
        assert wide[name][0] < narrow[name][0] or wide[name][0] == 0, name
        assert narrow[name][0] <= value <= narrow[name][1] < wide[name][1], name
        assert all(type(end) is float for end in wide[name])


@TASKS
@pytest.mark.parametrize("kind", ["wilson", "bca"])
def test_same_seed_same_intervals(multilabel, positive, costs, kind):
    problem = some_problem(multilabel, positive, costs)
    bounds = [bootstrap.headline(*problem, plan(kind, seed=seed)) for seed in (0, 0, 1)]
    assert bounds[0] == bounds[1]
    assert bounds[0]["mcc"] != bounds[2]["mcc"]
    assert bounds[0]["average_precision"] != bounds[2]["average_precision"]


@TASKS
def test_the_order_of_the_rows_makes_no_difference_to_counts(multilabel, positive, costs):
    targets, predicted, _, classes = some_problem(multilabel, positive, costs)
    for function, last in ((bootstrap.of_counts, plan("bca")), (bootstrap.of_shares, 0.9)):
        bounds = function(targets, predicted, classes, last)
        assert function(targets[::-1], predicted[::-1], classes, last) == bounds


@TASKS
@pytest.mark.parametrize("stratified", [False, True], ids=["", "stratified"])
def test_with_very_many_rows_the_delta_method_agrees(
    multilabel, positive, costs, stratified, monkeypatch
):
    if multilabel and stratified:
        return
    problem = some_problem(multilabel, positive, costs, rows=3000)
    drawn = bootstrap.headline(*problem, plan(stratified=stratified))
    monkeypatch.setattr(bootstrap, "CELLS", 0)
    monkeypatch.setattr(bootstrap, "ROWS", 0)
    bounds = bootstrap.headline(*problem, plan(stratified=stratified))
    for name, (low, high) in drawn.items():
        # Replicates of the calibration error are larger than it: where gaps are none but by chance.
        bound = (0.5 if name == "calibration_error" else 0.12) * (high - low)
        assert bounds[name] == pytest.approx((low, high), abs=bound), name


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_perfect_rows_do_not_prove_a_perfect_classifier(multilabel):
    targets = one_hot([0] * 60 + [1] * 12, 2)
    rows = targets, targets, targets.astype(float), classes_of(targets, multilabel)
    bounds = bootstrap.headline(*rows, plan("wilson", level=0.95))
    assert bounds["recall_rarest"] == pytest.approx((0.757, 1), abs=1e-3)
    for name in ("f1_macro", "balanced_accuracy"):
        assert 0.8 < bounds[name][0] < 0.95
        assert bounds[name][1] == 1
    # Nothing but the rows themselves can be drawn.
    for kind in ("bca", "percentile"):
        drawn = bootstrap.headline(*rows, plan(kind))
        assert drawn["f1_macro"] == drawn["roc_auc"] == (1, 1)
    assert 0.8 < bounds["roc_auc"][0] < 0.95
    assert bounds["roc_auc"][1] == 1
    assert bounds["log_loss"] == bounds["calibration_error"] == (0, 0)


@pytest.mark.parametrize("kind", ["wilson", "bca", "percentile"])
@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_no_row_of_a_class_and_one_class_alone_are_no_error(kind, multilabel):
    for labels, guesses in (
        ([0, 1] * 9, [0, 1] * 9),
        ([0] * 8, [0] * 8),
        ([0] * 8, [1] * 8),
        ([0], [1]),
    ):
        targets, predicted = one_hot(labels, 3), one_hot(guesses, 3)
        p = 0.8 * predicted + 0.2 / 3
        rows = targets, predicted, p, classes_of(targets, multilabel)
        point = scores.headline(*rows)
        for name, (low, high) in bootstrap.headline(*rows, plan(kind)).items():
            assert np.isfinite([low, high]).all()
            assert low <= point[name] + 1e-12, name
            assert point[name] <= high + 1e-12, name


def test_with_many_rows_roc_auc_has_the_interval_of_delong():
    targets, _, p, classes = some_problem(rows=20_000)
    (low, high), drawn = (
        bootstrap.of_probabilities(targets, p, classes, plan(kind, replicates=500))["roc_auc"]
        for kind in ("wilson", "percentile")
    )
    assert (low, high) == pytest.approx(drawn, abs=0.15 * (high - low))


def test_true_probabilities_may_have_no_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 400)
    right = np.stack([1 - p, p], axis=1)
    targets = one_hot((rng.random(400) < p).astype(int), 2)
    classes = classes_of(targets)
    point = scores.calibration_error(targets, right, False)
    low, high = bootstrap.of_probabilities(targets, right, classes, plan("wilson"))[
        "calibration_error"
    ]
    assert low == 0 < point < high
    # Replicates are further off than the rows themselves, and no bootstrap knows it.
    assert (
        bootstrap.of_probabilities(targets, right, classes, plan())["calibration_error"][0] > 0.01
    )
    wrong = np.stack([p, 1 - p], axis=1)
    low, high = bootstrap.of_probabilities(targets, wrong, classes, plan("wilson"))[
        "calibration_error"
    ]
    assert 0.4 < low < 0.5 < high


def test_a_class_that_does_not_occur_is_left_out_and_one_predicted_in_vain_has_0():
    targets = one_hot([0, 1] * 300, 3)
    low, high = bootstrap.of_shares(targets, targets, classes_of(targets), 0.95)["f1_macro"]
    assert 0.98 < low < high == pytest.approx(1)
    predicted = targets.copy()
    predicted[0] = [0, 0, 1]
    low, high = bootstrap.of_shares(targets, predicted, classes_of(targets), 0.95)["f1_macro"]
    assert 0.64 < low < 2 / 3 < high


def test_drawing_within_classes_keeps_their_rows():
    rng = np.random.default_rng(0)
    times, strata = np.array([3, 0, 5, 1]), np.array([0, 0, 1, 2])
    drawn = bootstrap._drawn_kinds(rng, times, strata, 50)
    assert (drawn == times).all()
    first, size = np.array([0, 0, 0, 3, 3]), np.array([3, 3, 3, 2, 2])
    drawn = bootstrap._drawn_rows(rng, first, size, 2000)
    assert (drawn[:, :3].sum(axis=1) == 3).all()
    assert (drawn[:, 3:].sum(axis=1) == 2).all()
    np.testing.assert_allclose(drawn.mean(axis=0), 1, atol=0.1)


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_memory_is_bounded_whatever_the_replicates(multilabel):
    problem = some_problem(multilabel, rows=2000, count=6)
    peaks = []
    for replicates in (500, 5000):
        tracemalloc.start()
        bootstrap.headline(*problem, plan(replicates=replicates))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # 5,000 replicates of 2,000 rows at once would be 80 MB.
    assert peaks[1] < 20e6
    assert peaks[1] - peaks[0] < 5e6
