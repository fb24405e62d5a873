"""Near words from word vectors, and the four operations of EDA that vary a text."""

import unicodedata
from collections import Counter
from collections.abc import Sequence

import numpy as np
import regex
from gensim.models import Word2Vec

from ballast.texts.tokens import tokenize

DIMENSIONS, WINDOW, EPOCHS, MIN_COUNT = 50, 2, 10, 5
# A word of more than this share of the texts counts as a stop word: it is never replaced.
COMMON = 0.1
WORD = regex.compile(r"\p{L}[\p{L}\p{M}]+")


class NearWords:
    """The words that occur in the same contexts as a word, nearest first.

    Vectors with such a small window bring together words that can replace each other: synonyms, but
    antonyms and other names as well. A single worker makes them reproducible.

    Args:
        texts: the texts to learn from.
        count: largest number of near words of a word.
        seed: seed of the vectors.
    """

    def __init__(self, texts: Sequence[str], count: int, seed: int):
        tokens = [[token for token in tokenize(text) if WORD.fullmatch(token)] for text in texts]
        counts = Counter(token for text in tokens for token in text)
        spread = Counter(token for text in tokens for token in set(text))
        self.common = {token for token, rows in spread.items() if rows > COMMON * len(texts)}
        frequent = [[token for token in text if counts[token] >= MIN_COUNT] for text in tokens]
        self.count, self.cache, self.vectors = count, {}, None
        if any(frequent):
            self.vectors = Word2Vec(
                frequent,
                vector_size=DIMENSIONS,
                window=WINDOW,
                epochs=EPOCHS,
                min_count=1,
                sg=1,
                seed=seed,
                workers=1,
            ).wv

    def of(self, word: str) -> list[str]:
        """Return the near words of a word, in lower case; none for rare and for common words."""
        token = unicodedata.normalize("NFC", word).lower()
        if token not in self.cache:
            self.cache[token] = self._look_up(token)
        return self.cache[token]

    def _look_up(self, token: str) -> list[str]:
        if self.vectors is None or token in self.common or token not in self.vectors:
            return []
        near = self.vectors.most_similar(token, topn=self.count + len(self.common))
        return [other for other, _ in near if other not in self.common][: self.count]


class Rewording:
    """The four operations of EDA. None of them empties a text.

    Args:
        words: near words for replacements.
        alpha: share of the words to change.
        rng: random generator of all choices.
    """

    def __init__(self, words: NearWords, alpha: float, rng: np.random.Generator):
        self.words, self.alpha, self.rng = words, alpha, rng

    def vary(self, text: str) -> str:
        """Return the text, changed by one of the four operations with equal chances."""
        operations = (self.replace, self.insert, self.swap, self.delete)
        return operations[self.rng.integers(len(operations))](text)

    def replace(self, text: str) -> str:
        """Replace some words by near ones, without touching punctuation and spaces."""
        spans = [match.span() for match in WORD.finditer(text) if self.words.of(match.group())]
        chosen = self.rng.permutation(len(spans))[: self.changes(text)]
        for start, end in sorted((spans[number] for number in chosen), reverse=True):
            old = text[start:end]
            text = text[:start] + _cased(self.near(old), old) + text[end:]
        return text

    def insert(self, text: str) -> str:
        """Insert a near word of a random word at a random place, several times."""
        known = [word for word in WORD.findall(text) if self.words.of(word)]
        pieces = text.split()
        for _ in range(self.changes(text) if known else 0):
            new = self.near(known[self.rng.integers(len(known))])
            pieces.insert(self.rng.integers(len(pieces) + 1), new)
        return " ".join(pieces) or text

    def swap(self, text: str) -> str:
        """Swap two random words, several times."""
        pieces = text.split()
        for _ in range(self.changes(text) if len(pieces) > 1 else 0):
            one, other = self.rng.choice(len(pieces), 2, replace=False)
            pieces[one], pieces[other] = pieces[other], pieces[one]
        return " ".join(pieces) or text

    def delete(self, text: str) -> str:
        """Delete each word with probability alpha, but never all of them."""
        pieces = text.split()
        remaining = [piece for piece in pieces if self.rng.random() >= self.alpha]
        if pieces and not remaining:
            remaining = [pieces[self.rng.integers(len(pieces))]]
        return " ".join(remaining) or text

    def changes(self, text: str) -> int:
        """Return the number of words to change: a share alpha, at least one."""
        return max(1, int(self.alpha * len(text.split())))

    def near(self, word: str) -> str:
        """Return a random near word of a word that has some."""
        near = self.words.of(word)
        return near[self.rng.integers(len(near))]


def _cased(new: str, old: str) -> str:
    if old.isupper():
        return new.upper()
    return new[0].upper() + new[1:] if old[0].isupper() else new
