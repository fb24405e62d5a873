"""What a study's results mean and what to do, in sentences: for the terminal and for the page."""

import shlex
from typing import Any

from ballast.comparison.comparing import interval, signed
from ballast.study.wording import title

CONFIRMED = {
    "helps": "The test rows say so too.",
    "hurts": "The test rows contradict the held-out rows: collect more rows before you rely on it.",
    "cannot be told": "The test rows alone are too few to tell.",
}


def best(results: dict[str, Any]) -> str:
    """Return the strategy to use: the winner, or else the baseline."""
    return results["winner"] or results["baseline_name"]


def command(results: dict[str, Any]) -> str:
    """Return the shell line that puts the best strategy to use."""
    return f"ballast study apply {shlex.quote(best(results))} && dvc repro"


def ranked(results: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Return the strategies and what is known of them, the best first."""
    return sorted(results["strategies"].items(), key=lambda pair: -pair[1]["score"])


def gain(entry: dict[str, Any]) -> str:
    """Return a strategy's gain with its interval, as text."""
    return interval({"difference": entry["gain"], "low": entry["low"], "high": entry["high"]})


def meaning(results: dict[str, Any]) -> list[str]:
    """Return what may be concluded from the answer; nothing if there is only the baseline."""
    strategies, baseline = results["strategies"], results["baseline_name"]
    others = {name: entry for name, entry in strategies.items() if name != baseline}
    if not others:
        return []
    score, at_level = title(results["score"]), f"At the {100 * results['level']:.4g} % level"
    if results["winner"] is None:
        # Joint intervals bound the largest of all gains.
        most = signed(max(max(entry["high"] for entry in others.values()), 0))
        return [
            f"{at_level}, none of the strategies gains more than {most} {score} on data like "
            f"these. Stay with {baseline}."
        ]
    lines = [
        f"{at_level}, with all {len(strategies)} strategies taken into account, "
        f"{results['winner']} is better than {baseline} on data like these."
    ]
    if results["level_with_winner"]:
        alike = [results["winner"], *results["level_with_winner"]]
        fastest = min(alike, key=lambda name: strategies[name]["seconds"])
        time = duration(strategies[fastest]["seconds"])
        lines.append(
            f"It cannot be told apart from {', '.join(alike[1:])}. Of these, simpler or cheaper is "
            f"as good a reason: {fastest} is the fastest, with {time} for a seed."
        )
    return lines


def on_test_rows(results: dict[str, Any]) -> list[str]:
    """Return how the best strategy does on test rows, and what its gain there says."""
    name, test = best(results), results["test"]
    held_out = results["strategies"][name]
    there = test["strategies"].get(name, test["baseline"])
    lines = [
        f"On {results['rows']['test']:,} test rows, looked at for this alone, {name} has "
        f"{title(results['score'])} {there['score']:.3f} ({there['score_low']:.3f} to "
        f"{there['score_high']:.3f}), against {held_out['score']:.3f} on held-out rows."
    ]
    if "gain" in there:
        lines.append(
            f"Its gain is {gain(there)} there, against {signed(held_out['gain'])} on held-out "
            f"rows. {CONFIRMED[there['verdict']]}"
        )
    return lines


def more_data(results: dict[str, Any]) -> str:
    """Return what more rows would bring, in a sentence."""
    if results["curve"]:
        sentence = results["curve"]["sentence"]
        return f"{sentence[0].upper()}{sentence[1:]}."
    if results["learning_curve"]:
        return "The learning curve lacks trainings: they failed, or the time was up."
    return "Not asked. With learning_curve: [0.25, 0.5, 1.0] in study.yaml, the study says it."


def asides(results: dict[str, Any]) -> list[str]:
    """Return which strategies have no result, and why, a sentence each."""
    lines = [f"{name} failed: {why}" for name, why in results["failed"].items()]
    if results["not_reached"]:
        lines.append(f"The time was up before: {', '.join(results['not_reached'])}")
    return lines


def left_out(results: dict[str, Any]) -> list[str]:
    """Return which strategies do not fit the data, and why, a sentence each."""
    return [f"{name} was left out: {why}" for name, why in results["left_out"].items()]


def duration(seconds: float) -> str:
    """Return a time as text.

    >>> duration(3.21), duration(136.2), duration(1200), duration(9000)
    ('3.2 s', '136 s', '20 min', '2.5 h')
    """
    if seconds < 600:
        return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
