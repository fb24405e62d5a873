"""Sampler, weighting and loss together: what is refused, what the ledger says."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from defaults import parameters
from problems import classes_of, objective_of, one_hot, problem_of, some_targets

from ballast.losses import cross_entropy, focal
from ballast.probabilities.correction import Correction, automatic
from ballast.probabilities.logits import probabilities
from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan, repeat
from ballast.training.batches import Table
from ballast.training.examples import examples_of
from ballast.training.objective import Objective, build_objective, mixed_label_loss

TARGETS = one_hot([0] * 70 + [1] * 20 + [2] * 10, 3)
BEFORE = classes_of(TARGETS)
EVERY = replace(repeat(np.ones(100)), sampler="none")
EQUAL = replace(repeat(np.repeat([1, 3.5, 7], [70, 20, 10])), sampler="random_over")
NOTHING = Table(None, None, None)
PER_BATCH = ["auc_margin", "soft_f1"]
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


def build(
    loss: str = "cross_entropy",
    weighting: str = "none",
    plan: Plan = EVERY,
    targets: np.ndarray = TARGETS,
    multilabel: bool = False,
    deferred: bool = False,
    allowed: bool = False,
) -> Objective:
    settings = parameters({"weightings.by_class": {"weights": {"b": 3.5, "c": 7.0}}})
    problem = problem_of(NOTHING, plan, targets, multilabel=multilabel)
    return build_objective(
        problem,
        params.member(settings, "loss", loss),
        params.member(settings, "weighting", weighting),
        examples_of(problem, None),
        deferred,
        allowed,
    )


def test_weights_are_those_of_the_resampled_classes_with_a_mean_of_1():
    objective = build(weighting="balanced")
    np.testing.assert_allclose(objective.weights @ BEFORE.prior, 1)
    np.testing.assert_allclose(objective.weights * BEFORE.counts, 100 / 3)
    np.testing.assert_array_equal(objective.ledger.weights, objective.weights)
    after = build(weighting="balanced", plan=EQUAL, allowed=True)
    np.testing.assert_allclose(after.weights, 1)


def test_the_ledger_has_the_classes_before_and_after_sampling():
    objective = build(plan=EQUAL)
    ledger = objective.ledger
    np.testing.assert_array_equal(objective.classes.counts, BEFORE.counts)
    assert (ledger.labels, ledger.rows, ledger.examples) == (BEFORE.names, 100, 210)
    assert (ledger.sampler, ledger.weighting) == ("random_over", "none")
    np.testing.assert_allclose(ledger.prior_before_sampling, BEFORE.prior)
    np.testing.assert_allclose(ledger.prior_after_sampling, 1 / 3)
    assert ledger.corrections["sampler: random_over"] == pytest.approx(1)
    assert ledger.corrections["weighting: none"] == ledger.corrections["loss: cross_entropy"] == 0


@pytest.mark.parametrize(
    ("loss", "weighting", "plan", "named"),
    [
        ("cross_entropy", "by_class", EQUAL, "sampler: random_over .* and weighting: by_class"),
        ("logit_adjustment", "balanced", EVERY, "weighting: balanced .* and loss: logit_adj"),
        ("balanced_softmax", "square_root", EVERY, "square_root .* and loss: balanced_softmax"),
        ("focal", "by_class", EQUAL, "sampler: random_over .* and weighting: by_class"),
    ],
)
def test_the_same_prior_corrected_twice_is_refused(loss, weighting, plan, named):
    with pytest.raises(UserError, match=named):
        build(loss, weighting, plan)
    assert build(loss, weighting, plan, allowed=True)


@pytest.mark.parametrize(
    ("loss", "weighting", "second"),
    [
        ("cross_entropy", "balanced", "weighting: balanced"),
        ("cross_entropy", "square_root", "weighting: square_root"),
        ("balanced_softmax", "none", "loss: balanced_softmax"),
        ("logit_adjustment", "none", "loss: logit_adjustment"),
    ],
)
def test_what_reads_class_sizes_has_nothing_to_correct_after_a_sampler(loss, weighting, second):
    corrections = build(loss, weighting, EQUAL).ledger.corrections
    assert corrections["sampler: random_over"] == pytest.approx(1)
    assert corrections[second] == pytest.approx(0)
    assert build(loss, weighting).ledger.corrections[second] >= 0.5


@pytest.mark.parametrize("loss", params.members("losses"))
def test_a_loss_alone_goes_and_the_ledger_knows_whether_it_has_an_inverse(loss):
    try:
        objective = build(loss)
    except UserError as error:
        assert f"loss: {loss} needs rows with several labels" in str(error)  # noqa: PT017
        return
    module, options = params.member(parameters(), "loss", loss)
    ledger = objective.ledger
    assert ledger.has_inverse == hasattr(module, "inverse")
    assert bool(ledger.distortions) != hasattr(module, "inverse")
    assert ledger.only_ranks == (loss == "auc_margin")
    assert ledger.calibration == getattr(module, "CALIBRATION", None)
    assert ledger.loss == loss
    assert ledger.loss_options == options
    outputs = np.random.default_rng(0).normal(size=(5, 3))
    fitted = Correction.fit(ledger, outputs, TARGETS[[0, 30, 75, 92, 99]])
    np.testing.assert_allclose(fitted.probabilities(outputs).sum(axis=1), 1)
    if ledger.has_inverse:
        exact = module.inverse(outputs, BEFORE, **options)
        corrected = Correction(ledger).probabilities(outputs)
        np.testing.assert_allclose(corrected, probabilities(exact, False))


def test_a_distortion_of_the_sampler_is_in_the_ledger_and_calibrated():
    outputs = np.random.default_rng(0).normal(size=(100, 3))
    distorted = build(plan=replace(EVERY, distortion="rows are interpolated.")).ledger
    assert distorted.distortions == ("rows are interpolated.",)
    assert automatic(distorted) == "sigmoid"
    plain = Correction(build().ledger).probabilities(outputs)
    np.testing.assert_allclose(plain, probabilities(outputs, False))
    # Outputs without any information are calibrated to the shares of the classes, about.
    calibrated = Correction.fit(distorted, outputs, TARGETS).probabilities(outputs)
    np.testing.assert_allclose(calibrated.mean(axis=0), BEFORE.prior, atol=0.02)


@pytest.mark.parametrize("loss", PER_BATCH)
def test_a_loss_of_the_whole_batch_takes_no_weights_and_no_mixed_labels(loss):
    with pytest.raises(UserError, match=f"loss: {loss}.*weighting: balanced"):
        build(loss, "balanced")
    half = np.full(100, 0.5)
    mixed = Plan(np.arange(100), np.ones(100), partners=np.arange(100), shares=half)
    assert build(loss, plan=replace(mixed, sampler="smote"))
    with pytest.raises(UserError, match=f"loss: {loss}.*sampler: mixup"):
        build(loss, plan=replace(mixed, sampler="mixup", label_shares=half))


def test_what_a_loss_declares_false_is_false(monkeypatch):
    for name in ("PER_BATCH", "ONLY_RANKS", "CORRECTS_PRIOR"):
        monkeypatch.setattr(cross_entropy, name, False, raising=False)
    objective = build(weighting="balanced")
    assert not objective.ledger.only_ranks
    assert objective.ledger.corrections["loss: cross_entropy"] == 0


def test_what_a_loss_refuses_is_said_before_the_training():
    targets = some_targets(np.random.default_rng(0), 20, 3, multilabel=True)
    plan = replace(repeat(np.ones(20)), sampler="none")
    with pytest.raises(UserError, match="loss: cost_sensitive"):
        build("cost_sensitive", plan=plan, targets=targets, multilabel=True)


def test_deferred_weights_are_calibrated():
    assert not build(weighting="balanced").ledger.distortions
    (distortion,) = build(weighting="balanced", deferred=True).ledger.distortions
    assert "balanced" in distortion
    assert not build(deferred=True).ledger.distortions


def test_outputs_that_are_no_log_odds_are_left_to_the_map():
    outputs = np.random.default_rng(0).normal(size=(5, 3))
    for loss, changed in [("squared_hinge", False), ("cross_entropy", True)]:
        corrected = Correction(build(loss, plan=EQUAL).ledger).apply(outputs)
        assert (corrected != outputs).any() == changed


# Class weights in the loss.


@pytest.mark.parametrize(
    ("loss", "options"), [(cross_entropy, {}), (focal, {"gamma": 2.0, "alpha": {"b": 3.0}})]
)
def test_class_weights_multiply_the_loss_of_their_rows(loss, options):
    targets = one_hot([0, 1, 1, 0], 2)
    classes = classes_of(targets)
    logits = np.random.default_rng(0).normal(size=(4, 2))
    plain = partial(loss.loss, classes=classes, **options)
    weighted = objective_of(classes, plain, np.array([0.5, 4.0])).weighted(True)
    expected = np.asarray(plain(targets.astype(float), logits)) * [0.5, 4, 4, 0.5]
    np.testing.assert_allclose(
        np.asarray(weighted(targets.astype(float), logits)), expected, rtol=1e-12
    )


def test_multi_label_weights_multiply_presence_and_absence():
    targets = np.array([[0, 1], [1, 1], [0, 0]], dtype=np.uint8)
    classes = classes_of(targets, True)
    logits = np.random.default_rng(0).normal(size=(3, 2))
    values = np.asarray(cross_entropy.loss(targets.astype(float), logits, classes))
    objective = objective_of(classes, weights=np.array([[0.5, 2.0], [3.0, 7.0]]))
    factors = np.array([[0.5, 7], [3, 7], [0.5, 2]])
    weighted = np.asarray(objective.weighted(True)(targets.astype(float), logits))
    np.testing.assert_allclose(weighted, (values * factors).mean(axis=1), rtol=1e-12)


@EACH_TASK
@pytest.mark.parametrize(("weight", "enabled"), [(1.0, True), (3.0, False)])
def test_weights_of_1_or_not_enabled_are_no_weights(multilabel, weight, enabled):
    targets = one_hot([0, 1, 1, 0], 2).astype(float)
    classes = classes_of(targets, multilabel)
    logits = np.random.default_rng(0).normal(size=(4, 2))
    values = np.asarray(cross_entropy.loss(targets, logits, classes))
    weights = np.full((2, 2) if multilabel else 2, weight)
    weighted = objective_of(classes, weights=weights).weighted(enabled)
    expected = values.mean(axis=1) if multilabel else values
    np.testing.assert_allclose(np.asarray(weighted(targets, logits)), expected, rtol=1e-12)


def test_the_loss_of_mixed_labels_is_the_mixed_loss():
    targets, partner = one_hot([0, 1, 1], 2).astype(float), one_hot([1, 1, 0], 2).astype(float)
    share = np.array([0.25, 0.5, 1.0])
    logits = np.random.default_rng(0).normal(size=(3, 2))
    loss = mixed_label_loss(partial(cross_entropy.loss, classes=classes_of(targets)))
    values = loss(tf.constant(np.column_stack([targets, partner, share])), logits)
    soft = (1 - share)[:, None] * targets + share[:, None] * partner
    expected = -(soft * np.log(probabilities(logits, False))).sum(axis=1)
    np.testing.assert_allclose(values, expected, rtol=1e-12)
