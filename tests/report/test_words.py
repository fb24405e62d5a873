"""The ledger as sentences: each layer is named with its effect."""

from dataclasses import replace

import numpy as np
import pytest
from problems import classes_of, one_hot

from ballast.decisions import argmax, cost_matrix, logit_adjustment, prior_shift
from ballast.evaluation.combination import Combination
from ballast.evaluation.decision import Decision, Mixture, Part
from ballast.evaluation.judging import Judged
from ballast.probabilities.calibration import Calibration
from ballast.probabilities.correction import Correction
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.rules import Rule
from ballast.report import words

CLASSES = classes_of(one_hot([0] * 90 + [1] * 10, 2))
LEDGER = Ledger(
    labels=CLASSES.names,
    multilabel=False,
    rows=CLASSES.rows,
    examples=float(CLASSES.rows),
    prior_before_sampling=CLASSES.prior,
    prior_after_sampling=CLASSES.prior,
    weights=np.ones(2),
    corrections={"sampler: none": 0.0, "weighting: none": 0.0, "loss: cross_entropy": 0.0},
)
P = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])


def training(**changes) -> list[str]:
    """Return the sentences about a ledger with some changes."""
    changes["corrections"] = LEDGER.corrections | changes.get("corrections", {})
    return words.training(replace(LEDGER, **changes), CLASSES)


def combined(names: list[str], used: list[str], scores: list[float]) -> list[str]:
    """Return the sentences about models of which some are used."""
    parts = [Part(name, name, 1.0, Correction(LEDGER)) for name in used]
    decision = Decision(Mixture(parts), Rule(np.zeros(2), False))
    scores = dict(zip(names, scores, strict=True))
    return words.combination(Combination(decision, "average_precision", scores))


def test_a_single_model_needs_no_sentence():
    assert combined(["cnn"], ["cnn"], [0.5]) == []


def test_of_several_models_the_choice_is_said_with_its_scores():
    names = ["cnn", "mlp", "cnn and mlp"]
    (line,) = combined(names, ["mlp"], [0.5, 0.75, 0.7])
    assert line == (
        "Models: mlp, chosen for its average precision of 0.750 on held-out rows (cnn 0.500, "
        "cnn and mlp 0.700)."
    )
    line, how = combined(names, ["cnn", "mlp"], [0.5, 0.75, 0.8])
    assert line.startswith("Models: cnn and mlp, chosen for its average precision of 0.800")
    assert how.startswith("cnn and mlp are combined by the mean of their logits")
    # The mean without a choice.
    assert combined(["cnn and mlp"], ["cnn", "mlp"], [0.8]) == [how]


def test_layers_without_effect_are_named_with_no_effect():
    sampler, weighting, loss = training()
    assert sampler.startswith("sampler: none. An epoch has 100 examples of 100 training rows.")
    assert "leaves the class prior unchanged" in sampler
    assert weighting == "weighting: none. All rows have the same weight."
    assert loss.startswith("loss: cross_entropy. A formula converts its outputs to probabilities.")


def test_the_effect_of_a_sampler_is_said_in_rows_and_as_a_share_of_balance():
    sampler, _, loss = training(
        sampler="random_over",
        examples=180.0,
        corrections={"sampler: random_over": 1.0, "loss: cross_entropy": -0.3},
    )
    assert "An epoch has 180 examples of 100 training rows" in sampler
    assert "moves the class prior 100% of the way" in sampler
    assert "30% more unequal" in loss


@pytest.mark.parametrize("weights", [[0.5, 4.0], [[1.0, 1.0], [0.5, 4.0]]], ids=["single", "multi"])
def test_weights_are_described_by_their_range(weights):
    lines = training(
        weights=np.array(weights), weighting="balanced", corrections={"weighting: balanced": 1.0}
    )
    assert "Weights range from 4 (b) to 0.5 (a)." in lines[1]
    assert "100% of the way" in lines[1]


def test_distortions_are_described_by_the_layers_sentence():
    lines = training(has_inverse=False, distortions=("It distorts.",))
    # The effect on the prior is unknown.
    assert lines[2] == "loss: cross_entropy."
    assert lines[3] == "Distortion without a formula: It distorts."


def test_a_loss_that_balances_the_classes_is_said_to_even_without_a_formula():
    lines = training(has_inverse=False, corrections={"loss: cross_entropy": 1.0})
    assert "100% of the way" in lines[2]


def test_the_correction_is_described_with_its_map():
    first, second = words.correction(Correction(LEDGER, Calibration("isotonic", False, {})))
    assert "are undone as far as there are formulas" in first
    assert "isotonic" in second
    assert "no calibration map" in words.correction(Correction(LEDGER))[1]


def test_outputs_without_a_formula_are_not_said_to_be_corrected():
    first, _ = words.correction(Correction(replace(LEDGER, has_inverse=False)))
    assert "no formula corrects them" in first


def test_a_loss_that_only_ranks_is_said_to_leave_the_label_to_the_correction():
    ranking = replace(LEDGER, has_inverse=False, only_ranks=True)
    assert "labels follow corrected outputs" in words.correction(Correction(ranking))[2]
    assert len(words.correction(Correction(replace(ranking, only_ranks=False)))) == 2


def decision(rule: Rule, targets: np.ndarray, predicted: np.ndarray, p: np.ndarray) -> list[str]:
    return words.decision("mine", rule, Judged(targets, p, p, predicted, {}))


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (argmax, "Labels are those that the network as trained prefers"),
        (cost_matrix, "The label with the lowest expected cost is predicted."),
        (logit_adjustment, "The most probable label is predicted, after adding each class's off"),
        (prior_shift, "Probabilities are first adapted"),
    ],
)
def test_a_decision_is_described_by_its_rule(member, expected):
    targets = one_hot([0, 1, 1], 2)
    lines = decision(member.fit(targets, P, CLASSES), targets, one_hot([0, 1, 0], 2), P)
    assert lines[0] == "decision: mine."
    assert any(line.startswith(expected) for line in lines)
    assert not any("not the most probable class" in line for line in lines)


def test_labels_that_are_not_the_most_probable_are_counted():
    targets = one_hot([0, 1, 1], 2)
    lines = decision(argmax.fit(targets, P, CLASSES), targets, targets, P)
    assert "In 1 of 3 test rows the label is not the most probable class" in lines[2]


def test_multi_label_decisions_are_thresholds():
    targets = np.array([[1, 1], [0, 1]])
    p = targets * 0.5 + 0.2
    rule = Rule(np.zeros(2), multilabel=True)
    assert decision(rule, targets, targets, p)[1:] == [
        "A label is predicted if its probability is above the label's threshold."
    ]
    lines = decision(rule, targets, 1 - targets, p)
    assert "In 2 of 2 test rows the labels are not those with a probability above" in lines[2]
