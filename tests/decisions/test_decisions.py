"""Decisions: what every member must do; max_f1 is exact, and never worse than no offsets at all.

`exact` is max_f1 that uses the labels alone: only that is the best on held-out rows.
"""

import json
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from problems import (
    check_blocks,
    check_contract,
    classes_of,
    one_hot,
    some_probabilities,
    some_targets,
)
from sklearn.metrics import f1_score, fbeta_score

from ballast.decisions import argmax, max_f1
from ballast.probabilities.rules import Rule, log_scores
from ballast.project import params
from ballast.project.errors import UserError

MEMBERS = params.members("decisions")
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
exact = partial(max_f1.fit, shrink=0.0)


def predict(rule: Rule, p: np.ndarray) -> np.ndarray:
    """Predict rows whose uncorrected logits are those of the probabilities."""
    return rule.predict(p, log_scores(p, rule.multilabel))


def most_probable(p: np.ndarray, multilabel: bool) -> np.ndarray:
    """The labels without any offsets."""
    return Rule(np.zeros(p.shape[1]), multilabel).predict(p)


def f_score(targets: np.ndarray, predicted: np.ndarray, beta: float = 1.0) -> np.ndarray:
    """Return F-beta by class, 0 where there is none: scikit-learn's, for calls by the thousand."""
    hits, rows = (targets * predicted).sum(axis=0), beta**2 * targets.sum(0) + predicted.sum(0)
    return (1 + beta**2) * hits / np.maximum(rows, 1e-9)


def macro(targets: np.ndarray, predicted: np.ndarray) -> float:
    return f_score(targets, predicted).mean()


@pytest.mark.parametrize("beta", [0.5, 1.0, 2.0])
def test_the_score_of_these_tests_is_scikit_learns(beta):
    for seed in range(10):
        targets, p = coarse_problem(seed, True, 3)
        predicted = (p > 0.5).astype(int)
        expected = fbeta_score(targets, predicted, beta=beta, average=None, zero_division=0)
        assert f_score(targets, predicted, beta) == pytest.approx(expected)


def some_problem(seed: int, multilabel: bool, rows: int = 60, count: int = 4):
    rng = np.random.default_rng(seed)
    targets = some_targets(rng, rows, count, multilabel)
    return targets, some_probabilities(rng, targets, multilabel)


def coarse_problem(seed: int, multilabel: bool, count: int):
    """Few rows, few different probabilities: ties everywhere, zeros and ones too."""
    rng = np.random.default_rng(seed)
    rows = rng.integers(1, 10)
    parts = rng.integers(0, 4, (rows, count)).astype(float)
    if multilabel:
        return rng.integers(0, 2, (rows, count)).astype(np.uint8), parts / 3
    parts[parts.sum(axis=1) == 0] = 1
    return one_hot(rng.integers(0, count, rows), count), parts / parts.sum(axis=1, keepdims=True)


def test_every_member_has_its_block_of_options():
    check_blocks("decision")


def fitted(name: str, targets, probabilities, multilabel: bool, names=None) -> Rule:
    """Fit a member with its default options; it must not change its arguments."""
    module, options = check_contract("decision", name)
    if "label" in options and not multilabel:
        options["label"] = "a"  # without a positive class there is no default
    classes = classes_of(targets, multilabel)
    classes = replace(classes, names=names or classes.names)
    copies = targets.copy(), probabilities.copy()
    rule = module.fit(targets, probabilities, classes, **options)
    np.testing.assert_array_equal(targets, copies[0])
    np.testing.assert_array_equal(probabilities, copies[1])
    assert isinstance(rule, Rule)
    assert rule.multilabel == multilabel
    assert rule.offsets.shape == (targets.shape[1],)
    assert np.isfinite(rule.offsets).all()
    assert isinstance(rule.note, str)
    return rule


@EACH_TASK
@pytest.mark.parametrize("name", MEMBERS)
def test_contract(name, multilabel):
    targets, probabilities = some_problem(0, multilabel)
    rule = fitted(name, targets, probabilities, multilabel)
    _, others = some_problem(1, multilabel, rows=30)
    copy = others.copy()
    predicted = predict(rule, others)
    np.testing.assert_array_equal(others, copy)
    assert predicted.shape == others.shape
    assert predicted.dtype == np.uint8
    assert set(np.unique(predicted)) <= {0, 1}
    if not multilabel:
        assert (predicted.sum(axis=1) == 1).all()
    order = np.random.default_rng(0).permutation(len(others))
    np.testing.assert_array_equal(predict(rule, others[order]), predicted[order])
    assert predict(rule, others[:0]).shape == (0, 4)

    again = fitted(name, targets, probabilities, multilabel)
    assert again.to_json() == rule.to_json()


