"""Sentence vectors: from texts to what a model of the BERT family makes of each."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from threading import Lock

import numpy as np
from threadpoolctl import threadpool_limits

from ballast.encoders.pieces import Pieces
from ballast.encoders.transformer import ROWS, Transformer, read_config, read_transformer
from ballast.project.errors import UserError

# Windows are worked on together until they have so many tokens.
TOGETHER = 4 * ROWS
FILES = (
    "config.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
)
POOLINGS = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max"}
# One at a time: each takes all processors, and the limit of BLAS's threads is the process's.
ENCODING = Lock()


@dataclass(frozen=True)
class Recipe:
    """What becomes of the vectors of a text's tokens.

    Attributes:
        pooling: mean, cls or max.
        normalize: whether the result gets length 1.
        longest: tokens of a window, special ones included; None: as many as the model takes.
        lower: whether texts are read in lower case.
    """

    pooling: str = "mean"
    normalize: bool = True
    longest: int | None = None
    lower: bool = False


class SentenceEncoder:
    """A folder of a sentence-transformers or Hugging Face model: from texts to vectors.

    A text longer than the model reads is cut into windows of about the same length; its vector is
    the mean of theirs, weighted by their tokens. A text's vector is the same to the bit whatever
    the texts beside it and whatever the number of processors.

    Attributes:
        dimensions: of a vector.
        pieces: from texts to token numbers.
    """

    def __init__(self, folder: Path) -> None:
        """Read a model.

        Raises:
            UserError: packages or files are missing, or it is another kind of model.
        """
        require_packages()
        self.recipe = read_recipe(folder)
        self.transformer = read_transformer(folder)
        longest = min(len(self.transformer.places), self.recipe.longest or 2**31)
        self.pieces = Pieces(folder / "tokenizer.json", longest, self.recipe.lower)
        self.dimensions = self.transformer.dimensions
        if self.pieces.count > len(self.transformer.words):
            raise UserError(f"{folder}: tokenizer.json is not of the model in model.safetensors.")

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return a vector for each text, float32, shape (texts, dimensions), and its windows."""
        cut = self.pieces.windows(texts)
        windows = [window for windows in cut for window in windows]
        found = map(self._ended, pooled(self.transformer, windows, self.recipe.pooling))
        vectors = np.empty((len(cut), self.dimensions), dtype=np.float32)
        for row, windows in enumerate(cut):
            own = [next(found) for _ in windows]
            if len(own) == 1:
                vectors[row] = own[0]
                continue
            sizes = [len(window) - self.pieces.special for window in windows]
            vectors[row] = self._ended(np.average(own, axis=0, weights=sizes))
        return vectors, np.array([len(windows) for windows in cut])

    def _ended(self, vector: np.ndarray) -> np.ndarray:
        """Return a pooled vector, with length 1 if that is asked for; a zero vector stays."""
        if not self.recipe.normalize:
            return vector
        return vector / max(np.sqrt(np.sum(np.square(vector, dtype=np.float64))), 1e-12)


POOLED = {
    "mean": lambda vectors: vectors.mean(axis=0),
    "cls": lambda vectors: vectors[0],
    "max": lambda vectors: vectors.max(axis=0),
}


def pooled(
    transformer: Transformer, windows: Sequence[np.ndarray], pooling: str
) -> list[np.ndarray]:
    """Return one vector for each window, shape (dimensions,).

    Args:
        transformer: reads them.
        windows: token numbers.
        pooling: mean, cls or max of the tokens' vectors.
    """

    def together(group: list[np.ndarray]) -> list[np.ndarray]:
        return [POOLED[pooling](vectors) for vectors in transformer(group)]

    # BLAS's own threads would only stand in the way of these.
    with ENCODING, threadpool_limits(1), ThreadPoolExecutor(_processors()) as pool:
        return [vector for group in pool.map(together, _groups(windows)) for vector in group]


def require_packages() -> None:
    """Tell what is missing where the extra `encoder` is not installed.

    Raises:
        UserError: it is not.
    """
    missing = [name for name in ("safetensors", "tokenizers") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"Sentence vectors need {' and '.join(missing)}, which come with the extra `encoder`: "
            "run `pip install '.[encoder]'`."
        )


def model_files(folder: Path) -> list[Path]:
    """Return which files of a model's folder are read, by their names in it."""
    found = [folder / name for name in FILES]
    if (folder / "modules.json").exists():
        modules = read_config(folder / "modules.json")
        found += [folder / module["path"] / "config.json" for module in modules if module["path"]]
    return [file.relative_to(folder) for file in found if file.is_file()]


def read_recipe(folder: Path) -> Recipe:
    """Return what a folder says of pooling, length and case; without a word, mean and length 1.

    Raises:
        UserError: a model with parts that are none of these.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist: `ballast fetch-encoder` puts a model there.")
    reading = folder / "sentence_bert_config.json"
    told = read_config(reading) if reading.exists() else {}
    own = {"longest": told.get("max_seq_length"), "lower": bool(told.get("do_lower_case"))}
    if not (folder / "modules.json").exists():
        return Recipe(**own)
    parts = {}
    for module in read_config(folder / "modules.json"):
        kind = module["type"].rpartition(".")[2]
        if kind not in ("Transformer", "Pooling", "Normalize"):
            raise UserError(f"{folder}/modules.json: a part {kind} is not supported.")
        parts[kind] = folder / module["path"]
    pooling = _pooling(parts["Pooling"] / "config.json") if "Pooling" in parts else "mean"
    return Recipe(pooling, "Normalize" in parts, **own)


def _pooling(file: Path) -> str:
    told, start = read_config(file), "pooling_mode_"
    chosen = [name.removeprefix(start) for name in told if name.startswith(start) and told[name]]
    names = [POOLINGS.get(name, name) for name in chosen] or [told.get("pooling_mode", "mean")]
    if len(names) > 1 or names[0] not in POOLED:
        raise UserError(f"{file}: pooling by {names} is none of {list(POOLED)}.")
    return names[0]


def _groups(windows: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    group, tokens = [], 0
    for window in windows:
        if group and tokens + len(window) > TOGETHER:
            yield group
            group, tokens = [], 0
        group.append(window)
        tokens += len(window)
    if group:
        yield group


def _processors() -> int:
    # Those that this process may use; not every system tells.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
