"""The answer of a study in a sentence, and what it cannot say."""

from ballast.comparison.comparing import interval, signed
from ballast.evaluation.notes import listed
from ballast.study.judgement import Judgement, Strategy

TITLES = {"f1_macro": "macro-F1", "f1_micro": "micro-F1", "mcc": "MCC"}
# Held-out rows of a class below which nothing is said by class.
FEWEST_ROWS = 10
# Most strategies by name in a warning.
NAMED = 3


def title(score: str) -> str:
    """Return a score's name as in a sentence.

    >>> title("f1_macro"), title("balanced_accuracy")
    ('macro-F1', 'balanced accuracy')
    """
    return TITLES.get(score, score.replace("_", " "))


def answer(judgement: Judgement) -> str:
    """Return which strategy to use, in a sentence."""
    baseline, strategies = judgement.baseline_name, judgement.strategies
    if not strategies:
        return f"there is only the baseline, {baseline}: nothing to hold against it."
    if judgement.winner is not None:
        return _of_winner(judgement, judgement.winner)
    best = max(strategies, key=lambda name: strategies[name].gain)
    text = (
        f"no strategy is better than {baseline}: use that; the best of the others is {best}, "
        f"{_gain(strategies[best])}"
    )
    return f"{text}: {'it hurts' if strategies[best].verdict == 'hurts' else 'cannot be told'}."


def warnings(judgement: Judgement) -> list[str]:
    """Return what makes the answer mean less than it seems to."""
    few = {name: rows for name, rows in judgement.support.items() if rows < FEWEST_ROWS}
    lines = []
    if len(few) == 1:
        (name, rows), *_ = few.items()
        lines.append(
            f"{name} has {rows} held-out {'row' if rows == 1 else 'rows'}: too few to say anything "
            "of this class alone"
        )
    elif few:
        names = listed([f"{name} ({rows})" for name, rows in few.items()])
        lines.append(
            f"{len(few)} classes have fewer than {FEWEST_ROWS} held-out rows, too few to say "
            f"anything of each alone: {names}"
        )
    single = [name for name, each in judgement.strategies.items() if len(each.seeds) == 1]
    if single:
        which = ", ".join(single) if len(single) <= NAMED else f"{len(single)} strategies"
        lines.append(
            f"one seed of {which}: how much a seed changes is not measured, only allowed for"
        )
    return lines


def _of_winner(judgement: Judgement, winner: str) -> str:
    strategy = judgement.strategies[winner]
    text = f"{winner} helps: {title(judgement.score)} {_gain(strategy)}"
    known = {name: rows for name, rows in judgement.support.items() if rows >= FEWEST_ROWS}
    if known:
        rarest = min(known, key=lambda name: known[name])
        recall = strategy.classes[rarest]["recall"]
        ends = {"difference": recall.difference, "low": recall.low, "high": recall.high}
        of_all = len(known) == len(judgement.support)
        which = "the rarest class" if of_all else f"the rarest with {FEWEST_ROWS} rows"
        text += f", recall of {rarest} {interval(ends)} ({which})"
    if judgement.level_with_winner:
        others = [
            f"{name} ({signed(judgement.strategies[name].gain)})"
            for name in judgement.level_with_winner
        ]
        text += f"; {', '.join(others)} cannot be told apart from it"
    return text + "."


def _gain(strategy: Strategy) -> str:
    return interval({"difference": strategy.gain, "low": strategy.low, "high": strategy.high})
