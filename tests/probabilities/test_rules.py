"""Rules made of formulas: costs, logit adjustment, shares estimated from the rows to predict."""

import numpy as np
import pytest
from problems import classes_of, one_hot, some_probabilities, some_targets

from ballast.decisions import (
    argmax,
    cost_matrix,
    logit_adjustment,
    max_f1,
    prior_shift,
)
from ballast.probabilities.rules import Rule, adapt
from ballast.project import params
from ballast.project.errors import UserError

EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


def some_rows(seed: int, multilabel: bool, rows: int = 500, count: int = 4):
    rng = np.random.default_rng(seed)
    targets = some_targets(rng, rows, count, multilabel)
    return targets, some_probabilities(rng, targets, multilabel), classes_of(targets, multilabel)


def test_a_rule_of_a_few_entries_tells_them_all():
    assert Rule(np.array([0.0, 1.5]), False, note="so").to_json() == {
        "offsets": [0.0, 1.5],
        "multilabel": False,
        "costs": None,
        "prior": None,
        "prior_rows": 0.0,
        "note": "so",
    }


# Strengths and cuts.


@pytest.mark.parametrize("member", [argmax, logit_adjustment, max_f1, prior_shift])
@EACH_TASK
def test_a_label_is_given_where_its_strength_is_above_its_cut(member, multilabel):
    targets, p, classes = some_rows(6, multilabel)
    rule = member.fit(targets, p, classes)
    np.testing.assert_array_equal(rule.predict(p), rule.strengths(p) > rule.cuts())


def test_of_two_classes_the_strength_is_the_probability():
    p = np.array([[0.9, 0.1], [0.3, 0.7], [1.0, 0.0]])
    np.testing.assert_allclose(Rule(np.zeros(2), False).strengths(p), p, atol=1e-15)
    costs = np.array([[0.0, 2.0], [8.0, 0.0]])
    np.testing.assert_allclose(Rule(np.zeros(2), False, costs=costs).cuts(), [0.8, 0.2])


def test_costs_of_many_classes_are_no_cut():
    assert Rule(np.zeros(3), False, costs=1 - np.eye(3)).cuts() is None
    nonsense = np.array([[1.0, 0.0], [1.0, 0.0]])
    assert Rule(np.zeros(2), False, costs=nonsense).cuts() is None


# Costs.


@EACH_TASK
def test_unit_costs_are_argmax(multilabel):
    targets, p, classes = some_rows(0, multilabel)
    plain, rule = (member.fit(targets, p, classes) for member in (argmax, cost_matrix))
    np.testing.assert_array_equal(rule.predict(p), plain.predict(p))


@pytest.mark.parametrize(
    ("fp", "fn", "tn", "tp"), [(1, 9, 0, 0), (5, 1, 0, 0), (3, 4, 1, -2), (1, 2, 0.5, 0.25)]
)
def test_two_classes_are_cut_where_elkan_says(fp, fn, tn, tp):
    cut = (fp - tn) / (fp - tn + fn - tp)
    p = np.stack([1 - np.linspace(0, 1, 1001), np.linspace(0, 1, 1001)], axis=1)
    p = p[np.abs(p[:, 1] - cut) > 1e-9]
    costs = {"a": {"a": float(tn), "b": float(fp)}, "b": {"a": float(fn), "b": float(tp)}}
    rule = cost_matrix.fit(p, p, classes_of(one_hot([0, 1], 2)), costs=costs)
    np.testing.assert_array_equal(rule.predict(p)[:, 1], p[:, 1] > cut)


def test_the_label_of_many_has_the_least_expected_cost():
    targets, p, classes = some_rows(1, False)
    costs = {"a": {"b": 0.5}, "d": {"a": 20.0, "b": 30.0}, "c": {"c": -1.0}}
    matrix = np.array([[0, 0.5, 1, 1], [1, 0, 1, 1], [1, 1, -1, 1], [20, 30, 1, 0]])
    rule = cost_matrix.fit(targets, p, classes, costs=costs)
    np.testing.assert_array_equal(rule.costs, matrix)
    predicted = rule.predict(p)
    expected = np.array([[sum(row * matrix[:, j]) for j in range(4)] for row in p])
    np.testing.assert_array_equal(predicted.argmax(axis=1), expected.argmin(axis=1))
    targets = np.random.default_rng(0).multinomial(1, p)  # p is true of these labels
    plain = argmax.fit(targets, p, classes).predict(p)
    paid = [np.sum((targets @ matrix) * labels) for labels in (predicted, plain)]
    assert paid[0] < paid[1]


