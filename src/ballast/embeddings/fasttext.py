"""Word vectors made of character n-grams, trained on the training rows (fastText, gensim)."""

from gensim.models import FastText

from ballast.embeddings._skip_gram import skip_gram
from ballast.project.errors import UserError
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
    min_count: Count = 1,
    max_tokens: Count = 400,
    shortest: Count = 3,
    longest: Count = 6,
    buckets: Count = 100_000,
) -> Embedded:
    """Return texts as token numbers, with the skip-gram vector of each token and its n-grams.

    A word's vector is the mean of a vector for the word and those of the n-grams in `<word>`, which
    it shares with other words. So even a word that occurs once is near words with similar spelling,
    and by default no word of the training rows is unknown. Unknown tokens have the zero vector.
    Source: Bojanowski, Grave, Joulin and Mikolov, Enriching Word Vectors with Subword Information,
    2017.

    Args:
        corpus: all rows; the vectors are trained on the training rows only.
        seed: seed of the vectors and the draws.
        dimensions: length of a vector.
        window: number of words on either side that a word predicts.
        epochs: passes over the training rows.
        vocabulary: largest number of tokens; the most frequent ones are used.
        min_count: tokens with fewer occurrences in the training rows are unknown.
        max_tokens: longer texts are truncated.
        shortest: characters of the shortest n-grams; < and > around the word count.
        longest: characters of the longest n-grams.
        buckets: number of vectors that n-grams share by their hash; 4 bytes per dimension each.

    Raises:
        UserError: the data set has no text, or the longest n-grams are shorter than the shortest.
    """
    if longest < shortest:
        raise UserError(
            f"params.yaml: embeddings.fasttext: longest ({longest}) is less than shortest "
            f"({shortest}): swap them."
        )
    tokenized = tokenize_corpus(corpus, "fasttext", vocabulary, min_count, max_tokens)
    subwords = {"min_n": shortest, "max_n": longest, "bucket": buckets}
    return skip_gram(tokenized, FastText, seed, dimensions, window, epochs, **subwords)
