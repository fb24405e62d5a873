"""Rows of the plots: counts that add up, curves with their ends."""

from collections import defaultdict
from types import SimpleNamespace

import numpy as np
import pytest
from problems import classes_of, one_hot, some_probabilities, some_targets
from sklearn import metrics

from ballast.evaluation import curves
from ballast.evaluation.judging import Judged
from ballast.probabilities.logits import probabilities
from ballast.probabilities.rules import Rule


def some_problem(multilabel: bool, rows: int = 90, count: int = 3):
    rng = np.random.default_rng(4)
    targets = some_targets(rng, rows, count, multilabel)
    p = some_probabilities(rng, targets, multilabel)
    predicted = Rule(np.zeros(count), multilabel).predict(p)
    return targets, predicted, p, classes_of(targets, multilabel)


def by_class(points) -> dict[str, list[tuple[float, float]]]:
    curves = defaultdict(list)
    for name, x, y in points:
        curves[name].append((x, y))
    return dict(curves)


def judged(targets, p, rule: Rule, logits=None) -> Judged:
    """Rows with their labels by a rule."""
    return Judged(targets, logits, p, rule.predict(p, logits), {})


def test_single_label_counts_are_scikit_learns_and_add_up_to_the_rows():
    targets, predicted, _, classes = some_problem(False)
    rows = curves.confusion(targets, predicted, classes)
    assert [row[:2] for row in rows] == [(a, b) for a in "abc" for b in "abc"]
    counts = np.array([count for _, _, count in rows]).reshape(3, 3)
    expected = metrics.confusion_matrix(targets.argmax(axis=1), predicted.argmax(axis=1))
    np.testing.assert_array_equal(counts, expected)
    assert counts.sum() == len(targets)


def test_a_class_without_true_or_predicted_rows_is_counted_with_zeros():
    targets = one_hot([0, 1, 0], 3)
    rows = curves.confusion(targets, targets, classes_of(targets))
    assert len(rows) == 9
    assert sum(count for a, b, count in rows if "c" in (a, b)) == 0


def test_the_multi_label_diagonal_counts_correct_labels():
    targets, predicted, _, classes = some_problem(True)
    rows = curves.confusion(targets, predicted, classes)
    assert len(rows) == 16
    counts = {(a, b): count for a, b, count in rows}
    for c, name in enumerate(classes.names):
        assert counts[name, name] == (targets[:, c] & predicted[:, c]).sum()
    assert counts[curves.NONE, curves.NONE] == 0


def test_multi_label_mistakes_are_paired_by_row():
    targets = np.array([[1, 1, 0], [1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 1, 1]], dtype=np.uint8)
    predicted = np.array([[1, 0, 1], [0, 0, 0], [0, 1, 0], [0, 0, 1], [0, 1, 1]], dtype=np.uint8)
    rows = curves.confusion(targets, predicted, classes_of(targets, True))
    counts = {(a, b): count for a, b, count in rows if count}
    none = curves.NONE
    assert counts == {
        ("a", "a"): 1,
        ("b", "b"): 1,
        ("c", "c"): 1,
        ("b", "c"): 2,  # rows 1 and 4
        ("a", "c"): 1,  # row 4
        ("a", none): 1,  # row 2
        (none, "b"): 1,  # row 3
    }


@pytest.mark.parametrize("multilabel", [False, True])
def test_precision_recall_curves_are_scikit_learns(multilabel):
    targets, _, p, classes = some_problem(multilabel, rows=30)
    points = by_class(curves.precision_recall(targets, p, classes))
    assert list(points) == list(classes.names)
    for c, name in enumerate(classes.names):
        precision, recall, _ = metrics.precision_recall_curve(targets[:, c], p[:, c])
        best = [(r, precision[recall == r].max()) for r in sorted(set(recall))]
        np.testing.assert_allclose(points[name], best, atol=1e-5)
        assert points[name][0] == (0, 1)
        assert points[name][-1][0] == 1


@pytest.mark.parametrize("multilabel", [False, True])
def test_roc_curves_start_at_nothing_and_end_at_everything(multilabel):
    targets, _, p, classes = some_problem(multilabel)
    points = by_class(curves.roc(targets, p, classes))
    assert list(points) == list(classes.names)
    for c, name in enumerate(classes.names):
        assert points[name][0] == (0, 0)
        assert points[name][-1] == (1, 1)
        x, y = np.transpose(points[name])
        assert (np.diff(x) >= 0).all()
        assert (np.diff(y) >= 0).all()
        expected = metrics.roc_auc_score(targets[:, c], p[:, c])
        assert metrics.auc(x, y) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("curve", [curves.precision_recall, curves.roc])
def test_long_curves_are_thinned_and_keep_their_ends_and_shape(curve):
    targets, _, p, classes = some_problem(False, rows=5000)
    by_name = by_class(curve(targets, p, classes))
    for c, points in enumerate(by_name.values()):
        assert 100 < len(points) <= curves.POINTS
        x, y = np.transpose(points)
        assert {x[0], x[-1]} == {0, 1}
        if curve is curves.roc:
            expected = metrics.roc_auc_score(targets[:, c], p[:, c])
            assert metrics.auc(x, y) == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("curve", [curves.precision_recall, curves.roc])
