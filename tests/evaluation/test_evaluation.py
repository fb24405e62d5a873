"""The decision is fitted on held-out rows and judged on test rows, with bounds for every number.

Labels of argmax follow the uncorrected outputs, probabilities are always corrected.
"""

import json
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest
from defaults import parameters
from problems import classes_of, one_hot

from ballast.decisions import argmax, cost_matrix, max_f1, min_recall
from ballast.evaluation import intervals, scores
from ballast.evaluation.judging import Options, evaluate
from ballast.evaluation.operating_points import points
from ballast.probabilities import calibration
from ballast.probabilities.correction import Correction
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.logits import probabilities
from ballast.probabilities.rules import Rule
from ballast.probabilities.scored import Scored
from ballast.project import params
from ballast.project.errors import UserError

CLASSES = classes_of(one_hot([0] * 90 + [1] * 10, 2))
# Rows of b are drawn nine times as often as those of a, and weigh twice as much.
LEDGER = Ledger(
    labels=("a", "b"),
    multilabel=False,
    rows=100,
    examples=180.0,
    prior_before_sampling=np.array([0.9, 0.1]),
    prior_after_sampling=np.array([0.5, 0.5]),
    weights=np.array([1.0, 2.0]),
)
TARGETS = one_hot(np.arange(60) % 2, 2)


def outputs(seed: int) -> np.ndarray:
    """Outputs that know a little of the labels, and prefer b."""
    return np.random.default_rng(seed).normal(size=(60, 2)) + TARGETS + [0, 1]


def run(
    decision=argmax, held_out=0, test=2, targets=TARGETS, ledger=LEDGER, classes=CLASSES, **options
):
    scored = {"model": Scored("cnn", outputs(held_out), outputs(test), [])}
    options = Options(**{"replicates": 100} | options)
    member = decision if isinstance(decision, tuple) else (decision, {})
    return evaluate(scored, {"model": ledger}, TARGETS, targets, classes, member, options, seed=0)


def rule_of(evaluation) -> Rule:
    return evaluation.combination.decision.rule


def correction_of(evaluation) -> Correction:
    (part,) = evaluation.combination.decision.mixture.parts
    return part.correction


def test_loss_weights_and_sampling_are_undone_in_the_probabilities():
    """p is proportional to softmax(outputs) * (.9, .1) / (.5, .5) / weights."""
    judged = run(calibration="none").test
    p = probabilities(outputs(2), multilabel=False) * [0.9, 0.1] / [0.5, 0.5] / [1, 2]
    np.testing.assert_allclose(judged.probabilities, p / p.sum(axis=1, keepdims=True))


def test_argmax_takes_what_the_network_as_trained_prefers():
    for judged, rows in ((run().test, outputs(2)), (run().held_out, outputs(0))):
        np.testing.assert_array_equal(judged.predicted.argmax(axis=1), rows.argmax(axis=1))
        np.testing.assert_allclose(judged.logits, rows)
        # And that is another label than the most probable one in many rows.
        assert (judged.predicted.argmax(axis=1) != judged.probabilities.argmax(axis=1)).mean() > 0.2


def test_other_decisions_take_the_corrected_probabilities():
    evaluation = run(cost_matrix)
    for judged in (evaluation.test, evaluation.held_out):
        most_probable = judged.probabilities.argmax(axis=1)
        np.testing.assert_array_equal(judged.predicted.argmax(axis=1), most_probable)


def test_a_loss_that_only_ranks_leaves_the_label_to_the_corrected_outputs():
    ranking = replace(LEDGER, loss="auc_margin", has_inverse=False, only_ranks=True)
    evaluation = run(ledger=ranking)
    judged = evaluation.test
    np.testing.assert_allclose(judged.logits, correction_of(evaluation).apply(outputs(2)))
    np.testing.assert_array_equal(
        judged.predicted.argmax(axis=1), judged.probabilities.argmax(axis=1)
    )
    assert (judged.predicted.argmax(axis=1) != outputs(2).argmax(axis=1)).any()


def test_the_rule_depends_on_held_out_rows_alone():
    here, there = (run(max_f1, held_out=seed, calibration="none") for seed in (0, 5))
    assert (rule_of(here).offsets != rule_of(there).offsets).any()
    np.testing.assert_array_equal(here.test.probabilities, there.test.probabilities)


@pytest.mark.parametrize("classes", [CLASSES, replace(CLASSES, costs={"b": {"a": 5.0}})])
def test_each_headline_number_is_followed_by_its_bounds(classes):
    headline = run(classes=classes).test.headline
    names = (*get_args(scores.Headline), *(scores.OF_COSTS if classes.costs else ()))
    assert list(headline) == [f"{name}{end}" for name in names for end in ("", "_low", "_high")]
    assert len(names) <= 10
    for name in names:
        assert headline[f"{name}_low"] <= headline[name] <= headline[f"{name}_high"]
    assert len(json.dumps(headline, allow_nan=False)) > 0


def test_bounds_of_each_class_are_wilsons():
    evaluation = run()
    values, bounds = evaluation.per_class, evaluation.per_class_bounds
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
        run(**options).test.headline
        for options in ({}, {"interval": "bca"}, {"interval": "percentile"}, {"level": 0.5})
    ]
    lows = [(headline["f1_macro_low"], headline["log_loss_low"]) for headline in headlines]
    assert len(set(lows)) == 4
    # What has no Wilson interval of its own is BCa's.
    assert lows[0][0] != lows[1][0]
    assert lows[0][1] == lows[1][1]
    assert run(stratified=True).test.headline["log_loss_low"] != lows[0][1]


def test_rows_of_several_labels_are_not_stratified():
    with pytest.raises(UserError, match=r"evaluation\.stratified"):
        run(classes=replace(CLASSES, multilabel=True), stratified=True)


