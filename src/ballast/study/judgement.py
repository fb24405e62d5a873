"""What a study found, as plain values."""

from collections.abc import Hashable
from dataclasses import asdict, dataclass
from typing import Any, Literal

Verdict = Literal["helps", "hurts", "cannot be told"]


@dataclass(frozen=True)
class Gain:
    """A strategy's mean, its difference to the baseline's, and that one's interval."""

    value: float
    difference: float
    low: float
    high: float


@dataclass(frozen=True)
class Strategy:
    """What is known of one strategy.

    Attributes:
        score: mean over seeds.
        score_low: low end of the score's own interval.
        score_high: high end of it.
        gain: score minus the baseline's, on the same seeds.
        low: low end of the gain's interval, joint for all strategies.
        high: high end of it.
        p_value: of no gain, adjusted for the number of strategies.
        sampling_sd: standard error of the gain by the rows, those in training included.
        seed_sd: standard error of the gain by the seeds; None for one seed, which cannot tell.
        seeds: the seeds, which the baseline has too.
        verdict: "helps" and "hurts" where 0 is outside the gain's interval.
        classes: by class, recall and f1; intervals of each alone.
    """

    score: float
    score_low: float
    score_high: float
    gain: float
    low: float
    high: float
    p_value: float
    sampling_sd: float
    seed_sd: float | None
    seeds: tuple[Hashable, ...]
    verdict: Verdict
    classes: dict[str, dict[str, Gain]]


@dataclass(frozen=True)
class Baseline:
    """The strategy that all others are held against: mean scores, as of `Strategy`.

    Attributes:
        score: mean over seeds.
        score_low: low end of the score's own interval.
        score_high: high end of it.
        seeds: the seeds.
        classes: by class, recall and f1.
    """

    score: float
    score_low: float
    score_high: float
    seeds: tuple[Hashable, ...]
    classes: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Judgement:
    """What the held-out rows say of the strategies.

    Attributes:
        score: name of the score.
        level: of the intervals.
        baseline_name: name of the baseline.
        baseline: its scores.
        strategies: the others, by name, in the order given.
        winner: of the strategies that help, the one with the highest score; None if none does.
        level_with_winner: strategies that help and cannot be told apart from the winner.
        support: held-out rows of each class.
    """

    score: str
    level: float
    baseline_name: str
    baseline: Baseline
    strategies: dict[str, Strategy]
    winner: str | None
    level_with_winner: tuple[str, ...]
    support: dict[str, int]

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)
