"""Find exact duplicates and near-duplicates, so that none crosses the split."""

from array import array
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import cache
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import regex
from scipy.sparse import csr_array

from ballast.project.progress import track
from ballast.rows.cleaning import Content, Row
from ballast.rows.grouping import components, numbered

# In scripts without spaces between words, every letter counts as a word.
_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
# a-z is among the other letters, and is named because that halves the time.
WORDS = regex.compile(
    rf"[{_UNSPACED}]\p{{M}}*|[[a-z]||[\p{{L}}\p{{M}}--[{_UNSPACED}]]]+"
    r"|\p{N}+|\p{Extended_Pictographic}|\p{S}",
    regex.VERSION1,
)
# An odd number; the hashes that it mixes are random already.
MIX = np.uint64(0x9E3779B97F4A7C15)
# Of the rows that share a trigram, each is compared with this many neighbours and typical ones:
# with all if there are no more.
NEIGHBOURS, TYPICAL = 100, 10
# Pairs, and trigrams of pairs, looked at together: what bounds the memory.
BLOCK = 1 << 18
# Bounds that real numbers reach exactly are rounded: never lose a pair to that.
ROUNDING = 1e-9


class Postings(NamedTuple):
    """Which rows share a trigram, three arrays of shape (postings,): in the order of trigrams."""

    trigrams: np.ndarray
    rows: np.ndarray
    left: np.ndarray  # how many of the row's trigrams are as common or more, this one included


class Crowd(NamedTuple):
    """A class of `total` rows of which `inside` are near-duplicates of one another."""

    label: str
    inside: int
    total: int
    examples: list[Row]


def exact_groups(rows: Sequence[Row]) -> np.ndarray:
    """Return a group number for each row, shape (rows,): equal contents share one."""
    return numbered([row.content for row in rows])


def near_groups(rows: Sequence[Row], threshold: float) -> np.ndarray:
    """Return a group number for each row, shape (rows,): near-duplicates share it.

    Texts are compared casefolded and without punctuation; a number is a word. Two are
    near-duplicates when the Jaccard similarity |A ∩ B| / |A ∪ B| of their sets of word trigrams
    reaches `threshold`; groups are the connected components. Rows without text are grouped by
    equal columns. Candidates share one of their rarest trigrams, and may by its position be
    similar enough (Bayardo, Ma and Srikant, Scaling up all pairs similarity search, 2007; Xiao,
    Wang, Lin and Yu, Efficient similarity joins for near duplicate detection, 2008).
    """
    if not rows or rows[0].content.text is None:
        return exact_groups(rows)
    hashed = cache(_hash)
    folded = [
        array("Q", map(hashed, _words(row.content))).tobytes()
        for row in track(rows, "near-duplicates")
    ]
    sets, sizes = _trigrams(list(dict.fromkeys(folded)))
    return _joined(sets, sizes, threshold)[numbered(folded)]


def _words(content: Content) -> list[str]:
    """Return the folded words of a text, at least three."""
    # A text of punctuation alone is compared verbatim, and without any text the columns are.
    words = WORDS.findall(content.text.casefold()) or [str(content)]
    return words + [""] * (3 - len(words))


def _hash(word: str) -> int:
    """Return 64 bits that are the same in every process."""
    return int.from_bytes(blake2b(word.encode(), digest_size=8).digest())


def _trigrams(texts: list[bytes]) -> tuple[csr_array, np.ndarray]:
    """Return which trigrams the texts share, and the number of distinct trigrams of each.

    Args:
        texts: the hashes of each one's words.

    Returns:
        Ones, shape (texts, trigrams in more than one place), the rarest first, ties by hash; and
        the sizes of the sets, shape (texts,), trigrams in one place included.
    """
    rows, hashes = _hashes(texts)
    values, counts = np.unique(hashes, return_counts=True)
    values, counts = values[counts > 1], counts[counts > 1]
    places = np.searchsorted(values, hashes)
    shared = np.append(values, np.uint64(0))[places] == hashes
    singles = np.bincount(rows[~shared], minlength=len(texts))
    ranks = np.argsort(np.argsort(counts, kind="stable"))
    keys = _distinct(rows[shared] * len(values) + ranks[places[shared]])
    rows, columns = np.divmod(keys, max(1, len(values)))
    ends = np.searchsorted(rows, np.arange(len(texts) + 1))
    ones = np.ones(len(columns), dtype=np.int32)
    return csr_array((ones, columns, ends), (len(texts), len(values))), singles + np.diff(ends)


