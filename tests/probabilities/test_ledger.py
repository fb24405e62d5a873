"""The ledger: how sampling, weights and loss change p(y|x) is undone exactly.

x takes a few values with known p(x) and p(y|x), so that what a network would learn from resampled
rows under a weighted loss is computed to the last digits, and must come back as p(y|x).
"""

import json
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from optimum import MULTI, PX, SINGLE, optimum, population
from problems import one_hot, some_targets

from ballast.labels.classes import Classes
from ballast.probabilities import calibration, ledger
from ballast.probabilities.calibration import Method
from ballast.probabilities.correction import Correction, automatic
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.logits import probabilities
from ballast.project.errors import UserError
from ballast.weightings import balanced, none

LOSSES = [
    ("cross_entropy", {}),
    ("focal", {"gamma": 0.0, "alpha": None}),
    ("focal", {"gamma": 1.0, "alpha": {"a": 0.4}}),
    ("focal", {"gamma": 2.0, "alpha": None}),
    ("focal", {"gamma": 3.5, "alpha": {"a": 0.25, "b": 2.0}}),
    ("logit_adjustment", {"tau": 1.0}),
]
EACH_LOSS = pytest.mark.parametrize(("loss", "options"), LOSSES)
EACH_WEIGHTING = pytest.mark.parametrize("weighting", [none, balanced])
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


def ledger_of(before: Classes, after: Classes, weights: np.ndarray, **layers) -> Ledger:
    """The ledger of a model that was trained on some classes after resampling."""
    return Ledger(
        labels=before.names,
        multilabel=before.multilabel,
        rows=before.rows,
        examples=after.rows,
        prior_before_sampling=before.prior,
        prior_after_sampling=after.prior,
        weights=weights,
        **layers,
    )


def corrected(entry: Ledger, outputs: np.ndarray) -> np.ndarray:
    """Probabilities from outputs, by the correction as prediction reads it."""
    text = json.dumps(Correction(entry).to_json(), allow_nan=False)
    return Correction.from_json(json.loads(text)).probabilities(outputs)


@EACH_LOSS
@EACH_WEIGHTING
@pytest.mark.parametrize("rates", [[1, 1, 1], [1, 3, 10], [0.2, 0.5, 1]])
def test_single_label_probabilities_come_back(loss, options, weighting, rates):
    prior = PX @ SINGLE
    drawn = PX[:, None] * SINGLE * rates
    before, after = population(prior, False), population(drawn.sum(axis=0) / drawn.sum(), False)
    weights = ledger.normalise(weighting.weigh(after, None), after)
    outputs = optimum(drawn * weights, options, after)

    entry = ledger_of(before, after, weights, loss=loss, loss_options=options)
    np.testing.assert_allclose(corrected(entry, outputs), SINGLE, atol=1e-6)
    if rates == [1, 3, 10]:  # there is something to undo
        nothing = ledger_of(after, after, np.ones(3), loss=loss, loss_options=options)
        assert np.abs(corrected(nothing, outputs) - SINGLE).max() > 0.1


@EACH_LOSS
@EACH_WEIGHTING
def test_multi_label_probabilities_come_back(loss, options, weighting):
    prior = PX @ MULTI
    classes = population(prior, True)
    weights = ledger.normalise(weighting.weigh(classes, None), classes)
    mass = np.stack([PX[:, None] * (1 - MULTI), PX[:, None] * MULTI]) * weights[:, None, :]
    outputs = optimum(mass, options, classes)

    entry = ledger_of(classes, classes, weights, loss=loss, loss_options=options)
    np.testing.assert_allclose(corrected(entry, outputs), MULTI, atol=1e-6)


@EACH_LOSS
@EACH_WEIGHTING
def test_multi_label_probabilities_come_back_from_rows_drawn_for_their_labels(
    loss, options, weighting
):
    """Labels that are independent given x, rows drawn with a rate for each label's presence."""
    rates = np.array([1.0, 4.0, 0.5])
    # The draw would change p(x), but these labels do not depend on x.
    labels = np.array([[0.9, 0.05, 0.3]] * len(PX))
    drawn = labels * rates / (1 + labels * (rates - 1))
    before, after = population(PX @ labels, True), population(PX @ drawn, True)
    weights = ledger.normalise(weighting.weigh(after, None), after)
    mass = np.stack([PX[:, None] * (1 - drawn), PX[:, None] * drawn]) * weights[:, None, :]
    entry = ledger_of(before, after, weights, loss=loss, loss_options=options)
    outputs = optimum(mass, options, after)
    np.testing.assert_allclose(corrected(entry, outputs), labels, atol=1e-6)


