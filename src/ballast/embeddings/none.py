"""No embedding: an empty slot."""

from ballast.texts.corpus import Corpus


def embed(corpus: Corpus, seed: int) -> None:
    """Return nothing. Networks still read numeric columns, which the stage scales in any case."""
