"""Which strategies help, on held-out rows, against one baseline; and which of them is best.

All intervals of the gains hold together with the given level, as many strategies as there are:
of strategies that are no better than the baseline, one is said to help in at most
(1 - level) of the studies. `benchmarks/study.py` measures how often that errs.
"""

from collections.abc import Hashable

import numpy as np

from ballast.evaluation.bootstrap import RANGES
from ballast.labels.classes import Classes
from ballast.study.contrasts import contrasts
from ballast.study.judgement import Baseline, Gain, Judgement, Strategy
from ballast.study.runs import Predicted, Runs, runs

BY_CLASS = ("recall", "f1")


def judge(
    targets: np.ndarray,
    predicted: Predicted,
    baseline: str,
    classes: Classes,
    units: np.ndarray,
    *,
    score: str = "f1_macro",
    level: float = 0.95,
    replicates: int = 2000,
    seed: int = 0,
) -> Judgement:
    """Judge strategies against a baseline on the same held-out rows.

    Rows are drawn once for all strategies and seeds; see `contrasts.contrasts` for the variances.
    f1_macro is over the classes with a row or predicted by any strategy.

    Args:
        targets: multi-hot labels, uint8, shape (rows, classes).
        predicted: {strategy: {seed: labels, likewise}}; of each strategy, the seeds that the
            baseline lacks are ignored, and at least one must remain.
        baseline: name of the strategy to hold the others against.
        classes: names and task.
        units: rows with the same number are drawn together, shape (rows,).
        score: as `evaluation.scores.of_counts` names it.
        level: confidence level, of all gains' intervals together, and of each other one alone.
        replicates: bootstrap draws; fewer where rows are very many.
        seed: seed of the draws.
    """
    paired = paired_with(predicted, baseline)
    drawn = runs(targets, paired, classes, units, score, replicates, seed)
    others = [name for name in paired if name != baseline]
    own = _own(drawn, [baseline, *others], level, RANGES.get(score, (0.0, 1.0)))
    support = targets.sum(axis=0, dtype=np.int64).tolist()
    by_class = {what: contrasts(drawn, [(baseline, None)], what).values[0] for what in BY_CLASS}
    strategies = _strategies(drawn, others, baseline, classes.names, level, own)
    winner, alike = _best(drawn, strategies, level)
    return Judgement(
        score,
        level,
        baseline,
        Baseline(
            *own[baseline],
            tuple(paired[baseline]),
            {
                name: {what: float(values[c]) for what, values in by_class.items()}
                for c, name in enumerate(classes.names)
            },
        ),
        strategies,
        winner,
        alike,
        dict(zip(classes.names, support, strict=True)),
    )


def paired_with(predicted: Predicted, baseline: str) -> dict[str, dict[Hashable, np.ndarray]]:
    """Return the predicted labels of the seeds that the baseline has too."""
    return {
        name: {seed: labels for seed, labels in by_seed.items() if seed in predicted[baseline]}
        for name, by_seed in predicted.items()
    }


def _own(
    drawn: Runs, names: list[str], level: float, span: tuple[float, float]
) -> dict[str, tuple[float, float, float]]:
    """Return each strategy's score and the ends of its interval, within the score's range."""
    means = contrasts(drawn, [(name, None) for name in names])
    ends = [np.clip(end, *span) for end in means.bounds(level, joint=False)]
    columns = (means.values, *ends)
    return {
        name: tuple(values)
        for name, values in zip(names, np.stack(columns, axis=1).tolist(), strict=True)
    }


def _strategies(
    drawn: Runs,
    others: list[str],
    baseline: str,
    class_names: tuple[str, ...],
    level: float,
    own: dict[str, tuple[float, float, float]],
) -> dict[str, Strategy]:
    if not others:
        return {}
    pairs = [(name, baseline) for name in others]
    gains = contrasts(drawn, pairs)
    lows, highs = gains.bounds(level, joint=True)
    p_values, by_class = gains.p_values(), _gains_by_class(drawn, pairs, class_names, level)
    return {
        name: Strategy(
            *own[name],
            gain=float(gains.values[k]),
            low=float(lows[k]),
            high=float(highs[k]),
            p_value=float(p_values[k]),
            sampling_sd=float(np.sqrt(gains.sampling[k])),
            seed_sd=float(np.sqrt(gains.seeds[k])) if len(drawn.places[name]) > 1 else None,
            seeds=tuple(drawn.places[name]),
            verdict="helps" if lows[k] > 0 else "hurts" if highs[k] < 0 else "cannot be told",
            classes=by_class[k],
        )
        for k, name in enumerate(others)
    }


def _gains_by_class(
    drawn: Runs, pairs: list[tuple[str, str]], class_names: tuple[str, ...], level: float
) -> list[dict[str, dict[str, Gain]]]:
    columns = {}
    for what in BY_CLASS:
        gains = contrasts(drawn, pairs, what)
        values = contrasts(drawn, [(name, None) for name, _ in pairs], what).values
        ends = (np.clip(end, -1, 1) for end in gains.bounds(level, joint=False))
        columns[what] = np.stack([values, gains.values, *ends], axis=-1).tolist()
    return [
        {
            name: {what: Gain(*columns[what][k][c]) for what in BY_CLASS}
            for c, name in enumerate(class_names)
        }
        for k in range(len(pairs))
    ]


def _best(
    drawn: Runs, strategies: dict[str, Strategy], level: float
) -> tuple[str | None, tuple[str, ...]]:
    """Return the winner and the strategies that help as well and cannot be told apart from it."""
    helping = [name for name, strategy in strategies.items() if strategy.verdict == "helps"]
    if not helping:
        return None, ()
    winner = max(helping, key=lambda name: strategies[name].score)
    others = [name for name in helping if name != winner]
    behind = [name for name in others if drawn.common(winner, name)]
    if not behind:
        return winner, tuple(others)
    highs = contrasts(drawn, [(name, winner) for name in behind]).bounds(level, joint=True)[1]
    told = {name for name, high in zip(behind, highs, strict=True) if high < 0}
    return winner, tuple(name for name in others if name not in told)
