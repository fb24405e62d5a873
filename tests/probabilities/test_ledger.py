"""The ledger: what sampling, weights and loss did to p(y|x) is undone exactly.

x takes a few values with known p(x) and p(y|x), so that what a network would learn from resampled
rows under a weighted loss is computed to the last digits, and must come back as p(y|x).
"""

import json

import numpy as np
import pytest
from problems import LETTERS
from scipy.optimize import brentq

from ballast.labels.classes import Classes
from ballast.losses import cross_entropy, focal
from ballast.probabilities import ledger
from ballast.project.errors import UserError
from ballast.weightings import balanced, none

LOSSES = [
    (cross_entropy, {}),
    (focal, {"gamma": 0.0, "alpha": None}),
    (focal, {"gamma": 1.0, "alpha": {"a": 0.4}}),
    (focal, {"gamma": 2.0, "alpha": None}),
    (focal, {"gamma": 3.5, "alpha": {"a": 0.25, "b": 2.0}}),
]
EACH_LOSS = pytest.mark.parametrize(("loss", "options"), LOSSES)
EACH_WEIGHTING = pytest.mark.parametrize("weighting", [none, balanced])
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
# p(x) of five values of x, and p(y|x) of three classes, or of three labels.
PX = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
SINGLE = np.array(
    [[0.97, 0.02, 0.01], [0.8, 0.15, 0.05], [0.5, 0.3, 0.2], [0.1, 0.85, 0.05], [0.02, 0.08, 0.9]]
)
MULTI = np.array(
    [[0.97, 0.02, 0.01], [0.8, 0.6, 0.05], [0.5, 0.3, 0.9], [0.1, 0.85, 0.7], [0.6, 0.08, 0.9]]
)


def described(prior: np.ndarray, multilabel: bool, rows: float = 1e6) -> Classes:
    """Classes of a population: shares of very many rows, fractions of a row among them."""
    return Classes(LETTERS[: len(prior)], prior * rows, rows, multilabel)


def slope(v: float, gamma: float) -> float:
    """d/dv of -(1 - v)^gamma log v."""
    if gamma == 0:
        return -1 / v
    return gamma * (1 - v) ** (gamma - 1) * np.log(v) - (1 - v) ** gamma / v


def root(function, low: float, high: float) -> float:
    return brentq(function, low, high, xtol=1e-15, rtol=1e-14, maxiter=500)


def learned(mass: np.ndarray, gamma: float) -> np.ndarray:
    """Return v, sum 1, with the least sum_c mass_c * -(1 - v_c)^gamma log v_c.

    At the minimum all mass_c * slope(v_c) are one number -m; m is found by bisection.
    """

    def at(m: float) -> np.ndarray:
        tiny = 1e-14
        values = []
        for share in mass:
            # The slope rises from -inf to 0, so it takes each value once.
            if share * slope(1 - tiny, gamma) < -m:
                values.append(1.0)
            else:
                values.append(root(lambda v, s=share: s * slope(v, gamma) + m, tiny, 1 - tiny))
        return np.array(values)

    # A larger m means smaller v.
    log_m = root(lambda log_m: at(np.exp(log_m)).sum() - 1, -15, 15)
    return at(np.exp(log_m))


def optimum(mass: np.ndarray, options: dict, multilabel: bool) -> np.ndarray:
    """Return the logits that a loss without limits on the network leads to.

    Args:
        mass: weight times share of the rows, shape (x, classes), or (2, x, labels) by presence.
        options: of the loss; none for cross-entropy.
        multilabel: which of the two.
    """
    gamma = options.get("gamma", 0.0)
    alpha = options.get("alpha") or {}
    factors = np.array([alpha.get(name, 1.0) for name in LETTERS[: mass.shape[-1]]])
    if not multilabel:
        return np.log([learned(row, gamma) for row in mass * factors])
    logits = np.empty(mass.shape[1:])
    for place in np.ndindex(*logits.shape):
        pair = np.array([mass[0][place], mass[1][place] * factors[place[-1]]])
        absent, present = learned(pair, gamma)
        logits[place] = np.log(present) - np.log(absent)
    return logits


