"""Stage 4, embed: turn texts into what networks read, scale numeric columns.

Run by `dvc repro embed`, as `python src/embed.py embedding` and so on for each of the selectors
`embedding`, `second_embedding` and `third_embedding`; without one, for all of them. Reads
`data/prepared/`, `data/split/` and the sampler's new texts. Writes every row to
`data/embedded/<selector>/`, in the rows' order: token numbers (`tokens.npy`, `offsets.npy`), the
sparse weights of terms (`weights.npy`, `indices.npy`, `indptr.npy`, `shape.npy`) or vectors
(`vectors.npy`), and with the first of them the numeric columns (`features.npy`); and what
prediction needs to `models/<selector>/`. Vocabulary, vectors and scaler see training rows only.
"""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from ballast.project import params, storage
from ballast.project.errors import UserError, run
from ballast.texts.corpus import Corpus, Embedded, Terms, Vectors

# The network's input that each kind of embedding goes to.
INPUTS = {Embedded: "tokens", Terms: "terms", Vectors: "features"}


def read_corpus(vectors: str, encoder: str) -> tuple[Corpus, int]:
    """Read the prepared rows, then the sampler's new texts; return how many the former are."""
    rows = storage.read_table(Path("data/prepared/rows.parquet"), ["id", "text", "features"])
    parts = storage.read_table(Path("data/split/rows.parquet"), ["part"])["part"].to_pylist()
    augmented = storage.read_table(Path("data/resampled/augmented.parquet"))
    new = augmented["text"].to_pylist()
    texts = rows["text"].to_pylist()
    features = rows["features"].combine_chunks()
    features = features.flatten().to_numpy().reshape(len(features), -1)
    # A new text has the numeric columns of the row that it was made from.
    position = {name: row for row, name in enumerate(rows["id"].to_pylist())}
    sources = [position[name] for name in augmented["source"].to_pylist()]
    path = Path("data/vectors") / vectors
    if not path.is_file():
        found = sorted(file.name for file in path.parent.glob("*"))
        raise UserError(f"params.yaml: vectors: {path} does not exist; there are {found}.")
    model = Path("data/encoders") / encoder
    if not model.exists():
        found = sorted(folder.name for folder in model.parent.iterdir() if folder.is_dir())
        raise UserError(
            f"params.yaml: encoder: {model} does not exist; there are {found}. `ballast "
            "fetch-encoder` brings one."
        )
    corpus = Corpus(
        texts=None if texts[0] is None else texts + new,
        features=np.concatenate([features, features[sources]]) if new else features,
        training=np.array([part == "train" for part in parts] + [True] * len(new)),
        vectors=path,
        encoder=model,
    )
    return corpus, len(rows)


def write_features(corpus: Corpus, rows: int, data: Path, model: Path) -> None:
    """Write the numeric columns with mean 0 and variance 1 over the training rows.

    Args:
        corpus: all rows, new texts last.
        rows: how many of them are the data set's own; a new text counts no row twice.
        data: where the columns go.
        model: where the scale goes.
    """
    if corpus.features.shape[1] == 0:
        return
    scaler = StandardScaler().fit(corpus.features[:rows][corpus.training[:rows]])
    scaled = scaler.transform(corpus.features).astype(np.float32)
    if not (np.isfinite(scaled).all() and np.isfinite(scaler.scale_).all()):
        raise UserError(
            "the numeric columns hold numbers too large to be scaled; mend them in the data, or "
            "take the column out of `features` in the dataset's block in params.yaml."
        )
    np.save(data / "features.npy", scaled)
    scale = {"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()}
    storage.write_json(model / "scaler.json", scale)


def arrays(found: Embedded | Terms | Vectors) -> dict[str, np.ndarray]:
    """Return by file name what the network reads of all rows."""
    if isinstance(found, Embedded):
        return {"tokens": found.tokens, "offsets": found.offsets}
    if isinstance(found, Vectors):
        return {"vectors": found.values}
    weights = found.weights
    shape = np.array(weights.shape)
    return {
        "indptr": weights.indptr,
        "indices": weights.indices,
        "weights": weights.data,
        "shape": shape,
    }


def keep(found: Embedded | Terms | Vectors, folder: Path) -> None:
    """Write what prediction needs."""
    kept = found.kept
    if isinstance(found, Embedded):
        kept = kept | {"vocabulary": found.vocabulary, "vectors": found.vectors}
    for name, values in kept.items():
        if isinstance(values, Path):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(values, folder / name)
        elif isinstance(values, np.ndarray):
            np.save(folder / f"{name}.npy", values)
        else:
            storage.write_json(folder / f"{name}.json", values)


def write(place: str, settings: dict[str, Any], corpus: Corpus, rows: int) -> None:
    """Embed all rows as one of the selectors says.

    Args:
        place: the selector.
        settings: the parameters.
        corpus: all rows, new texts last.
        rows: how many of them are the data set's own.
    """
    embedding, options = params.select(settings, place)
    data = storage.fresh_folder(Path("data/embedded") / place)
    model = storage.fresh_folder(Path("models") / place)
    if place == params.EMBEDDINGS[0]:
        write_features(corpus, rows, data, model)
    found = embedding.embed(corpus, settings["seed"], **options)
    told = {
        "embedding": settings[place],
        "input": INPUTS.get(type(found)),
        "options": options,
        "cut": found.cut if isinstance(found, Embedded) else 0,
    }
    for folder in (data, model):
        storage.write_json(folder / "embedding.json", told)
    if found is None:
        return
    for name, values in arrays(found).items():
        np.save(data / f"{name}.npy", values)
    keep(found, model)


def main(places: Sequence[str] = params.EMBEDDINGS) -> None:
    """Embed all rows, as each of some selectors says."""
    for place in places:
        if place not in params.EMBEDDINGS:
            known = ", ".join(params.EMBEDDINGS)
            raise UserError(f"src/embed.py: there is no selector {place!r}. Known: {known}.")
    settings = params.load()
    corpus, rows = read_corpus(settings["vectors"], settings["encoder"])
    for place in places:
        write(place, settings, corpus, rows)


if __name__ == "__main__":
    run(lambda: main(sys.argv[1:] or params.EMBEDDINGS))
