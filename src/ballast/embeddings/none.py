"""No embedding: an empty slot."""

from ballast.texts.corpus import Corpus


def embed(corpus: Corpus, seed: int) -> None:
    """Return nothing."""
