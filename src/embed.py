"""Stage 4, embed: turn texts into token numbers and word vectors, scale numeric columns.

Run by `dvc repro embed`. Reads `data/prepared/`, `data/split/` and the sampler's new texts. Writes
every row to `data/embedded/` (`tokens.npy`, `offsets.npy`, `features.npy`, in the rows' order) and
what prediction needs to `models/embedding/`. Vocabulary, vectors and scaler see training rows only.
"""

from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

from ballast import params, storage
from ballast.corpus import Corpus, Embedded
from ballast.errors import UserError, run

DATA, MODEL = Path("data/embedded"), Path("models/embedding")


def read_corpus(vectors: str) -> tuple[Corpus, int]:
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
    corpus = Corpus(
        texts=None if texts[0] is None else texts + new,
        features=np.concatenate([features, features[sources]]) if new else features,
        training=np.array([part == "train" for part in parts] + [True] * len(new)),
        vectors=path,
    )
    return corpus, len(rows)


def write_features(corpus: Corpus, rows: int) -> None:
    """Write the numeric columns with mean 0 and variance 1 over the training rows.

    Args:
        corpus: all rows, new texts last.
        rows: how many of them are the data set's own; a new text counts no row twice.
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
    np.save(DATA / "features.npy", scaled)
    scale = {"mean": scaler.mean_.tolist(), "scale": scaler.scale_.tolist()}
    storage.write_json(MODEL / "scaler.json", scale)


def write_tokens(embedded: Embedded) -> None:
    """Write the texts as token numbers, and the vocabulary with its vectors."""
    np.save(DATA / "tokens.npy", embedded.tokens)
    np.save(DATA / "offsets.npy", embedded.offsets)
    np.save(MODEL / "vectors.npy", embedded.vectors)
    storage.write_json(MODEL / "vocabulary.json", embedded.vocabulary)


def main() -> None:
    """Embed all rows."""
    settings = params.load()
    embedding, options = params.select(settings, "embedding")
    corpus, rows = read_corpus(settings["vectors"])
    storage.fresh_folder(DATA)
    storage.fresh_folder(MODEL)
    write_features(corpus, rows)
    told = {"embedding": settings["embedding"], "options": options}
    storage.write_json(MODEL / "embedding.json", told)
    embedded = embedding.embed(corpus, settings["seed"], **options)
    if embedded is not None:
        write_tokens(embedded)


if __name__ == "__main__":
    run(main)