@EACH_TASK
@pytest.mark.parametrize("name", MEMBERS)
def test_a_rule_comes_back_from_json_as_it_was(name, multilabel):
    targets, probabilities = some_problem(2, multilabel)
    rule = fitted(name, targets, probabilities, multilabel)
    back = Rule.from_json(json.loads(json.dumps(rule.to_json(), allow_nan=False)))
    assert back.to_json() == rule.to_json()
    _, others = some_problem(3, multilabel)
    np.testing.assert_array_equal(predict(back, others), predict(rule, others))


@pytest.mark.thorough
@EACH_TASK
@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("seed", range(4))
def test_classes_in_another_order_make_no_difference(name, multilabel, seed):
    targets, probabilities = some_problem(seed, multilabel, rows=80)
    assert multilabel or len(set(targets.sum(axis=0))) == 4  # the order of the search is by size
    order = [3, 1, 0, 2]
    here = fitted(name, targets, probabilities, multilabel, tuple("abcd"))
    there = fitted(name, targets[:, order], probabilities[:, order], multilabel, tuple("dbac"))
    np.testing.assert_array_equal(
        predict(there, probabilities[:, order]), predict(here, probabilities)[:, order]
    )


@EACH_TASK
@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_rows_get_equal_labels(name, multilabel, value):
    targets = some_targets(np.random.default_rng(0), 20, 2, multilabel)
    probabilities = np.tile([value, value if multilabel else 1 - value], (20, 1))
    rule = fitted(name, targets, probabilities, multilabel)
    assert len(np.unique(predict(rule, probabilities), axis=0)) == 1


@EACH_TASK
@pytest.mark.parametrize("name", MEMBERS)
def test_a_single_held_out_row_and_classes_without_one_are_enough(name, multilabel):
    targets, probabilities = one_hot([1], 3), np.array([[0.5, 0.2, 0.3]])
    predicted = predict(fitted(name, targets, probabilities, multilabel), probabilities)
    assert multilabel or predicted.sum() == 1


@pytest.mark.parametrize("name", MEMBERS)
def test_only_argmax_takes_labels_as_trained(name):
    targets, probabilities = some_problem(0, False)
    assert fitted(name, targets, probabilities, False).uncorrected == (name == "argmax")


def test_argmax_takes_the_class_or_labels_that_the_network_prefers():
    """Whatever the probabilities are after the correction."""
    logits = np.array([[0.2, 0.5, -0.3], [0.6, 0.3, 0.1], [-0.1, -0.1, 0.8]])
    p = np.array([[0.9, 0.05, 0.05], [0.1, 0.1, 0.8], [0.3, 0.4, 0.3]])
    classes = classes_of(one_hot([0, 1, 2], 3))
    predicted = argmax.fit(p, p, classes).predict(p, logits)
    np.testing.assert_array_equal(predicted.argmax(axis=1), [1, 0, 2])
    several = classes_of(one_hot([0, 1, 2], 3), multilabel=True)
    np.testing.assert_array_equal(argmax.fit(p, p, several).predict(p, logits), logits > 0)


@EACH_TASK
@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "argmax"])
def test_the_other_decisions_use_corrected_probabilities_alone(name, multilabel):
    targets, p = some_problem(5, multilabel)
    rule = fitted(name, targets, p, multilabel)
    np.testing.assert_array_equal(rule.predict(p, -log_scores(p, multilabel)), rule.predict(p))


# max_f1 against every rule there is.


@settings(max_examples=150)
@given(
    seed=st.integers(0, 100_000),
    coarse=st.booleans(),
    average=st.sampled_from(["macro", "positive"]),
    positive=st.integers(0, 1),
)
def test_binary_rule_is_the_best_of_all_thresholds(seed, coarse, average, positive):
    if coarse:
        targets, p = coarse_problem(seed, False, 2)
    else:
        targets, p = some_problem(seed, False, rows=12, count=2)
    classes = classes_of(targets, positive=positive)
    rule = exact(targets, p, classes, average=average)

    def value(predicted: np.ndarray) -> float:
        if average == "macro":
            return macro(targets, predicted)
        return f_score(targets, predicted)[positive]

    best = max(value(one_hot((p[:, 1] >= t).astype(int), 2)) for t in [*p[:, 1], 2.0])
    assert value(rule.predict(p)) == pytest.approx(best, abs=1e-9)


