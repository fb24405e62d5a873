"""Which of two models is used, or their mean; and what prediction reads of it."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from problems import classes_of, one_hot, some_probabilities, some_targets
from staged import stage

from ballast.decisions import argmax, max_f1
from ballast.evaluation import scores
from ballast.evaluation.combination import combine
from ballast.evaluation.decision import Decision, Mixture, Part
from ballast.evaluation.judging import Options, evaluate
from ballast.labels.classes import Classes
from ballast.probabilities.calibration import temperature
from ballast.probabilities.correction import Correction
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.logits import probabilities
from ballast.probabilities.scored import Scored

EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
SLOTS = ("model", "second_model")


def ledger_of(classes: Classes, **changes) -> Ledger:
    return Ledger(
        labels=classes.names,
        multilabel=classes.multilabel,
        rows=classes.rows,
        examples=float(classes.rows),
        prior_before_sampling=classes.prior,
        prior_after_sampling=classes.prior,
        weights=np.ones((2, len(classes.names)) if classes.multilabel else len(classes.names)),
        **changes,
    )


def some_outputs(seed: int, targets: np.ndarray, multilabel: bool) -> np.ndarray:
    return np.log(some_probabilities(np.random.default_rng(seed), targets, multilabel))


def some_rows(multilabel: bool, rows: int = 200) -> np.ndarray:
    return some_targets(np.random.default_rng(9), rows, 3, multilabel)


def parts_of(targets, multilabel: bool, scales=(1.0, 1.0), ledgers=({}, {})) -> list[Part]:
    """Two models whose corrections do nothing but what their ledgers say."""
    classes = classes_of(targets, multilabel)
    return [
        Part(slot, name, scale, Correction(ledger_of(classes, **ledger)))
        for slot, name, scale, ledger in zip(SLOTS, ("cnn", "mlp"), scales, ledgers, strict=True)
    ]


def combined(parts, outputs, targets, multilabel=False, decision=argmax, how="auto"):
    classes = classes_of(targets, multilabel)
    outputs = dict(zip(SLOTS, outputs, strict=False))

    def fit(p):
        return decision.fit(targets, p, classes)

    return combine(parts, outputs, targets, classes, fit, how)


def macro_f1(targets: np.ndarray, predicted: np.ndarray) -> float:
    hits, support, positives = scores.tally(targets, predicted.astype(np.uint8))
    return scores.share(2 * hits, support + positives).mean()


@EACH_TASK
@pytest.mark.parametrize("decision", [argmax, max_f1])
@pytest.mark.parametrize("how", ["best", "mean", "auto"])
def test_alternatives_are_the_models_their_mean_or_all(multilabel, decision, how):
    targets = some_rows(multilabel)
    outputs = [some_outputs(seed, targets, multilabel) for seed in (0, 1)]
    parts = parts_of(targets, multilabel)
    combination = combined(parts, outputs, targets, multilabel, decision, how)
    names = {"best": ["cnn", "mlp"], "mean": ["cnn and mlp"], "auto": ["cnn", "mlp", "cnn and mlp"]}
    assert list(combination.scores) == names[how]
    name = combination.decision.mixture.name
    assert combination.scores[name] == max(combination.scores.values())


@pytest.mark.parametrize("how", ["best", "mean", "auto"])
def test_a_single_model_is_used(how):
    targets = some_rows(False)
    parts = parts_of(targets, False)[:1]
    combination = combined(parts, [some_outputs(0, targets, False)], targets, how=how)
    assert list(combination.scores) == [combination.decision.mixture.name] == ["cnn"]


@EACH_TASK
def test_labels_as_trained_are_scored_where_they_are(multilabel):
    """By the macro-F1 of the uncorrected outputs, though the probabilities are others."""
    targets = some_rows(multilabel)
    outputs = [some_outputs(seed, targets, multilabel) for seed in (0, 1)]
    weights = np.array([1.0, 3.0, 9.0])
    weights = np.stack([np.ones(3), weights]) if multilabel else weights
    parts = [
        replace(part, correction=Correction(replace(part.correction.ledger, weights=weights)))
        for part in parts_of(targets, multilabel)
    ]
    combination = combined(parts, outputs, targets, multilabel)
    assert combination.score == "f1_macro"
    mean = (outputs[0] + outputs[1]) / 2
    for name, logits in zip(("cnn", "mlp", "cnn and mlp"), (*outputs, mean), strict=True):
        labels = logits > 0 if multilabel else one_hot(logits.argmax(axis=1), 3)
        assert combination.scores[name] == pytest.approx(macro_f1(targets, labels))


@EACH_TASK
def test_where_thresholds_move_average_precision_chooses(multilabel):
    targets = some_rows(multilabel)
    outputs = [some_outputs(seed, targets, multilabel) for seed in (0, 1)]
    parts = parts_of(targets, multilabel)
    combination = combined(parts, outputs, targets, multilabel, max_f1)
    assert combination.score == "average_precision"
    classes = classes_of(targets, multilabel)
    for name, logits in zip(("cnn", "mlp"), outputs, strict=True):
        p = probabilities(logits, multilabel)
        expected = scores.headline(targets, targets, p, classes)["average_precision"]
        assert combination.scores[name] == pytest.approx(expected)
    # The rule is that of the models in use.
    mixture = combination.decision.mixture
    p = mixture.probabilities(dict(zip(SLOTS, outputs, strict=True)))
    rule = max_f1.fit(targets, p, classes)
    np.testing.assert_array_equal(combination.decision.rule.offsets, rule.offsets)


def test_of_equal_scores_the_lower_log_loss_counts_then_the_earlier_model():
    targets = some_rows(False)
    outputs = some_outputs(0, targets, False)
    parts = parts_of(targets, False)
    same = combined(parts, [outputs, outputs], targets)
    assert len(set(same.scores.values())) == 1
    assert same.decision.mixture.name == "cnn"
    # The same labels, with probabilities that are too confident.
    worse = combined(parts, [9 * outputs, outputs], targets, how="best")
    assert len(set(worse.scores.values())) == 1
    assert worse.decision.mixture.name == "mlp"


def test_the_mean_is_used_where_it_is_better():
    """Two models that err in different rows, and are less confident there."""
    targets = one_hot(np.arange(100) % 2, 2)
    signs = 2.0 * targets - 1
    outputs = [np.where(np.arange(100)[:, None] % 4 < 2, 3, -1) * signs, signs.copy()]
    outputs[1] = np.where(np.arange(100)[:, None] % 4 < 2, -1, 3) * signs
    combination = combined(parts_of(targets, False), outputs, targets)
    assert combination.decision.mixture.name == "cnn and mlp"
    assert combination.scores["cnn and mlp"] == 1


@EACH_TASK
def test_temperatures_bring_the_outputs_to_one_scale(multilabel):
    """So it makes no difference to the mean whether a model's outputs are larger."""
    held_out, test = some_rows(multilabel), some_rows(multilabel, rows=150)
    classes = classes_of(held_out, multilabel)
    ledgers = dict.fromkeys(SLOTS, ledger_of(classes))
    results = []
    for factor in (1, 20):
        scored = {
            slot: Scored(
                slot,
                size * some_outputs(seed, held_out, multilabel),
                size * some_outputs(seed + 2, test, multilabel),
                [],
            )
            for seed, (slot, size) in enumerate(zip(SLOTS, (1, factor), strict=True))
        }
        options = Options(combine="mean", replicates=100)
        results.append(evaluate(scored, ledgers, held_out, test, classes, (argmax, {}), options, 0))
        for part in results[-1].combination.decision.mixture.parts:
            outputs = scored[part.slot].held_out
            assert part.scale == temperature(held_out, outputs, multilabel)
    one, other = (result.test for result in results)
    np.testing.assert_allclose(one.logits, other.logits, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(one.probabilities, other.probabilities, rtol=1e-3, atol=1e-3)
    assert (one.predicted == other.predicted).mean() > 0.99


def test_a_single_model_has_no_scale():
    targets = some_rows(False)
    classes = classes_of(targets)
    outputs = 7 * some_outputs(0, targets, False)
    evaluation = evaluate(
        {"model": Scored("cnn", outputs, outputs, [])}, {"model": ledger_of(classes)},
        targets, targets, classes, (argmax, {}), Options(replicates=100), 0,
    )  # fmt: skip
    (part,) = evaluation.combination.decision.mixture.parts
    assert part.scale == 1
    np.testing.assert_array_equal(evaluation.test.logits, outputs)


@EACH_TASK
def test_the_mean_is_that_of_logits(multilabel):
    """Uncorrected ones, scaled, for labels; corrected ones for probabilities."""
    targets = some_rows(multilabel)
    outputs = [some_outputs(seed, targets, multilabel) for seed in (0, 1)]
    ranking = {"loss": "auc_margin", "has_inverse": False, "only_ranks": True}
    parts = parts_of(targets, multilabel, scales=(0.5, 2.0), ledgers=({}, ranking))
    mixture, by_slot = Mixture(parts), dict(zip(SLOTS, outputs, strict=True))
    assert mixture.name == "cnn and mlp"
    mean = (outputs[0] + outputs[1]) / 2
    np.testing.assert_allclose(mixture.probabilities(by_slot), probabilities(mean, multilabel))
    # A loss that only ranks has no labels as trained, and no use for a scale of their logits.
    expected = (0.5 * outputs[0] + outputs[1]) / 2
    np.testing.assert_allclose(mixture.uncorrected(by_slot), expected)


def test_single_label_logits_are_known_up_to_a_constant_of_each_row():
    targets = some_rows(False)
    outputs = [some_outputs(seed, targets, False) for seed in (0, 1)]
    constants = np.random.default_rng(0).normal(size=(len(targets), 1))
    mixture = Mixture(parts_of(targets, False))
    plain, shifted = (
        mixture.probabilities(dict(zip(SLOTS, pair, strict=True)))
        for pair in (outputs, [outputs[0] + constants, outputs[1] - 3 * constants])
    )
    np.testing.assert_allclose(plain, shifted, rtol=1e-12)


# Names.


@pytest.mark.parametrize(
    ("models", "losses", "weightings", "names"),
    [
        (["cnn"], ["focal"], ["none"], ["cnn"]),
        (["cnn", "mlp"], ["focal", "focal"], ["none", "none"], ["cnn", "mlp"]),
        (["mlp", "mlp"], ["focal", "ldam"], ["none", "none"], ["mlp, focal", "mlp, ldam"]),
        (
            ["mlp", "mlp"],
            ["focal", "focal"],
            ["none", "balanced"],
            ["mlp, focal, none", "mlp, focal, balanced"],
        ),
    ],
)
def test_two_models_are_named_apart(models, losses, weightings, names):
    classes = classes_of(some_rows(False))
    slots = SLOTS[: len(models)]
    outputs = {
        slot: Scored(model, np.zeros((1, 3)), np.ones((1, 3)), [])
        for slot, model in zip(slots, models, strict=True)
    }
    ledgers = {
        slot: ledger_of(classes, loss=loss, weighting=weighting)
        for slot, loss, weighting in zip(slots, losses, weightings, strict=True)
    }
    apart = stage("evaluate").named_apart(outputs, ledgers)
    assert [each.model for each in apart.values()] == names
    assert all(apart[slot].test is outputs[slot].test for slot in slots)


# What prediction reads.


@EACH_TASK
@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), models=st.integers(1, 2), moved=st.booleans())
def test_a_decision_comes_back_from_its_file_to_the_bit(
    multilabel, seed, models, moved, tmp_path_factory
):
    folder = tmp_path_factory.mktemp("models")
    targets = some_targets(np.random.default_rng(seed), 40, 3, multilabel)
    classes = classes_of(targets, multilabel)
    outputs = {
        slot: some_outputs(seed + n, targets, multilabel).astype(np.float32)
        for n, slot in enumerate(SLOTS[:models])
    }
    methods = ("sigmoid", "isotonic")
    parts = [
        Part(
            slot, slot, 1 / (seed + 3), Correction.fit(ledger_of(classes), values, targets, method)
        )
        for (slot, values), method in zip(outputs.items(), methods, strict=False)
    ]
    mixture = Mixture(parts)
    p = mixture.probabilities(outputs)
    rule = max_f1.fit(targets, p, classes) if moved else argmax.fit(targets, p, classes)
    decision = Decision(mixture, rule)
    decision.save(folder)
    text = (folder / "decision.json").read_text(encoding="utf-8")
    back = Decision.load(folder)
    np.testing.assert_array_equal(back.mixture.probabilities(outputs), p)
    np.testing.assert_array_equal(back.mixture.uncorrected(outputs), mixture.uncorrected(outputs))
    np.testing.assert_array_equal(back.predict(outputs, p), decision.predict(outputs, p))
    back.save(folder)
    assert (folder / "decision.json").read_text(encoding="utf-8") == text
    assert json.loads(text)["models"][0]["slot"] == "model"


@EACH_TASK
def test_the_decision_is_all_that_prediction_needs(multilabel, tmp_path):
    held_out, test = some_rows(multilabel), some_rows(multilabel, rows=150)
    classes = classes_of(held_out, multilabel)
    scored = {
        slot: Scored(
            slot,
            some_outputs(seed, held_out, multilabel),
            some_outputs(seed + 2, test, multilabel),
            [],
        )
        for seed, slot in enumerate(SLOTS)
    }
    ledgers = dict.fromkeys(SLOTS, ledger_of(classes, distortions=("It distorts.",)))
    for member in (argmax, max_f1):
        evaluation = evaluate(
            scored, ledgers, held_out, test, classes, (member, {}), Options(replicates=100), 0
        )
        evaluation.combination.decision.save(tmp_path)
        decision = Decision.load(tmp_path)
        outputs = {part.slot: scored[part.slot].test for part in decision.mixture.parts}
        p = decision.mixture.probabilities(outputs)
        np.testing.assert_array_equal(p, evaluation.test.probabilities)
        np.testing.assert_array_equal(decision.predict(outputs, p), evaluation.test.predicted)