@pytest.mark.parametrize("classes", [CLASSES, replace(CLASSES, costs={"b": {"a": 5.0}})])
def test_baselines_have_the_same_scores(classes):
    evaluation = run(classes=classes)
    assert set(evaluation.baselines) == {"always_majority", "prior_random"}
    for baseline in evaluation.baselines.values():
        assert tuple(baseline) == tuple(evaluation.held_out.headline)
        assert baseline["roc_auc"] == 0.5


@pytest.mark.parametrize("classes", [CLASSES, replace(CLASSES, costs={"b": {"a": 5.0}})])
@pytest.mark.parametrize("decision", [argmax, max_f1])
def test_held_out_rows_have_a_headline_of_their_own(decision, classes):
    """That of the same calibration and rule: as if they were the test rows."""
    evaluation = run(decision, calibration="sigmoid", classes=classes)
    again = run(decision, test=0, calibration="sigmoid", classes=classes).test.headline
    headline = evaluation.held_out.headline
    assert headline == {name: value for name, value in again.items() if name in headline}
    assert 3 * len(headline) == len(again)
    assert headline["f1_macro"] != evaluation.test.headline["f1_macro"]


@pytest.mark.parametrize("name", params.members("decisions"))
def test_the_labels_of_the_test_rows_decide_nothing(name):
    decision, options = params.member(parameters(), "decision", name)
    if "label" in options:
        options["label"] = "b"
    here, there = (
        run((decision, options), targets=targets, calibration="sigmoid")
        for targets in (TARGETS, TARGETS[:, ::-1])
    )
    np.testing.assert_array_equal(here.test.predicted, there.test.predicted)
    np.testing.assert_array_equal(here.test.probabilities, there.test.probabilities)
    assert rule_of(here).to_json() == rule_of(there).to_json()
    assert correction_of(here).calibration == correction_of(there).calibration
    assert here.test.headline != there.test.headline


@pytest.mark.parametrize("method", ["none", "auto", "temperature", "sigmoid", "isotonic"])
@pytest.mark.parametrize("distortions", [(), ("It distorts.",)])
def test_the_map_is_that_of_the_option(method, distortions):
    ledger = replace(LEDGER, distortions=distortions)
    fitted = correction_of(run(ledger=ledger, calibration=method)).calibration
    if method == "auto":
        method = "sigmoid" if distortions else "temperature"
    assert (fitted.method if fitted else "none") == method


@pytest.mark.parametrize("method", ["temperature", "sigmoid", "isotonic"])
def test_the_map_comes_after_the_formulas_and_before_the_decision(method):
    evaluation = run(max_f1, calibration=method)
    logits = [Correction(LEDGER).apply(outputs(seed)) for seed in (0, 2)]
    again = calibration.fit(method, TARGETS, logits[0], False)
    assert correction_of(evaluation).calibration == again
    p = [probabilities(again.apply(z), False) for z in logits]
    np.testing.assert_array_equal(evaluation.test.probabilities, p[1])
    rule = max_f1.fit(TARGETS, p[0], CLASSES)
    np.testing.assert_array_equal(rule_of(evaluation).offsets, rule.offsets)


@pytest.mark.parametrize(
    ("option", "value"),
    [("combine", "vote"), ("calibration", "platt"), ("replicates", 10), ("level", 1.0),
     ("errors", -1), ("stratified", 1), ("correct", True)],
)  # fmt: skip
def test_options_out_of_range_are_refused(option, value):
    with pytest.raises(UserError, match=rf"evaluation\.{option}"):
        params.check(Options, {option: value}, "evaluation")


@pytest.mark.parametrize("seed", range(4))
def test_a_run_with_the_decision_of_a_point_has_the_threshold_of_the_point(seed):
    """Also where labels as trained are best of one model, and the ranking of another."""
    rng = np.random.default_rng(seed)
    # The second model ranks better, and prefers a.
    noise = [rng.normal(size=(60, 2)) for _ in range(4)]
    shift = [0, 0.5], [2.5, 0]
    scored = {
        slot: Scored(slot, *(z + 1.5 * TARGETS + shift[k] for z in noise[2 * k : 2 * k + 2]), [])
        for k, slot in enumerate(("model", "second_model"))
    }
    classes, options = replace(CLASSES, positive=1), Options(replicates=100)

    def judged(decision, chosen):
        ledgers = dict.fromkeys(scored, LEDGER)
        member = decision, chosen
        return evaluate(scored, ledgers, TARGETS, TARGETS, classes, member, options, seed=0)

    here = judged(argmax, {})
    found = points(TARGETS, here.ranked.held_out, classes, ["b"], 0.95)
    models = here.combination.decision.mixture.name
    assert (here.ranked.models != models) == (
        not np.array_equal(here.ranked.held_out, here.held_out.probabilities)
    )
    for point in found:
        member = {"min_recall": min_recall, "max_f1": max_f1}[point.decision]
        there = judged(member, point.options)
        assert there.combination.decision.mixture.name == here.ranked.models
        p, rule = there.held_out.probabilities, rule_of(there)
        np.testing.assert_array_equal(p, here.ranked.held_out)
        np.testing.assert_array_equal(there.held_out.predicted[:, 1], p[:, 1] > point.threshold)
        if point.decision == "min_recall":
            assert rule.thresholds()[1] == point.threshold


def test_test_rows_choose_no_point_and_suspect_no_label():
    here, there = (run(targets=targets) for targets in (TARGETS, TARGETS[:, ::-1]))
    assert here.suspects == there.suspects
    np.testing.assert_array_equal(here.ranked.held_out, there.ranked.held_out)