@settings(max_examples=100)
@given(seed=st.integers(0, 100_000), coarse=st.booleans())
def test_multi_label_rule_is_the_best_threshold_of_each_label(seed, coarse):
    if coarse:
        targets, p = coarse_problem(seed, True, 3)
    else:
        targets, p = some_problem(seed, True, rows=12, count=3)
    predicted = exact(targets, p, classes_of(targets, True)).predict(p)
    scores = f_score(targets, predicted)
    for c in range(3):
        best = max(f_score(targets[:, c], p[:, c] >= t) for t in [*p[:, c], 2.0])
        assert scores[c] == pytest.approx(best, abs=1e-9)


@EACH_TASK
@settings(max_examples=200)
@given(seed=st.integers(0, 1_000_000), count=st.integers(2, 5), coarse=st.booleans())
@example(seed=82, count=4, coarse=True)  # ties that no offsets break as the argmax does
def test_on_held_out_rows_it_is_never_worse_than_no_offsets(multilabel, seed, count, coarse):
    problem = coarse_problem if coarse else partial(some_problem, rows=15)
    targets, p = problem(seed, multilabel, count=count)
    rule = exact(targets, p, classes_of(targets, multilabel))
    plain = macro(targets, most_probable(p, multilabel))
    assert macro(targets, rule.predict(p)) >= plain - 1e-9


@settings(max_examples=100)
@given(seed=st.integers(0, 1_000_000))
@example(seed=0)
def test_probabilities_that_differ_in_the_last_bit_do_no_harm(seed):
    rng = np.random.default_rng(seed)
    rare = 0.3 * (1 + rng.integers(-2, 3, 8) * 2.0**-52)
    targets, p = one_hot(rng.integers(0, 2, 8), 2), np.stack([1 - rare, rare], axis=1)
    rule = exact(targets, p, classes_of(targets))
    assert macro(targets, rule.predict(p)) >= macro(targets, most_probable(p, False)) - 1e-9


def test_labels_that_are_separated_by_a_hair_do_no_harm():
    p = 0.5 + 1e-11 * np.array([[-1.0], [-1.0], [1.0], [1.0]])
    targets = (p > 0.5).astype(np.uint8)
    predicted = exact(targets, p, classes_of(targets, True)).predict(p)
    np.testing.assert_array_equal(predicted, targets)


def test_it_helps_where_the_rare_class_is_never_the_most_probable():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 8, 3000)
    targets = one_hot((rng.random(3000) < p).astype(int), 2)
    pair = np.stack([1 - p, p], axis=1)
    classes = classes_of(targets, positive=1)
    rule = max_f1.fit(targets, pair, classes)
    plain = macro(targets, most_probable(pair, False))
    assert macro(targets, rule.predict(pair)) > plain + 0.1


@EACH_TASK
@pytest.mark.parametrize("seed", range(3))
def test_the_threshold_of_calibrated_probabilities_is_half_the_best_f1(multilabel, seed):
    rng = np.random.default_rng(seed)
    p = rng.beta(1, 5, 200_000)
    positive = (rng.random(len(p)) < p).astype(np.uint8)
    if multilabel:
        targets, columns = positive[:, None], p[:, None]
        rule = exact(targets, columns, classes_of(targets, True))
        threshold = 1 / (1 + np.exp(rule.offsets[0]))
    else:
        targets, columns = one_hot(positive, 2), np.stack([1 - p, p], axis=1)
        classes = classes_of(targets, positive=1)
        rule = exact(targets, columns, classes, average="positive")
        threshold = 1 / (1 + np.exp(rule.offsets[1] - rule.offsets[0]))
    best = f1_score(positive, rule.predict(columns)[:, -1])
    assert threshold == pytest.approx(best / 2, abs=0.02)


def test_multi_class_offsets_are_relative_and_better_than_none():
    gains = []
    for seed in range(10):
        targets, p = some_problem(seed, False, rows=200, count=5)
        classes = classes_of(targets)
        rule = exact(targets, p, classes)
        assert rule.offsets.mean() == pytest.approx(0, abs=1e-12)
        plain = macro(targets, most_probable(p, False))
        gains.append(macro(targets, rule.predict(p)) - plain)
    assert min(gains) >= 0
    assert np.mean(gains) > 0.01