@EACH_LOSS
@EACH_WEIGHTING
@pytest.mark.parametrize("rates", [[1, 1, 1], [1, 3, 10], [0.2, 0.5, 1]])
def test_single_label_probabilities_come_back(loss, options, weighting, rates):
    prior = PX @ SINGLE
    drawn = PX[:, None] * SINGLE * rates
    before, after = described(prior, False), described(drawn.sum(axis=0) / drawn.sum(), False)
    weights = ledger.normalise(weighting.weigh(after, None), after)
    outputs = optimum(drawn * weights, options, False)

    book = json.loads(json.dumps(ledger.entry(before, after, weights, {"loss": "any"})))
    logits = ledger.correct(loss.inverse(outputs, after, **options), book)
    np.testing.assert_allclose(ledger.probabilities(logits, False), SINGLE, atol=1e-6)
    if rates == [1, 3, 10]:  # there is something to undo
        raw = loss.inverse(outputs, after, **options)
        assert np.abs(ledger.probabilities(raw, False) - SINGLE).max() > 0.1


@EACH_LOSS
@EACH_WEIGHTING
def test_multi_label_probabilities_come_back(loss, options, weighting):
    prior = PX @ MULTI
    classes = described(prior, True)
    weights = ledger.normalise(weighting.weigh(classes, None), classes)
    mass = np.stack([PX[:, None] * (1 - MULTI), PX[:, None] * MULTI]) * weights[:, None, :]
    outputs = optimum(mass, options, True)

    book = json.loads(json.dumps(ledger.entry(classes, classes, weights, {})))
    logits = ledger.correct(loss.inverse(outputs, classes, **options), book)
    np.testing.assert_allclose(ledger.probabilities(logits, True), MULTI, atol=1e-6)


@EACH_LOSS
@EACH_WEIGHTING
def test_multi_label_probabilities_come_back_from_rows_drawn_for_their_labels(
    loss, options, weighting
):
    """Labels that are independent given x, rows drawn with a rate for each label's presence."""
    rates = np.array([1.0, 4.0, 0.5])
    # The draw changes p(x); the labels are so made that each of them tells x nothing.
    labels = np.array([[0.9, 0.05, 0.3]] * len(PX))
    drawn = labels * rates / (1 + labels * (rates - 1))
    before, after = described(PX @ labels, True), described(PX @ drawn, True)
    weights = ledger.normalise(weighting.weigh(after, None), after)
    mass = np.stack([PX[:, None] * (1 - drawn), PX[:, None] * drawn]) * weights[:, None, :]
    book = ledger.entry(before, after, weights, {})
    logits = ledger.correct(loss.inverse(optimum(mass, options, True), after, **options), book)
    np.testing.assert_allclose(ledger.probabilities(logits, True), labels, atol=1e-6)


@EACH_TASK
def test_normalised_weights_have_mean_1_over_the_rows_and_keep_their_ratios(multilabel):
    rng = np.random.default_rng(0)
    prior = np.array([0.5, 0.3, 0.2])
    classes = described(prior, multilabel)
    weights = rng.random((2, 3) if multilabel else 3) + 0.1
    found = ledger.normalise(weights, classes)
    if multilabel:
        np.testing.assert_allclose(found[0] * (1 - prior) + found[1] * prior, 1, rtol=1e-12)
        np.testing.assert_allclose(found[1] / found[0], weights[1] / weights[0], rtol=1e-12)
    else:
        np.testing.assert_allclose(found @ prior, 1, rtol=1e-12)
        np.testing.assert_allclose(found / found[0], weights / weights[0], rtol=1e-12)
    np.testing.assert_allclose(ledger.normalise(7 * weights, classes), found, rtol=1e-12)


@EACH_TASK
def test_nothing_done_is_nothing_undone(multilabel):
    classes = described(np.array([0.5, 0.3, 0.2]), multilabel)
    logits = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    book = ledger.entry(classes, classes, none.weigh(classes, None), {})
    found = ledger.correct(logits, book)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, logits, rtol=1e-12)


