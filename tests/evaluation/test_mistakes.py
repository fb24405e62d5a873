"""The hardest errors: wrong rows alone, those of the largest loss first."""

import numpy as np
import pytest
from problems import classes_of, one_hot, some_probabilities, some_targets

from ballast.evaluation import scores
from ballast.evaluation.mistakes import hardest
from ballast.probabilities.rules import Rule


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_mistakes_are_sorted_by_decreasing_loss(multilabel):
    rng = np.random.default_rng(0)
    targets = some_targets(rng, 200, 4, multilabel)
    p = some_probabilities(rng, targets, multilabel)
    predicted = Rule(np.zeros(4), multilabel).predict(p)
    mistakes = hardest(targets, predicted, p, classes_of(targets, multilabel), 1000)
    wrong = np.flatnonzero((targets != predicted).any(axis=1))
    assert sorted(mistake.row for mistake in mistakes) == wrong.tolist()
    losses = scores.row_losses(targets, p, multilabel)[[mistake.row for mistake in mistakes]]
    assert (np.diff(losses) <= 0).all()
    first = mistakes[:7]
    assert hardest(targets, predicted, p, classes_of(targets, multilabel), 7) == first
    for mistake in first:
        assert mistake.actual == [
            n for n, has in zip("abcd", targets[mistake.row], strict=True) if has
        ]
        assert mistake.actual != mistake.predicted
        assert set(mistake.probabilities) == {*mistake.actual, *mistake.predicted}


def test_no_mistakes_or_a_limit_of_0_give_an_empty_list():
    targets = one_hot([0, 1, 1], 2)
    classes = classes_of(targets)
    assert hardest(targets, targets, targets * 0.8 + 0.1, classes, 20) == []
    assert hardest(targets, 1 - targets, targets * 0.8 + 0.1, classes, 0) == []
