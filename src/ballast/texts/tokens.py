"""Texts to tokens, tokens to numbers."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import Generic, TypeVar

import numpy as np
import pyarrow.compute as pc
import regex

from ballast.project.errors import UserError
from ballast.texts.packing import packed

PADDING, UNKNOWN = 0, 1
RESERVED = 2
_PICTOGRAPH = r"\p{Extended_Pictographic}[\p{M}\U0001f3fb-\U0001f3ff]*"
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_WORD = rf"(?:[\p{{L}}--[{_UNSPACED}]]\p{{M}}*)+"
# In this order: pictographs and their modifiers; flags; single letters of scripts without spaces
# between words; words with inner apostrophes; numbers; punctuation with a meaning.
PATTERN = regex.compile(
    rf"{_PICTOGRAPH}(?:\u200d{_PICTOGRAPH})*|\p{{Regional_Indicator}}{{2}}"
    rf"|[{_UNSPACED}]\p{{M}}*|{_WORD}(?:'{_WORD})*'?|\p{{N}}+|[!?%\p{{Sc}}]",
    regex.VERSION1,
)
APOSTROPHES = str.maketrans("’ʼ＇", "'''")
# "don't" stays one word as in most vector files; "l'entreprise" and "dell'arte" are split.
SUFFIXES = {"t", "s", "d", "m", "re", "ve", "ll", "hui"}
# Limits of the cache: number of pieces, and characters of a piece.
MOST_PIECES, LONGEST_PIECE = 2**18, 64
# Texts per block.
BLOCK = 10_000
Value = TypeVar("Value")


def tokenize(text: str) -> list[str]:
    """Return the tokens of a text: lower-case words, numbers, pictographs and some punctuation.

    Example:
        >>> tokenize("L'entreprise n’a pas dit «\xa0aujourd'hui\xa0»: +3,5 % 🎉")
        ["l'", 'entreprise', "n'", 'a', 'pas', 'dit', "aujourd'hui", '3', '5', '%', '🎉']
    """
    return [token for piece in text.split() for token in _TOKENS[piece]]


class _Pieces(dict[str, Value], Generic[Value]):
    """A function's cached value for each piece of text between spaces.

    No token contains a space, and neither folding nor the pattern depends on what is beyond one.
    """

    def __init__(self, function: Callable[[str], Value]) -> None:
        super().__init__()
        self.function = function

    def __missing__(self, piece: str) -> Value:
        value = self.function(piece)
        if len(piece) <= LONGEST_PIECE and len(self) < MOST_PIECES:
            self[piece] = value
        return value


def _tokens_of(piece: str) -> list[str]:
    # The fast path: most pieces are plain words.
    if piece.isascii() and piece.isalpha():
        return [piece.lower()]
    folded = unicodedata.normalize("NFC", piece).lower().translate(APOSTROPHES)
    tokens = []
    for match in PATTERN.findall(folded):
        if "'" in match:
            tokens.extend(_split_elisions(match))
        else:
            tokens.append(match)
    return tokens


_TOKENS = _Pieces(_tokens_of)


def _split_elisions(word: str) -> list[str]:
    # A closing apostrophe may be a quotation mark and is ignored.
    first, *rest = word.rstrip("'").split("'")
    tokens = [first]
    for piece in rest:
        if piece in SUFFIXES:
            tokens[-1] += "'" + piece
        else:
            tokens[-1] += "'"
            tokens.append(piece)
    return tokens


def build_vocabulary(texts: Iterable[Sequence[str]], size: int, min_count: int) -> list[str]:
    """Return the most frequent tokens, most frequent first, ties in alphabetical order.

    Args:
        texts: tokens of each training row.
        size: largest number of tokens.
        min_count: tokens with fewer occurrences are left out.

    Raises:
        UserError: no token is frequent enough.
    """
    counts = Counter(chain.from_iterable(texts))
    frequent = [token for token, count in counts.items() if count >= min_count]
    frequent.sort(key=lambda token: (-counts[token], token))
    if not frequent:
        raise UserError(
            f"no word of the training texts occurs {min_count} times: lower min_count in the "
            "embedding's block in params.yaml."
        )
    return frequent[:size]


class Encoder:
    """From texts to token numbers."""

    def __init__(self, vocabulary: Sequence[str], max_tokens: int) -> None:
        """Prepare the numbers.

        Args:
            vocabulary: token k has the number k + 2; 0 is padding, 1 an unknown token.
            max_tokens: longer texts are truncated.
        """
        self.dtype = np.dtype(np.uint16 if len(vocabulary) + RESERVED <= 2**16 else np.uint32)
        codes = np.arange(len(vocabulary) + RESERVED, dtype=self.dtype)
        self.unknown, *known = (code.tobytes() for code in codes[UNKNOWN:])
        self.numbers = dict(zip(vocabulary, known, strict=True))
        self.max_tokens = max_tokens
        self.pieces = _Pieces(self._numbers_of)

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return all texts as one flat array of token numbers, and where each text begins.

        Args:
            texts: texts that can be encoded as UTF-8.

        Returns:
            Tokens, uint16 or uint32, shape (all tokens,); offsets, int64, shape (rows + 1,): text i
            is tokens[offsets[i]:offsets[i + 1]].
        """
        starts = range(0, len(texts), BLOCK)
        blocks = [self._block(texts[start : start + BLOCK]) for start in starts]
        tokens = np.concatenate([np.empty(0, self.dtype), *(tokens for tokens, _ in blocks)])
        return tokens, np.cumsum(np.concatenate([[0], *(lengths for _, lengths in blocks)]))

    def _block(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return some texts as one flat array of token numbers, and each text's length."""
        # Arrow splits like `str.split`, without the GIL; Python handles only distinct pieces.
        split = pc.utf8_split_whitespace(packed([text.encode() for text in texts], "string"))
        pieces = split.values.dictionary_encode()
        known = packed([self.pieces[piece] for piece in pieces.dictionary.to_pylist()])
        # As bytes, taking the pieces in order concatenates their token numbers.
        joined = known.take(pieces.indices)
        tokens = np.frombuffer(joined.buffers()[2] or b"", dtype=self.dtype)
        first = np.frombuffer(split.buffers()[1], dtype=np.int32, count=len(texts) + 1)
        begins = np.frombuffer(joined.buffers()[1], dtype=np.int64, count=len(joined) + 1)
        offsets = begins[first] // self.dtype.itemsize
        lengths = np.diff(offsets)
        if lengths.max(initial=0) > self.max_tokens:
            position = np.arange(len(tokens)) - np.repeat(offsets[:-1], lengths)
            tokens = tokens[position < self.max_tokens]
        return tokens, np.minimum(lengths, self.max_tokens)

    def _numbers_of(self, piece: str) -> bytes:
        return b"".join([self.numbers.get(token, self.unknown) for token in _TOKENS[piece]])
