"""Operating points: each is what its decision chooses, and its numbers are those of the rows."""

from dataclasses import replace

import numpy as np
import pytest
from problems import classes_of, one_hot, some_probabilities, some_targets
from scipy.stats import binomtest

from ballast.decisions import cost_matrix, max_f1, min_recall
from ballast.evaluation import operating_points as module
from ballast.evaluation import scores
from ballast.evaluation.curves import THRESHOLDS
from ballast.evaluation.notes import MANY, SHOWN
from ballast.evaluation.operating_points import TARGETS, points, shown, table
from ballast.evaluation.point_curves import curves
from ballast.labels.classes import Classes

LEVEL = 0.9
DECISIONS = {"min_recall": min_recall, "max_f1": max_f1, "cost_matrix": cost_matrix}
TASKS = ["binary", "three classes", "labels", "binary with costs", "three classes with costs"]
EACH = pytest.mark.parametrize("task", TASKS)


def some_rows(task: str, rows: int = 300):
    """Return labels, probabilities, classes, and the names of those that have points."""
    rng = np.random.default_rng(5)
    multilabel, count = task == "labels", 2 if "binary" in task else 3
    targets = some_targets(rng, rows, count, multilabel)
    p = some_probabilities(rng, targets, multilabel)
    classes = classes_of(targets, multilabel, 1 if count == 2 else None)
    if "costs" in task:
        classes = replace(classes, costs={"b": {"a": 7.0}})
    return targets, p, classes, shown(classes, {})


@EACH
def test_each_point_is_what_its_decision_chooses(task):
    targets, p, classes, names = some_rows(task)
    found = points(targets, p, classes, names, LEVEL)
    assert {each.name for each in found} == set(names)
    for each in found:
        rule = DECISIONS[each.decision].fit(targets, p, classes, **each.options)
        c, predicted = classes.index(each.name), rule.predict(p)
        hits, support, alerts = (n[c] for n in scores.tally(targets, predicted))
        assert each.alerts == pytest.approx(1000 * alerts / len(p))
        assert each.recall == pytest.approx(hits / support)
        assert each.precision == pytest.approx(hits / max(alerts, 1))
        if classes.costs:
            cost = scores.of_rows(targets, predicted, classes)["expected_cost"].mean()
            assert each.cost == pytest.approx(cost)
        thresholds = rule.thresholds()
        if each.decision == "min_recall":
            assert each.threshold == thresholds[c]
            assert (each.fault in rule.note) if each.fault else (each.name not in rule.note)
        elif thresholds is None:
            assert each.threshold is None
        if each.threshold is not None and len(classes.names) == 2:
            # Of two classes, a threshold is one of the probability, whatever the offsets.
            np.testing.assert_array_equal(predicted[:, c], p[:, c] > each.threshold)


@EACH
def test_bounds_are_the_lower_ends_of_wilsons_intervals(task):
    targets, p, classes, names = some_rows(task)
    for each in points(targets, p, classes, names, LEVEL):
        support = int(targets[:, classes.index(each.name)].sum())
        alerts = round(each.alerts * len(p) / 1000)
        hits = round(each.recall * support)
        for rows, low in ((support, each.recall_low), (alerts, each.precision_low)):
            expected = binomtest(hits, rows).proportion_ci(LEVEL, "wilson").low if rows else 0
            assert low == pytest.approx(expected, abs=1e-12)
        if each.decision == "min_recall":
            assert bool(each.fault) == (each.recall_low < each.target)


def test_what_the_rows_cannot_prove_is_infeasible_as_min_recall_says():
    present = np.arange(30) >= 20
    targets, rare = one_hot(present.astype(int), 2), np.linspace(0.05, 0.95, 30)
    p = np.stack([1 - rare, rare], axis=1)
    found = points(targets, p, classes_of(targets, positive=1), ["b"], 0.95)
    at = {each.target: each for each in found}
    assert at[0.7].fault == ""
    assert at[0.8].fault == (
        "10 of 10 found, lower bound 0.72 < 0.80; about 6 more positives needed"
    )


def test_the_net_benefit_is_that_of_the_formula():
    """10 hits and 2 false alarms of 40 rows, at a threshold t: 10/40 - 2/40 t/(1-t)."""
    p_b = np.array([0.8] * 12 + [0.7] * 8 + [0.1] * 20)
    targets = one_hot([1] * 10 + [0] * 2 + [1] * 3 + [0] * 25, 2)
    p = np.stack([1 - p_b, p_b], axis=1)
    point = points(targets, p, classes_of(targets, positive=1), ["b"], 0.5)[0]
    assert (point.target, point.alerts) == (0.5, 300)
    odds = point.threshold / (1 - point.threshold)
    assert 0.7 < point.threshold < 0.8
    assert point.net_benefit == pytest.approx(10 / 40 - 2 / 40 * odds)