def test_classes_without_positive_or_negative_rows_have_no_curve(curve):
    targets = np.array([[1, 1, 0], [1, 0, 0]], dtype=np.uint8)
    p = np.array([[0.9, 0.8, 0.1], [0.8, 0.3, 0.2]])
    points = by_class(curve(targets, p, classes_of(targets, True)))
    assert list(points) == (["b"] if curve is curves.roc else ["a", "b"])


@pytest.mark.parametrize("curve", [curves.precision_recall, curves.roc])
def test_equal_rows_have_a_curve_too(curve):
    targets = one_hot([0, 1, 1], 2)
    by_name = by_class(curve(targets, np.full((3, 2), 0.5), classes_of(targets)))
    assert len(by_name) == 2
    assert all(len(points) >= 2 for points in by_name.values())


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_scores_by_threshold_are_those_of_the_strengths_above_it(multilabel):
    targets, _, p, classes = some_problem(multilabel)
    rule = Rule(np.array([0.4, -0.3, 0.0]), multilabel)
    points = list(curves.thresholds(judged(targets, p, rule), rule, classes))
    assert {name for name, *_ in points} == set("abc")
    strengths = rule.strengths(p)
    for name, threshold, *values in points[::7]:
        c = classes.index(name)
        expected = metrics.precision_recall_fscore_support(
            targets[:, c], strengths[:, c] > threshold, average="binary", zero_division=0
        )[:3]
        np.testing.assert_allclose(values, expected, atol=1e-5)


RULES = {
    "plain": {"offsets": np.array([0.43, -0.31, 9.0])},
    "adapted": {"offsets": np.array([0.43, -0.31, 9.0]), "prior": np.array([0.5, 0.3, 0.2])},
    "uncorrected": {"offsets": np.zeros(3), "uncorrected": True},
}


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_scores_at_the_thresholds_of_the_rule_are_those_of_its_labels(multilabel, rule):
    targets, _, p, classes = some_problem(multilabel)
    rule = Rule(multilabel=multilabel, **rule)
    rows = judged(targets, p, rule, logits=np.random.default_rng(0).normal(size=p.shape))
    points = {
        (name, threshold): values
        for name, threshold, *values in curves.thresholds(rows, rule, classes)
    }
    for c, (name, threshold) in enumerate(zip(classes.names, rule.thresholds(), strict=True)):
        expected = metrics.precision_recall_fscore_support(
            targets[:, c], rows.predicted[:, c], average="binary", zero_division=0
        )[:3]
        np.testing.assert_allclose(points[name, round(float(threshold), 5)], expected, atol=1e-5)


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_reliability_bins_hold_every_row_once_and_keep_the_means(multilabel):
    targets, _, p, classes = some_problem(multilabel)
    bins = defaultdict(list)
    for name, *values in curves.reliability(targets, p, classes, 0.95):
        bins[name].append(values)
    assert list(bins) == [curves.ALL, *"abc"]
    columns = {"a": (0,), "b": (1,), "c": (2,), curves.ALL: (0, 1, 2)}
    for name, lines in bins.items():
        predicted, observed, rows, low, high = np.array(lines).T
        of_class = list(columns[name])
        assert rows.sum() == targets[:, of_class].size
        assert rows @ predicted / rows.sum() == pytest.approx(p[:, of_class].mean(), abs=1e-5)
        assert rows @ observed / rows.sum() == pytest.approx(targets[:, of_class].mean(), abs=1e-5)
        assert ((low <= observed) & (observed <= high)).all()
        # Bins of a tenth, each once.
        assert (np.diff((predicted * 10).astype(int)) > 0).all()


def test_reliability_puts_a_probability_of_1_into_the_last_bin():
    targets, p = one_hot([0, 1], 2), np.array([[1.0, 0.0], [0.0, 1.0]])
    lines = list(curves.reliability(targets, p, classes_of(targets), 0.95))
    assert [line[1:4] for line in lines if line[0] == "a"] == [(0.0, 0.0, 1), (1.0, 1.0, 1)]


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_reliability_is_drawn_of_uncorrected_outputs_and_of_corrected_probabilities(multilabel):
    targets, _, p, classes = some_problem(multilabel)
    rule = Rule(np.zeros(3), multilabel, uncorrected=True)
    rows = judged(targets, p, rule, logits=np.random.default_rng(0).normal(size=p.shape))
    combination = SimpleNamespace(decision=SimpleNamespace(rule=rule))
    evaluation = SimpleNamespace(test=rows, held_out=rows, combination=combination)
    lines = curves.plots(evaluation, classes, 0.95)["reliability"][1:]
    for kind, values in (("uncorrected", probabilities(rows.logits, multilabel)), ("corrected", p)):
        expected = list(curves.reliability(targets, values, classes, 0.95))
        assert [line[1:] for line in lines if line[0] == kind] == expected


def test_a_class_without_a_held_out_row_has_no_scores_by_threshold():
    targets = one_hot([0, 1, 0, 1], 3)
    p = np.full((4, 3), 1 / 3)
    rule = Rule(np.zeros(3), False)
    points = curves.thresholds(judged(targets, p, rule), rule, classes_of(targets))
    assert {name for name, *_ in points} == {"a", "b"}


@pytest.mark.parametrize(("count", "most"), [(0, 5), (1, 5), (5, 5), (7, 5), (1000, 60)])
def test_evenly_spread_positions_include_both_ends(count, most):
    positions = curves.evenly(count, most)
    assert len(positions) == min(count, most) == len(set(positions))
    assert positions == sorted(positions)
    if count:
        assert positions[0] == 0
        assert positions[-1] == count - 1
