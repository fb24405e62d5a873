"""How often the intervals hold the true value, on classifiers whose truth is known.

Run by `PYTHONPATH=src python benchmarks/coverage.py`, in about twenty minutes on one free core; it
writes `docs/coverage.md`. Each trial draws test rows, and asks each interval for its ends.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from scipy.stats import binom

from ballast.evaluation import bootstrap, scores
from ballast.evaluation.intervals import Plan, wilson, wilson_f1
from ballast.labels.classes import Classes

ROOT = Path(__file__).parent.parent
POSITIVES = (12, 50, 500)
LEVEL = 0.95
METHODS = {
    "wilson": ("wilson", False),
    "bca": ("bca", False),
    "percentile": ("percentile", False),
    "bca, stratified": ("bca", True),
    "percentile, stratified": ("percentile", True),
}
HEADER = """# How often the intervals hold the true value

Made by `PYTHONPATH=src python benchmarks/coverage.py --trials {trials}`. A simulated classifier
whose true scores are known is tested on rows drawn anew {trials} times ({few} times for the scores
of probabilities with 500 positives); the tables say in what share of these trials the 95 % interval
held the true score. The standard error of such a share is {error:.3f} ({few_error:.3f}).
`positives` are the rows of the rarest class, 1 in 20. Where rows are "at random" their number
varies; "fixed" means that each class has exactly its share of the rows, as in a stratified split.
"""
NOTES = """
How to read it:

- No bootstrap can know that 12 of 12 right may come from less than 1: where the rarest class shows
  no mistake, its interval is a point. `wilson`, the default, takes macro-F1 and balanced accuracy
  from the classes' Wilson intervals, which know it.
- ROC AUC comes from such intervals as well: its bootstrap is too narrow for the same reason.
- The calibration error of a few rows is too large on average, and that of rows drawn from them even
  more: where the probabilities are right, no bootstrap interval holds the true value. The low end
  of `wilson` is 0 wherever chance alone could make such an error. Where the probabilities are
  wrong, that interval is wider than it need be.
- MCC, average precision and log-loss know no such interval: `wilson` takes `bca` for them. With 12
  positives it holds average precision as often as it says, MCC and log-loss in the worst line in
  nine cases of ten.
- Stratified draws leave out what the number of positives adds by chance: narrower, and right only
  where that number was fixed.
"""


@dataclass(frozen=True)
class Problem:
    """A classifier by what it makes of each class.

    Attributes:
        shares: of the classes, the rarest last.
        confusion: probability of each predicted class (columns) by true class (rows).
    """

    shares: np.ndarray
    confusion: np.ndarray

    @property
    def classes(self) -> Classes:
        """The classes, by number."""
        names = tuple(map(str, range(len(self.shares))))
        return Classes(names, self.shares * 1000, 1000)

    def truth(self) -> dict[str, float]:
        """Return the scores of infinitely many rows."""
        joint = self.shares[:, None] * self.confusion
        counts = np.diag(joint), joint.sum(axis=1), joint.sum(axis=0)
        results = scores.of_counts(*counts, 1.0, self.classes)
        f1 = 2 * joint[-1, -1] / (joint[-1].sum() + joint[:, -1].sum())
        return {name: float(value) for name, value in results.items()} | {"f1 of the rarest": f1}

    def rows(
        self, rng: np.random.Generator, positives: int, fixed: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return multi-hot true and predicted labels of rows with so many of the rarest class."""
        count = round(positives / self.shares[-1])
        numbers = np.rint(count * self.shares) if fixed else rng.multinomial(count, self.shares)
        cells = rng.multinomial(np.asarray(numbers, dtype=int), self.confusion)
        true, predicted = np.indices(cells.shape)
        one_hot = np.eye(len(self.shares), dtype=np.uint8)
        return tuple(one_hot[np.repeat(side.ravel(), cells.ravel())] for side in (true, predicted))


PROBLEMS = {
    "2 classes, recall .8": Problem(np.array([0.95, 0.05]), np.array([[0.99, 0.01], [0.2, 0.8]])),
    "2 classes, recall .9": Problem(np.array([0.95, 0.05]), np.array([[0.995, 0.005], [0.1, 0.9]])),
    "4 classes": Problem(
        np.array([0.6, 0.25, 0.1, 0.05]),
        np.array(
            [
                [0.95, 0.03, 0.015, 0.005],
                [0.07, 0.9, 0.02, 0.01],
                [0.1, 0.04, 0.85, 0.01],
                [0.17, 0.06, 0.02, 0.75],
            ]
        ),
    ),
}


# By how far the positive class's scores are shifted, and by what their logits are multiplied.
RANKERS = {
    "2 classes, ROC AUC .90, too sure": (1.8, 1.5),
    "2 classes, ROC AUC .98, calibrated": (3.0, 1.0),
}


def recall_coverage(recall: float, positives: int) -> float:
    """Return how often Wilson's interval holds a recall: exactly, by the binomial."""
    hits = np.arange(positives + 1)
    low, high = wilson(hits, np.full(positives + 1, positives), LEVEL)
    return float(binom.pmf(hits, positives, recall)[(low <= recall) & (recall <= high)].sum())


