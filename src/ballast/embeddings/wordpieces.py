"""Word pieces of a pretrained model of the BERT family, with its vectors of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ballast.encoders.encoder import SentenceEncoder, require_packages
from ballast.encoders.pieces import Pieces
from ballast.texts.corpus import Corpus, model_of, texts_of
from ballast.texts.embedded import Embedded
from ballast.texts.tokens import RESERVED

NEEDS = [{"text"}, {"encoder"}]


def embed(corpus: Corpus, seed: int, *, max_tokens: Annotated[int, Field(ge=3)] = 512) -> Embedded:
    """Return texts as the token numbers that a model's own tokenizer gives, and its vectors.

    Token k of the model has the number k + 2. The special tokens stand where the model expects
    them. A text longer than the model reads becomes several windows, each between special tokens
    and each but the last as long as the model reads.

    Args:
        corpus: all rows.
        seed: not used: nothing is drawn.
        max_tokens: what a text has beyond is cut off.

    Raises:
        UserError: no text, no model, or one that is not of the family.
    """
    given = texts_of(corpus, "wordpieces")
    folder = model_of(corpus, "wordpieces")
    encoder = SentenceEncoder(folder)
    pieces, words = encoder.pieces, encoder.transformer.words
    tokens, offsets, cut = _numbers(pieces, given, max_tokens)
    print(f"{cut} of {len(given)} texts are cut after {max_tokens} tokens")
    names = [pieces.tokenizer.id_to_token(row) or "" for row in range(len(words))]
    vectors = np.concatenate([np.zeros((RESERVED, words.shape[1]), np.float32), words])
    kept = {
        "encoder/tokenizer.json": folder / "tokenizer.json",
        "windows": np.array([pieces.longest, pieces.lower]),
    }
    return Embedded(names, tokens, offsets, vectors, cut, kept)


def reader(
    folder: Path, options: dict[str, Any]
) -> Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray]]:
    """Return the way from texts to token numbers, for prediction.

    Args:
        folder: holds what `embed` said is to be kept.
        options: what `embed` was called with.
    """
    require_packages()
    longest, lower = np.load(folder / "windows.npy").tolist()
    pieces = Pieces(folder / "encoder/tokenizer.json", longest, bool(lower))
    return lambda texts: _numbers(pieces, texts, options["max_tokens"])[:2]


def _numbers(
    pieces: Pieces, texts: Sequence[str], max_tokens: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the token numbers of all texts, where each begins, and how many texts were cut."""
    rows = [np.concatenate(windows) for windows in pieces.windows(texts, even=False)]
    cut = sum(len(row) > max_tokens for row in rows)
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([min(len(row), max_tokens) for row in rows], out=offsets[1:])
    tokens = np.concatenate([np.empty(0, np.int64), *(row[:max_tokens] for row in rows)])
    return (tokens + RESERVED).astype(np.uint32), offsets, cut
