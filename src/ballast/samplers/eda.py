"""EDA: small classes get new texts with words replaced, inserted, swapped or deleted."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.project.errors import UserError
from ballast.project.progress import track
from ballast.resampling.drawing import Rows, labels_of_one, lacking
from ballast.resampling.plans import Plan
from ballast.samplers._rewording import NearWords, Rewording

NEEDS = [{"text"}]

DISTORTION = (
    "New texts of the smaller classes are rows with some words changed, as nobody wrote them."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    ratio: Annotated[float, Field(gt=0, le=1)] = 1.0,
    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.1,
    neighbours: Annotated[int, Field(ge=1)] = 5,
) -> Plan:
    """Return each row once, and new texts: n'_c = max(n_c, ratio * max n).

    A class's rows are sources in turn. Each new text results from one of four operations, chosen at
    random, on max(1, alpha * words) words: replace a word by a synonym, insert a synonym of a word,
    swap two words, or delete each word with probability alpha. Instead of a thesaurus, a word's
    synonyms are its nearest words in word2vec vectors trained on these rows with a window of 2;
    words with fewer than 5 occurrences, or in more than a tenth of the texts, have none. Words are
    separated by spaces, so a text in a script without spaces is repeated unchanged. Source: Wei and
    Zou, EDA: Easy Data Augmentation Techniques for Boosting Performance on Text Classification
    Tasks, 2019.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the vectors and the changes.
        ratio: target size of each class, as a share of the largest; larger ones stay the same.
        alpha: share of the words to change.
        neighbours: number of nearest words that count as synonyms.

    Returns:
        The rows, then the new texts.

    Raises:
        UserError: the rows are multi-label, or have no text.

    Example:
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> texts = ["Rien de neuf.", "Rien du tout.", "Bonne nouvelle."]
        >>> rows = Rows(np.array([[1, 0], [1, 0], [0, 1]]), texts, np.zeros((3, 0)))
        >>> plan = sample(rows, two, seed=4)
        >>> plan.rows, plan.texts
        (array([0, 1, 2, 3]), [(2, 'nouvelle. Bonne')])
    """
    if rows.texts is None:
        raise UserError(
            "params.yaml: sampler: eda changes words, and the dataset's block names no `text` "
            "column. Use smote for numeric rows."
        )
    labels = labels_of_one(rows.targets, "eda")
    sources = [
        row
        for members, missing in lacking(labels, ratio)
        for row in np.resize(members, missing).tolist()
    ]
    texts = []
    if sources:
        words = NearWords(rows.texts, neighbours, seed)
        rewording = Rewording(words, alpha, np.random.default_rng(seed))
        texts = [(row, rewording.vary(rows.texts[row])) for row in track(sources, "rewording")]
    count = len(labels) + len(texts)
    return Plan(
        np.arange(count), np.ones(count), texts=texts, distortion=DISTORTION if texts else ""
    )
