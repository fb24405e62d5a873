"""Strategies against a baseline: scores, variances, joint intervals, verdicts, racing."""

import json
import runpy

import numpy as np
import pytest
from closure import ROOT
from problems import classes_of, one_hot, some_probabilities, some_targets
from scipy.stats import binom, t
from sklearn.metrics import balanced_accuracy_score, f1_score, matthews_corrcoef

from ballast.comparison import pairs
from ballast.comparison import redrawing as compared
from ballast.labels.classes import texts_of
from ballast.probabilities.rules import Rule
from ballast.study import contrasts as gains
from ballast.study import redrawing
from ballast.study.contending import contenders
from ballast.study.judging import judge
from ballast.study.runs import runs

EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
SIMULATION = runpy.run_path(str(ROOT / "benchmarks" / "study.py"))


def some_study(
    strategies: int = 4, seeds: int = 3, rows: int = 200, multilabel: bool = False
) -> dict:
    """A study whose strategies label at random, but differ little from seed to seed."""
    rng = np.random.default_rng(3)
    targets = some_targets(rng, rows, 3, multilabel)
    rule = Rule(np.zeros(3), multilabel)
    predicted = {}
    for name in [f"s{s}" for s in range(strategies)]:
        own = some_probabilities(rng, targets, multilabel)
        mixed = [
            0.8 * own + 0.2 * some_probabilities(rng, targets, multilabel) for _ in range(seeds)
        ]
        predicted[name] = {seed: rule.predict(p) for seed, p in enumerate(mixed)}
    return {
        "targets": targets,
        "predicted": predicted,
        "baseline": "s0",
        "classes": classes_of(targets, multilabel),
        "units": np.arange(rows),
    }


def with_right(study: dict, name: str, share: float) -> dict:
    """The same study with a strategy that is as the baseline, but right on a share of the rows."""
    rows = np.arange(len(study["targets"])) < share * len(study["targets"])
    base = study["predicted"]["s0"]
    better = {
        seed: np.where(rows[:, None], study["targets"], labels) for seed, labels in base.items()
    }
    return study | {"predicted": study["predicted"] | {name: better}}


@EACH_TASK
@pytest.mark.parametrize("score", ["f1_macro", "balanced_accuracy", "mcc"])
def test_scores_are_those_of_scikit_learn(multilabel, score):
    study = some_study(multilabel=multilabel)
    result = judge(**study, score=score, replicates=50)
    targets, seeds = study["targets"], study["predicted"]["s1"].values()

    def expected(labels):
        if score == "f1_macro":
            return f1_score(targets, labels, average="macro", zero_division=0)
        of_one = balanced_accuracy_score if score == "balanced_accuracy" else matthews_corrcoef
        if multilabel:
            return np.mean([of_one(targets[:, c], labels[:, c]) for c in range(3)])
        return of_one(targets.argmax(axis=1), labels.argmax(axis=1))

    assert result.strategies["s1"].score == pytest.approx(np.mean([expected(p) for p in seeds]))
    assert result.strategies["s1"].gain == pytest.approx(
        result.strategies["s1"].score - result.baseline.score
    )


def test_one_strategy_varies_as_two_models_of_compare():
    study = some_study(strategies=2, seeds=1)
    names = study["classes"].names
    sides = [study["targets"], *(by_seed[0] for by_seed in study["predicted"].values())]
    words = zip(*(texts_of(side, names, False) for side in sides), strict=True)
    counted = {}
    for word in words:
        counted[word] = counted.get(word, 0) + 1
    drawn = compared.bootstrap(pairs.count(counted, names), 0, 4000)["f1_macro"]
    found = judge(**study, replicates=4000).strategies["s1"].sampling_sd
    assert found / np.sqrt(gains.ALLOWANCE["score"][1]) == pytest.approx(drawn.std(), rel=0.05)


def test_rows_of_a_unit_are_drawn_together():
    study = some_study(seeds=1)
    labels = [by_seed[0] for by_seed in study["predicted"].values()]
    twice = redrawing.cells(
        np.repeat(study["targets"], 2, axis=0),
        [np.repeat(each, 2, axis=0) for each in labels],
        np.repeat(study["units"], 2),
        False,
    )
    once = redrawing.cells(study["targets"], labels, study["units"], False)
    assert twice.units == once.units
    drawn = [redrawing.redraw(cells, "f1_macro", 0, 100)["score"] for cells in (once, twice)]
    np.testing.assert_allclose(*drawn, rtol=1e-6)
    all_in_one = redrawing.cells(study["targets"], labels, np.zeros(200, dtype=int), False)
    assert redrawing.redraw(all_in_one, "f1_macro", 0, 20)["score"].std(axis=0).max() < 1e-6


@EACH_TASK
@pytest.mark.parametrize("strategies", [2, 3, 7, 8])
def test_any_two_strategies_get_the_same_unseen_rows(multilabel, strategies):
    study = some_study(strategies=strategies, seeds=1, multilabel=multilabel)
    labels = [by_seed[0] for by_seed in study["predicted"].values()]
    cells = redrawing.cells(study["targets"], labels, study["units"], multilabel)
    more = redrawing.smoothed(cells, range(strategies))
    seen = cells.summands.shape[0]
    rows, weights = more.summands.toarray()[seen:], more.counts[seen:]
    hits = rows[:, 4 : 4 + 3 * strategies].reshape(-1, strategies, 3)
    for c in range(3):
        of_class = rows[:, 1 + c] > 0
        for one in range(strategies):
            for other in range(one):
                alone = (hits[:, one, c] > 0.999) & (hits[:, other, c] < 0.001) & of_class
                assert weights[alone].sum() == pytest.approx(redrawing.SMOOTHING)


