"""Two models on the same rows: scores, intervals, exact tests, verdicts, and how often they err."""

import doctest
import runpy

import numpy as np
import pytest
from closure import ROOT
from problems import LETTERS, classes_of, one_hot, some_probabilities, some_targets
from scipy.stats import binomtest, norm
from sklearn import metrics
from statsmodels.stats import contingency_tables
from statsmodels.stats.multitest import multipletests

from ballast.comparison import comparing, pairs, redrawing
from ballast.comparison.comparing import compare, holm, mcnemar, rows_needed
from ballast.evaluation import scores
from ballast.labels.classes import texts_of
from ballast.probabilities.rules import Rule

EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
SIMULATION = runpy.run_path(str(ROOT / "benchmarks" / "comparison.py"))


def words(matrix: np.ndarray, multilabel: bool) -> list[str]:
    return texts_of(matrix, LETTERS, multilabel)


def some_models(multilabel: bool, rows: int = 200, count: int = 3, seed: int = 5):
    rng = np.random.default_rng(seed)
    targets = some_targets(rng, rows, count, multilabel)
    rule = Rule(np.zeros(count), multilabel)
    sides = [rule.predict(some_probabilities(rng, targets, multilabel)) for _ in range(2)]
    return targets, *sides


def compared(targets, first, second, multilabel=False, **options):
    rows = zip(*(words(each, multilabel) for each in (targets, first, second)), strict=True)
    return compare(rows, LETTERS[: targets.shape[1]], multilabel, **options)


@EACH_TASK
def test_scores_are_those_of_the_metrics(multilabel):
    targets, *sides = some_models(multilabel)
    comparison = compared(targets, *sides, multilabel, replicates=10)
    classes = classes_of(targets, multilabel)
    for side, predicted in zip(("base", "head"), sides, strict=True):
        expected = scores.headline(targets, predicted, np.full(targets.shape, 0.5), classes)
        for name in ("f1_macro", "balanced_accuracy", "mcc"):
            assert comparison["scores"][name][side] == pytest.approx(expected[name])
        accuracy = (targets == predicted).all(axis=1).mean()
        assert comparison["scores"]["accuracy"][side] == pytest.approx(accuracy)
        for score, values in scores.per_class(targets, predicted, classes).items():
            for name, value in values.items():
                of_class = comparison["classes"][name]
                if score in ("f1", "recall"):
                    assert of_class[score][side] == pytest.approx(value)
                elif score == "support":
                    assert of_class["rows"] == value


def test_scores_are_scikit_learns():
    targets, *sides = some_models(False)
    comparison = compared(targets, *sides, replicates=10)
    true = targets.argmax(axis=1)
    for side, predicted in zip(("base", "head"), sides, strict=True):
        labels = predicted.argmax(axis=1)
        expected = {
            "f1_macro": metrics.f1_score(true, labels, average="macro"),
            "balanced_accuracy": metrics.balanced_accuracy_score(true, labels),
            "mcc": metrics.matthews_corrcoef(true, labels),
            "accuracy": metrics.accuracy_score(true, labels),
        }
        for name, value in expected.items():
            assert comparison["scores"][name][side] == pytest.approx(value, rel=1e-9)
        by_class = {
            "f1": metrics.f1_score(true, labels, average=None),
            "recall": metrics.recall_score(true, labels, average=None),
        }
        for score, values in by_class.items():
            of_class = [values_of[score][side] for values_of in comparison["classes"].values()]
            assert of_class == pytest.approx(values.tolist(), rel=1e-9)