@EACH_TASK
@pytest.mark.parametrize(("old", "new"), [(0.0, 0.0), (0.3, 0.0), (0.0, 0.3)])
def test_a_class_without_rows_keeps_its_logit(multilabel, old, new):
    before = described(np.array([0.5, 0.3, old]), multilabel)
    after = described(np.array([0.5, 0.3, new]), multilabel)
    logits = np.random.default_rng(0).normal(size=(9, 3))
    book = ledger.entry(before, after, none.weigh(after, None), {})
    np.testing.assert_allclose(ledger.correct(logits, book), logits, rtol=1e-12)


@pytest.mark.parametrize(("old", "new"), [(1.0, 1.0), (1.0, 0.5), (0.5, 1.0)])
def test_a_label_of_every_row_keeps_its_logit(old, new):
    before, after = (described(np.array([share, 0.5]), True) for share in (old, new))
    logits = np.random.default_rng(0).normal(size=(9, 2))
    book = ledger.entry(before, after, none.weigh(after, None), {})
    np.testing.assert_allclose(ledger.correct(logits, book), logits, rtol=1e-12)


@EACH_TASK
def test_probabilities_of_far_logits_neither_overflow_nor_lose_their_sum(multilabel):
    logits = np.array([[1000, -1000, 0], [60, 60, -60], [-1e4, -1e4, -1e4]], dtype=np.float32)
    found = ledger.probabilities(logits, multilabel)
    assert found.dtype == np.float64
    assert ((found >= 0) & (found <= 1)).all()
    if not multilabel:
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)


def test_the_entry_says_what_was_done():
    before, after = (described(np.array(prior), False) for prior in ([0.9, 0.1], [0.5, 0.5]))
    layers = {"sampler": "random_over", "loss_options": {"gamma": 2.0}}
    book = ledger.entry(before, after, np.array([1.0, 1.0]), layers)
    assert json.loads(json.dumps(book)) == book
    assert book["task"] == "single-label"
    assert book["labels"] == ["a", "b"]
    assert (book["rows"], book["examples"]) == (before.rows, after.rows)
    assert book["prior_before_sampling"] == [0.9, 0.1]
    assert book["prior_after_sampling"] == [0.5, 0.5]
    assert layers.items() <= book.items()


# How far a layer takes the prior towards balance, and what is refused.

LONG_TAIL = np.array([0.7, 0.2, 0.07, 0.03])
EVEN = np.full(4, 0.25)


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0, 2.0])
def test_a_power_of_the_prior_corrects_that_much(power):
    classes = described(LONG_TAIL, False)
    assert ledger.correction(3 - power * np.log(LONG_TAIL), classes) == pytest.approx(power)
    odds = np.log(LONG_TAIL / (1 - LONG_TAIL))
    assert ledger.correction(-power * odds, described(LONG_TAIL, True)) == pytest.approx(power)


def test_balanced_weights_and_equal_classes_each_correct_the_whole_prior():
    before, after = (described(prior, False) for prior in (LONG_TAIL, EVEN))
    assert ledger.correction(ledger.sampling_shift(before, after), before) == pytest.approx(1)
    shift = ledger.weight_shift(balanced.weigh(before, None))
    assert ledger.correction(shift, before) == pytest.approx(1)
    labels = described(LONG_TAIL, True)
    shift = ledger.weight_shift(balanced.weigh(labels, None))
    assert ledger.correction(shift, labels) == pytest.approx(1)


def test_equal_classes_have_no_prior_to_correct():
    assert ledger.correction(np.array([5.0, 0, 0, 0]), described(EVEN, False)) == 0


@pytest.mark.parametrize(
    ("strengths", "refused"),
    [
        ([1.0, 1.0], True),
        ([0.5, 0.5], False),
        ([0.5, 0.7], True),
        ([1.0, 0.0], False),
        # One layer by itself may go as far as it is told.
        ([2.0, 0.0], False),
        ([1.0, -0.5], False),
        ([0.4, 0.4, 0.4], True),
    ],
)
def test_what_corrects_the_prior_beyond_balance_is_refused(strengths, refused):
    corrections = {f"layer{number}": value for number, value in enumerate(strengths)}
    ledger.refuse_twice(corrections, allowed=True)
    if not refused:
        return ledger.refuse_twice(corrections, allowed=False)
    with pytest.raises(UserError, match=r"layer0.* and layer1.*allow_double_correction: true"):
        ledger.refuse_twice(corrections, allowed=False)
