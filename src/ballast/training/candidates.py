"""Models that were trained on the same examples: which of them is kept, or the mean of both."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ballast.evaluation.scores import Headline
from ballast.networks.forward import Forward
from ballast.training.epochs import Weights, rank


@dataclass(frozen=True)
class Candidate:
    """A model that was trained.

    Attributes:
        name: a member of `models`.
        options: its own.
        reads: what it takes of a row.
        networks: those that predict together.
        forward: the mean of their logits.
        outputs: logits of the rows that choose, each by a network that has not learnt from it,
            shape (rows, classes).
        history: an entry for each epoch.
    """

    name: str
    options: dict[str, Any]
    reads: tuple[str, ...]
    networks: list[Weights]
    forward: Forward
    outputs: np.ndarray
    history: list[dict[str, float]]


@dataclass(frozen=True)
class Choice:
    """What is kept.

    Attributes:
        kept: the candidates, the mean of whose logits predicts.
        outputs: that mean for the rows that choose, shape (rows, classes).
        history: that of the best candidate by itself.
        book: the ledger's entry: the monitor, what is kept, and all scores by name.
    """

    kept: Sequence[Candidate]
    outputs: np.ndarray
    history: list[dict[str, float]]
    book: dict[str, Any]


def choose(
    tried: Sequence[Candidate],
    judge: Callable[[np.ndarray], dict[str, float]],
    monitor: Headline,
) -> Choice:
    """Return what is best on the rows that choose: a candidate, or the mean of all.

    Of equal ones the first counts, and a candidate before the mean.

    Args:
        tried: one at least, of different names.
        judge: from the logits of those rows to their headline scores.
        monitor: the score that tells.
    """
    choices = {each.name: [each] for each in tried} | {
        " and ".join(each.name for each in tried): tried
    }
    outputs = {
        name: np.mean([each.outputs for each in some], axis=0) for name, some in choices.items()
    }
    scores = {name: judge(values) for name, values in outputs.items()}

    def best(names: Sequence[str]) -> str:
        return max(names, key=lambda name: rank(scores[name], monitor))

    kept, alone = best(list(choices)), best([each.name for each in tried])
    book = {
        "monitor": monitor,
        "kept": kept,
        "scores": {name: found[monitor] for name, found in scores.items()},
    }
    return Choice(choices[kept], outputs[kept], choices[alone][0].history, book)