def test_scores_of_several_labels_are_scikit_learns():
    targets, *sides = some_models(True)
    compared_scores = compared(targets, *sides, True, replicates=10)["scores"]
    for side, predicted in zip(("base", "head"), sides, strict=True):
        pairs_of = list(zip(targets.T, predicted.T, strict=True))
        balanced = [metrics.balanced_accuracy_score(*pair) for pair in pairs_of]
        expected = {
            "f1_macro": metrics.f1_score(targets, predicted, average="macro"),
            "balanced_accuracy": np.mean(balanced),
            "mcc": np.mean([metrics.matthews_corrcoef(*pair) for pair in pairs_of]),
            "accuracy": metrics.accuracy_score(targets, predicted),
        }
        for name, value in expected.items():
            assert compared_scores[name][side] == pytest.approx(value, rel=1e-9)


def test_a_small_case_by_hand():
    # 4 rows of a, 6 of b. The first finds a twice with one false alarm; the second finds it three
    # times with none: F1 of a 4/7 and 6/7, of b 10/13 and 12/13.
    targets = one_hot([0] * 4 + [1] * 6, 2)
    first = one_hot([0, 0, 1, 1, 0, 1, 1, 1, 1, 1], 2)
    second = one_hot([0, 0, 0, 1, 1, 1, 1, 1, 1, 1], 2)
    comparison = compared(targets, first, second)
    f1 = comparison["scores"]["f1_macro"]
    assert f1["base"] == pytest.approx((4 / 7 + 10 / 13) / 2)
    assert f1["head"] == pytest.approx((6 / 7 + 12 / 13) / 2)
    assert comparison["scores"]["accuracy"]["difference"] == pytest.approx(0.2)
    assert comparison["mcnemar"] == {"base_only": 0, "head_only": 2, "p_value": 0.5}
    assert comparison["classes"]["a"]["base_only"] == 0
    assert comparison["classes"]["a"]["head_only"] == 1
    assert comparison["classes"]["a"]["p_value"] == 1
    # Both swaps or none are as extreme as what was seen: 2 of 4.
    assert comparison["p_value"] == pytest.approx(0.5, abs=0.03)
    assert comparison["verdict"] == "cannot be told"
    assert comparison["reason"].startswith(
        "2 discordant rows can never be significant (p >= .5); about"
    )


@EACH_TASK
def test_the_same_model_twice_differs_by_nothing_and_nothing_can_be_told(multilabel):
    targets, first, _ = some_models(multilabel)
    comparison = compared(targets, first, first, multilabel)
    f1 = comparison["scores"]["f1_macro"]
    assert f1["difference"] == 0
    assert f1["low"] <= 0 <= f1["high"]
    assert comparison["p_value"] == comparison["mcnemar"]["p_value"] == 1
    assert (comparison["verdict"], comparison["more_rows_needed"]) == ("cannot be told", None)
    assert comparison["reason"] == "both give each of the 200 rows the same labels"


@EACH_TASK
def test_swapping_the_models_negates(multilabel):
    targets, first, second = some_models(multilabel)
    one, other = (
        compared(targets, *sides, multilabel, replicates=500)
        for sides in ((first, second), (second, first))
    )
    assert one["p_value"] == other["p_value"]
    swapped = {"base": "head", "head": "base"}
    for name, values in one["scores"].items():
        for side, also in swapped.items():
            assert values[side] == other["scores"][name][also]
        assert values["difference"] == -other["scores"][name]["difference"]
        assert values["low"] == pytest.approx(-other["scores"][name]["high"], abs=1e-12)
    for name, values in one["classes"].items():
        assert values["base_only"] == other["classes"][name]["head_only"]
        assert values["p_holm"] == other["classes"][name]["p_holm"]


def test_the_order_of_the_rows_makes_no_difference():
    models = some_models(False)
    backwards = compared(*(side[::-1] for side in models), replicates=300)
    assert compared(*models, replicates=300) == backwards