def test_seeds_that_the_baseline_lacks_are_ignored():
    study = some_study()
    few = study | {
        "predicted": study["predicted"] | {"s0": {0: study["predicted"]["s0"][0]}},
    }
    result = judge(**few, replicates=100)
    assert result.strategies["s1"].seeds == (0,)
    assert result.strategies["s1"].seed_sd is None
    only = {n: {0: by_seed[0]} for n, by_seed in study["predicted"].items()}
    assert result == judge(**few | {"predicted": only}, replicates=100)


def test_a_strategy_that_labels_as_the_baseline_does_cannot_be_told():
    study = with_right(some_study(), "same", 0)
    same = judge(**study, replicates=200).strategies["same"]
    assert (same.gain, same.p_value, same.verdict) == (0, 1, "cannot be told")
    assert same.low < 0 < same.high


def test_winner_and_what_is_level_with_it():
    study = with_right(with_right(some_study(), "good", 0.8), "better", 0.84)
    result = judge(**study)
    assert result.winner == "better"
    assert result.level_with_winner == ("good",)
    best = result.strategies["better"]
    assert best.verdict == "helps"
    assert 0 < best.low < best.gain < best.high
    assert best.p_value < 0.01
    reversed_roles = judge(**study | {"baseline": "better"})
    assert reversed_roles.strategies["s0"].verdict == "hurts"
    assert reversed_roles.winner is None
    assert reversed_roles.strategies["s0"].gain == pytest.approx(-best.gain)


def test_more_strategies_widen_the_joint_intervals_only():
    study = some_study(strategies=8)
    two = {name: study["predicted"][name] for name in ("s0", "s1")}
    few = judge(**study | {"predicted": two}, replicates=2000).strategies["s1"]
    many = judge(**study, replicates=2000).strategies["s1"]
    assert many.p_value > few.p_value
    assert few.score_high - few.score_low == pytest.approx(
        many.score_high - many.score_low, rel=0.15
    )


def test_seeds_alone_give_an_interval_of_student_t():
    rng = np.random.default_rng(0)
    # Rows that are all the same unit, a hundred thousand times: only seeds vary.
    places = {"s": {j: j for j in range(3)}, "b": {j: 3 + j for j in range(3)}}
    seen = rng.normal(size=6)
    found = gains.contrasts(
        gains.Runs(places, {"score": seen}, {"score": np.zeros((50_000, 6))}, 0), [("s", "b")]
    )
    difference = seen[:3] - seen[3:]
    half = t.ppf(0.975, 2) * difference.std(ddof=1) / np.sqrt(3)
    low, high = found.bounds(0.95, joint=True)
    np.testing.assert_allclose(high - low, 2 * half, rtol=0.05)


def test_the_part_that_rows_and_seeds_make_of_each_other_counts_once():
    rng = np.random.default_rng(1)
    # Every label of every seed is right by its own chance: seeds differ by nothing but that.
    true = one_hot(rng.integers(0, 2, 5000), 2)
    predicted = {
        name: {j: np.where(rng.random((5000, 1)) < 0.8, true, 1 - true) for j in range(20)}
        for name in ("s", "b")
    }
    drawn = runs(true, predicted, classes_of(true), np.arange(5000), "f1_macro", 500, 0)
    found = gains.contrasts(drawn, [("s", "b")])
    assert found.seeds[0] < 0.5 * found.sampling[0]


def test_same_seed_same_judgement_and_plain_values():
    study = some_study()
    first, second = (judge(**study, replicates=200) for _ in range(2))
    assert first == second
    text = json.dumps(first.to_json(), allow_nan=False)
    assert json.loads(text)["strategies"]["s1"]["gain"] == first.strategies["s1"].gain


def test_racing_drops_the_hopeless_and_keeps_the_baseline():
    study = with_right(some_study(), "best", 0.9)
    assert contenders(**study, looks=3) == {"s0", "best"}
    assert contenders(**some_study(), looks=10, error=0.01) == {"s0", "s1", "s2", "s3"}


def at_most(share: float, studies: int) -> float:
    """The largest share that is seen by chance, once in a thousand tests."""
    return binom.ppf(0.999, studies, share) / studies


@pytest.mark.thorough
@pytest.mark.parametrize("task", SIMULATION["TASKS"])
@pytest.mark.parametrize("seeds", [1, 3])
def test_of_equal_strategies_that_learn_one_wins_in_few_studies(task, seeds):
    result = SIMULATION["held"](SIMULATION["judged"](SIMULATION["Problem"](task, 4, seeds), 80))
    assert result["winner"] <= at_most(0.05, 80)
    assert 1 - result["gains"] <= at_most(0.065, 80)
    assert 1 - result["score"] <= at_most(0.065, 80)


@pytest.mark.thorough
@pytest.mark.parametrize("task", SIMULATION["TASKS"])
def test_of_equal_labellers_intervals_hold_without_allowance(task, monkeypatch):
    monkeypatch.setattr(gains, "ALLOWANCE", dict.fromkeys(gains.ALLOWANCE, (1.0, 1.0)))
    result = SIMULATION["held"](SIMULATION["judged"](SIMULATION["Labels"](task, 4, 3), 80))
    assert result["winner"] <= at_most(0.05, 80)
    assert 1 - result["gains"] <= at_most(0.065, 80)


@pytest.mark.thorough
@pytest.mark.parametrize("better", [1.0, 0.8])
def test_racing_rarely_drops_the_best(better):
    lost, others = SIMULATION["dropped"](SIMULATION["Problem"]("nine classes", 5, 3, better), 50)
    assert lost <= at_most(0.05, 50)
    assert others > 0.2 or better == 1
