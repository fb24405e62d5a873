"""Sampler, weighting and loss put together: what goes, what is refused, what the ledger says."""

from dataclasses import replace

import numpy as np
import pytest
from defaults import parameters
from problems import classes_of, one_hot, some_targets

from ballast.probabilities import ledger
from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan, repeat
from ballast.training.examples import Examples
from ballast.training.objective import objective

TARGETS = one_hot([0] * 70 + [1] * 20 + [2] * 10, 3)
BEFORE = classes_of(TARGETS)
EVERY = replace(repeat(np.ones(100)), sampler="none")
EQUAL = replace(repeat(np.repeat([1, 3.5, 7], [70, 20, 10])), sampler="random_over")
PER_BATCH = ["auc_margin", "soft_f1"]


def put_together(loss="cross_entropy", weighting="none", plan=EVERY, deferred=False, allowed=False):
    settings = parameters()
    after = replace(BEFORE, counts=plan.times @ plan.targets(TARGETS), rows=plan.times.sum())
    examples = Examples(plan.rows, plan.rows, plan.targets(TARGETS), plan.times, None, 0)
    return objective(
        params.member(settings, "loss", loss),
        params.member(settings, "weighting", weighting),
        plan,
        BEFORE,
        after,
        examples,
        deferred,
        allowed,
    )


def test_weights_are_those_of_the_resampled_classes_with_a_mean_of_1():
    found = put_together(weighting="balanced")
    np.testing.assert_allclose(found.weights @ BEFORE.prior, 1)
    np.testing.assert_allclose(found.weights * BEFORE.counts, 100 / 3)
    after = put_together(weighting="balanced", plan=EQUAL, allowed=True)
    np.testing.assert_allclose(after.weights, 1)


@pytest.mark.parametrize(
    ("loss", "weighting", "plan", "named"),
    [
        ("cross_entropy", "balanced", EQUAL, "sampler: random_over .* and weighting: balanced"),
        ("logit_adjustment", "balanced", EVERY, "weighting: balanced .* and loss: logit_adj"),
        ("balanced_softmax", "none", EQUAL, "sampler: random_over .* and loss: balanced_softmax"),
        ("cross_entropy", "square_root", EQUAL, "random_over .* and weighting: square_root"),
    ],
)
def test_the_same_prior_corrected_twice_is_refused(loss, weighting, plan, named):
    with pytest.raises(UserError, match=named):
        put_together(loss, weighting, plan)
    assert put_together(loss, weighting, plan, allowed=True)


@pytest.mark.parametrize("loss", params.members("losses"))
def test_a_loss_alone_goes_and_says_whether_a_formula_leads_back(loss):
    try:
        found = put_together(loss)
    except UserError as error:
        assert f"loss: {loss} needs rows with several labels" in str(error)  # noqa: PT017
        return
    settings = parameters()
    module, options = params.member(settings, "loss", loss)
    assert bool(found.book["distortion"]) != hasattr(module, "inverse")
    assert found.book["loss"] == loss
    assert found.book["loss_options"] == options
    outputs = np.random.default_rng(0).normal(size=(5, 3))
    probabilities = found.probabilities(outputs, TARGETS[[0, 30, 75, 92, 99]])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    if not found.book["distortion"]:
        exact = module.inverse(outputs, BEFORE, **options)
        np.testing.assert_allclose(probabilities, ledger.probabilities(exact, False))


def test_what_the_sampler_bends_is_in_the_ledger_and_calibrated():
    outputs = np.random.default_rng(0).normal(size=(100, 3))
    bent = put_together(plan=replace(EVERY, distortion="it distortion."))
    assert bent.book["distortion"] == ["it distortion."]
    straight = put_together().probabilities(outputs, TARGETS)
    np.testing.assert_allclose(straight, ledger.probabilities(outputs, False))
    # Outputs that say nothing are calibrated to the shares of the classes, about.
    np.testing.assert_allclose(
        bent.probabilities(outputs, TARGETS).mean(axis=0), BEFORE.prior, atol=0.02
    )


@pytest.mark.parametrize("loss", PER_BATCH)
def test_a_loss_of_the_whole_batch_takes_no_weights_and_no_mixed_labels(loss):
    with pytest.raises(UserError, match=f"loss: {loss}.*weighting: balanced"):
        put_together(loss, "balanced")
    half = np.full(100, 0.5)
    mixed = Plan(np.arange(100), np.ones(100), partners=np.arange(100), shares=half)
    assert put_together(loss, plan=replace(mixed, sampler="smote"))
    with pytest.raises(UserError, match=f"loss: {loss}.*sampler: mixup"):
        put_together(loss, plan=replace(mixed, sampler="mixup", label_shares=half))


def test_what_a_loss_refuses_is_said_before_the_training():
    settings = parameters()
    labels = some_targets(np.random.default_rng(0), 20, 3, multilabel=True)
    classes = classes_of(labels, True)
    with pytest.raises(UserError, match="loss: cost_sensitive"):
        objective(
            params.member(settings, "loss", "cost_sensitive"),
            params.member(settings, "weighting", "none"),
            replace(repeat(np.ones(20)), sampler="none"),
            classes,
            classes,
            None,
            False,
            False,
        )


def test_weights_that_count_late_are_calibrated():
    assert not put_together(weighting="balanced").book["distortion"]
    (distortion,) = put_together(weighting="balanced", deferred=True).book["distortion"]
    assert "balanced" in distortion
    assert not put_together(deferred=True).book["distortion"]


def test_outputs_that_are_no_log_odds_are_left_to_the_map():
    outputs = np.random.default_rng(0).normal(size=(5, 3))
    for loss, moved in [("squared_hinge", False), ("cross_entropy", True)]:
        found = ledger.correct(outputs, put_together(loss, plan=EQUAL).book)
        assert (found != outputs).any() == moved
