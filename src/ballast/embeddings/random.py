"""Random word vectors, to be trained by the network (CNN-rand in Kim 2014)."""

from ballast.texts.corpus import Corpus, Count, random_vectors, read_words, tokenize_corpus
from ballast.texts.embedded import Embedded

NEEDS = [{"text"}]

reader = read_words


def embed(
    corpus: Corpus,
    seed: int,
    *,
    dimensions: Count = 100,
    vocabulary: Count = 30_000,
    min_count: Count = 1,
    max_tokens: Count = 400,
) -> Embedded:
    """Return texts as token numbers, with a random vector for each token of the training rows.

    Source: Kim, Convolutional Neural Networks for Sentence Classification, 2014.

    Args:
        corpus: all rows.
        seed: seed of the vectors.
        dimensions: length of a vector.
        vocabulary: largest number of tokens; the most frequent ones are used.
        min_count: tokens with fewer occurrences in the training rows are unknown.
        max_tokens: longer texts are truncated.

    Raises:
        UserError: the data set has no text.
    """
    tokenized = tokenize_corpus(corpus, "random", vocabulary, min_count, max_tokens)
    vectors = random_vectors(len(tokenized.vocabulary), dimensions, seed)
    return tokenized.embedded(vectors)