@EACH_TASK
def test_counts_give_the_interval_that_drawing_rows_gives(multilabel, monkeypatch):
    targets, first, second = some_models(multilabel)
    rng = np.random.default_rng(3)

    def macro(true, predicted):
        hits = (true & predicted).sum(axis=0)
        return (2 * hits / np.maximum(true.sum(axis=0) + predicted.sum(axis=0), 1)).mean()

    values = []
    for _ in range(3000):
        drawn = rng.integers(0, len(targets), len(targets))
        true = targets[drawn].astype(int)
        values.append(
            macro(true, second[drawn].astype(int)) - macro(true, first[drawn].astype(int))
        )
    monkeypatch.setattr(redrawing, "SMOOTHING", 0.0)
    f1 = compared(targets, first, second, multilabel, level=0.9)["scores"]["f1_macro"]
    # The standard error of a 5% quantile of 3000 draws is about .04 of a standard deviation.
    bound = 0.2 * np.std(values)
    expected = np.quantile(values, [0.05, 0.95])
    np.testing.assert_allclose([f1["low"], f1["high"]], expected, atol=bound)


@EACH_TASK
def test_imagined_rows_widen_the_interval_by_little(multilabel, monkeypatch):
    models = some_models(multilabel, rows=600)
    smoothed = compared(*models, multilabel)["scores"]["f1_macro"]
    monkeypatch.setattr(redrawing, "SMOOTHING", 0.0)
    plain = compared(*models, multilabel)["scores"]["f1_macro"]
    wider = (smoothed["high"] - smoothed["low"]) / (plain["high"] - plain["low"])
    assert 0.97 < wider < 1.1


@EACH_TASK
def test_swapped_labels_give_the_p_value_that_swapping_rows_gives(multilabel):
    targets, first, second = some_models(multilabel, rows=60)
    rng = np.random.default_rng(4)

    def macro(predicted):
        hits = (targets & predicted).sum(axis=0, dtype=int)
        return (
            2 * hits / np.maximum(targets.sum(axis=0) + predicted.sum(axis=0, dtype=int), 1)
        ).mean()

    first, second = first.astype(np.uint8), second.astype(np.uint8)
    seen = abs(macro(second) - macro(first))
    values = []
    for _ in range(3000):
        swap = rng.random((len(targets), 1)) < 0.5
        one, other = np.where(swap, second, first), np.where(swap, first, second)
        values.append(abs(macro(other) - macro(one)) >= seen - 1e-12)
    p_value = compared(targets, first, second, multilabel)["p_value"]
    assert p_value == pytest.approx(np.mean(values), abs=0.04)


@pytest.mark.parametrize(("one", "other"), [(0, 0), (0, 5), (3, 4), (40, 12), (1, 9)])
def test_mcnemar_is_the_binomial_test_and_statsmodels(one, other):
    expected = binomtest(one, one + other).pvalue if one + other else 1
    assert mcnemar(one, other) == mcnemar(other, one) == pytest.approx(expected, rel=1e-9)
    table = [[50, one], [other, 7]]
    expected = contingency_tables.mcnemar(table, exact=True).pvalue
    assert mcnemar(one, other) == pytest.approx(expected, rel=1e-9)


def test_five_discordant_rows_can_never_be_significant():
    assert mcnemar(0, 5) == pytest.approx(0.0625)
    targets = one_hot([0] * 12 + [1] * 40, 2)
    base, head = targets.copy(), targets
    base[:5] = [0, 1]
    comparison = compared(targets, base, head)
    assert comparison["scores"]["f1_macro"]["low"] > 0
    assert comparison["verdict"] == "cannot be told"
    assert "5 discordant rows can never be significant (p >= .0625)" in comparison["reason"]
    # A sixth such row would do.
    assert 10 < comparison["more_rows_needed"] < 100
    base[:6] = [0, 1]
    comparison = compared(targets, base, head)
    assert (comparison["verdict"], comparison["more_rows_needed"]) == ("better", None)
    assert compared(targets, head, base)["verdict"] == "worse"


def test_holm_by_hand():
    # Sorted .005 .01 .03 .04 times 4 3 2 1: .02 .03 .06 .04, then never less than before.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1, 1]
    assert holm([]) == []


