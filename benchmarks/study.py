"""How often a study errs: strategies whose true scores are known, on data sets drawn anew.

    python benchmarks/study.py     # hours on a free core; --only racing for one table

Each study draws a data set, trains every strategy with every seed on five folds, and judges the
held-out rows. Written to docs/studies.md, table by table.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from unittest.mock import patch

import numpy as np
import typer

from ballast.labels.classes import Classes
from ballast.study import contrasts
from ballast.study.contending import contenders
from ballast.study.judgement import Judgement
from ballast.study.judging import judge
from ballast.study.learning_curve import learning_curve

ROOT = Path(__file__).parent.parent
FOLDS, ROWS, REPLICATES = 5, 1500, 500
BASELINE = "s00"
NINE = np.array([16, 5, 4, 2, 2, 2, 1, 1, 1]) / 34
TASKS = ("binary", "nine classes", "multi-label")
Study = tuple[np.ndarray, np.ndarray]  # targets; labels, (strategies, seeds, rows, classes)


@dataclass(frozen=True)
class Problem:
    """Strategies that learn from data, the baseline among them.

    Attributes:
        task: one of `TASKS`: 40 positives of 1,500; nine classes, the rarest of 44 rows; five
            labels, the rarest of 45 rows. Labels but those of the nine classes are given above
            thresholds with the best F1 on the other folds.
        strategies: beside the baseline. Each sees the same features under its own noise.
        seeds: of each. A seed weighs training rows at random.
        better: standard deviation of the noise under which the first of them sees the features;
            1 as that of the others, or less.
    """

    task: str
    strategies: int
    seeds: int
    better: float = 1.0

    def __str__(self) -> str:
        return f"{self.task} | {self.strategies} | {self.seeds}"

    def draw(self, rng: np.random.Generator) -> Study:
        """Return a data set's targets and the labels that each strategy and seed predicts."""
        x, targets = features(self.task, rng)
        order = np.lexsort([rng.random(ROWS), targets @ (1 + np.arange(targets.shape[1]) ** 2)])
        fold = np.empty(ROWS, dtype=int)
        fold[order] = np.arange(ROWS) % FOLDS
        labels = []
        for strategy in range(self.strategies + 1):
            noise = self.better if strategy == 1 else 1.0
            seen = x + noise * rng.normal(size=x.shape)
            weights = rng.exponential(size=(self.seeds, ROWS))
            scores = held_out(seen, targets, weights, fold, self.task == "multi-label")
            labels.append(decided(scores, targets, fold, self.task))
        return targets.astype(np.uint8), np.stack(labels)


