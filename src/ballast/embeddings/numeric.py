"""Numeric columns alone, no text."""

from ballast.project.errors import UserError
from ballast.texts.corpus import Corpus

NEEDS = [{"features"}]


def embed(corpus: Corpus, seed: int) -> None:
    """Return nothing for the texts: the network takes the scaled numeric columns only.

    The columns are scaled by the stage for every embedding.

    Raises:
        UserError: the data set has no numeric columns.
    """
    if corpus.features.shape[1] == 0:
        raise UserError(
            "params.yaml: embedding: numeric needs numeric columns, and the dataset's block names "
            "no `features`. Use embedding: tfidf for texts."
        )
