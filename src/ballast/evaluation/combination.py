"""Which of the trained models counts, or their mean: chosen on held-out rows."""

from collections.abc import Mapping, Sequence
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
    """What counts, and why.

    Attributes:
        mixture: the models that count.
        score: the name of the score that chose.
        scores: that score of each choice on held-out rows, by the models' names.
    """

    mixture: Mixture
    score: str
    scores: dict[str, float]


def combine(
    parts: Sequence[Part],
    outputs: Mapping[str, np.ndarray],
    targets: np.ndarray,
    classes: Classes,
    rule: Rule,
    how: Combine,
) -> Combination:
    """Return the models that count.

    Choices are scored by what the run does with them: where the decision takes labels as trained,
    by their macro-F1; where it moves thresholds, by average precision, which needs none. Of equal
    ones the lower log-loss counts, then the earlier one, and a model before the mean.

    Args:
        parts: one model at least.
        outputs: of the held-out rows by slot, shape (rows, classes).
        targets: multi-hot labels of these rows.
        classes: the classes as they stand in the training rows.
        rule: of the decision, for its kind.
        how: `best` takes one model, `mean` the mean of all, `auto` whichever is better.
    """
    alone = [Mixture([part]) for part in parts]
    together = [Mixture(parts)] if len(parts) > 1 else []
    choices = {"best": alone, "mean": together or alone, "auto": alone + together}[how]
    score = "f1_macro" if rule.uncorrected else "average_precision"
    plain = Rule(np.zeros(len(classes.names)), classes.multilabel, uncorrected=True)
    judged = []
    for mixture in choices:
        p = mixture.probabilities(outputs)
        predicted = Decision(mixture, plain).predict(outputs, p)
        judged.append(headline(targets, predicted, p, classes))
    best = max(range(len(choices)), key=lambda i: (judged[i][score], -judged[i]["log_loss"], -i))
    names = [mixture.name for mixture in choices]
    scores = {name: values[score] for name, values in zip(names, judged, strict=True)}
    return Combination(choices[best], score, scores)
