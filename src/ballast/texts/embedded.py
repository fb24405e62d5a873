"""Embedded rows, and the files with them and with what prediction needs to embed other texts."""

import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.sparse import csr_array

from ballast.project import storage
from ballast.project.errors import UserError

DATA, MODELS = Path("data/embedded"), Path("models")
# By file name what a member's `reader` needs: lists and mappings are written as JSON, paths are
# those of files to copy.
Files = dict[str, list | dict | np.ndarray | Path]
# What an embedding makes of rows: token numbers and where each text begins, weights of terms, or
# vectors.
Read = tuple[np.ndarray, np.ndarray] | csr_array | np.ndarray


@dataclass(frozen=True)
class Embedded:
    """Texts as token numbers, with a vector for each.

    Attributes:
        vocabulary: tokens; token k has the number k + 2 (0 padding, 1 unknown).
        tokens: all texts in one array, shape (all tokens,).
        offsets: where each text begins, shape (rows + 1,).
        vectors: a vector for each token number, float32, shape (vocabulary + 2, dimensions).
        cut: number of texts that lost their end.
        kept: what else the member's `reader` needs.
    """

    vocabulary: list[str]
    tokens: np.ndarray
    offsets: np.ndarray
    vectors: np.ndarray
    cut: int
    kept: Files = field(default_factory=dict)

    input = "tokens"

    def arrays(self) -> dict[str, np.ndarray]:
        """Return by file name what a network reads of all rows."""
        return {"tokens": self.tokens, "offsets": self.offsets}

    def files(self) -> Files:
        """Return what prediction needs."""
        return self.kept | {"vocabulary": self.vocabulary, "vectors": self.vectors}


class _Whole:
    """Texts that are embedded whole."""

    cut = 0

    def files(self) -> Files:
        """Return what prediction needs."""
        return self.kept


@dataclass(frozen=True)
class Terms(_Whole):
    """Texts as weights of their terms.

    Attributes:
        weights: float32, shape (rows, terms), sparse.
        kept: what the member's `reader` needs.
    """

    weights: csr_array
    kept: Files
    input = "terms"

    def arrays(self) -> dict[str, np.ndarray]:
        """Return by file name what a network reads of all rows."""
        return {
            "indptr": self.weights.indptr,
            "indices": self.weights.indices,
            "weights": self.weights.data,
            "shape": np.array(self.weights.shape),
        }


@dataclass(frozen=True)
class Vectors(_Whole):
    """Rows as numeric columns: those of the data set, or the vectors of their texts.

    Attributes:
        values: float32, shape (rows, dimensions); NaN where a number is missing.
        kept: what the member's `reader` needs.
    """

    values: np.ndarray
    kept: Files
    input = "features"

    def arrays(self) -> dict[str, np.ndarray]:
        """Return by file name what a network reads of all rows."""
        return {"vectors": self.values}


@dataclass(frozen=True)
class Record:
    """How a slot was embedded.

    Attributes:
        embedding: the member's name.
        input: the network's input that it goes to; None where it gives nothing.
        options: the member's.
        cut: number of texts that lost their end.
    """

    embedding: str
    input: Literal["tokens", "terms", "features"] | None
    options: dict[str, Any]
    cut: int


def save(
    slot: str,
    embedding: str,
    options: dict[str, Any],
    result: Embedded | Terms | Vectors | None,
) -> None:
    """Write what networks read of all rows, and what prediction needs.

    Args:
        slot: the selector.
        embedding: the member's name.
        options: the member's.
        result: what it returned.
    """
    data, model = storage.fresh_folder(DATA / slot), storage.fresh_folder(MODELS / slot)
    record = Record(embedding, getattr(result, "input", None), options, getattr(result, "cut", 0))
    for folder in (data, model):
        storage.write_json(folder / "embedding.json", asdict(record))
    if result is None:
        return
    for name, values in result.arrays().items():
        np.save(data / f"{name}.npy", values)
    for name, values in result.files().items():
        if isinstance(values, Path):
            (model / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(values, model / name)
        elif isinstance(values, np.ndarray):
            np.save(model / f"{name}.npy", values)
        else:
            storage.write_json(model / f"{name}.json", values)


def load_record(folder: Path) -> Record:
    """Return how the rows, or the model, in a folder were embedded."""
    return Record(**storage.read_json(folder / "embedding.json"))


def load_rows(folder: Path) -> Read | None:
    """Map what a network reads of all rows into memory; None where a slot gives nothing."""

    def load(name: str) -> np.ndarray:
        return np.load(folder / f"{name}.npy", mmap_mode="r")

    kind = load_record(folder).input
    if kind == "tokens":
        return load("tokens"), load("offsets")
    if kind == "features":
        return load("vectors")
    if kind == "terms":
        arrays = load("weights"), load("indices"), load("indptr")
        return csr_array(arrays, shape=tuple(load("shape")))
    return None


def load_word_vectors(folder: Path) -> np.ndarray | None:
    """Return a vector for each token number; None where the slot gives no tokens."""
    if load_record(folder).input != "tokens":
        return None
    vectors = np.load(folder / "vectors.npy")
    tokens = len(storage.read_json(folder / "vocabulary.json"))
    if len(vectors) != tokens + 2:
        raise UserError(
            f"{folder}: vectors.npy has {len(vectors)} rows, and vocabulary.json {tokens} tokens, "
            "so these files are not those of one run. Run `dvc repro`."
        )
    return vectors