@EACH_TASK
def test_normalised_weights_have_mean_1_over_the_rows_and_keep_their_ratios(multilabel):
    rng = np.random.default_rng(0)
    prior = np.array([0.5, 0.3, 0.2])
    classes = population(prior, multilabel)
    weights = rng.random((2, 3) if multilabel else 3) + 0.1
    scaled = ledger.normalise(weights, classes)
    if multilabel:
        np.testing.assert_allclose(scaled[0] * (1 - prior) + scaled[1] * prior, 1, rtol=1e-12)
        np.testing.assert_allclose(scaled[1] / scaled[0], weights[1] / weights[0], rtol=1e-12)
    else:
        np.testing.assert_allclose(scaled @ prior, 1, rtol=1e-12)
        np.testing.assert_allclose(scaled / scaled[0], weights / weights[0], rtol=1e-12)
    np.testing.assert_allclose(ledger.normalise(7 * weights, classes), scaled, rtol=1e-12)


@EACH_TASK
def test_without_changes_there_is_nothing_to_undo(multilabel):
    classes = population(np.array([0.5, 0.3, 0.2]), multilabel)
    logits = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    undone = Correction(ledger_of(classes, classes, none.weigh(classes, None))).apply(logits)
    assert undone.dtype == np.float64
    np.testing.assert_allclose(undone, logits, rtol=1e-12)


@EACH_TASK
@pytest.mark.parametrize(("old", "new"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3)])
def test_the_logit_of_a_class_without_rows_stays(multilabel, old, new):
    before = population(np.array([0.5, 0.3, old]), multilabel)
    after = population(np.array([0.5, 0.3, new]), multilabel)
    logits = np.random.default_rng(0).normal(size=(9, 3))
    undone = Correction(ledger_of(before, after, none.weigh(after, None))).apply(logits)
    np.testing.assert_allclose(undone, logits, rtol=1e-12)


@pytest.mark.parametrize(("old", "new"), [(1.0, 1.0), (1.0, 0.5), (0.5, 1.0)])
def test_the_logit_of_a_label_of_every_row_stays(old, new):
    before, after = (population(np.array([share, 0.5]), True) for share in (old, new))
    logits = np.random.default_rng(0).normal(size=(9, 2))
    undone = Correction(ledger_of(before, after, none.weigh(after, None))).apply(logits)
    np.testing.assert_allclose(undone, logits, rtol=1e-12)


@EACH_TASK
def test_probabilities_of_far_logits_neither_overflow_nor_lose_their_sum(multilabel):
    logits = np.array([[1000, -1000, 0], [60, 60, -60], [-1e4, -1e4, -1e4]], dtype=np.float32)
    p = probabilities(logits, multilabel)
    assert p.dtype == np.float64
    assert ((p >= 0) & (p <= 1)).all()
    if not multilabel:
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-12)


@EACH_TASK
def test_outputs_that_are_no_log_odds_are_left_to_the_map(multilabel):
    """Without an inverse, nothing is subtracted that only log odds would have."""
    before = population(np.array([0.6, 0.3, 0.1]), multilabel)
    after = population(np.array([0.4, 0.3, 0.3]), multilabel)
    entry = ledger_of(before, after, balanced.weigh(after, None))
    logits = np.random.default_rng(0).normal(size=(9, 3))
    assert (Correction(entry).apply(logits) != logits).all()
    margins = replace(entry, loss="squared_hinge", has_inverse=False)
    np.testing.assert_array_equal(Correction(margins).apply(logits), logits)


@pytest.mark.parametrize(
    ("changes", "method"),
    [
        ({}, "temperature"),
        ({"corrections": {"sampler: none": 0.0, "loss: focal": 0.04}}, "temperature"),
        ({"corrections": {"sampler: none": 0.0, "weighting: balanced": 1.0}}, "sigmoid"),
        ({"corrections": {"loss: focal": -0.3}}, "sigmoid"),
        ({"distortions": ("It distorts.",)}, "sigmoid"),
        ({"has_inverse": False, "distortions": ("No formula.",)}, "isotonic"),
        ({"has_inverse": False, "calibration": "sigmoid", "distortions": ("No.",)}, "sigmoid"),
    ],
)
def test_the_map_depends_on_what_the_formulas_leave(changes, method):
    classes = population(np.array([0.6, 0.4]), False)
    entry = ledger_of(classes, classes, np.ones(2), **changes)
    assert automatic(entry) == method
    rng = np.random.default_rng(0)
    targets, outputs = one_hot(np.arange(40) % 2, 2), rng.normal(size=(40, 2))
    logits = Correction(entry).apply(outputs)
    fitted = Correction.fit(entry, outputs, targets)
    assert fitted.calibration == calibration.fit(method, targets, logits, multilabel=False)
    assert Correction.fit(entry, outputs, targets, "none").calibration is None
    assert Correction.fit(entry, outputs, targets, "isotonic").calibration.method == "isotonic"


