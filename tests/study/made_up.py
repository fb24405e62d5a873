"""Results of a study as `study/results.json` has them, made up."""

from typing import Any

import numpy as np

from ballast.comparison.comparing import interval

BASELINE = "moved_threshold"
NAMES = ("balanced_weights", "support_vectors_and_columns", "undersampling", "focal")
# Verdicts follow from these, in turn.
GAINS = ((0.031, 0.018), (0.028, 0.02), (-0.044, 0.016), (-0.002, 0.011))
SCORES = ("recall", "f1")


def results(
    classes: int = 4,
    names: tuple[str, ...] = NAMES,
    class_names: tuple[str, ...] | None = None,
    **changes: Any,
) -> dict[str, Any]:
    """A study with a winner and a strategy level with it, with a curve, and nothing that failed.

    Args:
        classes: how many; the first has three held-out rows.
        names: of the strategies.
        class_names: of the classes.
        **changes: to the results' entries.
    """
    rng = np.random.default_rng(classes)
    of_classes = class_names or tuple(f"class {c}" for c in range(classes))
    support = dict(zip(of_classes, [3, *rng.integers(10, 900, classes - 1).tolist()], strict=True))
    base = {name: dict.fromkeys(SCORES, float(rng.uniform(0.3, 0.9))) for name in of_classes}
    baseline = {"score": 0.788, "score_low": 0.769, "score_high": 0.807, "seeds": [0, 1]}
    strategies = {BASELINE: _told(baseline | {"classes": base}, {"decision": "max_f1"}, 136.2)}
    for k, name in enumerate(names):
        gain, half = GAINS[k % len(GAINS)]
        shifted = {each: _by_score(scores, rng) for each, scores in base.items()}
        strategies[name] = _told(_other(gain, half) | {"classes": shifted}, {"loss": name}, 9.3 + k)
    test = {BASELINE: baseline | {"classes": base}, names[0]: _other(0.01, 0.02)}
    return {
        "dataset": "demo",
        "answer": f"{names[0]} helps: macro-F1 +.031 (+.013 to +.049).",
        "warnings": ["class 0 has 3 held-out rows: too few to say anything of this class alone"],
        "score": "f1_macro",
        "level": 0.95,
        "baseline_name": BASELINE,
        "winner": names[0],
        "level_with_winner": list(names[1:2]),
        "support": support,
        "rows": {"held_out": 7292, "test": 1823},
        "strategies": strategies,
        "left_out": {},
        "failed": {},
        "not_reached": [],
        "test": {"baseline": test[BASELINE], "strategies": {names[0]: test[names[0]]}},
        "test_headline": {name: {"f1_macro": entry["score"]} for name, entry in test.items()},
        "curve": _curve(of_classes),
        "learning_curve": [1.0, 0.25, 0.5],
        **changes,
    }


def without_winner(**changes: Any) -> dict[str, Any]:
    """A study in which nothing helps, and of which no curve was asked."""
    found = results(**changes)
    strategies = {
        name: entry
        for name, entry in found["strategies"].items()
        if entry.get("verdict") != "helps"
    }
    test = found["test"] | {"strategies": {}}
    answer = f"no strategy is better than {BASELINE}: use that."
    nothing = {"winner": None, "level_with_winner": [], "curve": None, "learning_curve": None}
    return found | nothing | {"strategies": strategies, "test": test, "answer": answer} | changes


def _told(entry: dict, differs: dict, seconds: float) -> dict:
    headline = {"f1_macro": entry["score"], "average_precision": 0.84, "log_loss": 0.43}
    return entry | {"differs": differs, "settings": {}, "seconds": seconds, "headline": headline}


def _other(gain: float, half: float) -> dict[str, Any]:
    low, high, score = gain - half, gain + half, 0.788 + gain
    verdict = "helps" if low > 0 else "hurts" if high < 0 else "cannot be told"
    return {
        "score": score,
        "score_low": score - 0.02,
        "score_high": score + 0.02,
        "gain": gain,
        "low": low,
        "high": high,
        "p_value": 0.0123,
        "sampling_sd": 0.004,
        "seed_sd": None,
        "seeds": [0],
        "verdict": verdict,
    }


def _by_score(scores: dict[str, float], rng: np.random.Generator) -> dict[str, dict]:
    made = {}
    for name, value in scores.items():
        difference = float(rng.normal(0, 0.05))
        ends = {"low": difference - 0.04, "high": difference + 0.04}
        made[name] = {"value": value + difference, "difference": difference, **ends}
    return made


def _curve(names: tuple[str, ...]) -> dict[str, Any]:
    rows = [1823.0, 3646.0, 7292.0]
    a, b, c = 0.83, -2.9, 0.5
    scores = [a + b * n**-c for n in rows]
    ends = {"gain": 0.01, "low": 0.004, "high": 0.018}
    at_twice = a + b * (2 * rows[-1]) ** -c
    there = {
        "at_twice": at_twice,
        "at_twice_low": at_twice - 0.02,
        "at_twice_high": at_twice + 0.02,
    }
    one = {"rows": rows, "scores": scores, "fitted": scores, "a": a, "b": b, "c": c, "problems": []}
    one |= there | ends
    recalls = {name: one for name in names}
    recalls[names[-1]] = one | {"problems": ["the scores do not rise with the rows"]}
    return {
        "score": "f1_macro",
        "curve": one,
        "recalls": recalls,
        "sentence": f"twice the rows would bring macro-F1 {interval({'difference': 0.01})}",
    }
