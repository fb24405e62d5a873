"""Calibration: distorted scores become calibrated, and what can't be known stays as it is."""

import json
from typing import get_args

import numpy as np
import pytest
from problems import one_hot

from ballast.evaluation.scores import calibration_error, row_losses
from ballast.probabilities.calibration import Calibration, Method, fit
from ballast.probabilities.logits import probabilities

METHODS = pytest.mark.parametrize("method", get_args(Method))
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
ROWS = 20_000


def true_logits(seed: int, multilabel: bool, rows: int = ROWS, count: int = 3):
    """Return labels, and logits whose probabilities are exactly those that the labels came from."""
    rng = np.random.default_rng(seed)
    logits = 1.5 * rng.normal(size=(rows, count)) - np.arange(count)
    p = probabilities(logits, multilabel)
    if multilabel:
        return (rng.random(p.shape) < p).astype(np.uint8), logits
    return rng.multinomial(1, p).astype(np.uint8), logits


def error(targets, logits, multilabel):
    return calibration_error(targets, probabilities(logits, multilabel), multilabel)


@EACH_TASK
@METHODS
def test_contract(method, multilabel):
    targets, logits = true_logits(0, multilabel, rows=200)
    logits = logits.astype(np.float32)
    copies = targets.copy(), logits.copy()
    fitted = fit(method, targets, logits, multilabel)
    np.testing.assert_array_equal(targets, copies[0])
    np.testing.assert_array_equal(logits, copies[1])
    assert fit(method, targets, logits, multilabel) == fitted

    _, others = true_logits(1, multilabel, rows=50)
    mapped = fitted.apply(np.concatenate([others, 1000 * others, 0 * others]))
    assert mapped.shape == (150, 3)
    assert mapped.dtype == np.float64
    assert np.isfinite(mapped).all()
    back = Calibration(**json.loads(json.dumps(fitted.to_json(), allow_nan=False)))
    assert back == fitted
    np.testing.assert_array_equal(back.apply(others), fitted.apply(others))


@EACH_TASK
@METHODS
def test_classes_in_another_order_make_no_difference(method, multilabel):
    targets, logits = true_logits(2, multilabel, rows=300)
    order = [2, 0, 1]
    here = fit(method, targets, logits, multilabel).apply(logits)
    there = fit(method, targets[:, order], logits[:, order], multilabel).apply(logits[:, order])
    np.testing.assert_allclose(there, here[:, order], atol=1e-6)


@EACH_TASK
@METHODS
def test_no_class_becomes_less_probable_as_its_score_rises(method, multilabel):
    targets, logits = true_logits(3, multilabel, rows=300, count=2)
    column = np.linspace(-30, 30, 500)
    rising = np.stack([np.zeros(500), column], axis=1)
    p = probabilities(fit(method, targets, -logits, multilabel).apply(rising), multilabel)
    assert (np.diff(p[:, 1]) >= -1e-12).all()


@EACH_TASK
@pytest.mark.parametrize("slope", [0.2, 1.0, 5.0])
def test_temperature_recovers_a_known_slope(multilabel, slope):
    """The slope's standard error at 20,000 rows is about 1 %."""
    targets, logits = true_logits(4, multilabel)
    fitted = fit("temperature", targets, logits / slope, multilabel)
    assert fitted.values["slope"] == pytest.approx(slope, rel=0.04)
    assert error(targets, fitted.apply(logits / slope), multilabel) < 0.01


@pytest.mark.parametrize("distortion", [lambda z: 3 * z + 2, lambda z: z / 4 - 1])
def test_sigmoid_undoes_a_line_for_each_label(distortion):
    targets, logits = true_logits(5, True)
    fitted = fit("sigmoid", targets, distortion(logits), True)
    np.testing.assert_allclose(fitted.apply(distortion(logits)), logits, atol=0.6)
    assert np.abs(fitted.apply(distortion(logits)) - logits).mean() < 0.1


