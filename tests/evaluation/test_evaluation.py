"""The rule is chosen on validation rows; what is undone is undone only when asked for.

And every number comes with its bounds.
"""

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from defaults import parameters
from problems import classes_of, one_hot

from ballast.decisions import argmax, logit_adjustment, max_f1
from ballast.evaluation import intervals, scores
from ballast.evaluation.judging import Scored, evaluate
from ballast.probabilities import calibration, ledger
from ballast.probabilities.rules import Rule
from ballast.project import params
from ballast.project.errors import UserError

CLASSES = classes_of(one_hot([0] * 90 + [1] * 10, 2))
OVERSAMPLED = classes_of(one_hot([0] * 90 + [1] * 90, 2))
BOOK = ledger.entry(CLASSES, OVERSAMPLED, np.array([1.0, 2.0]), {})


def scored(seed: int) -> Scored:
    """Rows whose outputs and logits tell different classes."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(60, 2))
    return Scored(one_hot(np.arange(60) % 2, 2), outputs, outputs[:, ::-1].copy())


def run(decision=argmax, validation=None, book=BOOK, allowed=False, **options):
    rows = validation or scored(0)
    return evaluate(
        rows, scored(1), CLASSES, book, decision, {}, allowed, 0, replicates=100, **options
    )


def test_without_correction_the_network_is_taken_at_its_word():
    found = run(correct=False)
    assert (found.predicted.argmax(axis=1) == scored(1).outputs.argmax(axis=1)).all()
    softmax = ledger.probabilities(scored(1).outputs, multilabel=False)
    np.testing.assert_allclose(found.probabilities, softmax)


def test_with_correction_loss_weights_and_sampling_are_undone():
    """p is proportional to softmax(logits) * (.9, .1) / (.5, .5) / weights."""
    found = run(correct=True)
    p = ledger.probabilities(scored(1).logits, multilabel=False)
    p = p * [0.9, 0.1] / [0.5, 0.5] / [1, 2]
    np.testing.assert_allclose(found.probabilities, p / p.sum(axis=1, keepdims=True))


def test_the_rule_depends_on_validation_rows_alone():
    here, there = run(max_f1), run(max_f1, validation=scored(5))
    assert (here.rule.offsets != there.rule.offsets).any()
    np.testing.assert_array_equal(here.probabilities, there.probabilities)


def test_each_headline_number_is_followed_by_its_bounds():
    found = run().headline
    names = get_args(scores.Headline)
    assert list(found) == [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    for name in names:
        assert found[f"{name}_low"] <= found[name] <= found[f"{name}_high"]
    assert len(json.dumps(found, allow_nan=False)) > 0


def test_bounds_of_each_class_are_wilsons():
    found = run()
    values, bounds = found.per_class, found.per_class_bounds
    assert list(values) == ["f1", "recall", "precision", "support", "predicted"]
    for c in "ab":
        hits = round(values["recall"][c] * values["support"][c])
        low, high = intervals.wilson(hits, values["support"][c], 0.95)
        assert bounds["recall"]["low"][c] == pytest.approx(float(low))
        assert bounds["recall"]["high"][c] == pytest.approx(float(high))
        for name in ("f1", "precision"):
            low, high = bounds[name]["low"][c], bounds[name]["high"][c]
            assert 0 <= low <= values[name][c] <= high <= 1
            assert high - low > 0.05


def test_options_of_the_intervals_reach_them():
    headlines = [
        run(**options).headline
        for options in ({}, {"interval": "bca"}, {"interval": "percentile"}, {"level": 0.5})
    ]
    lows = [(found["f1_macro_low"], found["log_loss_low"]) for found in headlines]
    assert len(set(lows)) == 4
    # What has no Wilson interval of its own is BCa's.
    assert lows[0][0] != lows[1][0]
    assert lows[0][1] == lows[1][1]
    assert run(stratified=True).headline["log_loss_low"] != lows[0][1]


def test_rows_of_several_labels_are_not_stratified():
    classes = replace(CLASSES, multilabel=True)
    with pytest.raises(UserError, match=r"evaluation\.stratified"):
        evaluate(scored(0), scored(1), classes, BOOK, argmax, {}, False, 0, stratified=True)


def test_baselines_are_scored_beside():
    found = run()
    assert set(found.baselines) == {"always_majority", "prior_random"}
    for baseline in found.baselines.values():
        assert tuple(baseline) == get_args(scores.Headline)
        assert baseline["roc_auc"] == 0.5


@pytest.mark.parametrize("decision", [argmax, max_f1])
def test_validation_rows_have_a_headline_of_their_own(decision):
    """That of the same calibration and rule: as if they were the test rows."""
    found = run(decision, calibration="sigmoid")
    again = evaluate(
        scored(0), scored(0), CLASSES, BOOK, decision, {}, False, 0,
        calibration="sigmoid", replicates=100,
    )  # fmt: skip
    assert tuple(found.validation_headline) == get_args(scores.Headline)
    assert found.validation_headline == {
        name: again.headline[name] for name in found.validation_headline
    }
    assert found.validation_headline["f1_macro"] != found.headline["f1_macro"]


@pytest.mark.parametrize("name", params.members("decisions"))
def test_the_labels_of_the_test_rows_decide_nothing(name):
    decision, options = params.member(parameters(), "decision", name)
    if "label" in options:
        options["label"] = "b"
    test = scored(1)
    other = replace(test, targets=test.targets[:, ::-1])
    here, there = (
        evaluate(scored(0), rows, CLASSES, BOOK, decision, options, False, 0, calibration="sigmoid")
        for rows in (test, other)
    )
    np.testing.assert_array_equal(here.predicted, there.predicted)
    np.testing.assert_array_equal(here.probabilities, there.probabilities)
    assert here.rule.to_json() == there.rule.to_json()
    assert here.calibration == there.calibration
    assert here.headline != there.headline


def test_what_is_undone_exactly_is_not_calibrated():
    for book in (BOOK, BOOK | {"distortion": []}):
        assert run(book=book).calibration is None


def test_what_no_inverse_undoes_is_calibrated_unless_nothing_is_to_be_undone():
    bent = BOOK | {"distortion": ["The hinge loss knows no probabilities."]}
    assert run(book=bent).calibration.method == "sigmoid"
    assert run(book=bent, calibration="none").calibration is None
    assert run(book=bent, correct=False).calibration is None


@pytest.mark.parametrize("method", ["temperature", "sigmoid", "isotonic"])
def test_the_map_comes_after_the_correction_and_before_the_decision(method):
    for correct in (True, False):
        found = run(max_f1, correct=correct, calibration=method)
        rows = [scored(0), scored(1)]
        logits = [ledger.correct(r.logits, BOOK) if correct else r.outputs for r in rows]
        again = calibration.fit(method, rows[0].targets, logits[0], False)
        assert found.calibration == again
        p = [ledger.probabilities(again.apply(z), False) for z in logits]
        np.testing.assert_array_equal(found.probabilities, p[1])
        rule = max_f1.fit(rows[0].targets, p[0], CLASSES)
        np.testing.assert_array_equal(found.rule.offsets, rule.offsets)


def test_calibration_and_rule_from_json_are_all_that_prediction_needs():
    found = run(max_f1, calibration="isotonic")
    kept = {"calibration": found.calibration.to_json(), **found.rule.to_json()}
    told = json.loads(json.dumps(kept))
    logits = ledger.correct(scored(1).logits, BOOK)
    mapped = calibration.Calibration.from_json(told["calibration"]).apply(logits)
    predicted = Rule.from_json(told).predict(ledger.probabilities(mapped, False))
    np.testing.assert_array_equal(predicted, found.predicted)


def test_a_prior_that_training_has_corrected_is_not_adjusted_once_more():
    book = BOOK | {"corrections": {"sampler: random_over": 1.0}}
    adjusted = {"decision": logit_adjustment, "book": book, "correct": False}
    with pytest.raises(UserError, match=r"sampler: random_over.* and decision: logit_adjustment"):
        run(**adjusted)
    run(**adjusted, allowed=True)
    # What is undone first, or calibrated away, is adjusted once.
    run(**adjusted | {"correct": True})
    run(**adjusted, calibration="sigmoid")
    run(**adjusted | {"book": BOOK | {"corrections": {"sampler: none": 0.0}}})