@pytest.mark.parametrize("task", ["binary", "three classes", "labels"])
def test_a_higher_recall_is_asked_for_at_a_lower_threshold(task):
    targets, p, classes, names = some_rows(task)
    found = [e for e in points(targets, p, classes, names, LEVEL) if e.decision == "min_recall"]
    for name in names:
        of_class = [each for each in found if each.name == name]
        assert [each.target for each in of_class] == list(TARGETS)
        recalls = [each.recall for each in of_class]
        assert recalls == sorted(recalls)
        thresholds = [each.threshold for each in of_class]
        assert thresholds == sorted(thresholds, reverse=True)


@EACH
def test_curves_have_the_scores_of_the_strengths_above_each_threshold(task):
    targets, p, classes, names = some_rows(task)
    drawn = curves(targets, p, classes, names, LEVEL)
    assert list(drawn) == names
    for name, rows in drawn.items():
        assert len(rows) == len(THRESHOLDS)
        c = classes.index(name)
        others = np.delete(p, c, axis=1).max(axis=1)
        strength = p[:, c] if task == "labels" else p[:, c] / (p[:, c] + others)
        for row, log_odds in list(zip(rows, THRESHOLDS, strict=True))[::8]:
            positive = strength > 1 / (1 + np.exp(-log_odds))
            hits = int(targets[positive, c].sum())
            assert row["recall"] == pytest.approx(hits / targets[:, c].sum(), abs=1e-5)
            assert row["alerts"] == pytest.approx(1000 * positive.mean(), abs=1e-4)
            if not positive.any():
                assert row["precision"] is None
                continue
            assert row["precision"] == pytest.approx(hits / positive.sum(), abs=1e-5)
            assert row["precision_low"] < row["precision"] + 1e-9 < row["precision_high"] + 2e-9


def test_the_positive_class_has_points_or_all_or_of_many_the_worst_and_rarest():
    classes = Classes(("x", "y", "z"), np.array([5, 2, 9]), 16)
    assert shown(classes, {}) == ["y", "x", "z"]
    assert shown(replace(classes, positive=2), {}) == ["z"]
    names = tuple(f"c{number:02}" for number in range(MANY + 1))
    many = Classes(names, np.arange(MANY + 1) + 1, 2000)
    per_class = {"f1": dict.fromkeys(names, 0.5), "support": dict.fromkeys(names, 1)}
    assert shown(many, per_class) == list(names[:SHOWN])


def test_the_best_f1_is_left_out_where_finding_it_takes_long(monkeypatch):
    targets, p, classes, names = some_rows("three classes")
    monkeypatch.setattr(module, "WORK", 300 * 9)
    every = points(targets, p, classes, names, LEVEL)
    monkeypatch.setattr(module, "WORK", 300 * 9 - 1)
    fewer = points(targets, p, classes, names, LEVEL)
    assert fewer == [each for each in every if each.decision != "max_f1"]
    assert len(every) == len(fewer) + 3


def test_the_rows_come_in_any_order():
    targets, p, classes, names = some_rows("labels")
    order = np.random.default_rng(0).permutation(len(p))
    here, there = (
        points(t, q, classes, names, LEVEL) for t, q in ((targets, p), (targets[order], p[order]))
    )
    assert table(here) == table(there)


@EACH
def test_the_table_has_costs_where_there_are_some(task):
    targets, p, classes, names = some_rows(task)
    found = points(targets, p, classes, names, LEVEL)
    header, *lines = table(found)
    assert header[:3] == ("class", "decision", "target")
    assert ("expected_cost" in header) == ("costs" in task)
    assert len(lines) == len(found)
    assert all(len(line) == len(header) for line in lines)
    assert lines[0][3] == pytest.approx(found[0].threshold, rel=1e-5)


def test_probabilities_of_0_and_1_and_absent_classes_have_finite_points():
    targets = one_hot([0, 0, 1, 1, 1], 3)
    p = np.array([[1.0, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [1, 0, 0]])
    for multilabel in (False, True):
        found = points(targets, p, classes_of(targets, multilabel), "abc", LEVEL)
        assert all(np.isfinite(each.net_benefit or 0) for each in found)
        absent = [each for each in found if each.name == "c" and each.decision == "min_recall"]
        assert {each.fault for each in absent} == {"no held-out row has it"}