def coverage_of_counts(
    problem: Problem, positives: int, fixed: bool, trials: int, methods: dict, replicates: int
) -> dict[tuple[str, str], float]:
    """Return the share of the trials in which each method holds each score, by (score, method)."""
    rng = np.random.default_rng([positives, fixed])
    truth, held = problem.truth(), defaultdict(list)
    for _ in range(trials):
        rows = problem.rows(rng, positives, fixed)
        counts = (count[-1] for count in scores.tally(*rows))
        ends = {("f1 of the rarest", "wilson"): wilson_f1(*counts, LEVEL)}
        for method, (kind, stratified) in methods.items():
            if kind == "wilson":
                results = bootstrap.of_shares(*rows, problem.classes, LEVEL)
            else:
                plan = Plan(kind, stratified, replicates, LEVEL, 0)
                results = bootstrap.of_counts(*rows, problem.classes, plan)
            ends |= {(name, method): pair for name, pair in results.items()}
        for (name, method), (low, high) in ends.items():
            held[name, method].append(low <= truth[name] <= high)
    return {key: float(np.mean(values)) for key, values in held.items()}


def coverage_of_probabilities(
    ranker: str, positives: int, trials: int, methods: dict, replicates: int
) -> dict[tuple[str, str], float]:
    """Return the same for scores of probabilities, which come from normal scores."""
    classes = Classes(("0", "1"), np.array([95, 5]), 100, positive=1)
    shift, sureness = RANKERS[ranker]

    def rows(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
        present = (rng.random(count) < 0.05).astype(int)
        score = rng.normal(size=count) + shift * present
        logit = np.log(0.05 / 0.95) + shift * score - shift**2 / 2
        p = 1 / (1 + np.exp(-sureness * logit))
        return np.eye(2, dtype=np.uint8)[present], np.stack([1 - p, p], axis=1)

    targets, p = rows(np.random.default_rng(0), 4_000_000)
    truth = scores.headline(targets, targets, p, classes)
    rng, held = np.random.default_rng(positives), defaultdict(list)
    for _ in range(trials):
        drawn = rows(rng, positives * 20)
        for method, (kind, stratified) in methods.items():
            plan = Plan(kind, stratified, replicates, LEVEL, 0)
            results = bootstrap.of_probabilities(*drawn, classes, plan)
            for name, (low, high) in results.items():
                held[name, method].append(low <= truth[name] <= high)
    return {key: float(np.mean(values)) for key, values in held.items()}


def table(lines: list[tuple[str, int, str]], results: list[dict], names: list[str]) -> str:
    """Return a Markdown table of coverages, a line for each setting and score."""
    methods = [
        method for method in METHODS if any((n, method) in f for f in results for n in names)
    ]
    head = ["classifier", "positives", "rows", "score", *methods]
    rows = [head, ["---"] * len(head)]
    for line, coverage in zip(lines, results, strict=True):
        for name in names:
            values = (coverage.get((name, method)) for method in methods)
            cells = ["" if v is None else f"{v:.3f}".removeprefix("0") for v in values]
            rows.append([*map(str, line), name, *cells])
    return "\n" + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def main(
    trials: Annotated[int, typer.Option(help="Trials of each setting.")] = 2000,
    replicates: Annotated[int, typer.Option(help="Bootstrap draws of each trial.")] = 1000,
    output: Annotated[Path, typer.Option(help="The file to write.")] = ROOT / "docs/coverage.md",
) -> None:
    """Run all trials."""
    few = max(trials // 5, 1)
    error, few_error = (np.sqrt(0.95 * 0.05 / count) for count in (trials, few))
    page = HEADER.format(trials=trials, few=few, error=error, few_error=few_error)
    page += "\nRecall of a class, by Wilson's interval, exactly:\n\n| positives | "
    recalls = (0.6, 0.7, 0.8, 0.9, 0.95)
    page += " | ".join(f"recall {r:.2f}" for r in recalls) + " | mean of .50 to .99 |\n"
    page += "|---" * (len(recalls) + 2) + "|\n"
    for k in POSITIVES:
        values = [recall_coverage(r, k) for r in recalls]
        values.append(np.mean([recall_coverage(r, k) for r in np.arange(0.5, 0.9901, 0.01)]))
        page += f"| {k} | " + " | ".join(f"{v:.3f}".removeprefix("0") for v in values) + " |\n"
    settings = [(n, k, fixed) for n in PROBLEMS for k in POSITIVES for fixed in (False, True)]
    results = [
        coverage_of_counts(PROBLEMS[n], k, fixed, trials, METHODS, replicates)
        for n, k, fixed in settings
    ]
    lines = [(n, k, "fixed" if fixed else "at random") for n, k, fixed in settings]
    page += table(lines, results, ["f1_macro", "balanced_accuracy", "mcc", "f1 of the rarest"])
    drawn = {name: method for name, method in METHODS.items() if not method[1]}
    settings = [(name, k) for name in RANKERS for k in POSITIVES]
    results = [
        coverage_of_probabilities(name, k, few if k == 500 else trials, drawn, replicates)
        for name, k in settings
    ]
    lines = [(*setting, "at random") for setting in settings]
    names = ["average_precision", "roc_auc", "log_loss", "calibration_error"]
    page += table(lines, results, names)
    output.parent.mkdir(exist_ok=True)
    output.write_text(page + NOTES, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
