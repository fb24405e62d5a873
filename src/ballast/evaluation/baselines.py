"""What classifiers score that know the class shares of the training rows and nothing of a row."""

import numpy as np

from ballast.evaluation import scores
from ballast.labels.classes import Classes


def scores_of(targets: np.ndarray, classes: Classes) -> dict[str, dict[str, float]]:
    """Return the headline scores of two trivial classifiers on some rows.

    `always_majority` gives every row the largest class (multi-label: every label that more than
    half of the rows have). `prior_random` draws each row's class (each label) by its share; its
    scores are those of the expected counts, of which a single draw differs. The probabilities of
    both are the shares: average precision is then the share of positive rows, ROC AUC .5.

    Args:
        targets: multi-hot labels of the rows to score, shape (rows, classes).
        classes: the classes as they stand in the training rows.
    """
    prior, rows = classes.prior, len(targets)
    likely = np.tile(prior, (rows, 1))
    if classes.multilabel:
        usual = (prior > 0.5).astype(np.uint8)
    else:
        usual = np.eye(len(prior), dtype=np.uint8)[prior.argmax()]
    majority = scores.headline(targets, np.tile(usual, (rows, 1)), likely, classes)

    support = targets.sum(axis=0, dtype=np.int64)
    expected = scores.of_counts(support * prior, support, rows * prior, rows, classes)
    drawn = {name: float(value) for name, value in expected.items()}
    # Exactly: what is drawn knows nothing of the row.
    drawn["mcc"] = 0.0
    drawn["recall_rarest"] = float(prior[scores.rarest(targets, classes)])
    if classes.multilabel:
        given = targets.sum(axis=1) + prior.sum()
        drawn["f1_samples"] = float(scores.share(2 * targets @ prior, given).mean())
    random = {name: drawn.get(name, value) for name, value in majority.items()}
    return {"always_majority": majority, "prior_random": random}
