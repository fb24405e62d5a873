"""The ledger in words: each layer is named, and what it did is said as it was."""

import numpy as np
import pytest
from problems import classes_of, one_hot

from ballast.decisions import argmax, cost_matrix, logit_adjustment, prior_shift
from ballast.probabilities import calibration, ledger
from ballast.report import words

CLASSES = classes_of(one_hot([0] * 90 + [1] * 10, 2))
EVENED = classes_of(one_hot([0] * 90 + [1] * 90, 2))


def book(before=CLASSES, after=CLASSES, weights=(1.0, 1.0), log_odds=True, **layers):
    given = {"sampler: none": 0.0, "weighting: none": 0.0, "loss: cross_entropy": 0.0}
    told = {"loss": "cross_entropy", "weighting": "none", "corrections": given} | layers
    return ledger.entry(before, after, np.array(weights), told, log_odds)


def test_layers_that_did_nothing_are_named_and_said_to_do_nothing():
    sampler, weighting, loss = words.training(book(), CLASSES)
    assert sampler.startswith("sampler: none. An epoch has 100 examples of 100 training rows.")
    assert "leaves the class prior as it is" in sampler
    assert weighting == "weighting: none. All rows weigh the same."
    assert loss.startswith("loss: cross_entropy. Its outputs lead back to probabilities")


def test_what_a_sampler_did_is_told_in_rows_and_as_a_share_of_balance():
    strength = {"sampler: random_over": 1.0, "weighting: none": 0.0, "loss: cross_entropy": -0.3}
    sampler, _, loss = words.training(book(after=EVENED, corrections=strength), CLASSES)
    assert "An epoch has 180 examples of 100 training rows" in sampler
    assert "takes the class prior 100% of the way" in sampler
    assert "30% more unlike" in loss


@pytest.mark.parametrize("shape", ["single", "multi"])
def test_weights_are_told_by_their_ends(shape):
    weights = [0.5, 4.0] if shape == "single" else [[1.0, 1.0], [0.5, 4.0]]
    strength = {"sampler: none": 0.0, "weighting: balanced": 1.0, "loss: cross_entropy": 0.0}
    lines = words.training(
        book(weights=weights, weighting="balanced", corrections=strength), CLASSES
    )
    assert "Weights run from 4 (b) to 0.5 (a)." in lines[1]
    assert "100% of the way" in lines[1]


def test_what_no_formula_undoes_is_told_in_the_words_of_the_layer():
    lines = words.training(book(log_odds=False, distortion=["It distortion."]), CLASSES)
    # What it does to the prior is not known.
    assert lines[2] == "loss: cross_entropy."
    assert lines[3] == "What no formula undoes: It distortion."


def test_a_loss_that_is_to_even_out_the_classes_is_said_to_without_a_formula_too():
    strength = {"sampler: none": 0.0, "weighting: none": 0.0, "loss: cross_entropy": 1.0}
    lines = words.training(book(log_odds=False, corrections=strength), CLASSES)
    assert "100% of the way" in lines[2]


def test_the_way_back_is_told_with_its_map():
    fitted = calibration.Calibration("isotonic", False, {})
    first, second = words.correction(book(), True, fitted)
    assert "is undone as far as formulas tell it" in first
    assert "isotonic" in second
    first, second = words.correction(book(), False, None)
    assert "at their word" in first
    assert "No calibration map" in second


def test_outputs_that_no_formula_can_undo_are_not_said_to_be_undone():
    first, _ = words.correction(book(log_odds=False), True, None)
    assert "they stay as they are" in first


@pytest.mark.parametrize(
    ("member", "expected"),
    [
        (argmax, "The most probable label is given."),
        (cost_matrix, "The label of the least expected cost is given."),
        (logit_adjustment, "The most probable label is given, after each class's offset."),
        (prior_shift, "Probabilities are first adapted"),
    ],
)
def test_a_decision_is_told_by_what_its_rule_does(member, expected):
    p = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
    rule = member.fit(one_hot([0, 1, 1], 2), p, CLASSES)
    lines = words.decision("mine", rule)
    assert lines[0] == "decision: mine."
    assert any(line.startswith(expected) for line in lines)


def test_the_decisions_of_labels_are_cuts():
    targets = np.array([[1, 1], [0, 1]])
    rule = argmax.fit(targets, targets * 0.5 + 0.2, classes_of(targets, True))
    assert words.decision("argmax", rule)[1] == (
        "A label is given where its probability is above the label's cut."
    )
