"""Sentence vectors of texts by a model of the BERT family."""

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

# Windows are batched up to this number of tokens.
BATCH_TOKENS = 4 * ROWS
FILES = (
    "config.json",
    "model.safetensors",
    "modules.json",
    "sentence_bert_config.json",
    "tokenizer.json",
)
POOLINGS = {"cls_token": "cls", "mean_tokens": "mean", "max_tokens": "max"}
# One call at a time: each uses all processors, and the limit on BLAS threads holds process-wide.
ENCODING = Lock()


@dataclass(frozen=True)
class Recipe:
    """How a text is read, and how its tokens' vectors become one vector.

    Attributes:
        pooling: mean, cls or max.
        normalize: whether the result is scaled to length 1.
        longest: most tokens of a window, special ones included; None: as many as the model takes.
        lower: whether texts are lower-cased.
    """

    pooling: str = "mean"
    normalize: bool = True
    longest: int | None = None
    lower: bool = False


class SentenceEncoder:
    """A sentence-transformers or Hugging Face model in a folder: from texts to vectors.

    A text longer than the model's limit is split into windows of about equal length; its vector is
    the mean of theirs, weighted by their numbers of tokens. A text's vector is the same to the bit,
    whatever the other texts and the number of processors.

    Attributes:
        dimensions: length of a vector.
        pieces: the tokenizer.
    """

    def __init__(self, folder: Path) -> None:
        """Read a model.

        Raises:
            UserError: packages or files are missing, or the kind of model is not supported.
        """
        require_packages()
        self.recipe = read_recipe(folder)
        self.transformer = read_transformer(folder)
        longest = min(len(self.transformer.places), self.recipe.longest or 2**31)
        self.pieces = Pieces(folder / "tokenizer.json", longest, self.recipe.lower)
        self.dimensions = self.transformer.dimensions
        if self.pieces.count > len(self.transformer.words):
            raise UserError(
                f"{folder}: tokenizer.json does not belong to the model in model.safetensors. "
                "Fetch the model again with `ballast fetch-encoder`."
            )

    def __call__(self, texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
        """Return each text's vector, float32, shape (texts, dimensions), and number of windows."""
        windows_by_text = self.pieces.windows(texts)
        windows = [window for windows in windows_by_text for window in windows]
        remaining = map(self._normalized, pooled(self.transformer, windows, self.recipe.pooling))
        vectors = np.empty((len(texts), self.dimensions), dtype=np.float32)
        for row, windows in enumerate(windows_by_text):
            parts = [next(remaining) for _ in windows]
            if len(parts) == 1:
                vectors[row] = parts[0]
                continue
            sizes = [len(window) - self.pieces.special for window in windows]
            vectors[row] = self._normalized(np.average(parts, axis=0, weights=sizes))
        return vectors, np.array([len(windows) for windows in windows_by_text])

    def _normalized(self, vector: np.ndarray) -> np.ndarray:
        """Return a pooled vector, scaled to length 1 if the model does so; zero vectors stay."""
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
        transformer: the model.
        windows: token numbers of each window.
        pooling: mean, cls or max of the tokens' vectors.
    """

    def encode(batch: list[np.ndarray]) -> list[np.ndarray]:
        return [POOLED[pooling](vectors) for vectors in transformer(batch)]

    # BLAS's own threads would compete with these.
    with ENCODING, threadpool_limits(1), ThreadPoolExecutor(_processors()) as pool:
        return [vector for batch in pool.map(encode, _batches(windows)) for vector in batch]


def require_packages() -> None:
    """Check that the extra `encoder` is installed.

    Raises:
        UserError: packages are missing.
    """
    missing = [name for name in ("safetensors", "tokenizers") if find_spec(name) is None]
    if missing:
        raise UserError(
            f"Sentence vectors need {' and '.join(missing)}, which come with the extra `encoder`: "
            "run `pip install '.[encoder]'`."
        )


def model_files(folder: Path) -> list[Path]:
    """Return the files of a model's folder that are read, relative to it."""
    files = [folder / name for name in FILES]
    if (folder / "modules.json").exists():
        modules = read_config(folder / "modules.json")
        files += [folder / module["path"] / "config.json" for module in modules if module["path"]]
    return [file.relative_to(folder) for file in files if file.is_file()]


def read_recipe(folder: Path) -> Recipe:
    """Return a model's pooling, normalization, length and case; by default mean and length 1.

    Raises:
        UserError: a model with other modules.
    """
    if not folder.is_dir():
        raise UserError(f"{folder} does not exist: `ballast fetch-encoder` puts a model there.")
    file = folder / "sentence_bert_config.json"
    config = read_config(file) if file.exists() else {}
    reading = {"longest": config.get("max_seq_length"), "lower": bool(config.get("do_lower_case"))}
    if not (folder / "modules.json").exists():
        return Recipe(**reading)
    parts = {}
    for module in read_config(folder / "modules.json"):
        kind = module["type"].rpartition(".")[2]
        if kind not in ("Transformer", "Pooling", "Normalize"):
            raise UserError(
                f"{folder}/modules.json: the module {kind} is not supported. Fetch a model of "
                "Transformer, Pooling and Normalize alone."
            )
        parts[kind] = folder / module["path"]
    pooling = _pooling(parts["Pooling"] / "config.json") if "Pooling" in parts else "mean"
    return Recipe(pooling, "Normalize" in parts, **reading)


def _pooling(file: Path) -> str:
    config, prefix = read_config(file), "pooling_mode_"
    modes = [
        name.removeprefix(prefix) for name in config if name.startswith(prefix) and config[name]
    ]
    names = [POOLINGS.get(mode, mode) for mode in modes] or [config.get("pooling_mode", "mean")]
    if len(names) > 1 or names[0] not in POOLED:
        raise UserError(
            f"{file}: pooling by {names} is not supported: exactly one of {list(POOLED)} is. Fetch "
            "another model."
        )
    return names[0]


def _batches(windows: list[np.ndarray]) -> Iterator[list[np.ndarray]]:
    batch, tokens = [], 0
    for window in windows:
        if batch and tokens + len(window) > BATCH_TOKENS:
            yield batch
            batch, tokens = [], 0
        batch.append(window)
        tokens += len(window)
    if batch:
        yield batch


def _processors() -> int:
    # Those that this process may use, where the system says so.
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
