"""The answer of a study, in a sentence."""

import doctest

from ballast.study import wording
from ballast.study.judgement import Baseline, Gain, Judgement, Strategy
from ballast.study.wording import answer, warnings

RECALL = {"recall": Gain(0.6, 0.11, 0.02, 0.2)}


def strategy(gain: float, low: float, high: float, seeds=(0, 1, 2)) -> Strategy:
    verdict = "helps" if low > 0 else "hurts" if high < 0 else "cannot be told"
    classes = {"justice": RECALL, "sport": RECALL}
    sds = (0.01, 0.005 if len(seeds) > 1 else None)
    ends = (0.7 + gain, 0.6, 0.8, gain, low, high, 0.01)
    return Strategy(*ends, *sds, seeds, verdict, classes)


def judgement(strategies, winner=None, level=(), justice: int = 40) -> Judgement:
    support = {"justice": justice, "sport": 500}
    baseline = Baseline(0.7, 0.6, 0.8, (0, 1, 2), {})
    return Judgement("f1_macro", 0.95, "moved", baseline, strategies, winner, level, support)


def test_examples():
    assert doctest.testmod(wording).failed == 0


def test_a_winner_and_what_is_level_with_it():
    strategies = {
        "weights": strategy(0.031, 0.012, 0.049),
        "oversampling": strategy(0.028, 0.01, 0.046),
    }
    assert answer(judgement(strategies, "weights", ("oversampling",))) == (
        "weights helps: macro-F1 +.031 (+.012 to +.049), recall of justice +.110 (+.020 to +.200) "
        "(the rarest class); oversampling (+.028) cannot be told apart from it."
    )


def test_no_winner():
    strategies = {"focal": strategy(0.004, -0.006, 0.015), "smote": strategy(-0.02, -0.03, -0.01)}
    assert answer(judgement(strategies)) == (
        "no strategy is better than moved: use that; the best of the others is focal, "
        "+.004 (-.006 to +.015): cannot be told."
    )
    assert answer(judgement({"smote": strategies["smote"]})).endswith("(-.030 to -.010): it hurts.")


def test_only_the_baseline():
    assert answer(judgement({})) == (
        "there is only the baseline, moved: nothing to hold against it."
    )


def test_few_rows_and_one_seed_are_warned_of():
    strategies = {"weights": strategy(0.031, 0.012, 0.049, seeds=(0,))}
    study = judgement(strategies, "weights", justice=3)
    assert "recall of sport" in answer(study)
    few, single = warnings(study)
    assert few.startswith("justice has 3 held-out rows")
    assert single.startswith("one seed of weights")
    assert warnings(judgement({})) == []
