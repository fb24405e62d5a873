"""One cost matrix: `costs` in params.yaml, by true and by predicted class."""

import numpy as np
import pytest
from defaults import parameters
from problems import classes_of, one_hot

from ballast.labels.classes import Classes, LabelSet
from ballast.probabilities.costs import cost_matrix
from ballast.project import params
from ballast.project.errors import UserError

TARGETS = one_hot([0, 0, 1, 2], 3)
TASK = LabelSet("multiclass", ("a", "b", "c"))


@pytest.mark.parametrize("costs", [None, {}, {"a": {"b": 2.0}}, {"a": {"b": 0, "c": 3}, "c": {}}])
def test_costs_by_class_names_are_in_order(costs):
    assert list(params.faults(parameters(costs=costs))) == []


@pytest.mark.parametrize("cost", ["1", True, None, -1, float("nan"), float("inf"), {"c": 1.0}])
def test_a_cost_is_a_number_from_0_on(cost):
    (line,) = params.faults(parameters(costs={"a": {"b": cost}}))
    assert line.startswith("params.yaml: costs.a.b")
    assert "must be numbers from 0 on" in line
    assert "{spam: {ham: 10.0}}" in line


@pytest.mark.parametrize(
    ("costs", "place"), [(5.0, "costs"), ([1], "costs"), ({"a": 5}, "costs.a")]
)
def test_costs_are_by_true_and_by_predicted_class(costs, place):
    (line,) = params.faults(parameters(costs=costs))
    assert line.startswith(f"params.yaml: {place} must be numbers from 0 on, by true and then")


@pytest.mark.parametrize(
    ("costs", "place"), [({1: {"b": 2.0}}, "costs.1"), ({"a": {-1: 2.0}}, "costs.a.-1")]
)
def test_a_class_that_yaml_takes_for_a_number_needs_quotes(costs, place):
    (line,) = params.faults(parameters(costs=costs))
    assert line == f"params.yaml: {place} must be the name of a class, in quotes."


def test_every_fault_has_its_line():
    costs = {"a": {"b": -1, "c": "x"}, "b": 3}
    assert len(list(params.faults(parameters(costs=costs)))) == 3


@pytest.mark.parametrize(
    ("costs", "place"), [({"spam": {"a": 1.0}}, "costs"), ({"a": {"spam": 1.0}}, r"costs\.a")]
)
def test_an_unknown_class_is_answered_with_the_known_ones(costs, place):
    with pytest.raises(UserError, match=rf"yaml: {place}: 'spam' is no class.*a, b, c\."):
        TASK.classes(TARGETS, costs)


def test_a_misspelt_class_is_answered_with_the_nearest():
    with pytest.raises(UserError, match="Did you mean 'urgent'"):
        LabelSet("binary", ("other", "urgent")).classes(
            one_hot([0, 1], 2), {"urgnet": {"other": 2.0}}
        )


def test_costs_of_rows_with_several_labels_are_refused_with_a_way_out():
    task = LabelSet("multilabel", ("a", "b", "c"))
    with pytest.raises(UserError, match=r"params.yaml: costs: .*several labels.*false_positive"):
        task.classes(TARGETS, {"a": {"b": 2.0}})
    for nothing in (None, {}):
        assert task.classes(TARGETS, nothing).costs is None


def test_classes_have_the_costs():
    costs = {"a": {"b": 2.0}}
    assert TASK.classes(TARGETS, costs).costs == costs
    assert TASK.classes(TARGETS).costs is None
    assert TASK.classes(TARGETS, {}).costs is None


def test_the_matrix_is_by_true_class_down_and_by_predicted_class_across():
    costs = {"c": {"a": 5.0, "c": 0.5}, "a": {"b": 0.0}}
    classes = Classes(("a", "b", "c"), np.array([2, 1, 1]), 4, costs=costs)
    np.testing.assert_array_equal(cost_matrix(classes), [[0, 0, 1], [1, 0, 1], [5, 1, 0.5]])
    factors = cost_matrix(classes, diagonal=1.0)
    np.testing.assert_array_equal(factors, [[1, 0, 1], [1, 1, 1], [5, 1, 0.5]])


@pytest.mark.parametrize("diagonal", [0.0, 1.0])
def test_without_costs_every_mistake_costs_1(diagonal):
    matrix = cost_matrix(classes_of(TARGETS), diagonal=diagonal)
    np.testing.assert_array_equal(matrix, np.where(np.eye(3), diagonal, 1))
