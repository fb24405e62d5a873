"""Learning curves: the fit, what it says of twice the rows, and when it says nothing."""

import json
import runpy

import numpy as np
import pytest
from closure import ROOT
from problems import classes_of, one_hot
from scipy.optimize import curve_fit
from scipy.stats import binom

from ballast.study.learning_curve import learning_curve
from ballast.study.power_law import RATES, curve, fit

SHARES = np.array([100.0, 200, 400, 800, 1600])
SIMULATION = runpy.run_path(str(ROOT / "benchmarks" / "study.py"))


def study(accuracies, seeds: int = 3, rows: int = 1500):
    rng = np.random.default_rng(0)
    true = rng.choice(3, rows, p=[0.6, 0.3, 0.1])
    predicted = [
        {j: one_hot(np.where(rng.random(rows) < a, true, (true + 1) % 3), 3) for j in range(seeds)}
        for a in accuracies
    ]
    targets = one_hot(true, 3)
    counts = SHARES[: len(accuracies), None] * np.array([0.6, 0.3, 0.1])
    return counts, targets, predicted, classes_of(targets), np.arange(rows)


@pytest.mark.parametrize("c", RATES[[5, 20, 35]])
def test_a_power_law_is_found(c):
    scores = 0.8 - 0.9 * (SHARES / 100) ** -c
    a, b, rate = fit(SHARES, np.array([scores, scores]), RATES)
    np.testing.assert_allclose(a, 0.8, rtol=1e-6)
    np.testing.assert_allclose(b, -0.9 * 100**c, rtol=1e-6)
    np.testing.assert_allclose(rate, c)


def test_no_worse_than_least_squares_of_scipy():
    scores = np.array([0.5, 0.58, 0.66, 0.69, 0.73])
    a, b, c = (values[0] for values in fit(SHARES, scores[None], RATES))
    error = ((a + b * SHARES**-c - scores) ** 2).sum()
    start, bounds = (0.8, -2, 0.5), ([0, -np.inf, 0.05], [1, np.inf, 2])

    def law(n, a, b, c):
        return a + b * n**-c

    best, _ = curve_fit(law, SHARES, scores, start, bounds=bounds)
    assert error <= ((law(SHARES, *best) - scores) ** 2).sum() * 1.05


def test_the_limit_stays_a_score():
    a, b, c = (v[0] for v in fit(SHARES, np.array([[0.1, 0.3, 0.5, 0.7, 0.9]]), RATES))
    assert a == 1
    assert b < 0 < c


def test_three_shares_take_a_usual_rate():
    scores = np.array([[0.5, 0.5], [0.6, 0.6], [0.67, 0.67]])
    drawn = np.tile(scores.mean(axis=1), (90, 1))
    found = curve(SHARES[:3], scores, drawn, 0.95)
    assert found.c == pytest.approx(0.5)
    # What is drawn does not vary: all of the width is the unknown rate's.
    assert found.low < found.gain < found.high


def test_what_twice_the_rows_would_bring():
    result = learning_curve(*study(0.95 - SHARES**-0.5 * 3))
    assert result.curve.problems == ()
    assert 0 < result.curve.low < result.curve.gain < result.curve.high
    assert result.curve.at_twice == pytest.approx(
        result.curve.fitted[-1] + result.curve.gain, abs=1e-12
    )
    assert result.sentence().startswith("twice the rows would bring macro-F1 +.0")
    assert ", most to recall of " in result.sentence()
    json.dumps(result.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("accuracies", "seeds", "words"),
    [
        ([0.7, 0.8], 3, "at least three shares"),
        ([0.7, 0.75, 0.8], 1, "one seed"),
        ([0.9, 0.85, 0.7], 3, "do not rise"),
        ([0.5, 0.9, 0.5, 0.9, 0.5], 3, "do not rise"),
    ],
)
def test_a_poor_curve_says_why_and_nothing_else(accuracies, seeds, words):
    result = learning_curve(*study(accuracies, seeds), replicates=100)
    assert words in " ".join(result.curve.problems)
    assert result.sentence().startswith("cannot be told what twice the rows would bring: ")


def test_a_flat_curve_cannot_be_told():
    text = learning_curve(*study([0.8, 0.8, 0.8])).sentence()
    assert text.startswith("cannot be told: twice the rows would bring macro-F1 ")


@pytest.mark.thorough
@pytest.mark.parametrize("rate", [0.3, 0.8])
def test_intervals_hold_what_twice_the_rows_bring(rate):
    shares = SIMULATION["curves"](rate, (250, 500, 1000), 60)
    assert min(shares[:2]) >= binom.ppf(0.001, 60, 0.935) / 60
