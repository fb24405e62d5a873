"""Word vectors trained on the training rows (skip-gram word2vec, gensim)."""

from gensim.models import Word2Vec

from ballast.embeddings._skip_gram import skip_gram
from ballast.texts.corpus import Corpus, Count, read_words, tokenize_corpus
from ballast.texts.embedded import Embedded

NEEDS = [{"text"}]

reader = read_words


def embed(
    corpus: Corpus,
    seed: int,
    *,
    dimensions: Count = 100,
    window: Count = 5,
    epochs: Count = 10,
    vocabulary: Count = 30_000,
    min_count: Count = 2,
    max_tokens: Count = 400,
) -> Embedded:
    """Return texts as token numbers, with the skip-gram vector of each token.

    Unknown tokens have the zero vector. Source: Mikolov, Sutskever, Chen, Corrado and Dean,
    Distributed Representations of Words and Phrases and their Compositionality, 2013.

    Args:
        corpus: all rows; the vectors are trained on the training rows only.
        seed: seed of the vectors and the draws.
        dimensions: length of a vector.
        window: number of words on either side that a word predicts.
        epochs: passes over the training rows.
        vocabulary: largest number of tokens; the most frequent ones are used.
        min_count: tokens with fewer occurrences in the training rows are unknown.
        max_tokens: longer texts are truncated.

    Raises:
        UserError: the data set has no text.
    """
    tokenized = tokenize_corpus(corpus, "word2vec", vocabulary, min_count, max_tokens)
    return skip_gram(tokenized, Word2Vec, seed, dimensions, window, epochs)