def features(task: str, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return normal features, shape (rows, features), and multi-hot targets."""
    means = np.random.default_rng(7)
    if task == "binary":
        targets = np.eye(2)[(rng.random(ROWS) < 40 / ROWS).astype(int)]
        centres = np.array([np.zeros(4), np.full(4, 1.6)])
    elif task == "nine classes":
        targets = np.eye(9)[rng.choice(9, ROWS, p=NINE)]
        centres = 1.3 * means.normal(size=(9, 8))
    else:
        targets = (rng.random((ROWS, 5)) < [0.3, 0.15, 0.1, 0.05, 0.03]).astype(float)
        centres = 1.1 * means.normal(size=(5, 6))
    return rng.normal(size=(ROWS, centres.shape[1])) + targets @ centres, targets


def held_out(
    x: np.ndarray, targets: np.ndarray, weights: np.ndarray, fold: np.ndarray, several: bool
) -> np.ndarray:
    """Return held-out scores of linear discriminants, shape (seeds, rows, classes).

    By the weighted means and the common covariance; multi-label, by least squares.
    """
    scores = np.empty((len(weights), *targets.shape))
    inputs = np.hstack([x, np.ones((len(x), 1))]) if several else x
    ridge = 1e-3 * np.eye(inputs.shape[1])
    for f in range(FOLDS):
        for seed, weight in enumerate(weights * (fold != f)):
            weighted = inputs * weight[:, None]
            square, cross = weighted.T @ inputs, weighted.T @ targets
            if several:
                scores[seed, fold == f] = inputs[fold == f] @ np.linalg.solve(square + ridge, cross)
                continue
            sizes = weight @ targets
            means = cross / sizes
            covariance = (square - (means * sizes) @ means.T) / sizes.sum() + ridge
            slopes = np.linalg.solve(covariance, means)
            # Half the log prior, as a decision for imbalanced classes would take.
            offset = (np.log(sizes / sizes.sum()) - (means * slopes).sum(axis=0)) / 2
            scores[seed, fold == f] = x[fold == f] @ slopes + offset
    return scores


def decided(scores: np.ndarray, targets: np.ndarray, fold: np.ndarray, task: str) -> np.ndarray:
    """Return labels, uint8, shape (seeds, rows, classes)."""
    if task == "nine classes":
        return np.eye(9, dtype=np.uint8)[scores.argmax(axis=2)]
    if task == "binary":
        positive = above(scores[..., 1] - scores[..., 0], targets[:, 1], fold)
        return np.stack([1 - positive, positive], axis=-1)
    columns = [above(scores[..., c], targets[:, c], fold) for c in range(targets.shape[1])]
    return np.stack(columns, axis=-1)


def above(scores: np.ndarray, present: np.ndarray, fold: np.ndarray) -> np.ndarray:
    """Return whether scores, shape (seeds, rows), exceed the best threshold of other folds."""
    labels = np.empty(scores.shape, dtype=np.uint8)
    for f in range(FOLDS):
        order = np.argsort(-scores[:, fold != f], axis=1)
        found = present[fold != f][order].cumsum(axis=1)
        best = (found / (np.arange(1, found.shape[1] + 1) + found[:, -1:])).argmax(axis=1)
        ordered = np.take_along_axis(scores[:, fold != f], order, axis=1)
        seeds = np.arange(len(scores))
        edges = ordered[seeds, best], ordered[seeds, np.minimum(best + 1, found.shape[1] - 1)]
        labels[:, fold == f] = scores[:, fold == f] > (sum(edges) / 2)[:, None]
    return labels


@dataclass(frozen=True)
class Labels:
    """Strategies that label by chance: equally accurate in each class, with their own mistakes.

    Attributes:
        task: one of `TASKS`.
        strategies: beside the baseline.
        seeds: of each; half the chance is common to a strategy's seeds.
        unsteady: by how much the recall of a seed may differ from .7, at most.
    """

    task: str
    strategies: int
    seeds: int
    unsteady: float = 0.0

    def __str__(self) -> str:
        return f"{self.task} | {self.strategies} | {self.seeds}"

    def draw(self, rng: np.random.Generator) -> Study:
        """Return targets and the labels of each strategy and seed."""
        targets = features(self.task, rng)[1].astype(np.uint8)
        width = targets.shape[1] if self.task == "multi-label" else 1
        rare = targets if width > 1 else np.argmax(targets, axis=1)[:, None] > 0
        chances = np.where(rare, 0.7, 0.98)
        labels = []
        for _ in range(self.strategies + 1):
            own = rng.random((ROWS, width))
            for _ in range(self.seeds):
                both = rng.random((ROWS, width)) < 0.5
                chance = np.where(both, own, rng.random((ROWS, width)))
                shift = self.unsteady * rng.uniform(-1, 1)
                right = chance < chances + np.where(rare, shift, 0)
                if width > 1:
                    labels.append(np.where(right, targets, 1 - targets))
                else:
                    others = targets[rng.permutation(ROWS)]
                    other = others if targets.shape[1] > 2 else 1 - targets
                    labels.append(np.where(right, targets, other))
        return targets, np.reshape(labels, (self.strategies + 1, self.seeds, *targets.shape))


def inputs(problem: Problem | Labels, study: Study) -> dict[str, Any]:
    """Return a study as `judge` and `contenders` take it."""
    targets, labels = study
    multilabel = problem.task == "multi-label"
    names = tuple(map(str, range(targets.shape[1])))
    return {
        "targets": targets,
        "predicted": {f"s{s:02}": dict(enumerate(each)) for s, each in enumerate(labels)},
        "baseline": BASELINE,
        "classes": Classes(names, targets.sum(axis=0), len(targets), multilabel),
        "units": np.arange(len(targets)),
    }


def judged(problem: Problem | Labels, trials: int) -> list[Judgement]:
    """Return the judgements of so many studies."""
    draws = (problem.draw(np.random.default_rng([trial, 1])) for trial in range(trials))
    return [judge(**inputs(problem, study), replicates=REPLICATES) for study in draws]


def held(results: list[Judgement], better: bool = False) -> dict[str, float]:
    """Return how often intervals held the truth, and verdicts were given.

    Equal strategies gain nothing; the truth of a better first one is its mean over all studies.
    """
    found = defaultdict(list)
    strategies = [list(result.strategies.values()) for result in results]
    gains = np.array([[each.gain for each in row] for row in strategies])
    scores = np.array([[each.score for each in row] for row in strategies])
    truth = np.zeros(gains.shape[1])
    truth[0] = gains[:, 0].mean() if better else 0
    for row, result in zip(strategies, results, strict=True):
        inside = [each.low <= true <= each.high for each, true in zip(row, truth, strict=True)]
        found["gains"].append(all(inside))
        of_score = scores[:, 1:].mean()
        found["score"].append(np.mean([e.score_low <= of_score <= e.score_high for e in row[1:]]))
        for what in ("f1", "recall"):
            # Of the rarest class, the last; equal strategies gain nothing.
            last = [list(e.classes.values())[-1][what] for e in row[1:]]
            found[what].append(np.mean([gain.low <= 0 <= gain.high for gain in last]))
        found["winner"].append(result.winner is not None)
        named = {result.winner, *result.level_with_winner} - {None}
        found["wrong"].append(bool(named - ({"s01"} if better else set())))
    return {"gain": float(truth[0])} | {n: float(np.mean(v)) for n, v in found.items()}


def dropped(problem: Problem, trials: int) -> tuple[float, float]:
    """Return how often racing drops the first strategy, and the share of the others it drops."""
    lost, others = [], []
    for trial in range(trials):
        targets, labels = problem.draw(np.random.default_rng([trial, 2]))
        kept = list(range(problem.strategies + 1))
        for look in range(1, problem.seeds + 1):
            values = inputs(problem, (targets, labels[:, :look]))
            values["predicted"] = {f"s{s:02}": values["predicted"][f"s{s:02}"] for s in kept}
            staying = contenders(**values, looks=problem.seeds, replicates=REPLICATES)
            kept = [s for s in kept if f"s{s:02}" in staying]
        lost.append(1 not in kept)
        others.append(1 - (len(set(kept) - {0, 1}) / (problem.strategies - 1)))
    return float(np.mean(lost)), float(np.mean(others))


def curves(rate: float, shares: tuple[int, ...], trials: int) -> tuple[float, float, float]:
    """Return how often the interval at twice the rows, and that of the gain, held the truth.

    Three classes, whose share of rows that are right is .9 - n^-rate for n rows in training, and
    differs by seed with a standard deviation of .01.

    Returns:
        Both, and how often the curve was said to be poor.
    """
    eye, found = np.eye(3, dtype=np.uint8), []
    names, counts = ("a", "b", "c"), np.array(shares)[:, None] * np.array([[0.6, 0.3, 0.1]])
    accuracies = 0.9 - np.array([*shares, 2 * shares[-1]], dtype=float) ** -rate
    many = np.random.default_rng(0).choice(3, 2_000_000, p=[0.6, 0.3, 0.1])
    for trial in range(trials):
        rng = np.random.default_rng([trial, 3])
        true = rng.choice(3, 2000, p=[0.6, 0.3, 0.1])

        def predict(accuracy: float, rng: np.random.Generator, true: np.ndarray) -> np.ndarray:
            wrong = (true + rng.integers(1, 3, len(true))) % 3
            return eye[np.where(rng.random(len(true)) < accuracy, true, wrong)]

        labels = [
            {seed: predict(rng.normal(a, 0.01), rng, true) for seed in range(3)}
            for a in accuracies[:-1]
        ]
        if trial == 0:
            of_many = [
                learned(eye[many], predict(a, rng, many)) for a in (accuracies[-2], accuracies[-1])
            ]
        classes = Classes(names, true, len(true))
        result = learning_curve(
            counts, eye[true], labels, classes, np.arange(len(true)), replicates=REPLICATES
        ).curve
        gain = of_many[1] - of_many[0]
        found.append(
            (
                result.at_twice_low <= of_many[1] <= result.at_twice_high,
                result.low <= gain <= result.high,
                bool(result.problems),
            )
        )
    return tuple(np.mean(found, axis=0).tolist())


def learned(targets: np.ndarray, predicted: np.ndarray) -> float:
    """Return macro-F1."""
    hits, both = (targets & predicted).sum(axis=0), targets.sum(axis=0) + predicted.sum(axis=0)
    return float((2 * hits / both).mean())


HEADER = """# How often a study errs

Made by `python benchmarks/study.py --trials {trials}`. Strategies whose truth is known are judged
in many studies of 1,500 rows, each with a data set drawn anew: macro-F1 out of five folds, 95 %
intervals, 500 draws (the command takes more). The standard error of 95 % is 1.5 points for 200
studies, that of 2.5 % is 1.1.
"""
LEARNERS = """
## Strategies that learn

Linear discriminants with thresholds chosen on the other folds; a seed weighs the training rows at
random. Every strategy sees the features under its own noise, so none is better than another, but
the first where a gain is given. The truth is the mean of all studies: that of strategies on data
sets like these. Held: the gains' intervals, all together; each strategy's own; those of F1 and
recall of the rarest class, each alone. Winner: one is named; wrong: one that is no better is named,
be it as level with the winner.

| task | strategies | seeds | gain | studies | gains | score | F1 | recall | winner | wrong |
|---|---|---|---|---|---|---|---|---|---|---|
"""
LABELLERS = """
## Strategies that label by chance

Equal strategies with a recall of .7, .98 for the commonest class and for labels that are absent; in
"unsteady" ones, .55 to .85 by seed. Nothing is learnt from a data set. So the intervals hold more
than they say, and what they say if the allowance for training rows is taken away (plain).

| task | strategies | seeds | unsteady | studies | gains | plain | score | plain | winner | plain |
|---|---|---|---|---|---|---|---|---|---|---|
"""
RACING = """
## Racing

After each seed, what cannot win any more is dropped. The first strategy is the best, or as good as
all others; it may be dropped in 5 % of the studies.

| task | strategies | seeds | noise of the first | studies | first dropped | others dropped |
|---|---|---|---|---|---|---|
"""
CURVES = """
## Learning curve

Accuracy .9 - n^-c of n rows, three seeds, 2,000 held-out rows: how often the 95 % intervals held
macro-F1 at twice the rows and its gain, and how often the curve was said to be poor.

| c | shares of rows | studies | at twice the rows | gain | poor |
|---|---|---|---|---|---|
"""


NOTES = """
How to read it:

- Of equal strategies, one is named in 5 % of the studies at most, in half as many where intervals
  are exact: a winner must lie above 0, and the intervals may miss on either side.
- The allowance (`contrasts.ALLOWANCE`) is for training rows, which the folds share. What labels by
  chance needs none; what learns needs most of it, and with one seed, which cannot tell its own
  noise, a larger one. Where more data makes strategies differ by rows alone, it is too much.
- Thresholds that are chosen on each data set move the recall of a class from one data set to the
  next. Its allowance is for that; where none is moved, the interval holds nearly always.
- The curves' intervals are too wide rather than too narrow: here each seed's mistakes are its own,
  and count as the rows' and as the seeds'.
"""


def learner_lines(trials: int) -> list[Callable[[], str]]:
    """Return what makes each line of the first table; heavy ones take fewer studies."""

    def line(problem: Problem, count: int) -> str:
        values = held(judged(problem, count), problem.better < 1)
        shares = (values[n] for n in ("gains", "score", "f1", "recall", "winner", "wrong"))
        cells = " | ".join(f"{share:.1%}" for share in shares)
        return f"| {problem} | {values['gain']:+.3f} | {count} | {cells} |\n"

    problems = [Problem(task, 4, seeds) for task in TASKS for seeds in (1, 3)]
    problems += [Problem("binary", 4, 5), Problem("binary", 12, 3), Problem("binary", 12, 1)]
    problems += [Problem("nine classes", 12, 3), Problem("multi-label", 12, 1)]
    problems += [Problem("binary", 4, 3, 0.6), Problem("nine classes", 4, 3, 0.8)]
    return [lambda problem=problem: line(problem, few(problem, trials)) for problem in problems]


def few(problem: Problem | Labels, trials: int) -> int:
    """Return how many studies there are of a problem: fewer of large ones."""
    width = {"binary": 2, "nine classes": 9, "multi-label": 5}[problem.task]
    return max(trials // (1 + problem.strategies * problem.seeds * width // 60), 1)


def labeller_lines(trials: int) -> list[Callable[[], str]]:
    """Return what makes each line of the second table."""

    def line(problem: Labels) -> str:
        count = few(problem, trials)
        allowed = held(judged(problem, count))
        none = dict.fromkeys(contrasts.ALLOWANCE, (1.0, 1.0))
        with patch.object(contrasts, "ALLOWANCE", none):
            plain = held(judged(problem, count))
        pairs = ((allowed[n], plain[n]) for n in ("gains", "score", "winner"))
        cells = " | ".join(f"{share:.1%}" for pair in pairs for share in pair)
        return f"| {problem} | {'yes' if problem.unsteady else 'no'} | {count} | {cells} |\n"

    problems = [Labels("binary", 4, 1), Labels("binary", 4, 3), Labels("binary", 12, 3)]
    problems += [Labels("nine classes", 4, 3), Labels("multi-label", 4, 3)]
    problems += [Labels("nine classes", 4, 3, 0.15), Labels("nine classes", 12, 3, 0.15)]
    return [lambda problem=problem: line(problem) for problem in problems]


def racing_lines(trials: int) -> list[Callable[[], str]]:
    """Return what makes each line of the third table."""

    def line(problem: Problem) -> str:
        count = few(problem, trials)
        lost, others = dropped(problem, count)
        return f"| {problem} | {problem.better} | {count} | {lost:.1%} | {others:.1%} |\n"

    problems = [Problem("binary", 5, 3), Problem("binary", 5, 3, 0.6)]
    problems += [Problem("nine classes", 5, 3), Problem("nine classes", 5, 3, 0.8)]
    return [lambda problem=problem: line(problem) for problem in problems]


def curve_lines(trials: int) -> list[Callable[[], str]]:
    """Return what makes each line of the last table."""

    def line(rate: float, shares: tuple[int, ...]) -> str:
        count = max(trials // 3, 1)
        cells = " | ".join(f"{share:.1%}" for share in curves(rate, shares, count))
        return f"| {rate} | {', '.join(map(str, shares))} | {count} | {cells} |\n"

    three, five = (250, 500, 1000), (125, 250, 500, 1000, 2000)
    return [
        lambda rate=rate, shares=shares: line(rate, shares)
        for rate in (0.3, 0.5, 0.8)
        for shares in (three, five)
    ]


TABLES = {
    "learners": (LEARNERS, learner_lines),
    "labellers": (LABELLERS, labeller_lines),
    "racing": (RACING, racing_lines),
    "curves": (CURVES, curve_lines),
}


def main(
    trials: Annotated[int, typer.Option(help="Studies of a line, fewer of large ones.")] = 2000,
    only: Annotated[str | None, typer.Option(help="One table.")] = None,
    output: Annotated[Path, typer.Option(help="The file to write.")] = ROOT / "docs/studies.md",
) -> None:
    """Simulate; each line is written as soon as it is done."""
    output.parent.mkdir(exist_ok=True)
    with output.open("w", encoding="utf-8") as stream:
        stream.write(HEADER.format(trials=trials))
        for name, (head, lines) in TABLES.items():
            if only in (None, name):
                stream.write(head)
                for line in lines(trials):
                    stream.write(line())
                    stream.flush()
        stream.write(NOTES)


if __name__ == "__main__":
    typer.run(main)
