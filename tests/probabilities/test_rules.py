"""Rules made of formulas: costs, logit adjustment, shares estimated from the rows to predict."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import classes_of, one_hot, some_probabilities, some_targets

from ballast.decisions import (
    argmax,
    cost_matrix,
    logit_adjustment,
    max_f1,
    prior_shift,
)
from ballast.labels.classes import Classes, Costs
from ballast.probabilities.logits import probabilities
from ballast.probabilities.rules import Rule, adapt
from ballast.project.errors import UserError

EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


def some_rows(seed: int, multilabel: bool, rows: int = 500, count: int = 4):
    rng = np.random.default_rng(seed)
    targets = some_targets(rng, rows, count, multilabel)
    return targets, some_probabilities(rng, targets, multilabel), classes_of(targets, multilabel)


def most_probable(p: np.ndarray, multilabel: bool) -> np.ndarray:
    """The most probable class, or every label above one half."""
    return p > 0.5 if multilabel else one_hot(p.argmax(axis=1), p.shape[1])


def costing(classes: Classes, costs: Costs) -> Classes:
    """The same classes with costs."""
    return replace(classes, costs=costs)


def test_the_json_of_a_rule_has_all_its_entries():
    assert Rule(np.array([0.0, 1.5]), False, note="so").to_json() == {
        "offsets": [0.0, 1.5],
        "multilabel": False,
        "uncorrected": False,
        "costs": None,
        "prior": None,
        "prior_rows": 0.0,
        "note": "so",
    }


@EACH_TASK
@settings(max_examples=50)
@given(
    seed=st.integers(0, 10_000),
    uncorrected=st.booleans(),
    costs=st.booleans(),
    prior=st.booleans(),
)
def test_a_rule_comes_back_from_json_to_the_bit(multilabel, seed, uncorrected, costs, prior):
    rng = np.random.default_rng(seed)
    p = some_probabilities(rng, some_targets(rng, 20, 4, multilabel), multilabel)
    rule = Rule(
        rng.normal(size=4),
        multilabel,
        uncorrected=uncorrected,
        costs=rng.random((4, 4)) if costs and not multilabel else None,
        prior=rng.dirichlet(np.ones(4)) if prior else None,
        prior_rows=rng.random(),
    )
    text = json.dumps(rule.to_json(), allow_nan=False)
    back = Rule.from_json(json.loads(text))
    assert json.dumps(back.to_json(), allow_nan=False) == text
    logits = rng.normal(size=p.shape)
    np.testing.assert_array_equal(back.predict(p, logits), rule.predict(p, logits))
    np.testing.assert_array_equal(back.strengths(p, logits), rule.strengths(p, logits))


# Strengths and thresholds.


@pytest.mark.parametrize("member", [argmax, logit_adjustment, max_f1, prior_shift])
@EACH_TASK
def test_a_label_is_predicted_where_its_strength_is_above_its_threshold(member, multilabel):
    targets, p, classes = some_rows(6, multilabel)
    logits = np.random.default_rng(0).normal(size=p.shape)
    rule = member.fit(targets, p, classes)
    np.testing.assert_array_equal(
        rule.predict(p, logits), rule.strengths(p, logits) > rule.thresholds()
    )


@EACH_TASK
def test_of_uncorrected_logits_the_strength_is_their_probability(multilabel):
    logits = np.random.default_rng(0).normal(size=(50, 2))
    rule = Rule(np.zeros(2), multilabel, uncorrected=True)
    strengths = rule.strengths(np.full((50, 2), np.nan), logits)
    np.testing.assert_allclose(strengths, probabilities(logits, multilabel), rtol=1e-12)


def test_of_two_classes_the_strength_is_the_probability():
    p = np.array([[0.9, 0.1], [0.3, 0.7], [1.0, 0.0]])
    np.testing.assert_allclose(Rule(np.zeros(2), False).strengths(p), p, atol=1e-15)
    costs = np.array([[0.0, 2.0], [8.0, 0.0]])
    np.testing.assert_allclose(Rule(np.zeros(2), False, costs=costs).thresholds(), [0.8, 0.2])


def test_costs_of_many_classes_have_no_thresholds():
    assert Rule(np.zeros(3), False, costs=1 - np.eye(3)).thresholds() is None
    nonsense = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert Rule(np.zeros(2), False, costs=nonsense).thresholds() is None


# Costs.


@EACH_TASK
def test_unit_costs_are_argmax(multilabel):
    targets, p, classes = some_rows(0, multilabel)
    rule = cost_matrix.fit(targets, p, classes)
    np.testing.assert_array_equal(rule.predict(p), most_probable(p, multilabel))


@pytest.mark.parametrize(
    ("fp", "fn", "tn", "tp"), [(1, 9, 0, 0), (5, 1, 0, 0), (3, 4, 1, -2), (1, 2, 0.5, 0.25)]
)
def test_the_threshold_of_two_classes_is_elkans(fp, fn, tn, tp):
    threshold = (fp - tn) / (fp - tn + fn - tp)
    p = np.stack([1 - np.linspace(0, 1, 1001), np.linspace(0, 1, 1001)], axis=1)
    p = p[np.abs(p[:, 1] - threshold) > 1e-9]
    costs = {"a": {"a": float(tn), "b": float(fp)}, "b": {"a": float(fn), "b": float(tp)}}
    rule = cost_matrix.fit(p, p, costing(classes_of(one_hot([0, 1], 2)), costs))
    np.testing.assert_array_equal(rule.predict(p)[:, 1], p[:, 1] > threshold)


def test_the_label_of_many_has_the_least_expected_cost():
    targets, p, classes = some_rows(1, False)
    costs = {"a": {"b": 0.5}, "d": {"a": 20.0, "b": 30.0}, "c": {"c": -1.0}}
    matrix = np.array([[0, 0.5, 1, 1], [1, 0, 1, 1], [1, 1, -1, 1], [20, 30, 1, 0]])
    rule = cost_matrix.fit(targets, p, costing(classes, costs))
    np.testing.assert_array_equal(rule.costs, matrix)
    predicted = rule.predict(p)
    expected = np.array([[sum(row * matrix[:, j]) for j in range(4)] for row in p])
    np.testing.assert_array_equal(predicted.argmax(axis=1), expected.argmin(axis=1))
    targets = np.random.default_rng(0).multinomial(1, p)  # p is true of these labels
    totals = [
        np.sum((targets @ matrix) * labels) for labels in (predicted, most_probable(p, False))
    ]
    assert totals[0] < totals[1]


def test_two_costs_are_the_threshold_of_labels():
    targets, p, classes = some_rows(2, True)
    rule = cost_matrix.fit(targets, p, classes, false_positive=1.0, false_negative=4.0)
    np.testing.assert_array_equal(rule.predict(p), p > 1 / 5)


@pytest.mark.parametrize("option", ["false_positive", "false_negative"])
def test_costs_of_labels_are_refused_where_a_row_has_one(option):
    with pytest.raises(UserError, match=r"decisions\.cost_matrix.*multi-label.*`costs`"):
        cost_matrix.fit(*some_rows(0, False), **{option: 2.0})


# Logit adjustment.


@EACH_TASK
def test_tau_0_is_the_most_probable_class(multilabel):
    targets, p, classes = some_rows(3, multilabel)
    rule = logit_adjustment.fit(targets, p, classes, tau=0.0)
    assert rule.to_json() == Rule(np.zeros(4), multilabel).to_json()
    np.testing.assert_array_equal(rule.predict(p), most_probable(p, multilabel))


def test_tau_1_divides_by_the_prior():
    targets, p, classes = some_rows(4, False)
    predicted = logit_adjustment.fit(targets, p, classes).predict(p)
    np.testing.assert_array_equal(predicted.argmax(axis=1), (p / classes.prior).argmax(axis=1))


def test_at_tau_1_the_threshold_of_a_label_is_its_prior():
    targets, p, classes = some_rows(4, True)
    predicted = logit_adjustment.fit(targets, p, classes).predict(p)
    np.testing.assert_array_equal(predicted, p > classes.prior)


@EACH_TASK
def test_a_class_without_a_training_row_gets_no_offset(multilabel):
    targets = one_hot([0, 0, 1], 3)
    rule = logit_adjustment.fit(targets, targets, classes_of(targets, multilabel))
    assert rule.offsets[2] == 0
    assert np.isfinite(rule.offsets).all()


# Shares of the rows to predict.


def shifted(prior: np.ndarray, trained: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """Return probabilities, exact under the prior `trained`, of rows drawn with another prior."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(len(prior), rows, p=prior)
    x = rng.normal(size=(rows, len(prior))) + 2.0 * np.eye(len(prior))[labels]
    weights = trained * np.exp(2.0 * x)
    return weights / weights.sum(axis=1, keepdims=True)


