"""Skip-gram word vectors from gensim: word2vec and fastText."""

import numpy as np
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from rich.progress import Progress

from ballast.project.progress import bars
from ballast.texts.corpus import Tokenized
from ballast.texts.embedded import Embedded
from ballast.texts.tokens import RESERVED


class _Bar(CallbackAny2Vec):
    def __init__(self, progress: Progress, name: str, epochs: int):
        self.progress, self.task = progress, progress.add_task(name, total=epochs)

    def on_epoch_end(self, model: Word2Vec) -> None:
        self.progress.advance(self.task)


def skip_gram(
    tokenized: Tokenized,
    model: type[Word2Vec],
    seed: int,
    dimensions: int,
    window: int,
    epochs: int,
    **options: int,
) -> Embedded:
    """Return texts as token numbers, with the skip-gram vector of each token.

    A single worker makes the vectors reproducible to the bit. Unknown tokens have the zero vector.

    Args:
        tokenized: all texts; the vectors are trained on the training rows only.
        model: gensim's class.
        seed: seed of the vectors and the draws.
        dimensions: length of a vector.
        window: number of words on either side that a word predicts.
        epochs: passes over the training rows.
        options: further arguments of the model.
    """
    known = set(tokenized.vocabulary)
    sentences = [[token for token in text if token in known] for text in tokenized.training]
    with bars() as progress:
        trained = model(
            sentences,
            vector_size=dimensions,
            window=window,
            epochs=epochs,
            min_count=1,
            sg=1,
            seed=seed,
            workers=1,
            callbacks=[_Bar(progress, model.__name__, epochs)],
            **options,
        )
    reserved = np.zeros((RESERVED, dimensions), np.float32)
    return tokenized.embedded(np.concatenate([reserved, trained.wv[tokenized.vocabulary]]))