@pytest.mark.parametrize("seed", range(3))
def test_holm_is_statsmodels(seed):
    # Many ties, and values that are 1 once adjusted.
    values = np.round(np.random.default_rng(seed).random(30) ** 4, 3)
    assert holm(values.tolist()) == pytest.approx(multipletests(values, method="holm")[1], rel=1e-9)


def test_examples_of_the_docstrings():
    assert doctest.testmod(comparing).failed == 0


def test_rows_needed_give_the_power_they_promise():
    # 100 rows, difference .02, standard deviation .02: 2.8 standard deviations need 784 rows.
    more = rows_needed(0.02, 0.02, 30, 100, 0.95)
    assert more == 690
    deviation = 0.02 * np.sqrt(100 / (100 + more))
    assert norm.sf(norm.ppf(0.975) - 0.02 / deviation) == pytest.approx(0.8, abs=0.01)
    assert rows_needed(0.0, 0.02, 30, 100, 0.95) is None
    assert rows_needed(0.002, 0.02, 30, 100, 0.95) is None


def test_a_difference_next_to_nothing_is_not_given_a_number_of_rows():
    targets = one_hot([0] * 50 + [1] * 50, 2)
    base, head = targets.copy(), targets.copy()
    base[:10] = base[:10, ::-1]
    head[10:20] = head[10:20, ::-1]
    comparison = compared(targets, base, head)
    assert comparison["more_rows_needed"] is None
    assert "more test rows would hardly help" in comparison["reason"]


def test_labels_of_a_row_stay_together():
    # Of each row both labels are right or both are wrong: rows, not labels, are independent.
    targets = np.ones((40, 2), dtype=np.uint8)
    base, head = targets.copy(), targets.copy()
    base[:5] = 0
    together = compared(targets, base, head, True)
    assert together["discordant"] == 5
    assert together["classes"]["a"]["head_only"] == 5
    assert together["scores"]["accuracy"]["difference"] == pytest.approx(5 / 40)


def test_a_class_that_no_common_row_has_counts_for_both_models_or_for_neither():
    targets = one_hot([0, 1] * 20, 3)
    comparison = compared(targets, targets, targets[:, [1, 0, 2]], replicates=200)
    assert comparison["scores"]["f1_macro"]["base"] == 1
    assert comparison["classes"]["c"]["rows"] == 0
    assert comparison["verdict"] == "worse"
    predicted = targets.copy()
    predicted[0] = [0, 0, 1]
    comparison = compared(targets, predicted, targets, replicates=200)
    assert comparison["scores"]["f1_macro"]["head"] == pytest.approx(2 / 3)
    # One row tells nothing, whatever the mean over other classes would say.
    assert comparison["p_value"] == 1


def test_several_labels_are_told_from_the_rows():
    assert pairs.is_multilabel([('["a"]', '["b"]', "[]")], ["a", "b"])
    assert not pairs.is_multilabel([("a", "b", "a|b")], ["a", "b"])
    # These are names, whatever they look like.
    assert not pairs.is_multilabel([('["a"]', "b", "b")], ['["a"]', "b"])


@pytest.mark.parametrize(
    ("title", "positives"),
    [
        ("equal models", 12),
        ("more found", 500),
        *(
            pytest.param(*each, marks=pytest.mark.thorough)
            for each in [
                ("equal models", 50),
                ("equal models", 500),
                ("more found", 12),
                ("more found", 50),
            ]
        ),
    ],
)
def test_interval_and_verdict_keep_their_word(positives, title):
    (case,) = [case for case in SIMULATION["problems"](positives) if case.title == title]
    shares = SIMULATION["simulate"](case, trials=200)
    # 1.5 points, and 2.6 standard errors of 200 trials.
    assert shares["held"] >= 0.95 - 0.015 - 2.6 * np.sqrt(0.95 * 0.05 / 200)
    assert shares["worse"] <= 0.05
    if title == "equal models":
        assert shares["better"] + shares["worse"] <= 0.05
    elif positives == 500:
        assert shares["better"] > 0.95