def test_shares_that_did_not_shift_stay():
    """The sample's own shares differ from its prior by .005 or so: sqrt(.25 / 20,000) = .0035."""
    prior = np.array([0.7, 0.2, 0.1])
    p = shifted(prior, prior, 20_000, seed=0)
    np.testing.assert_allclose(adapt(p, prior, False), p, atol=0.03)
    np.testing.assert_allclose(adapt(p, prior, False).mean(axis=0), prior, atol=0.01)


def test_held_out_rows_stay_exactly_as_they_are():
    for multilabel in (False, True):
        targets, p, classes = some_rows(5, multilabel)
        rule = prior_shift.fit(targets, p, classes)
        np.testing.assert_allclose(adapt(p, rule.prior, multilabel), p, atol=1e-9)
        np.testing.assert_array_equal(rule.predict(p), most_probable(p, multilabel))


def test_a_known_shift_is_recovered():
    """Drawing 20,000 rows moves a share by .0035; overlap of the classes doubles that: .015."""
    trained, prior = np.array([0.7, 0.2, 0.1]), np.array([0.2, 0.2, 0.6])
    p = shifted(prior, trained, 20_000, seed=1)
    np.testing.assert_allclose(adapt(p, trained, False).mean(axis=0), prior, atol=0.015)


def test_each_label_has_its_own_shift():
    trained, prior = np.array([0.1, 0.4]), np.array([0.5, 0.2])
    columns = [
        shifted(np.array([1 - now, now]), np.array([1 - was, was]), 20_000, seed)[:, 1]
        for seed, (now, was) in enumerate(zip(prior, trained, strict=True))
    ]
    adapted = adapt(np.stack(columns, axis=1), trained, True)
    np.testing.assert_allclose(adapted.mean(axis=0), prior, atol=0.015)


