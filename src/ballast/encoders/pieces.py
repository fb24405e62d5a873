"""From texts to windows of token numbers, by a pretrained model's tokenizer."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ballast.project.errors import UserError


class Pieces:
    """A `tokenizer.json` of Hugging Face: word pieces, with special tokens around them.

    Attributes:
        longest: most tokens of a window, special ones included.
        count: number of tokens in the vocabulary.
        special: number of special tokens around a window.
    """

    def __init__(self, file: Path, longest: int, lower: bool) -> None:
        """Read the file.

        Args:
            file: as the `tokenizers` library writes it.
            longest: most tokens of a window, special ones included.
            lower: whether texts are lower-cased.

        Raises:
            UserError: the file is missing or broken; no room between the special tokens.
        """
        from tokenizers import Tokenizer

        if not file.is_file():
            raise UserError(
                f"{file} does not exist: {file.parent} holds no model with a fast tokenizer. Fetch "
                "one with `ballast fetch-encoder`."
            )
        try:
            self.tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the package raises nothing more specific
            raise UserError(f"{file} cannot be read: {error}") from error
        # Many files turn truncation and padding on.
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        sample = self.tokenizer.encode("a")
        plain = [place for place, special in enumerate(sample.special_tokens_mask) if not special]
        # Without a token for unknown pieces, "a" may have none.
        first, last = (plain[0], plain[-1]) if plain else (1, 0)
        self.before, self.after = sample.ids[:first], sample.ids[last + 1 :]
        self.longest, self.lower = longest, lower
        self.count = self.tokenizer.get_vocab_size()
        self.special = len(self.before) + len(self.after)
        if longest <= self.special:
            raise UserError(
                f"{file}: a window of {longest} tokens leaves no room between the {self.special} "
                "special ones. Raise max_tokens, or fetch a model that reads longer texts."
            )

    def windows(self, texts: Sequence[str], even: bool = True) -> list[list[np.ndarray]]:
        """Return the windows of each text, at least one: token numbers, int64.

        Args:
            texts: the texts.
            even: whether a text's windows have about the same length; otherwise all but the last
                have the full length.
        """
        texts = [text.lower() for text in texts] if self.lower else list(texts)
        encoded = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return [self._split(np.array(text.ids, dtype=np.int64), even) for text in encoded]

    def _split(self, tokens: np.ndarray, even: bool) -> list[np.ndarray]:
        room = self.longest - self.special
        count = max(1, -(-len(tokens) // room))
        parts = np.array_split(tokens, count if even else np.arange(1, count) * room)
        return [np.concatenate([self.before, part, self.after]).astype(np.int64) for part in parts]
