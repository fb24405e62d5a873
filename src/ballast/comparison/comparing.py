"""Is the second model better than the first? Paired intervals, exact tests, and a plain verdict.

The verdict holds macro-F1's paired interval and a paired permutation test against each other: it is
"better" or "worse" only if both say so. `benchmarks/comparison.py` measures how often that errs.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from math import ceil
from typing import Any

import numpy as np
from scipy.stats import binomtest, norm

from ballast.comparison.pairs import Pairs, count, scores, sums
from ballast.comparison.redrawing import bootstrap, permutation

POWER = 0.8
HEADLINE = ("f1_macro", "balanced_accuracy", "mcc", "accuracy")
BY_CLASS = ("f1", "recall")
UNDECIDED = "cannot be told"


def compare(
    rows: Iterable[tuple[str, str, str]],
    names: Sequence[str],
    multilabel: bool = False,
    level: float = 0.95,
    seed: int = 0,
    replicates: int = 10_000,
) -> dict[str, Any]:
    """Compare two models on the same rows; the result is plain values, ready for JSON.

    Args:
        rows: (true, first, second) labels of each row, or a Counter of them; several labels are a
            JSON list.
        names: the classes.
        multilabel: whether a row may have several labels.
        level: of the intervals; the verdict's tests are at 1 - level.
        seed: seed of the draws.
        replicates: bootstrap and permutation draws; fewer where distinct rows are many.
    """
    cells = Counter(rows)
    pairs = count(cells, names, multilabel)
    # Draws that do not depend on which model comes first: swapping them negates, exactly.
    swapped = Counter({(true, second, first): n for (true, first, second), n in cells.items()})
    swapped_pairs = count(swapped, names, multilabel)
    sign, drawn_from = min((1, pairs), (-1, swapped_pairs), key=lambda side: _key(side[1]))
    drawn = bootstrap(drawn_from, seed, replicates)
    p_value = permutation(drawn_from, seed, replicates)
    tail = (1 - level) / 2
    first, second = scores(pairs, sums(pairs))
    compared = {}
    for score in (*HEADLINE, *BY_CLASS):
        difference = second[score] - first[score]
        low, high = np.quantile(sign * drawn[score], [tail, 1 - tail], axis=0)
        columns = {
            "base": first[score],
            "head": second[score],
            "difference": difference,
            # The smoothing draws towards 0; the interval always holds the observed difference.
            "low": np.minimum(low, difference),
            "high": np.maximum(high, difference),
        }
        compared[score] = {name: np.asarray(values).tolist() for name, values in columns.items()}
    deviation = float(drawn["f1_macro"].std())
    right = [(side == pairs.true).all(axis=1) for side in (pairs.first, pairs.second)]
    discordant = int(pairs.counts[pairs.discordant].sum())
    verdict, reason, more_rows = judge(
        compared["f1_macro"], p_value, deviation, discordant, pairs.rows, level
    )
    return {
        "verdict": verdict,
        "reason": reason,
        "more_rows_needed": more_rows,
        "discordant": discordant,
        "p_value": p_value,
        "mcnemar": _only_right(pairs, *right),
        "scores": {score: compared[score] for score in HEADLINE},
        "classes": _by_class(pairs, names, compared),
    }


def mcnemar(first_only: int, second_only: int) -> float:
    """Return the exact two-sided p-value of McNemar's test (1947): a fair coin's, by binomial."""
    # Of no row, the test says what it says of one: 1.
    return float(binomtest(second_only, max(first_only + second_only, 1)).pvalue)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in the same order (Holm 1979).

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.take(p_values, order) * np.arange(len(p_values), 0, -1)
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return adjusted.tolist()


def judge(
    f1_macro: dict[str, float],
    p_value: float,
    deviation: float,
    discordant: int,
    rows: int,
    level: float,
) -> tuple[str, str, int | None]:
    """Return the verdict on macro-F1, and if there is none, how many rows more would give one.

    Args:
        f1_macro: difference, low and high.
        p_value: of the permutation test.
        deviation: standard deviation of the bootstrapped differences.
        discordant: rows on which the models differ.
        rows: all rows.
        level: of the interval.

    Returns:
        "better", "worse" or "cannot be told"; why, in a sentence; and how many further test rows
        would tell, about: None where none are needed or none would help.
    """
    if not discordant:
        return UNDECIDED, f"both give each of the {rows} rows the same labels", None
    least = 2 * 0.5**discordant
    more = rows_needed(f1_macro["difference"], deviation, discordant, rows, level)
    hint = f"about {more:,} more test rows needed" if more else "more test rows would hardly help"
    reason = f"macro-F1 {interval(f1_macro)}, {p_equation(p_value)}"
    if least > 1 - level:
        noun = "row" if discordant == 1 else "rows"
        reason = f"{discordant} discordant {noun} can never be significant (p >= {p_text(least)})"
    elif p_value <= 1 - level and (f1_macro["low"] > 0 or f1_macro["high"] < 0):
        return "better" if f1_macro["low"] > 0 else "worse", reason, None
    return UNDECIDED, f"{reason}; {hint}", more


def rows_needed(
    difference: float, deviation: float, discordant: int, rows: int, level: float
) -> int | None:
    """Return how many rows more would show this difference, if the rates stay as they are.

    All rows: N = n ((z_level + z_power) s / difference)^2 with s the standard deviation of the
    difference on n rows, which falls by sqrt(n): an interval of that many rows excludes 0 with a
    chance of 80 % (the verdict was "better" in 70 to 82 % of such simulated test sets). At least as
    many as bring the fewest discordant rows that can be significant.

    Returns:
        None if that is a hundred times the rows there are, or more: the difference is next to 0.
    """
    if abs(difference) < 1e-12:
        return None
    z = norm.ppf((1 + level) / 2) + norm.ppf(POWER)
    total = max(
        rows * (z * deviation / abs(difference)) ** 2,
        rows * np.ceil(np.log2(2 / (1 - level))) / discordant,
        rows + 1,
    )
    if total >= 100 * rows:
        return None
    # Two digits are all that the observed rates can bear.
    unit = 10 ** max(len(str(ceil(total - rows))) - 2, 0)
    return ceil((total - rows) / unit) * unit


def _key(pairs: Pairs) -> tuple[bytes, ...]:
    arrays = (pairs.true, pairs.first, pairs.second, pairs.counts)
    return tuple(array.tobytes() for array in arrays)


def _only_right(pairs: Pairs, first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    """Return on how many rows one model alone is right, and McNemar's p-value."""
    counts = [int(pairs.counts[which].sum()) for which in (first & ~second, second & ~first)]
    return {"base_only": counts[0], "head_only": counts[1], "p_value": mcnemar(*counts)}