def some_ledger(seed: int, multilabel: bool) -> Ledger:
    """A ledger with all that one may hold, in numbers that need every digit."""
    rng = np.random.default_rng(seed)
    before, after = (population(rng.dirichlet(np.ones(4)), multilabel, 1e3) for _ in range(2))
    return ledger_of(
        before,
        after,
        rng.random((2, 4) if multilabel else 4) + 0.1,
        sampler="smote",
        weighting="balanced",
        loss="focal",
        loss_options={"gamma": rng.random(), "alpha": {"a": rng.random()}},
        only_ranks=bool(seed % 2),
        calibration=[None, "sigmoid"][seed % 2],
        corrections={"sampler: smote": rng.random(), "loss: focal": 0.0},
        distortions=("It distorts.", "So does it."),
        costs=[None, {"a": {"b": rng.random()}}][seed % 2],
    )


def alike(one, other) -> bool:
    """Whether two objects of the same type hold the same bits."""
    if is_dataclass(one):
        pairs = [(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)]
        return type(one) is type(other) and all(alike(*pair) for pair in pairs)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and (one == other).all()
    return type(one) is type(other) and one == other


@EACH_TASK
@settings(max_examples=30)
@given(seed=st.integers(0, 10_000))
def test_a_ledger_comes_back_from_its_file_to_the_bit(multilabel, seed):
    entry = some_ledger(seed, multilabel)
    with TemporaryDirectory() as folder:
        entry.save(Path(folder))
        assert alike(Ledger.load(Path(folder)), entry)


@EACH_TASK
@pytest.mark.parametrize("method", ["none", *get_args(Method)])
@settings(max_examples=10)
@given(seed=st.integers(0, 10_000))
def test_a_correction_comes_back_from_json_to_the_bit(multilabel, method, seed):
    rng = np.random.default_rng(seed)
    targets = some_targets(rng, 30, 4, multilabel)
    outputs = rng.normal(size=targets.shape).astype(np.float32)
    fitted = Correction.fit(some_ledger(seed, multilabel), outputs, targets, method)
    text = json.dumps(fitted.to_json(), allow_nan=False)
    back = Correction.from_json(json.loads(text))
    assert alike(back, fitted)
    assert json.dumps(back.to_json(), allow_nan=False) == text
    others = rng.normal(size=(20, 4)).astype(np.float32)
    np.testing.assert_array_equal(back.apply(others), fitted.apply(others))
    np.testing.assert_array_equal(back.probabilities(others), fitted.probabilities(others))


# How far a layer moves the prior towards balance, and what is refused.

LONG_TAIL = np.array([0.7, 0.2, 0.07, 0.03])
EVEN = np.full(4, 0.25)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_a_power_of_the_prior_has_that_strength(power):
    classes = population(LONG_TAIL, False)
    assert ledger.strength(3 - power * np.log(LONG_TAIL), classes) == pytest.approx(power)
    odds = np.log(LONG_TAIL / (1 - LONG_TAIL))
    assert ledger.strength(-power * odds, population(LONG_TAIL, True)) == pytest.approx(power)


def test_balanced_weights_and_equal_classes_each_correct_the_whole_prior():
    before, after = (population(prior, False) for prior in (LONG_TAIL, EVEN))
    assert ledger.strength(ledger.sampling_shift(before, after), before) == pytest.approx(1)
    shift = ledger.weight_shift(balanced.weigh(before, None))
    assert ledger.strength(shift, before) == pytest.approx(1)
    labels = population(LONG_TAIL, True)
    shift = ledger.weight_shift(balanced.weigh(labels, None))
    assert ledger.strength(shift, labels) == pytest.approx(1)


def test_equal_classes_have_no_prior_to_correct():
    assert ledger.strength(np.array([5.0, 0, 0, 0]), population(EVEN, False)) == 0


@pytest.mark.parametrize(
    ("strengths", "refused"),
    [
        ([1.0, 1.0], True),
        ([0.5, 0.5], False),
        ([0.5, 0.7], True),
        ([1.0, 0.0], False),
        # A single layer may go as far as it likes.
        ([2.0, 0.0], False),
        ([1.0, -0.5], False),
        ([0.4, 0.4, 0.4], True),
    ],
)
def test_layers_that_correct_the_prior_beyond_balance_are_refused(strengths, refused):
    corrections = {f"layer{number}": value for number, value in enumerate(strengths)}
    ledger.refuse_twice(corrections, allowed=True)
    if not refused:
        return ledger.refuse_twice(corrections, allowed=False)
    with pytest.raises(UserError, match=r"layer0.* and layer1.*allow_double_correction: true"):
        ledger.refuse_twice(corrections, allowed=False)
