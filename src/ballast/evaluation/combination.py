"""Which of several models is used, or their mean: chosen on held-out rows."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from ballast.evaluation.decision import Decision, Mixture, Part
from ballast.evaluation.scores import headline
from ballast.labels.classes import Classes
from ballast.probabilities.rules import Rule

Combine = Literal["auto", "best", "mean"]


@dataclass(frozen=True)
class Combination:
    """The models in use, and why.

    Attributes:
        decision: that of these models.
        score: name of the score by which they were chosen.
        scores: that score of each alternative on held-out rows, by the models' names.
    """

    decision: Decision
    score: str
    scores: dict[str, float]


def combine(
    parts: Sequence[Part],
    outputs: Mapping[str, np.ndarray],
    targets: np.ndarray,
    classes: Classes,
    fit: Callable[[np.ndarray], Rule],
    how: Combine,
) -> Combination:
    """Choose a model, or the mean of all.

    The score is that of their use: macro-F1 if the decision takes labels as trained; average
    precision, which needs no threshold, if it moves thresholds. Of equal alternatives the one with
    the lower log-loss is chosen, then the earlier one, and a model before the mean.

    Args:
        parts: at least one model.
        outputs: of the held-out rows by slot, shape (rows, classes).
        targets: multi-hot labels of these rows.
        classes: the classes of the training rows.
        fit: from the probabilities of these rows to the rule of the decision.
        how: `best` is one of the models, `mean` the mean of all, `auto` whichever is better.
    """
    alone = [Mixture([part]) for part in parts]
    together = [Mixture(parts)] if len(parts) > 1 else []
    mixtures = {"best": alone, "mean": together or alone, "auto": alone + together}[how]
    decisions, judged = [], []
    for mixture in mixtures:
        p = mixture.probabilities(outputs)
        decisions.append(Decision(mixture, fit(p)))
        judged.append(headline(targets, decisions[-1].predict(outputs, p), p, classes))
    score = "f1_macro" if decisions[0].rule.uncorrected else "average_precision"
    best = max(range(len(judged)), key=lambda i: (judged[i][score], -judged[i]["log_loss"], -i))
    names = [mixture.name for mixture in mixtures]
    scores = {name: values[score] for name, values in zip(names, judged, strict=True)}
    return Combination(decisions[best], score, scores)


def best_ranking(
    combination: Combination,
    parts: Sequence[Part],
    outputs: Mapping[str, np.ndarray],
    targets: np.ndarray,
    classes: Classes,
    how: Combine,
) -> Mixture:
    """Return the models that a decision would use which moves thresholds.

    Those in use, unless the decision in force takes labels as trained: then others may rank better.

    Args:
        combination: the models in use.
        parts: as in `combine`.
        outputs: as in `combine`.
        targets: as in `combine`.
        classes: as in `combine`.
        how: as in `combine`.
    """
    if len(parts) == 1 or not combination.decision.rule.uncorrected:
        return combination.decision.mixture

    def unmoved(p: np.ndarray) -> Rule:
        return Rule(np.zeros(p.shape[1]), classes.multilabel)

    return combine(parts, outputs, targets, classes, unmoved, how).decision.mixture