@pytest.mark.parametrize("step", [-0.3, 0.3])
def test_no_single_multi_class_offset_can_be_improved(step):
    targets, p = some_problem(11, False, rows=60, count=4)
    rule = exact(targets, p, classes_of(targets))
    best = macro(targets, rule.predict(p))
    for c in range(4):
        for distance in range(1, 12):
            moved = rule.offsets + step * distance * np.eye(4)[c]
            assert macro(targets, Rule(moved, False).predict(p)) <= best + 1e-9


@EACH_TASK
def test_if_all_rows_are_correct_nothing_moves(multilabel):
    targets = some_targets(np.random.default_rng(0), 30, 3, multilabel)
    p = 0.9 * targets + (1 - targets) * 0.05
    rule = exact(targets, p, classes_of(targets, multilabel))
    np.testing.assert_array_equal(rule.offsets, np.zeros(3))
    certain = exact(targets, targets.astype(float), classes_of(targets, multilabel))
    np.testing.assert_array_equal(certain.predict(targets.astype(float)), targets)


def test_the_threshold_of_a_label_without_a_row_stays():
    targets, p = some_problem(3, True)
    targets[:, 2] = 0
    rule = exact(targets, p, classes_of(targets, True))
    assert rule.offsets[2] == 0


@EACH_TASK
def test_f1_of_the_positive_class_needs_a_binary_task(multilabel):
    targets, p = some_problem(0, multilabel)
    with pytest.raises(UserError, match=r"max_f1\.average.*binary"):
        exact(targets, p, classes_of(targets, multilabel), average="positive")


def test_an_unknown_average_is_refused():
    with pytest.raises(UserError, match=r"max_f1\.average"):
        params.options(max_f1.fit, {"average": "micro"}, "decisions.max_f1")


@EACH_TASK
@pytest.mark.parametrize("beta", [0.5, 2.0])
def test_f_beta_is_the_best_of_all_thresholds(multilabel, beta):
    for seed in range(20):
        targets, p = some_problem(seed, multilabel, rows=15, count=2)
        classes = classes_of(targets, multilabel, positive=None if multilabel else 1)
        average = "macro" if multilabel else "positive"
        predicted = exact(targets, p, classes, average=average, beta=beta).predict(p)[:, 1]
        score = partial(f_score, targets[:, 1], beta=beta)
        best = max(score(p[:, 1] >= threshold) for threshold in [*p[:, 1], 2.0])
        assert score(predicted) == pytest.approx(best, abs=1e-9)


@EACH_TASK
def test_a_larger_beta_predicts_more_positives(multilabel):
    targets, p = some_problem(0, multilabel, rows=400, count=2)
    classes = classes_of(targets, multilabel, positive=None if multilabel else 1)
    average = "macro" if multilabel else "positive"
    positives = [
        max_f1.fit(targets, p, classes, average=average, beta=beta).predict(p)[:, 1].sum()
        for beta in (0.25, 1.0, 4.0)
    ]
    assert positives == sorted(positives)
    assert positives[0] < positives[2]


@EACH_TASK
def test_offsets_are_shrunk_by_the_number_of_held_out_rows(multilabel):
    """Labels alone, probabilities alone, and n / (n + shrink) of the way between them."""
    targets, p = some_problem(4, multilabel, rows=200)
    classes = classes_of(targets, multilabel)
    labels, some, most = (
        max_f1.fit(targets, p, classes, shrink=shrink).offsets for shrink in (0.0, 30.0, 1e12)
    )
    rows = targets.sum(axis=0)
    largest = rows.argmax()
    if not multilabel:
        # Only differences matter: those to the class with most rows.
        labels, some, most = (offsets - offsets[largest] for offsets in (labels, some, most))
    np.testing.assert_allclose(some, most + rows / (rows + 30) * (labels - most), atol=1e-9)
    others = targets[np.random.default_rng(0).permutation(len(targets))]
    again = max_f1.fit(others, p, classes, shrink=1e12).offsets
    again = again if multilabel else again - again[largest]
    np.testing.assert_allclose(again, most, atol=1e-6)


