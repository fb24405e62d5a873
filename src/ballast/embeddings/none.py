"""Nothing: a place for an embedding that is left empty."""

from ballast.texts.corpus import Corpus


def embed(corpus: Corpus, seed: int) -> None:
    """Return nothing. Numeric columns, scaled by the stage for every embedding, still count."""
