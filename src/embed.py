"""Stage 4, embed: turn texts into what networks read, scale numeric columns.

Run by `dvc repro embed`, as `python src/embed.py embedding` and so on for each of the slots
`embedding`, `second_embedding` and `third_embedding`; without one, for all of them. Reads
`data/prepared/`, `data/split/` and the sampler's new texts. Writes every row, in the rows' order
and the new texts last, to `data/embedded/<slot>/`: token numbers, the sparse weights of terms or
vectors, and with the first slot the numeric columns; and what prediction needs to `models/<slot>/`.
Vocabulary, vectors and scaler see training rows only.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.preprocessing import StandardScaler

from ballast.labels import parts
from ballast.labels.classes import LabelSet
from ballast.project import params
from ballast.project.errors import UserError, run
from ballast.resampling import plans
from ballast.rows.prepared import Prepared
from ballast.texts.corpus import Corpus
from ballast.texts.embedded import Scaler, save


def read_corpus(vectors: str, encoder: str) -> tuple[Corpus, int]:
    """Read the prepared rows, then the sampler's new texts; return how many the former are."""
    rows, split = Prepared(), parts.load(len(LabelSet.load().labels))
    new = plans.load_texts(split.ids)
    # A new text has the numeric columns of the row that it was made from.
    sources = [source for source, _ in new]
    corpus = Corpus(
        texts=None if rows.texts is None else rows.texts + [text for _, text in new],
        features=np.concatenate([rows.features, rows.features[sources]]),
        training=np.append(split.parts == parts.TRAIN, np.ones(len(new), dtype=bool)),
        vectors=Path("data/vectors") / vectors,
        encoder=Path("data/encoders") / encoder,
    )
    if not corpus.vectors.is_file():
        files = sorted(file.name for file in corpus.vectors.parent.glob("*"))
        raise UserError(
            f"params.yaml: vectors: {corpus.vectors} does not exist; there are {files}. Name one "
            "of these, or put the file there."
        )
    if not corpus.encoder.exists():
        folders = sorted(path.name for path in corpus.encoder.parent.iterdir() if path.is_dir())
        raise UserError(
            f"params.yaml: encoder: {corpus.encoder} does not exist; there are {folders}. Fetch "
            "one with `ballast fetch-encoder`."
        )
    return corpus, len(split.ids)


def fit_scaler(corpus: Corpus, rows: int) -> Scaler | None:
    """Return what scales the numeric columns to mean 0 and variance 1 over the training rows.

    Args:
        corpus: all rows, new texts last.
        rows: how many of them are prepared rows; new texts do not count twice.
    """
    if corpus.features.shape[1] == 0:
        return None
    fitted = StandardScaler().fit(corpus.features[:rows][corpus.training[:rows]])
    scaler = Scaler(fitted.mean_, fitted.scale_)
    if not (np.isfinite(scaler.apply(corpus.features)).all() and np.isfinite(scaler.scale).all()):
        raise UserError(
            "the numeric columns contain numbers too large to be scaled; correct them in the data, "
            "or take the column out of `features` in the dataset's block in params.yaml."
        )
    return scaler


def main(slots: Sequence[str] = params.EMBEDDINGS) -> None:
    """Embed all rows for each of some slots."""
    for slot in slots:
        if slot not in params.EMBEDDINGS:
            known = ", ".join(params.EMBEDDINGS)
            raise UserError(f"src/embed.py: there is no selector {slot!r}. Known: {known}.")
    settings = params.load()
    corpus, rows = read_corpus(settings["vectors"], settings["encoder"])
    for slot in slots:
        embedding, options = params.select(settings, slot)
        # Numeric columns go with the first embedding.
        scaler = fit_scaler(corpus, rows) if slot == params.EMBEDDINGS[0] else None
        features = None if scaler is None else scaler.apply(corpus.features)
        result = embedding.embed(corpus, settings["seed"], **options)
        save(slot, settings[slot], options, result, features, scaler)


if __name__ == "__main__":
    run(lambda: main(sys.argv[1:] or params.EMBEDDINGS))