def test_adapting_to_a_shift_gives_better_labels():
    rng = np.random.default_rng(2)
    trained = np.array([0.95, 0.05])
    labels = rng.choice(2, 5000, p=[0.4, 0.6])
    weights = trained * np.exp(1.5 * (rng.normal(size=(5000, 2)) + 1.5 * np.eye(2)[labels]))
    p = weights / weights.sum(axis=1, keepdims=True)
    rule = Rule(np.zeros(2), False, prior=trained)
    accuracy = [(scores.argmax(axis=1) == labels).mean() for scores in (rule.predict(p), p)]
    assert accuracy[0] > accuracy[1] + 0.1


def test_a_single_row_does_not_determine_its_own_prior():
    p = np.array([[0.9, 0.1]])
    published, steadied = (
        prior_shift.fit(p, p, classes_of(one_hot([0, 1], 2)), prior_rows=rows)
        for rows in (0.0, 10.0)
    )
    row = np.array([[0.8, 0.2]])
    assert published.predict(row)[0].tolist() == [0, 1]  # that with the largest p / prior
    assert steadied.predict(row)[0].tolist() == [1, 0]


@EACH_TASK
def test_shares_and_probabilities_may_be_0_and_1(multilabel):
    p = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    for prior in (np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])):
        adapted = adapt(p, prior, multilabel)
        assert np.isfinite(adapted).all()
        np.testing.assert_allclose(adapted, p, atol=1e-6)
    assert adapt(p[:0], prior, multilabel).shape == (0, 3)