@pytest.mark.parametrize("positives", [0, 1, 5, 20])
def test_the_labels_of_a_binary_task_count_by_the_number_of_positive_rows(positives):
    rng = np.random.default_rng(2)
    targets = one_hot((np.arange(400) < positives).astype(int), 2)
    log_odds = rng.normal(size=400) - 2 + 2 * targets[:, 1]
    p = 1 / (1 + np.exp(np.stack([log_odds, -log_odds], axis=1)))
    differences = []
    for shrink in (0.0, 20.0, 1e12):
        offsets = max_f1.fit(targets, p, classes_of(targets), shrink=shrink).offsets
        differences.append(offsets[1] - offsets[0])
    labels, some, most = differences
    share = positives / (positives + 20)
    assert some == pytest.approx(most + share * (labels - most), abs=1e-9)


def test_shrinking_helps_if_a_class_has_few_held_out_rows():
    gains = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        prior = 0.35 ** np.arange(5)
        prior /= prior.sum()

        def draw(rows, rng=rng, prior=prior):
            targets = one_hot(rng.choice(5, rows, p=prior), 5)
            weights = prior * np.exp(1.8 * (rng.normal(size=(rows, 5)) + 1.8 * targets))
            return targets, weights / weights.sum(axis=1, keepdims=True)

        (few, p), (many, others) = draw(200), draw(3000)
        plain, shrunk = (
            macro(many, max_f1.fit(few, p, classes_of(few), shrink=shrink).predict(others))
            for shrink in (0.0, 20.0)
        )
        gains.append(shrunk - plain)
    assert np.mean(gains) > 0.01


# Offsets that must be better in cross-validation.


@EACH_TASK
def test_proven_offsets_are_those_of_the_best_f1_or_none(multilabel):
    """Each label's by itself where there are several, all of them or none otherwise."""
    used = []
    for seed in range(30):
        targets, p = some_problem(seed, multilabel, rows=120)
        classes = classes_of(targets, multilabel)
        usual, proven = (
            max_f1.fit(targets, p, classes, proven=proven).offsets for proven in (False, True)
        )
        same = proven == usual if multilabel else np.array([(proven == usual).all()])
        assert (same | (proven == 0 if multilabel else (proven == 0).all())).all()
        used.append(same)
    # Neither always nor never.
    assert 0 < np.mean(used) < 1


def test_offsets_that_help_are_proven_and_those_of_chance_are_not():
    rng = np.random.default_rng(0)
    p = rng.beta(1, 8, 3000)
    pair = np.stack([1 - p, p], axis=1)
    targets = one_hot((rng.random(3000) < p).astype(int), 2)
    classes = classes_of(targets, positive=1)
    usual, proven = (max_f1.fit(targets, pair, classes, proven=proven) for proven in (False, True))
    np.testing.assert_array_equal(proven.offsets, usual.offsets)
    # If the most probable class is the best label, offsets follow chance.
    moved = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        p = rng.beta(2, 2, 150)
        targets = one_hot((rng.random(150) < p).astype(int), 2)
        pair = np.stack([1 - p, p], axis=1)
        classes = classes_of(targets, positive=1)
        moved.append(
            [
                max_f1.fit(targets, pair, classes, proven=proven).offsets.any()
                for proven in (False, True)
            ]
        )
    usual, proven = np.mean(moved, axis=0)
    assert usual > 0.9
    assert proven < usual / 2


@EACH_TASK
def test_proven_offsets_of_very_few_rows_are_no_error(multilabel):
    targets, p = some_problem(0, multilabel, rows=9)
    classes = classes_of(targets, multilabel)
    for rows in (1, 2, 3, 7):
        offsets = max_f1.fit(targets[:rows], p[:rows], classes, proven=True).offsets
        assert np.isfinite(offsets).all()


@pytest.mark.parametrize("beta", [1.0, 2.0])
def test_the_contributions_of_rows_add_up_to_f_and_give_its_standard_error(beta):
    targets, p = some_problem(0, False, rows=400)
    predicted = one_hot(p.argmax(axis=1), p.shape[1])
    of_rows = max_f1._f_of_rows(predicted, targets, beta)
    score = partial(fbeta_score, beta=beta, average=None, zero_division=0)
    np.testing.assert_allclose(of_rows.sum(axis=0), score(targets, predicted), atol=1e-12)
    rng = np.random.default_rng(1)
    draws = [rng.integers(0, len(p), len(p)) for _ in range(2000)]
    spread = np.std([f_score(targets[rows], predicted[rows], beta) for rows in draws], axis=0)
    error = np.sqrt(np.sum((of_rows - of_rows.mean(axis=0)) ** 2, axis=0))
    np.testing.assert_allclose(error, spread, rtol=0.1)
