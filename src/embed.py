"""Stage 4, embed: turn texts and columns into what networks read.

Run by `dvc repro embed`, as `python src/embed.py embedding` and so on for each of the slots
`embedding`, `second_embedding` and `third_embedding`; without one, for all of them. Reads
`data/prepared/`, `data/split/` and the sampler's new texts. Writes every row, in the rows' order
and the new texts last, to `data/embedded/<slot>/`: token numbers, the sparse weights of terms or
numeric columns; and what prediction needs to `models/<slot>/`. All that is learned of rows is
learned of training rows.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ballast.labels import parts
from ballast.labels.classes import LabelSet
from ballast.project import params
from ballast.project.errors import UserError, run
from ballast.resampling import plans
from ballast.rows.prepared import Prepared
from ballast.texts.corpus import Corpus
from ballast.texts.embedded import save


def read_corpus(vectors: str, encoder: str) -> Corpus:
    """Read the prepared rows, then the sampler's new texts."""
    rows, split = Prepared(), parts.load(len(LabelSet.load().labels))
    new = plans.load_texts(split.ids)
    # A new text has the columns of the row that it was made from.
    places = [*range(len(split.ids)), *(source for source, _ in new)]
    corpus = Corpus(
        texts=None if rows.texts is None else rows.texts + [text for _, text in new],
        numbers=rows.numbers[places],
        categories=rows.categories[places],
        dates=rows.dates[places],
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
    return corpus


def main(slots: Sequence[str] = params.EMBEDDINGS) -> None:
    """Embed all rows for each of some slots."""
    for slot in slots:
        if slot not in params.EMBEDDINGS:
            known = ", ".join(params.EMBEDDINGS)
            raise UserError(f"src/embed.py: there is no selector {slot!r}. Known: {known}.")
    settings = params.load()
    corpus = read_corpus(settings["vectors"], settings["encoder"])
    for slot in slots:
        embedding, options = params.select(settings, slot)
        save(slot, settings[slot], options, embedding.embed(corpus, settings["seed"], **options))


if __name__ == "__main__":
    run(lambda: main(sys.argv[1:] or params.EMBEDDINGS))
