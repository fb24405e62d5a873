"""Find exact and near-duplicates, so that none crosses the split."""

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

import numpy as np
import regex
from rensa import RMinHash, RMinHashLSH
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ballast.progress import track
from ballast.rows import Row

PERMUTATIONS = 128
# 32 bands of 4 find a pair of similarity .8 with probability 1 - (1 - .8^4)^32 > 1 - 1e-7;
# what they find too much is sorted out by the exact similarity.
BANDS = 32
WORDS = regex.compile(r"[\p{L}\p{M}]+|\p{N}|\p{Extended_Pictographic}|[\p{S}]")


def exact_groups(rows: Sequence[Row]) -> np.ndarray:
    """Return a group number for each row, shape (rows,): equal text and features, equal number."""
    return _numbers([(row.text, row.features) for row in rows])


def near_groups(rows: Sequence[Row], threshold: float) -> np.ndarray:
    """Return a group number for each row, shape (rows,): near-duplicates share it.

    Texts are compared casefolded, with every digit as 0 and punctuation left out. Two are
    near-duplicates when the Jaccard similarity |A ∩ B| / |A ∪ B| of their sets of word triples
    reaches `threshold`; groups are the connected components. Rows without text are grouped by
    equal features. Candidates come from MinHash with banding (Broder 1997; Leskovec, Rajaraman and
    Ullman, Mining of Massive Datasets, chapter 3) and are held against the exact similarity.
    """
    if not rows or rows[0].text is None:
        return exact_groups(rows)
    folded = [_fold(row.text) for row in rows]
    numbers = _numbers(folded)
    first = np.unique(numbers, return_index=True)[1]
    pairs = list(_near_pairs([_triples(folded[i]) for i in first], threshold))
    return components(pairs, len(first))[numbers]


def components(pairs: Sequence[tuple[int, int]], count: int) -> np.ndarray:
    """Return the connected component of each of `count` nodes, numbered by first appearance."""
    left, right = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(len(left), dtype=np.int8), (left, right)), shape=(count, count))
    return _numbers(connected_components(graph, directed=False)[1].tolist())


def _numbers(keys: Sequence[Hashable]) -> np.ndarray:
    seen: dict[Hashable, int] = {}
    return np.array([seen.setdefault(key, len(seen)) for key in keys], dtype=np.int64)


def _fold(text: str) -> tuple[str, ...]:
    words = WORDS.findall(text.casefold())
    # A text of punctuation alone is compared as it stands.
    return tuple("0" if word.isnumeric() else word for word in words) or (text,)


def _triples(words: tuple[str, ...]) -> frozenset[str]:
    return frozenset(" ".join(words[i : i + 3]) for i in range(max(1, len(words) - 2)))


def _near_pairs(shingles: list[frozenset[str]], threshold: float) -> Iterator[tuple[int, int]]:
    index = RMinHashLSH(threshold=threshold, num_perm=PERMUTATIONS, num_bands=BANDS)
    sketches = []
    for number, shingle in enumerate(track(shingles, "near-duplicates")):
        sketch = RMinHash(num_perm=PERMUTATIONS, seed=0)
        sketch.update(sorted(shingle))
        index.insert(number, sketch)
        sketches.append(sketch)
    for number, sketch in enumerate(sketches):
        for other in index.query(sketch):
            if other > number:
                common = len(shingles[number] & shingles[other])
                if common >= threshold * (len(shingles[number] | shingles[other])):
                    yield number, other


def conflicts(rows: Sequence[Row], groups: np.ndarray) -> np.ndarray:
    """Return a mask of shape (rows,): rows whose exact duplicates carry other labels."""
    labels = defaultdict(set)
    for row, group in zip(rows, groups, strict=True):
        labels[group].add(row.labels)
    return np.array([len(labels[group]) > 1 for group in groups], dtype=bool)
