"""Word vectors trained on the training rows (skip-gram word2vec, gensim)."""

from typing import Annotated

from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from pydantic import Field
from rich.progress import Progress

from ballast.corpus import Corpus, Embedded, random_vectors, read_words, tokenize_corpus
from ballast.progress import bars
from ballast.tokens import RESERVED

reader = read_words


class _Bar(CallbackAny2Vec):
    def __init__(self, progress: Progress, epochs: int):
        self.progress, self.task = progress, progress.add_task("word2vec", total=epochs)

    def on_epoch_end(self, model: Word2Vec) -> None:
        self.progress.advance(self.task)


def embed(
    corpus: Corpus,
    seed: int,
    *,
    dimensions: Annotated[int, Field(ge=1)] = 100,
    window: Annotated[int, Field(ge=1)] = 5,
    epochs: Annotated[int, Field(ge=1)] = 10,
    vocabulary: Annotated[int, Field(ge=1)] = 30_000,
    min_count: Annotated[int, Field(ge=1)] = 2,
    max_tokens: Annotated[int, Field(ge=1)] = 400,
) -> Embedded:
    """Return texts as token numbers, with the skip-gram vector of each token.

    One worker, so that the same seed gives the same vectors to the bit. Unknown tokens have the
    zero vector. Source: Mikolov, Sutskever, Chen, Corrado and Dean, Distributed Representations of
    Words and Phrases and their Compositionality, 2013.

    Args:
        corpus: all rows; the vectors see the training rows alone.
        seed: seed of the vectors and the draws.
        dimensions: numbers a vector.
        window: words on either side that a word predicts.
        epochs: passes over the training rows.
        vocabulary: at most so many tokens, the most frequent ones.
        min_count: tokens seen less often in the training rows are unknown.
        max_tokens: what a text has beyond is cut off.

    Raises:
        UserError: the data set has no text.
    """
    tokenized = tokenize_corpus(corpus, "word2vec", vocabulary, min_count, max_tokens)
    known = set(tokenized.vocabulary)
    sentences = [[token for token in text if token in known] for text in tokenized.training]
    with bars() as progress:
        model = Word2Vec(
            sentences,
            vector_size=dimensions,
            window=window,
            epochs=epochs,
            min_count=1,
            sg=1,
            seed=seed,
            workers=1,
            callbacks=[_Bar(progress, epochs)],
        )
    vectors = random_vectors(len(tokenized.vocabulary), dimensions, seed)
    vectors[:RESERVED] = 0
    vectors[RESERVED:] = model.wv[tokenized.vocabulary]
    return Embedded(tokenized.vocabulary, tokenized.tokens, tokenized.offsets, vectors)
