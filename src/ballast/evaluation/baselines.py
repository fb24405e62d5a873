"""Scores of trivial classifiers, which know only the class shares of the training rows."""

import numpy as np

from ballast.evaluation import scores
from ballast.labels.classes import Classes
from ballast.probabilities.costs import cost_matrix


def scores_of(targets: np.ndarray, classes: Classes) -> dict[str, dict[str, float]]:
    """Return the headline scores of two trivial classifiers on some rows.

    `always_majority` predicts the largest class for every row (multi-label: every label that more
    than half of the rows have). `prior_random` draws each row's class (each label) with its share;
    its scores are those of the expected counts. The probabilities of both are the shares: average
    precision is then the share of positive rows, ROC AUC .5.

    Args:
        targets: multi-hot labels of the rows to score, shape (rows, classes).
        classes: the classes of the training rows.
    """
    prior, rows = classes.prior, len(targets)
    probabilities = np.tile(prior, (rows, 1))
    if classes.multilabel:
        predicted = (prior > 0.5).astype(np.uint8)
    else:
        predicted = np.eye(len(prior), dtype=np.uint8)[prior.argmax()]
    majority = scores.headline(targets, np.tile(predicted, (rows, 1)), probabilities, classes)

    support = targets.sum(axis=0, dtype=np.int64)
    expected = scores.of_counts(support * prior, support, rows * prior, rows, classes)
    drawn = {name: float(value) for name, value in expected.items()}
    # Exactly: a draw does not depend on the row.
    drawn["mcc"] = 0.0
    drawn["recall_rarest"] = float(prior[scores.rarest(targets, classes)])
    if classes.multilabel:
        labels = targets.sum(axis=1) + prior.sum()
        drawn["f1_samples"] = float(scores.share(2 * targets @ prior, labels).mean())
    if classes.costs is not None:
        drawn["expected_cost"] = float(support @ cost_matrix(classes) @ prior / rows)
    random = {name: drawn.get(name, value) for name, value in majority.items()}
    return {"always_majority": majority, "prior_random": random}
