"""Intervals: against SciPy's and statsmodels', and their coverage of the true value."""

import importlib.util
import sys

import numpy as np
import pytest
from problems import ROOT
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from ballast.evaluation.intervals import (
    Plan,
    acceleration,
    delta,
    ends,
    low_of_gaps,
    recovered,
    wilson,
    wilson_area,
    wilson_f1,
)

LEVELS = pytest.mark.parametrize("level", [0.5, 0.9, 0.95])


@pytest.fixture(scope="module")
def simulation():
    """The benchmark of coverage: its problems, and its trials."""
    spec = importlib.util.spec_from_file_location("simulation", ROOT / "benchmarks/coverage.py")
    module = importlib.util.module_from_spec(spec)
    with pytest.MonkeyPatch.context() as patch:
        # Dataclasses look up their module.
        patch.setitem(sys.modules, "simulation", module)
        spec.loader.exec_module(module)
    return module


@LEVELS
def test_wilson_is_scipys_and_statsmodels(level):
    pairs = [(k, n) for n in (1, 2, 7, 40, 1000) for k in {0, 1, n // 2, n - 1, n}]
    successes, trials = np.array(pairs).T
    low, high = wilson(successes, trials, level)
    for (k, n), *bounds in zip(pairs, low, high, strict=True):
        expected = stats.binomtest(int(k), int(n)).proportion_ci(level, method="wilson")
        assert bounds == pytest.approx(list(expected), abs=1e-12)
    expected = proportion_confint(successes, trials, alpha=1 - level, method="wilson")
    np.testing.assert_allclose([low, high], expected, rtol=1e-9, atol=1e-12)


def test_wilson_of_the_dozen():
    low, high = wilson(np.array([9, 12, 0, 0]), np.array([12, 12, 12, 0]), 0.95)
    np.testing.assert_allclose(low, [0.468, 0.757, 0, 0], atol=1e-3)
    np.testing.assert_allclose(high, [0.911, 1, 0.243, 1], atol=1e-3)
    # Exactly: nothing lies outside the possible values.
    assert high[1] == 1
    assert low[2] == 0


@LEVELS
def test_the_interval_of_f1_is_that_of_a_share(level):
    """9 true positives of 12 and 3 false positives: 9 of 15 rows in question; F1 = 18 / 24."""
    low, high = wilson_f1(9, 12, 12, level)
    share = wilson(9, 15, level)
    assert low / (2 - low) == pytest.approx(float(share[0]))
    assert high / (2 - high) == pytest.approx(float(share[1]))
    assert low < 18 / 24 < high
    assert wilson_f1(0, 0, 0, level) == (0, 1)
    assert wilson_f1(12, 12, 12, level)[1] == 1


@LEVELS
def test_the_interval_of_an_area_is_that_of_its_effective_sample_size(level):
    area, rows = 0.8, 10**6
    bounds = wilson_area(area, area * (1 - area) / 50, rows, level)
    np.testing.assert_allclose(bounds, wilson(40, 50, level), atol=1e-5)


def test_the_interval_of_an_area_without_a_mistake_or_without_a_ranking():
    low, high = wilson_area(np.array([1, 1, 0.5]), np.zeros(3), np.array([12, 500, 12]), 0.95)
    assert 0.8 < low[0] < 0.9 < 0.99 < low[1] < 1
    np.testing.assert_allclose(high, [1, 1, 0.5], atol=1e-4)
    # Equal scores give one half, for certain.
    assert low[2] == pytest.approx(0.5, abs=1e-4)


def test_gaps_that_may_be_chance_have_a_low_end_of_0():
    gaps = np.array([0.3, -0.1])
    drawn = gaps + np.array([[0.05, -0.05], [0.0, 0.1], [-0.1, 0.1]])
    assert low_of_gaps(gaps, drawn, 0.99) == pytest.approx(0.4 - 0.2, abs=2e-3)
    assert low_of_gaps(gaps, gaps + 3 * (drawn - gaps), 0.99) == 0


def skewed(rows: int = 40) -> np.ndarray:
    return np.random.default_rng(5).lognormal(size=rows)


def of_scipys_replicates(kind: str):
    """Return SciPy's interval of a mean, and that of `ends` from the same replicates."""
    rows = skewed()
    expected = stats.bootstrap(
        (rows,),
        np.mean,
        confidence_level=0.9,
        n_resamples=5000,
        method="BCa" if kind == "bca" else "percentile",
        rng=np.random.default_rng(1),
    )
    points, influence = rows.mean(keepdims=True), (rows - rows.mean())[:, None]
    replicates = expected.bootstrap_distribution[:, None]
    plan = Plan(kind, False, len(replicates), 0.9, 0)
    bounds = ends(points, replicates, acceleration(influence), plan)
    return list(expected.confidence_interval), [float(end[0]) for end in bounds]


@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_ends_of_the_same_replicates_are_scipys(kind):
    expected, bounds = of_scipys_replicates(kind)
    assert bounds == pytest.approx(expected, rel=1e-9)


def test_bca_of_skewed_rows_lies_to_the_right_of_percentile():
    percentile, bca = (of_scipys_replicates(kind)[1] for kind in ("percentile", "bca"))
    assert bca[0] > percentile[0]
    assert bca[1] > percentile[1]


def test_acceleration_counts_equal_rows_by_their_number():
    rng = np.random.default_rng(0)
    u, times = rng.normal(size=(6, 3)) ** 3, rng.integers(1, 5, 6)
    together = acceleration(u, times[:, None])
    np.testing.assert_allclose(together, acceleration(np.repeat(u, times, axis=0)))
    np.testing.assert_allclose(together, acceleration(u * 1e-120, times[:, None]))
    np.testing.assert_array_equal(acceleration(np.zeros((4, 2))), [0, 0])


@pytest.mark.parametrize("kind", ["percentile", "bca"])
def test_ends_include_the_point_and_coincide_for_equal_replicates(kind):
    plan = Plan(kind, False, 100, 0.95, 0)
    points = np.array([0.5, 0.0, 2.0])
    replicates = np.stack([np.full(100, 0.5), *np.random.default_rng(0).random((2, 100))], axis=1)
    low, high = ends(points, replicates, np.array([0.0, 0.3, -0.9]), plan)
    assert low[0] == high[0] == 0.5
    assert low[1] == 0
    assert high[2] == 2
    assert (low <= high).all()


def test_delta_of_a_mean_is_the_normal_interval():
    rows = skewed()
    influence = (rows - rows.mean())[:, None] / len(rows)
    low, high = delta(rows.mean(keepdims=True), influence, Plan("bca", False, 100, 0.95, 0))
    half = stats.norm.ppf(0.975) * rows.std() / np.sqrt(len(rows))
    assert (low[0], high[0]) == pytest.approx((rows.mean() - half, rows.mean() + half))


def test_correlated_terms_add_and_independent_ones_add_in_squares():
    points, bounds = np.array([0.5, 0.5]), (np.array([0.2, 0.1]), np.array([0.8, 0.9]))
    same, independent = (
        np.array([[1.0, 2.0], [-1, -2]]),
        np.array([[1.0, 0], [0, 1], [-1, 0], [0, -1]]),
    )
    assert recovered(points, bounds, same, np.ones(2)) == pytest.approx((0.3, 1.7))
    assert recovered(points, bounds, independent, np.ones(4)) == pytest.approx((0.5, 1.5))


# Coverage of the true value. With 2,000 trials, the standard error is half a point.


@pytest.mark.parametrize("positives", [12, 50, 500])
def test_the_coverage_of_wilson_is_the_level(positives, simulation):
    """Exactly, by the binomial distribution, on average over recalls.

    Coverage of a single recall depends on the steps: with 12 positives there are only 13 recalls.
    """
    recalls = np.arange(0.5, 0.9901, 0.01)
    coverage = [simulation.recall_coverage(recall, positives) for recall in recalls]
    assert np.mean(coverage) == pytest.approx(0.95, abs=0.015)
    assert min(coverage) > 0.88


@pytest.mark.parametrize(
    ("name", "positives"),
    [
        ("2 classes, recall .8", 12),
        ("2 classes, recall .9", 12),
        ("4 classes", 12),
        pytest.param("2 classes, recall .9", 50, marks=pytest.mark.thorough),
        pytest.param("4 classes", 500, marks=pytest.mark.thorough),
    ],
)
def test_the_coverage_of_macro_f1_from_wilson_is_the_level(name, positives, simulation):
    coverage = simulation.coverage_of_counts(
        simulation.PROBLEMS[name], positives, False, 2000, {"wilson": ("wilson", False)}, 0
    )
    assert coverage["f1_macro", "wilson"] == pytest.approx(0.95, abs=0.015)
    # Not less for the others; slightly more with a dozen positives.
    assert 0.935 < coverage["f1 of the rarest", "wilson"] < 0.98
    assert 0.935 < coverage["balanced_accuracy", "wilson"] < 0.99


@pytest.mark.thorough
def test_roc_auc_and_calibration_error_are_covered_where_a_bootstrap_fails(simulation):
    methods = {kind: (kind, False) for kind in ("wilson", "bca")}
    name = "2 classes, ROC AUC .90, too sure"
    coverage = simulation.coverage_of_probabilities(name, 12, 300, methods, 300)
    # 2.5 standard errors of 300 trials; coverage of the calibration error is above the level.
    for name in ("roc_auc", "calibration_error"):
        assert coverage[name, "wilson"] > 0.95 - 0.032, name
        assert coverage[name, "bca"] < 0.95 - 0.032, name


@pytest.mark.thorough
def test_bca_covers_macro_f1_more_often_than_percentile_unless_positives_are_few(simulation):
    methods = {kind: (kind, False) for kind in ("bca", "percentile")}
    many, few = (
        simulation.coverage_of_counts(
            simulation.PROBLEMS["2 classes, recall .9"], positives, False, 500, methods, 500
        )
        for positives in (50, 12)
    )
    assert many["f1_macro", "bca"] == pytest.approx(0.95, abs=0.03)
    assert many["f1_macro", "bca"] >= many["f1_macro", "percentile"]
    # If a dozen rows show no mistake, neither do replicates: that is why `wilson` is the default.
    assert max(few["f1_macro", kind] for kind in methods) < 0.935
