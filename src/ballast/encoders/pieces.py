"""From texts to the token numbers that a model's own tokenizer gives, in windows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ballast.project.errors import UserError


class Pieces:
    """A `tokenizer.json` of Hugging Face: words and their pieces, special tokens around them.

    Attributes:
        longest: tokens of a window, special ones included.
        count: how many tokens there are.
        special: how many special ones stand around a window.
    """

    def __init__(self, file: Path, longest: int, lower: bool) -> None:
        """Read the file.

        Args:
            file: as the `tokenizers` library writes it.
            longest: tokens of a window, special ones included.
            lower: whether texts are read in lower case.

        Raises:
            UserError: no such file, or one that is none; no room between the special tokens.
        """
        from tokenizers import Tokenizer

        if not file.is_file():
            raise UserError(f"{file} does not exist: {file.parent} holds no such model.")
        try:
            self.tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the package raises nothing more exact
            raise UserError(f"{file} cannot be read: {error}") from error
        # Many a file says that texts are cut, and filled up.
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        whole = self.tokenizer.encode("a")
        own = [place for place, special in enumerate(whole.special_tokens_mask) if not special]
        # Nothing is left of "a" where there is no token for what is unknown.
        first, last = (own[0], own[-1]) if own else (1, 0)
        self.before, self.after = whole.ids[:first], whole.ids[last + 1 :]
        self.longest, self.lower = longest, lower
        self.count = self.tokenizer.get_vocab_size()
        self.special = len(self.before) + len(self.after)
        if longest <= self.special:
            raise UserError(f"{file}: {longest} tokens leave no room between the special ones.")

    def windows(self, texts: Sequence[str], even: bool = True) -> list[list[np.ndarray]]:
        """Return the windows of each text, one at least: token numbers, int64.

        Args:
            texts: any.
            even: whether a text's windows are of about the same length; otherwise each but the
                last is as long as can be.
        """
        texts = [text.lower() for text in texts] if self.lower else list(texts)
        encoded = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return [self._cut(np.array(text.ids, dtype=np.int64), even) for text in encoded]

    def _cut(self, tokens: np.ndarray, even: bool) -> list[np.ndarray]:
        room = self.longest - self.special
        count = max(1, -(-len(tokens) // room))
        parts = np.array_split(tokens, count if even else np.arange(1, count) * room)
        return [np.concatenate([self.before, part, self.after]).astype(np.int64) for part in parts]
