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
from ballast.texts.corpus import Contents, Corpus, model_of, texts_of
from ballast.texts.embedded import Vectors

NEEDS = [{"text"}, {"encoder"}]

# New vectors are cached in chunks of this size, so that an interrupted run can resume.
CHUNK = 512


def embed(corpus: Corpus, seed: int, *, prefix: str = "") -> Vectors:
    """Return the vector that a sentence-transformers or Hugging Face model has for each text.

    The model is the folder in `data/encoders/` that `encoder` in params.yaml names. It is not
    trained. Texts are not truncated: those longer than the model's limit are read in windows. Texts
    that any run on this machine has encoded are not encoded again (`_vector_cache`).

    Source: Reimers and Gurevych, Sentence-BERT: Sentence Embeddings using Siamese BERT-Networks,
    2019.

    Args:
        corpus: all rows.
        seed: not used: nothing is drawn.
        prefix: put before every text; some models expect one, E5 "query: ".

    Raises:
        UserError: there is no text or no model, or the kind of model is not supported.
    """
    texts, folder = texts_of(corpus, "sentence"), model_of(corpus, "sentence")
    encoder = SentenceEncoder(folder)
    files = {f"encoder/{file.as_posix()}": folder / file for file in model_files(folder)}
    return Vectors(encode_all([prefix + text for text in texts], encoder, folder), files)


def reader(folder: Path, options: dict[str, Any]) -> Callable[[Contents], np.ndarray]:
    """Return the function from contents to vectors, float32, shape (texts, dimensions).

    Args:
        folder: contains the model's files.
        options: the member's options.
    """
    encoder, prefix = SentenceEncoder(folder / "encoder"), options["prefix"]
    return lambda contents: encoder([prefix + text for text in contents.texts])[0]


def encode_all(texts: Sequence[str], encoder: SentenceEncoder, folder: Path) -> np.ndarray:
    """Return the texts' vectors, float32, shape (texts, dimensions); each is computed only once.

    Args:
        texts: text of each row.
        encoder: the model.
        folder: the model's folder.
    """
    # Changed code gives other vectors.
    sources = [Path(getsourcefile(module)) for module in (code, pieces, transformer)]
    version = fingerprint([*(folder / file for file in model_files(folder)), *sources])
    cache = VectorCache(
        cache_folder() / "vectors" / f"{folder.name}-{version}.sqlite", encoder.dimensions
    )
    distinct = list(dict.fromkeys(texts))
    entries = cache.find(distinct)
    new = [text for text in distinct if text not in entries]
    print(f"{len(distinct)} distinct texts: {len(new)} to encode, {len(entries)} in {cache.file}")
    for start in track(range(0, len(new), CHUNK), "encoding"):
        chunk = new[start : start + CHUNK]
        encoded = dict(zip(chunk, zip(*encoder(chunk), strict=True), strict=True))
        cache.add(encoded)
        entries |= encoded
    cache.close()
    several = sum(windows > 1 for _, windows in entries.values())
    print(f"{several} of them are read in several windows of up to {encoder.pieces.longest} tokens")
    return np.stack([entries[text][0] for text in texts])