def _by_class(pairs: Pairs, names: Sequence[str], compared: dict[str, Any]) -> dict[str, Any]:
    """Return {class: what is known}: of the rows of the class, multi-label of each row's label."""
    right = [side == pairs.true for side in (pairs.first, pairs.second)]
    if not pairs.multilabel:
        # A row of the class is right or wrong; a row of another class is not asked.
        right = [of_class & (pairs.true > 0) for of_class in right]
    support = pairs.counts @ pairs.true
    classes = {}
    for place, name in enumerate(names):
        classes[name] = {
            "rows": int(support[place]),
            **{
                score: {column: values[place] for column, values in compared[score].items()}
                for score in BY_CLASS
            },
            **_only_right(pairs, right[0][:, place], right[1][:, place]),
        }
    adjusted = holm([values["p_value"] for values in classes.values()])
    for values, p_value in zip(classes.values(), adjusted, strict=True):
        values["p_holm"] = p_value
    return classes


def signed(value: float) -> str:
    """Return a difference as text.

    >>> signed(0.0314), signed(-0.0002), signed(1.0)
    ('+.031', '.000', '+1.000')
    """
    text = f"{value:+.3f}"
    return ".000" if float(text) == 0 else text.replace("0.", ".", 1)


def p_text(value: float) -> str:
    """Return a p-value as text.

    >>> p_text(0.0625), p_text(0.00002), p_text(1.0)
    ('.0625', '< .001', '1')
    """
    return "< .001" if value < 0.001 else f"{value:.3g}".removeprefix("0")


def p_equation(value: float) -> str:
    """Return what a p-value is.

    >>> p_equation(0.0625), p_equation(0.00002)
    ('p = .0625', 'p < .001')
    """
    text = p_text(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def interval(values: dict[str, float]) -> str:
    """Return a difference as text, with its bounds where it has some."""
    text = signed(values["difference"])
    if "low" in values:
        text += f" ({signed(values['low'])} to {signed(values['high'])})"
    return text