def _hashes(texts: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    """Return the row and the hash of each trigram, two arrays of shape (words - 2 a text,)."""
    words = np.frombuffer(b"".join(texts), np.uint64)
    counts = np.array([len(text) // words.itemsize for text in texts]) - 2
    rows = np.repeat(np.arange(len(texts)), counts)
    # The last two words of a text begin none.
    starts = np.arange(len(rows)) + 2 * rows
    return rows, (words[starts] * MIX + words[starts + 1]) * MIX + words[starts + 2]


def _distinct(numbers: np.ndarray) -> np.ndarray:
    """Return natural numbers sorted and without repetition, in a fraction of np.unique's time."""
    numbers = np.sort(numbers)
    return numbers[np.diff(numbers, prepend=-1) > 0]


def _joined(sets: csr_array, sizes: np.ndarray, threshold: float) -> np.ndarray:
    """Return the connected component of each set, shape (sets,), by order of first appearance."""
    groups, bits = np.arange(len(sizes)), _bits(sets)
    _, rows, left = postings = _postings(sets, sizes, threshold)
    for one, other in _candidates(postings, sizes):
        a, b = rows[one], rows[other]
        apart = np.flatnonzero(groups[a] != groups[b])
        a, b, room = a[apart], b[apart], np.minimum(left[one[apart]], left[other[apart]])
        # So many trigrams must be common: the first one in common must leave room for them, and no
        # two sets differ in fewer trigrams than in bits (Sandes, Teodoro and Melo, 2020).
        least = threshold / (1 + threshold) * (sizes[a] + sizes[b]) - ROUNDING
        a, b, least = (array[room >= least] for array in (a, b, least))
        differ = np.bitwise_count(bits[a] ^ bits[b]).sum(axis=1)
        fit = sizes[a] + sizes[b] - differ >= 2 * least
        a, b = np.minimum(a, b)[fit], np.maximum(a, b)[fit]
        pairs = np.stack(np.divmod(_distinct(a * len(sizes) + b), len(sizes)), axis=1)
        for some in np.array_split(pairs, 1 + sizes[pairs].sum() // BLOCK):
            a, b = some.T
            common = sets[a].multiply(sets[b]).sum(axis=1)
            near = common / (sizes[a] + sizes[b] - common) >= threshold
            if near.any():
                groups = components(groups[some[near]], len(sizes))[groups]
    return numbered(groups.tolist())


def _bits(sets: csr_array) -> np.ndarray:
    """Return 256 bits for each set, shape (sets, 4): those of its shared trigrams."""
    bits = np.zeros((sets.shape[0], 4), dtype=np.uint64)
    rows = np.repeat(np.arange(len(bits)), np.diff(sets.indptr))
    places = sets.indices.astype(np.uint64)
    np.bitwise_or.at(bits, (rows, places // 64 % 4), np.uint64(1) << places % 64)
    return bits


def _postings(sets: csr_array, sizes: np.ndarray, threshold: float) -> Postings:
    """Return the sets' rarest trigrams: of two similar sets, both have one that they share.

    Sets that share a trigram are ordered by the trigrams that follow, so that similar ones are
    neighbours: by the third and the sixth, because a changed word changes three.
    """
    rows = np.repeat(np.arange(len(sizes)), np.diff(sets.indptr))
    ends = sets.indptr[rows + 1]
    left = ends - np.arange(len(rows))
    rarest = np.flatnonzero(left >= threshold * sizes[rows] - ROUNDING)
    trigrams, last = sets.indices, ends[rarest] - 1
    third, sixth = (trigrams[np.minimum(rarest + step, last)] for step in (3, 6))
    order = rarest[np.lexsort((sizes[rows[rarest]], sixth, third, trigrams[rarest]))]
    return Postings(trigrams[order], rows[order], left[order])


def _candidates(postings: Postings, sizes: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of postings of one trigram, in blocks: two arrays of shape (pairs,).

    All pairs of rows that share a trigram would be quadratic where many share it. So each row
    meets its next neighbours, and where there are more, some typical rows too: those with the
    fewest rarer trigrams, as a text has of which all the others are edited copies.
    """
    trigrams, rows, left = postings
    ones = np.arange(len(rows))
    for step in range(1, NEIGHBOURS + 1):
        ones = ones[: np.searchsorted(ones, len(rows) - step)]
        ones = ones[trigrams[ones] == trigrams[ones + step]]
        for start in range(0, len(ones), BLOCK):
            block = ones[start : start + BLOCK]
            yield block, block + step
    typical = np.lexsort((sizes[rows] - left, trigrams))
    first = np.searchsorted(trigrams, trigrams)
    many = np.flatnonzero(np.bincount(trigrams)[trigrams] > NEIGHBOURS)
    for rank in range(TYPICAL):
        for start in range(0, len(many), BLOCK):
            block = many[start : start + BLOCK]
            yield block, typical[first[block] + rank]


def conflicts(rows: Sequence[Row], groups: np.ndarray) -> np.ndarray:
    """Return a mask of shape (rows,): rows with an exact duplicate that has other labels."""
    labels = defaultdict(set)
    for row, group in zip(rows, groups, strict=True):
        labels[group].add(row.labels)
    return np.array([len(labels[group]) > 1 for group in groups], dtype=bool)


def crowded(rows: Sequence[Row], groups: np.ndarray) -> list[Crowd]:
    """Return the classes of at least ten rows of which more than half share a group."""
    members = defaultdict(list)
    for i, row in enumerate(rows):
        for label in row.labels:
            members[label].append(i)
    crowds = []
    for label, places in sorted(members.items()):
        group = np.bincount(groups[places]).argmax()
        inside = [rows[i] for i in places if groups[i] == group]
        if len(places) >= 10 and 2 * len(inside) > len(places):
            examples = sorted(inside, key=lambda row: (row.file, row.row))[:3]
            crowds.append(Crowd(label, len(inside), len(places), examples))
    return crowds
