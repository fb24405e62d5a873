"""Duplicates and near-duplicates: hand-checked pairs, and MinHash against all pairs."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.rows.cleaning import Content, Row
from ballast.rows.duplicates import _near_pairs, _trigrams, conflicts, exact_groups, near_groups
from ballast.rows.grouping import components


def row(text, labels=("a",), numbers=()):
    return Row("a.csv", 1, None, Content(text, numbers), labels)


def near(*texts, threshold=0.8):
    """Return the group numbers of some texts."""
    return near_groups([row(text) for text in texts], threshold).tolist()


def test_exact_duplicates_agree_in_text_and_features_whatever_their_labels():
    rows = [row("a"), row("b"), row("a", ("b",)), row("a", numbers=(1.0,)), row("A"), row("b")]
    assert exact_groups(rows).tolist() == [0, 1, 0, 2, 3, 1]
    assert exact_groups([]).tolist() == []


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Win 1000 pounds NOW!!!", "win 2999 pounds now"),
        ("Call 555-12-34 today", "call 987 65 43 today"),
        ("L’été, c'est bien.", "L'été c’est bien"),
        ("STRASSE und Haus", "Straße und Haus"),
        ("hello", "Hello."),
        ("五 号 2 楼", "五号7楼"),
    ],
)
def test_case_punctuation_and_digits_make_no_difference(one, other):
    assert near(one, other, threshold=1.0) == [0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("good", "bad"),
        ("good film", "film good"),
        ("...", "!!!"),
        ("😀", "😡"),
        ("5 €", "5 $"),
        ("三", "五"),
        ("été", "ete"),
    ],
)
def test_short_texts_that_differ_are_no_duplicates(one, other):
    assert near(one, other) == [0, 1]


def test_the_threshold_separates_pairs_by_their_share_of_common_word_trigrams():
    # 12 words have 10 trigrams. Another last word changes one of them, so the similarity is 9 / 11;
    # another last but one changes two: 8 / 12.
    words = [one + other for one in "abc" for other in "abcd"]
    last = " ".join([*words[:-1], "zz"])
    but_last = " ".join([*words[:-2], "zz", words[-1]])
    whole = " ".join(words)
    assert near(whole, last, threshold=0.81) == [0, 0]
    assert near(whole, last, threshold=0.82) == [0, 1]
    assert near(whole, but_last, threshold=0.66) == [0, 0]
    assert near(whole, but_last, threshold=0.67) == [0, 1]


@pytest.mark.parametrize("common", [7, 11, 12, 14, 16, 19])
def test_a_pair_exactly_at_the_threshold_counts(common):
    # 22 words have 20 trigrams, the first n + 2 of them n: the similarity is n / 20.
    words = [one + other for one in "abcde" for other in "abcde"][:22]
    texts = " ".join(words), " ".join(words[: common + 2])
    assert near(*texts, threshold=float(f"{common / 20:.2f}")) == [0, 0]
    assert near(*texts, threshold=common / 20 + 0.001) == [0, 1]


def test_scripts_without_spaces_are_compared_letter_by_letter():
    text = "今天天气很好我们一起去公园散步吧你觉得怎么样"
    assert near(text, text[:-1] + "么") == [0, 0]
    assert near(text, text[::-1]) == [0, 1]


def test_groups_are_the_connected_components():
    words = [one + other for one in "abcde" for other in "abcde"]
    chain = [" ".join(words[start : start + 20]) for start in range(6)]
    assert near(*chain) == [0] * 6
    assert near(chain[0], chain[5]) == [0, 1]


def test_rows_without_texts_are_grouped_by_equal_features():
    rows = [row(None, numbers=(1.0, 2.0)), row(None, numbers=(2.0, 1.0)), row(None, ("b",))]
    rows.append(row(None, numbers=(1.0, 2.0)))
    assert near_groups(rows, 0.8).tolist() == [0, 1, 2, 0]
    assert near_groups([], 0.8).tolist() == []


def texts_alike(seed, count):
    """Return random texts, some of which are others with a few words changed."""
    chance = random.Random(seed)
    words = ["".join(pair) for pair in itertools.product("abcdefghij", repeat=2)]
    texts = []
    for _ in range(count):
        base = chance.choices(words, k=chance.randint(3, 40))
        for changes in range(chance.randint(1, 5)):
            tokens = list(base)
            for _ in range(changes):
                tokens[chance.randrange(len(tokens))] = chance.choice(words)
            texts.append(" ".join(tokens))
    return texts


def trigrams(text):
    words = text.split()
    return {tuple(words[i : i + 3]) for i in range(len(words) - 2)}


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.65, 0.8, 0.9])
def test_near_duplicates_are_exactly_those_of_a_comparison_of_all_pairs(threshold):
    texts = texts_alike(0, 100)
    sets = [trigrams(text) for text in texts]
    pairs = [
        (i, j)
        for (i, a), (j, b) in itertools.combinations(enumerate(sets), 2)
        if len(a & b) >= threshold * len(a | b) - 1e-9
    ]
    assert len(pairs) > 5
    assert near(*texts, threshold=threshold) == components(pairs, len(texts)).tolist()


@given(st.permutations(texts_alike(1, 8)))
def test_the_groups_do_not_depend_on_the_order_of_the_rows(texts):
    def groups(some):
        members = {}
        for text, number in zip(some, near(*some, threshold=0.5), strict=True):
            members.setdefault(number, set()).add(text)
        return set(map(frozenset, members.values()))

    assert groups(texts) == groups(sorted(texts))


@given(st.lists(st.text(st.sampled_from("ab 1.'é我"), min_size=1), min_size=1, max_size=8))
def test_exact_duplicates_are_always_near_duplicates(texts):
    rows = [row(text) for text in texts]
    exact, groups = exact_groups(rows), near_groups(rows, 1.0)
    assert len(set(zip(exact, groups, strict=True))) == exact.max() + 1


@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))
        )
    )
)
def test_components_join_what_pairs_join_and_are_numbered_by_first_appearance(graph):
    count, pairs = graph
    names = list(range(count))
    for _ in range(count):
        for a, b in pairs:
            names[a] = names[b] = min(names[a], names[b])
    first = {name: number for number, name in enumerate(dict.fromkeys(names))}
    assert components(pairs, count).tolist() == [first[name] for name in names]


def test_equal_content_under_different_labels_conflicts():
    rows = [row("a", ("x",)), row("b", ("x",)), row("a", ("y",)), row("b", ("x",)), row("c")]
    assert conflicts(rows, exact_groups(rows)).tolist() == [True, False, True, False, False]
    assert conflicts([], np.array([])).tolist() == []


def test_one_large_group_needs_one_pair_a_row():
    """Comparing all pairs of 600 similar texts would be 179,700 comparisons."""
    words = [f"w{number}" for number in range(40)]
    shingles = [_trigrams((*words, f"x{number}")) for number in range(600)]
    assert len(list(_near_pairs(shingles, 0.8))) == 599