def test_labels_are_cut_by_their_two_costs():
    targets, p, classes = some_rows(2, True)
    rule = cost_matrix.fit(targets, p, classes, false_positive=1.0, false_negative=4.0)
    np.testing.assert_array_equal(rule.predict(p), p > 1 / 5)


@EACH_TASK
def test_costs_that_do_not_fit_the_task_are_refused(multilabel):
    targets, p, classes = some_rows(0, multilabel)
    wrong = {"costs": {"a": {"b": 2.0}}} if multilabel else {"false_negative": 2.0}
    with pytest.raises(UserError, match=r"decisions\.cost_matrix.*multi-label"):
        cost_matrix.fit(targets, p, classes, **wrong)


@pytest.mark.parametrize("costs", [{"spam": {"a": 1.0}}, {"a": {"spam": 1.0}}])
def test_an_unknown_class_is_answered_with_those_there_are(costs):
    with pytest.raises(
        UserError, match=r"cost_matrix\.costs(\.a)?: 'spam' is no class.*a, b, c, d"
    ):
        cost_matrix.fit(*some_rows(0, False), costs=costs)


@pytest.mark.parametrize("cost", ["1", None, float("nan"), float("inf")])
def test_a_cost_is_a_number(cost):
    with pytest.raises(UserError, match=r"cost_matrix\.costs"):
        params.options(cost_matrix.fit, {"costs": {"a": {"b": cost}}}, "decisions.cost_matrix")


# Logit adjustment.


@EACH_TASK
def test_tau_0_is_argmax(multilabel):
    targets, p, classes = some_rows(3, multilabel)
    rule = logit_adjustment.fit(targets, p, classes, tau=0.0)
    assert rule.to_json() == argmax.fit(targets, p, classes).to_json()


def test_tau_1_divides_by_the_prior():
    targets, p, classes = some_rows(4, False)
    predicted = logit_adjustment.fit(targets, p, classes).predict(p)
    np.testing.assert_array_equal(predicted.argmax(axis=1), (p / classes.prior).argmax(axis=1))


def test_tau_1_cuts_a_label_at_its_prior():
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


def test_validation_rows_stay_exactly_as_they_are():
    for multilabel in (False, True):
        targets, p, classes = some_rows(5, multilabel)
        rule = prior_shift.fit(targets, p, classes)
        plain = argmax.fit(targets, p, classes)
        np.testing.assert_allclose(adapt(p, rule.prior, multilabel), p, atol=1e-9)
        np.testing.assert_array_equal(rule.predict(p), plain.predict(p))


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


def test_a_shift_that_is_known_of_gives_better_labels():
    rng = np.random.default_rng(2)
    trained = np.array([0.95, 0.05])
    labels = rng.choice(2, 5000, p=[0.4, 0.6])
    weights = trained * np.exp(1.5 * (rng.normal(size=(5000, 2)) + 1.5 * np.eye(2)[labels]))
    p = weights / weights.sum(axis=1, keepdims=True)
    rule = Rule(np.zeros(2), False, prior=trained)
    right = [(found.argmax(axis=1) == labels).mean() for found in (rule.predict(p), p)]
    assert right[0] > right[1] + 0.1


def test_one_row_does_not_make_its_own_prior():
    p = np.array([[0.9, 0.1]])
    published, kept = (
        prior_shift.fit(p, p, classes_of(one_hot([0, 1], 2)), prior_rows=rows)
        for rows in (0.0, 10.0)
    )
    row = np.array([[0.8, 0.2]])
    assert published.predict(row)[0].tolist() == [0, 1]  # the greatest p / prior takes it all
    assert kept.predict(row)[0].tolist() == [1, 0]


@EACH_TASK
def test_shares_of_0_and_1_and_probabilities_of_0_and_1_are_no_hindrance(multilabel):
    p = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.5, 0.5, 0.0]])
    for prior in (np.array([0.5, 0.5, 0.0]), np.array([1.0, 0.0, 0.0])):
        adapted = adapt(p, prior, multilabel)
        assert np.isfinite(adapted).all()
        np.testing.assert_allclose(adapted, p, atol=1e-6)
    assert adapt(p[:0], prior, multilabel).shape == (0, 3)
