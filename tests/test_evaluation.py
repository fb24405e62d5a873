"""The rule is chosen on validation rows; what is undone is undone only when asked for."""

import numpy as np
from problems import classes_of, one_hot

from ballast import ledger
from ballast.decisions import argmax, max_f1
from ballast.evaluation import Scored, evaluate

CLASSES = classes_of(one_hot([0] * 90 + [1] * 10, 2))
OVERSAMPLED = classes_of(one_hot([0] * 90 + [1] * 90, 2))
BOOK = ledger.entry(CLASSES, OVERSAMPLED, np.array([1.0, 2.0]), {})


def scored(seed: int) -> Scored:
    """Rows whose outputs and logits tell different classes."""
    rng = np.random.default_rng(seed)
    outputs = rng.normal(size=(60, 2))
    return Scored(one_hot(np.arange(60) % 2, 2), outputs, outputs[:, ::-1].copy())


def run(decision=argmax, validation=None, **options):
    rows = validation or scored(0)
    return evaluate(rows, scored(1), CLASSES, BOOK, decision, {}, 0, replicates=100, **options)


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


def test_bounds_stand_around_the_point():
    found = run().headline
    assert found["f1_macro_low"] <= found["f1_macro"] <= found["f1_macro_high"]
    assert list(found)[:3] == ["f1_macro", "f1_macro_low", "f1_macro_high"]
