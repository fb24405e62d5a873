"""Sentence vectors of a pretrained model of the BERT family, one for each text."""

from collections.abc import Callable, Sequence
from inspect import getsourcefile
from pathlib import Path
from typing import Any

import numpy as np

from ballast.embeddings._vector_cache import VectorCache, cache_folder, fingerprint
from ballast.encoders import encoder as code
from ballast.encoders import pieces, transformer
from ballast.encoders.encoder import SentenceEncoder, model_files
from ballast.project.progress import track
from ballast.texts.corpus import Corpus, model_of, texts_of
from ballast.texts.embedded import Vectors

NEEDS = [{"text"}, {"encoder"}]

# After so many new texts their vectors are written: an interrupted run goes on from there.
CHUNK = 512


def embed(corpus: Corpus, seed: int, *, prefix: str = "") -> Vectors:
    """Return the vector that a sentence-transformers or Hugging Face model has for each text.

    The model is the folder in `data/encoders/` that `encoder` in params.yaml names. It is not
    trained. Nothing is cut off: a text longer than the model reads is read in windows. A text
    that any run on this machine has encoded is not encoded again (`_vector_cache`).

    Source: Reimers and Gurevych, Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks,
    2019.

    Args:
        corpus: all rows.
        seed: not used: nothing is drawn.
        prefix: put before every text; some models expect one, E5 "query: ".

    Raises:
        UserError: no text, no model, or one that is not of the family.
    """
    given = texts_of(corpus, "sentence")
    folder = model_of(corpus, "sentence")
    encoder = SentenceEncoder(folder)
    texts = [prefix + text for text in given]
    files = model_files(folder)
    kept = {f"encoder/{file.as_posix()}": folder / file for file in files}
    return Vectors(encode_all(texts, encoder, folder), kept)


def reader(folder: Path, options: dict[str, Any]) -> Callable[[Sequence[str]], np.ndarray]:
    """Return the way from texts to vectors, float32, shape (texts, dimensions), for prediction.

    Args:
        folder: holds what `embed` said is to be kept.
        options: what `embed` was called with.
    """
    encoder, prefix = SentenceEncoder(folder / "encoder"), options["prefix"]
    return lambda texts: encoder([prefix + text for text in texts])[0]


def encode_all(texts: Sequence[str], encoder: SentenceEncoder, folder: Path) -> np.ndarray:
    """Return the texts' vectors, float32, shape (texts, dimensions); none is worked out twice.

    Args:
        texts: a text a row.
        encoder: reads them.
        folder: that it was read from.
    """
    # Changed code makes other vectors.
    sources = [Path(getsourcefile(module)) for module in (code, pieces, transformer)]
    print_of_all = fingerprint([*(folder / file for file in model_files(folder)), *sources])
    cache = VectorCache(
        cache_folder() / "vectors" / f"{folder.name}-{print_of_all}.sqlite", encoder.dimensions
    )
    once = list(dict.fromkeys(texts))
    found = cache.find(once)
    new = [text for text in once if text not in found]
    print(f"{len(once)} texts that differ: {len(new)} to encode, {len(found)} in {cache.file}")
    for start in track(range(0, len(new), CHUNK), "encoding"):
        part = new[start : start + CHUNK]
        entries = dict(zip(part, zip(*encoder(part), strict=True), strict=True))
        cache.keep(entries)
        found |= entries
    cache.close()
    several = sum(windows > 1 for _, windows in found.values())
    print(f"{several} of them are read in several windows of up to {encoder.pieces.longest} tokens")
    return np.stack([found[text][0] for text in texts])
