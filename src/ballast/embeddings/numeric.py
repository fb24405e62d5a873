"""Numeric columns only, no text."""

from ballast.project.errors import UserError
from ballast.texts.corpus import Corpus

NEEDS = [{"features"}]


def embed(corpus: Corpus, seed: int) -> None:
    """Return nothing for the texts: networks read only the numeric columns, which the stage scales.

    Raises:
        UserError: the data set has no numeric columns.
    """
    if corpus.features.shape[1] == 0:
        raise UserError(
            "params.yaml: embedding: numeric needs numeric columns, and the dataset's block names "
            "no `features`. Use embedding: tfidf for texts."
        )
