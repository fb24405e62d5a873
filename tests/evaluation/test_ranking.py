"""Average precision and ROC AUC of weighted rows: scikit-learn's numbers, and their derivatives."""

import numpy as np
import pytest
from sklearn import metrics

from ballast.evaluation.ranking import Ranking

TIES = pytest.mark.parametrize("digits", [0, 1, 12], ids=["many_ties", "ties", "no_ties"])


def some_ranking(digits: int, rows: int = 80):
    rng = np.random.default_rng(digits)
    present = rng.random(rows) < 0.2
    scores = np.round(rng.normal(size=rows) + present, digits)
    return present, scores, rng


@TIES
def test_scores_are_scikit_learns(digits):
    present, scores, rng = some_ranking(digits)
    weights = rng.poisson(1, (7, len(present)))
    for some in (weights, weights.astype(np.int32), weights + rng.random(weights.shape)):
        precision, area = Ranking(present, scores).scores(some)
        for row, *pair in zip(some, precision, area, strict=True):
            expected = [
                metrics.average_precision_score(present, scores, sample_weight=row),
                metrics.roc_auc_score(present, scores, sample_weight=row),
            ]
            assert pair == pytest.approx(expected, rel=1e-9)


@TIES
def test_whole_weights_are_rows_repeated(digits):
    present, scores, rng = some_ranking(digits)
    weights = rng.integers(0, 4, (1, len(present)))
    times = weights[0]
    repeated = Ranking(np.repeat(present, times), np.repeat(scores, times))
    once = np.ones((1, times.sum()), dtype=int)
    np.testing.assert_allclose(Ranking(present, scores).scores(weights), repeated.scores(once))


@TIES
def test_influence_is_the_derivative_by_each_rows_weight(digits):
    present, scores, _ = some_ranking(digits)
    ranking = Ranking(present, scores)
    step = 1e-5 * np.eye(len(present))
    expected = [
        (above - below) / 2e-5
        for above, below in zip(ranking.scores(1 + step), ranking.scores(1 - step), strict=True)
    ]
    influence = ranking.influence()
    np.testing.assert_allclose(influence, expected, atol=1e-8)
    # Equal changes of all weights have no effect.
    np.testing.assert_allclose(np.sum(influence, axis=1), 0, atol=1e-12)


def test_scores_are_undefined_without_rows_of_both_classes():
    ranking = Ranking(np.array([True, False]), np.array([0.2, 0.1]))
    values = ranking.scores(np.array([[1, 0], [0, 1], [0, 0], [1, 1]]))
    assert np.isnan(np.array(values)[:, :3]).all()
    assert np.array(values)[:, 3].tolist() == [1, 1]
