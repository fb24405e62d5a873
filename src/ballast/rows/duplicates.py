"""Find exact duplicates and near-duplicates, so that none crosses the split."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
import regex
from rensa import RMinHash, RMinHashLSH
from scipy.cluster.hierarchy import DisjointSet

from ballast.project.progress import track
from ballast.rows.cleaning import Row
from ballast.rows.grouping import components, numbered

PERMUTATIONS = 128
# Bands of r values find a pair of similarity s with probability 1 - (1 - s^r)^(128 / r): more than
# 1 - 1e-7 for s = .8, r = 4. False positives are removed by computing the exact similarity.
MISSED = 1e-7
# In scripts without spaces between words, every letter counts as a word.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
WORDS = regex.compile(
    rf"[{_UNSPACED}]\p{{M}}*|[\p{{L}}\p{{M}}--[{_UNSPACED}]]+"
    r"|\p{N}|\p{Extended_Pictographic}|\p{S}",
    regex.VERSION1,
)
DIGIT = regex.compile(r"\p{N}")


def exact_groups(rows: Sequence[Row]) -> np.ndarray:
    """Return a group number for each row, shape (rows,): equal text and features share one."""
    # A missing number is NaN, which equals nothing, itself included.
    return numbered([(row.text, *(None if x != x else x for x in row.features)) for row in rows])


def near_groups(rows: Sequence[Row], threshold: float) -> np.ndarray:
    """Return a group number for each row, shape (rows,): near-duplicates share it.

    Texts are compared casefolded, with every digit replaced by 0 and without punctuation. Two are
    near-duplicates when the Jaccard similarity |A ∩ B| / |A ∪ B| of their sets of word trigrams
    reaches `threshold`; groups are the connected components. Rows without text are grouped by
    equal features. Candidates come from MinHash with banding (Broder 1997; Leskovec, Rajaraman and
    Ullman, Mining of Massive Datasets, chapter 3) and are verified by their exact similarity.
    """
    if not rows or rows[0].text is None:
        return exact_groups(rows)
    folded = [_fold(row.text) for row in rows]
    numbers = numbered(folded)
    first = np.unique(numbers, return_index=True)[1]
    pairs = list(_near_pairs([_trigrams(folded[i]) for i in first], threshold))
    return components(pairs, len(first))[numbers]


def _fold(text: str) -> tuple[str, ...]:
    words = WORDS.findall(DIGIT.sub("0", text.casefold()))
    # A text of punctuation alone is compared verbatim.
    return tuple(words) or (text,)


def _trigrams(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2)))


def _bands(threshold: float) -> int:
    """Return the smallest number of bands that finds nearly all pairs at the threshold."""
    for rows in (4, 2):
        if (1 - threshold**rows) ** (PERMUTATIONS // rows) < MISSED:
            return PERMUTATIONS // rows
    return PERMUTATIONS


def _near_pairs(shingles: list[frozenset[str]], threshold: float) -> Iterator[tuple[int, int]]:
    """Yield pairs that connect all near-duplicates, skipping those already connected."""
    index = RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=_bands(threshold))
    joined = DisjointSet(range(len(shingles)))
    for number, shingle in enumerate(track(shingles, "near-duplicates")):
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=0)
        sketch.update(sorted(shingle))
        for other in sorted(index.query(sketch)):
            if not joined.connected(number, other):
                common = len(shingle & shingles[other])
                if common / len(shingle | shingles[other]) >= threshold:
                    joined.merge(number, other)
                    yield number, other
        index.insert(number, sketch)


def conflicts(rows: Sequence[Row], groups: np.ndarray) -> np.ndarray:
    """Return a mask of shape (rows,): rows with an exact duplicate that has other labels."""
    labels = defaultdict(set)
    for row, group in zip(rows, groups, strict=True):
        labels[group].add(row.labels)
    return np.array([len(labels[group]) > 1 for group in groups], dtype=bool)
