"""Word pieces of a pretrained model of the BERT family, with its vectors for them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from ballast.encoders.encoder import SentenceEncoder, require_packages
from ballast.encoders.pieces import Pieces
from ballast.texts.corpus import Contents, Corpus, model_of, texts_of
from ballast.texts.embedded import Embedded
from ballast.texts.tokens import RESERVED

NEEDS = [{"text"}, {"encoder"}]


def embed(corpus: Corpus, seed: int, *, max_tokens: Annotated[int, Field(ge=3)] = 512) -> Embedded:
    """Return texts as token numbers of a pretrained model's tokenizer, with the model's vectors.

    Token k of the model has the number k + 2. Special tokens are where the model expects them. A
    text longer than the model's limit becomes several windows with special tokens around each; all
    but the last have the full length.

    Args:
        corpus: all rows.
        seed: not used: nothing is drawn.
        max_tokens: longer texts are truncated.

    Raises:
        UserError: there is no text or no model, or the kind of model is not supported.
    """
    texts, folder = texts_of(corpus, "wordpieces"), model_of(corpus, "wordpieces")
    encoder = SentenceEncoder(folder)
    pieces, words = encoder.pieces, encoder.transformer.words
    tokens, offsets, truncated = _numbers(pieces, texts, max_tokens)
    print(f"{truncated} of {len(texts)} texts are truncated after {max_tokens} tokens")
    names = [pieces.tokenizer.id_to_token(row) or "" for row in range(len(words))]
    vectors = np.concatenate([np.zeros((RESERVED, words.shape[1]), np.float32), words])
    files = {
        "encoder/tokenizer.json": folder / "tokenizer.json",
        "windows": np.array([pieces.longest, pieces.lower]),
    }
    return Embedded(names, tokens, offsets, vectors, truncated, files)


def reader(
    folder: Path, options: dict[str, Any]
) -> Callable[[Contents], tuple[np.ndarray, np.ndarray]]:
    """Return the function from contents to token numbers.

    Args:
        folder: contains the tokenizer.
        options: the member's options.
    """
    require_packages()
    longest, lower = np.load(folder / "windows.npy").tolist()
    pieces = Pieces(folder / "encoder/tokenizer.json", longest, bool(lower))
    return lambda contents: _numbers(pieces, contents.texts, options["max_tokens"])[:2]


def _numbers(
    pieces: Pieces, texts: Sequence[str], max_tokens: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return the token numbers of all texts, where each begins, and how many are truncated."""
    rows = [np.concatenate(windows) for windows in pieces.windows(texts, even=False)]
    truncated = sum(len(row) > max_tokens for row in rows)
    offsets = np.zeros(len(rows) + 1, dtype=np.int64)
    np.cumsum([min(len(row), max_tokens) for row in rows], out=offsets[1:])
    tokens = np.concatenate([np.empty(0, np.int64), *(row[:max_tokens] for row in rows)])
    return (tokens + RESERVED).astype(np.uint32), offsets, truncated