def distorted(logits: np.ndarray, multilabel: bool) -> np.ndarray:
    """As a margin loss leaves them: another scale and another middle for each class."""
    return 3 * logits + np.array([1.0, 0.0, -2.0]) * (1 if multilabel else 0.5)


@EACH_TASK
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_distorted_logits_become_calibrated(method, multilabel):
    targets, logits = true_logits(6, multilabel)
    fitted = fit(method, targets, distorted(logits, multilabel), multilabel)
    targets, logits = true_logits(7, multilabel)
    assert error(targets, distorted(logits, multilabel), multilabel) > 0.05
    assert error(targets, fitted.apply(distorted(logits, multilabel)), multilabel) < 0.02


@EACH_TASK
def test_isotonic_corrects_what_no_line_does(multilabel):
    targets, logits = true_logits(8, multilabel, count=2)
    curved = np.sign(logits) * np.abs(logits) ** 3 + 2
    if not multilabel:
        margin = logits[:, 1] - logits[:, 0]
        curved = np.stack([0 * margin, np.sign(margin) * np.abs(margin) ** 3 + 2], axis=1)
    line, steps = (fit(method, targets, curved, multilabel) for method in ("sigmoid", "isotonic"))
    assert error(targets, line.apply(curved), multilabel) > 0.03
    assert error(targets, steps.apply(curved), multilabel) < 0.02


@EACH_TASK
@METHODS
def test_calibrated_logits_stay_nearly_the_same(method, multilabel):
    targets, logits = true_logits(9, multilabel)
    fitted = fit(method, targets, logits, multilabel)
    targets, logits = true_logits(10, multilabel)
    before, after = (
        row_losses(targets, probabilities(z, multilabel), multilabel).mean()
        for z in (logits, fitted.apply(logits))
    )
    assert after == pytest.approx(before, abs=0.01)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_two_classes_are_one_problem(method):
    """One against the rest twice gives p and 1 - p: normalising has nothing to do."""
    targets, logits = true_logits(11, False, rows=500, count=2)
    mapped = fit(method, targets, 2 * logits + [0, 1], False).apply(2 * logits + [0, 1])
    np.testing.assert_allclose(np.exp(mapped).sum(axis=1), 1, atol=1e-4)


@EACH_TASK
@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
@pytest.mark.parametrize("share", [0, 1])
def test_the_log_odds_of_a_class_of_no_row_or_every_row_stay(method, multilabel, share):
    targets, logits = true_logits(12, multilabel, rows=300)
    if multilabel:
        targets[:, 1] = share
    else:
        targets = one_hot(np.where(targets[:, 2], 2, 0) if share == 0 else np.ones(300, int), 3)
    mapped = fit(method, targets, logits, multilabel).apply(logits)
    if multilabel:
        np.testing.assert_allclose(mapped[:, 1], logits[:, 1])
    else:
        p = probabilities(logits, False)[:, 1]
        np.testing.assert_allclose(np.exp(mapped[:, 1]), p, rtol=1e-9)


@METHODS
def test_misleading_or_equal_scores_get_no_slope(method):
    rng = np.random.default_rng(0)
    targets = (rng.random((400, 1)) < 0.2).astype(np.uint8)
    misleading = fit(method, targets, rng.normal(size=(400, 1)) - 3 * targets, True)
    spread = np.ptp(misleading.apply(np.array([[-1.0], [1.0]])))
    assert 0 <= spread < 0.01
    alike = fit(method, targets, np.full((400, 1), 1e6), True).apply(np.full((400, 1), 1e6))
    assert np.isfinite(alike).all()
    if method != "temperature":
        p = probabilities(alike, True)
        np.testing.assert_allclose(p, targets.mean(), atol=0.01)


@EACH_TASK
@METHODS
def test_if_all_rows_are_correct_the_logits_stay_finite(method, multilabel):
    targets = one_hot(np.arange(30) % 3, 3)
    logits = 40.0 * targets - 20
    mapped = fit(method, targets, logits, multilabel).apply(logits)
    assert np.isfinite(mapped).all()
    np.testing.assert_array_equal(mapped.argmax(axis=1), targets.argmax(axis=1))
