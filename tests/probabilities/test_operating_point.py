"""The operating point is that of training, the probabilities are true, and nothing is done twice.

A data set whose p(y|x) is known is "learnt" to the last digits under sampling, weights and loss, as
in the tests of the ledger, and goes through the evaluation.
"""

from dataclasses import replace

import numpy as np
import pytest
from defaults import parameters
from optimum import PX, SINGLE, optimum
from problems import classes_of, one_hot

from ballast.evaluation.judging import Options, evaluate
from ballast.probabilities.scored import Scored
from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan, repeat
from ballast.training.objective import Objective, build_objective
from ballast.training.problem import Problem

# As many rows of each x and y as p(x) and p(y|x) say, to the row.
COUNTS = np.round(1000 * PX[:, None] * SINGLE).astype(int)
X, Y = (index.ravel().repeat(COUNTS.ravel()) for index in np.indices(COUNTS.shape))
TARGETS = one_hot(Y, 3)
CLASSES = classes_of(TARGETS)
# Labels that treat all classes the same: most of them differ from the most probable ones.
BALANCED = (SINGLE / CLASSES.prior).argmax(axis=1)
# How often a row of each class is used.
OVERSAMPLED = CLASSES.counts.max() / CLASSES.counts
EVERY = replace(repeat(np.ones(len(Y))), sampler="none")
OVER = replace(repeat(OVERSAMPLED[Y]), sampler="random_over")


def built(
    loss: str, weighting: str, plan: Plan, allowed=False, options: dict | None = None
) -> Objective:
    """The objective of a run on these rows, as training builds it; options by block."""
    settings = parameters(options)
    after = replace(CLASSES, counts=plan.times @ plan.targets(TARGETS), rows=plan.times.sum())
    rows = np.arange(len(Y))
    problem = Problem(
        table=None,
        plan=plan,
        targets=TARGETS,
        folds=np.full(len(Y), -1),
        origins=rows,
        training=rows,
        held_out=rows,
        before=CLASSES,
        after=after,
        seed=0,
    )
    members = params.member(settings, "loss", loss), params.member(settings, "weighting", weighting)
    return build_objective(problem, *members, None, False, allowed)


def judged(loss: str, weighting: str, plan: Plan, decision: str = "argmax", **options):
    """The test rows of a run whose network has learnt all there is."""
    objective = built(loss, weighting, plan)
    rates = OVERSAMPLED if plan is OVER else np.ones(3)
    mass = PX[:, None] * SINGLE * rates * objective.weights
    ledger = objective.ledger
    outputs = optimum(mass, ledger.loss_options, ledger.after)[X]
    scored = {"model": Scored("cnn", outputs, outputs, [])}
    member, defaults = params.member(parameters(), "decision", decision)
    return evaluate(
        scored,
        {"model": ledger},
        TARGETS,
        TARGETS,
        CLASSES,
        (member, defaults | options),
        Options(replicates=100, calibration="none"),
        seed=0,
    ).test


LAYERS = {
    "balanced": ("cross_entropy", "balanced", EVERY),
    "random_over": ("cross_entropy", "none", OVER),
    "logit_adjustment": ("logit_adjustment", "none", EVERY),
    "over and balanced": ("cross_entropy", "balanced", OVER),
    "over and adjusted": ("logit_adjustment", "none", OVER),
}
EACH = pytest.mark.parametrize("layers", LAYERS.values(), ids=LAYERS)


@EACH
def test_labels_are_those_that_training_chooses_and_probabilities_are_true(layers):
    test = judged(*layers)
    np.testing.assert_allclose(test.probabilities, SINGLE[X], atol=1e-6)
    np.testing.assert_array_equal(test.predicted, one_hot(BALANCED[X], 3))
    # In some rows that is not the most probable class.
    assert (SINGLE.argmax(axis=1) != BALANCED).any()


def test_without_a_correction_of_the_prior_the_most_probable_class_is_preferred():
    for loss in ("cross_entropy", "focal"):
        test = judged(loss, "none", EVERY)
        np.testing.assert_allclose(test.probabilities, SINGLE[X], atol=1e-6)
        np.testing.assert_array_equal(test.predicted, one_hot(SINGLE.argmax(axis=1)[X], 3))


@pytest.mark.parametrize(
    ("decision", "options"),
    [
        ("logit_adjustment", {}),
        ("cost_matrix", {}),
        ("max_f1", {}),
        ("min_recall", {"label": "c"}),
        ("min_precision", {"label": "c", "target": 0.5}),
        ("prior_shift", {}),
    ],
)
def test_other_decisions_do_the_same_whatever_training_did(decision, options):
    plain = judged("cross_entropy", "none", EVERY, decision, **options)
    for layers in LAYERS.values():
        test = judged(*layers, decision, **options)
        np.testing.assert_array_equal(test.predicted, plain.predicted)
    if decision == "logit_adjustment":
        # The prior is adjusted once, not twice.
        np.testing.assert_array_equal(plain.predicted, one_hot(BALANCED[X], 3))


def test_the_log_loss_does_not_depend_on_the_operating_point():
    plain = judged("cross_entropy", "none", EVERY).headline
    for layers in LAYERS.values():
        headline = judged(*layers).headline
        assert headline["log_loss"] == pytest.approx(plain["log_loss"], abs=1e-9)
        assert headline["calibration_error"] == pytest.approx(0, abs=1e-6)
        assert headline["recall_rarest"] > plain["recall_rarest"]
        assert headline["balanced_accuracy"] > plain["balanced_accuracy"]


# What is applied twice is refused; what is merely beside it is not.

WEIGHTS = {"weightings.by_class": {"weights": {"a": 1.0, "b": 3.0, "c": 9.0}}}


@pytest.mark.parametrize(
    ("loss", "weighting", "plan", "named"),
    [
        ("logit_adjustment", "balanced", EVERY, "weighting: balanced .* and loss: logit_adjust"),
        ("logit_adjustment", "by_class", EVERY, "weighting: by_class .* and loss: logit_adjust"),
        ("balanced_softmax", "square_root", EVERY, "weighting: square_root .* and loss: balanced"),
        ("cross_entropy", "by_class", OVER, "sampler: random_over .* and weighting: by_class"),
    ],
)
def test_the_same_prior_corrected_twice_is_refused(loss, weighting, plan, named):
    with pytest.raises(UserError, match=named) as error:
        built(loss, weighting, plan, options=WEIGHTS)
    assert "allow_double_correction: true" in str(error.value)
    assert built(loss, weighting, plan, allowed=True, options=WEIGHTS)


@pytest.mark.parametrize("loss", ["cross_entropy", "logit_adjustment", "balanced_softmax"])
@pytest.mark.parametrize("weighting", ["none", "balanced", "square_root", "clipped"])
def test_weights_and_losses_of_balanced_examples_do_nothing_and_are_allowed(loss, weighting):
    objective = built(loss, weighting, OVER)
    np.testing.assert_allclose(objective.weights, 1)
    strengths = objective.ledger.corrections
    assert strengths.pop("sampler: random_over") == pytest.approx(1)
    assert max(map(abs, strengths.values())) < 1e-9


def test_each_layer_alone_is_allowed_however_far_it_goes():
    far = {"losses.logit_adjustment": {"tau": 2.0}, "weightings.by_class": {"weights": {"c": 1e4}}}
    assert built("logit_adjustment", "none", EVERY, options=far)
    assert built("cross_entropy", "by_class", EVERY, options=far)
