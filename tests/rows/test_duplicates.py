"""Duplicates and near-duplicates: hand-checked pairs, and groups against those of all pairs."""

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array

from ballast.rows import duplicates
from ballast.rows.cleaning import Content, Row
from ballast.rows.duplicates import WORDS, conflicts, crowded, exact_groups, near_groups
from ballast.rows.grouping import components
from ballast.setup import demo


def row(text, labels=("a",), numbers=(), number=1):
    return Row("a.csv", number, None, Content(text, numbers), labels)


def near(*texts, threshold=0.8):
    """Return the group numbers of some texts."""
    return near_groups([row(text) for text in texts], threshold).tolist()


def test_exact_duplicates_agree_in_text_and_features_whatever_their_labels():
    rows = [row("a"), row("b"), row("a", ("b",)), row("a", numbers=(1.0,)), row("A"), row("b")]
    assert exact_groups(rows).tolist() == [0, 1, 0, 2, 3, 1]
    assert exact_groups([]).tolist() == []


def test_a_missing_number_equals_another_and_nothing_else():
    features = [(None, 1.0), (None, 1.0), (1.0, None), (-0.0, 1.0), (0.0, 1.0)]
    for text in ("a", None):
        rows = [row(text, numbers=some) for some in features]
        assert exact_groups(rows).tolist() == [0, 0, 1, 2, 2]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Win 1000 pounds NOW!!!", "win 1000 pounds now"),
        ("Call 555-12-34 today", "call 555 12 34 today"),
        ("L’été, c'est bien.", "L'été c’est bien"),
        ("STRASSE und Haus", "Straße und Haus"),
        ("hello", "Hello."),
        ("五 号 27 楼", "五号27楼"),
    ],
)
def test_case_and_punctuation_make_no_difference(one, other):
    assert near(one, other, threshold=1.0) == [0, 0]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("good", "bad"),
        ("good film", "film good"),
        ("...", "!!!"),
        ("😀", "😡"),
        ("5 €", "5 $"),
        ("7", "8"),
        ("code A1", "code A11"),
        ("room 1 2", "room 12"),
        ("三", "五"),
        ("été", "ete"),
    ],
)
def test_short_texts_that_differ_are_no_duplicates(one, other):
    assert near(one, other) == [0, 1]


def test_a_number_is_one_word():
    assert " ".join(WORDS.findall("txn 48213, fee 12.50: a4")) == "txn 48213 fee 12 50 a 4"


def test_rows_that_differ_in_their_numbers_are_no_duplicates():
    texts = [f"txn {48213 + 7 * i} fee {i % 90}.50 account {1000 + i}" for i in range(300)]
    assert near(*texts) == list(range(300))


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


def of_all_pairs(texts, threshold):
    """Return the group numbers that a comparison of all pairs gives."""
    sets = [trigrams(text) for text in texts]
    pairs = [
        (i, j)
        for (i, a), (j, b) in itertools.combinations(enumerate(sets), 2)
        if len(a & b) / len(a | b) >= threshold
    ]
    return components(pairs, len(texts)).tolist()


@pytest.mark.parametrize("threshold", [0.2, 0.5, 0.65, 0.8, 0.9])
def test_near_duplicates_are_exactly_those_of_a_comparison_of_all_pairs(threshold):
    texts = texts_alike(0, 100)
    expected = of_all_pairs(texts, threshold)
    assert max(expected) < len(texts) - 5
    assert near(*texts, threshold=threshold) == expected


@given(
    st.lists(
        st.lists(st.sampled_from("abc"), min_size=3, max_size=9).map(" ".join),
        min_size=1,
        max_size=25,
    ),
    st.sampled_from([0.05, 0.3, 0.5, 0.6, 0.75, 0.8, 1.0]),
)
def test_few_words_in_all_orders_have_the_groups_of_a_comparison_of_all_pairs(texts, threshold):
    assert near(*texts, threshold=threshold) == of_all_pairs(texts, threshold)


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


def edited(texts, share, chance):
    """Return the texts, and copies of some with a word or two changed."""
    copies = []
    for text in chance.sample(texts, int(share * len(texts))):
        words = text.split()
        for _ in range(chance.randint(1, 2)):
            words[chance.randrange(len(words))] = chance.choice(chance.choice(texts).split())
        copies.append(" ".join(words))
    return texts + copies


def templated(count, chance):
    """Return texts of a few sentences with other names, numbers and dates in each."""
    names = [first + last for first in ("an", "bo", "cy") for last in "lmnp"]
    sentences = (
        "Dear {a}, your parcel {n} from {b} has left our depot and will reach you on {d} March, "
        "please stay at home between nine and noon to sign for it at the door",
        "{a} transferred {n} euros to {b} on {d} May, the bank asks both of them to keep this "
        "notice with their papers until the end of the year",
        "Reminder for {a}: invoice {n} is due on {d} June; if you have paid already please forget "
        "this letter, and with any questions call {b} at our office in the morning",
    )
    return [
        chance.choice(sentences).format(
            a=chance.choice(names),
            b=chance.choice(names),
            n=chance.randint(100, 111),
            d=chance.randint(1, 28),
        )
        for _ in range(count)
    ]


def groups_of_all_pairs(texts, threshold):
    """Return the components of all pairs: common trigrams are a product of sparse matrices."""
    words = [WORDS.findall(text.casefold()) for text in texts]
    sets = [sorted(set(zip(w, w[1:], w[2:], strict=False))) for w in words]
    numbers = {}
    columns = [numbers.setdefault(one, len(numbers)) for some in sets for one in some]
    sizes = np.array(list(map(len, sets)))
    ends = np.concatenate([[0], np.cumsum(sizes)])
    matrix = csr_array((np.ones(len(columns), np.int32), columns, ends), (len(texts), len(numbers)))
    pairs = []
    for start in range(0, len(texts), 500):
        common = (matrix[start : start + 500] @ matrix.T).tocoo()
        left, right = common.row + start, common.col
        near = common.data >= threshold * (sizes[left] + sizes[right] - common.data) - 1e-9
        pairs.append(np.stack([left[near], right[near]], axis=1))
    return components(np.concatenate(pairs), len(texts))


def pairs_within(groups):
    """Return the number of pairs of rows in one group."""
    counts = np.unique(groups, return_counts=True)[1]
    return int((counts * (counts - 1) // 2).sum())


@pytest.mark.parametrize("kind", ["demo", "templated"])
def test_recall_and_precision_of_pairs_in_one_group_against_all_pairs(kind):
    """A pair counts where both rows are in one component; both are shares of such pairs.

    4,000 texts of the demo, 1,000 of them with an edited copy; and 5,000 of three sentences, where
    the same trigrams are in more rows than are compared with each other.
    """
    chance = random.Random(3)
    texts = templated(5000, chance)
    if kind == "demo":
        texts = edited([text for text, _ in demo.generate(4000)], 0.25, chance)
    expected, groups = groups_of_all_pairs(texts, 0.8), np.array(near(*texts))
    both = pairs_within(expected * len(texts) + groups)
    assert pairs_within(expected) > 300
    assert both == pairs_within(groups)
    assert both >= 0.99 * pairs_within(expected)


def copies(count, words, edits):
    """Return a text and copies of it, each with words of its own in some places."""
    chance = random.Random(4)
    base = [f"{a}{b}" for a in "abcdefghijklmnop" for b in "abcdefghijklmnop"][:words]
    texts = [" ".join(base)]
    for number in range(count):
        text = list(base)
        for place in chance.sample(range(words), edits):
            text[place] = f"own {number}"
        texts.append(" ".join(text))
    return texts


def compared(monkeypatch, texts):
    """Return the groups of the texts, and how many pairs were looked at and how many compared."""
    looked, verified = [], []
    candidates, distinct = duplicates._candidates, duplicates._distinct

    def candidates_counted(*arguments):
        for pair in candidates(*arguments):
            looked.append(len(pair[0]))
            yield pair

    def distinct_counted(numbers):
        verified.append(len(distinct(numbers)))
        return distinct(numbers)

    monkeypatch.setattr(duplicates, "_candidates", candidates_counted)
    monkeypatch.setattr(duplicates, "_distinct", distinct_counted)
    groups = near(*texts)
    # The first call makes the sets.
    return groups, sum(looked), sum(verified[1:])


def test_copies_of_one_text_are_joined_by_it_though_none_is_like_another():
    texts = copies(600, 200, 6)
    assert len(set(near(*texts[1:]))) > 500
    assert set(near(*texts[1:], texts[0])) == {0}


def test_what_all_rows_share_is_not_compared_for_all_pairs(monkeypatch):
    """3,000 rows are 4,498,500 pairs; a footer of 100 words leaves no two of them alike."""
    chance = random.Random(5)
    footer = " ".join(f"{a}{b}" for a in "abcdefghij" for b in "klmnopqrst")
    words = ["".join(chance.choices("uvwxyz", k=5)) for _ in range(2000)]
    texts = [f"{' '.join(chance.choices(words, k=20))} {footer}" for _ in range(3000)]
    groups, looked, verified = compared(monkeypatch, texts)
    assert groups == list(range(3000))
    assert looked < 1_500_000
    assert verified == 0


def test_a_corpus_that_is_one_group_needs_few_comparisons(monkeypatch):
    groups, looked, verified = compared(monkeypatch, copies(3000, 60, 1))
    assert set(groups) == {0}
    assert looked < 3000 * 24 * (duplicates.NEIGHBOURS + duplicates.TYPICAL)
    assert verified < 30_000


def test_a_word_has_the_same_hash_in_every_process():
    assert duplicates._hash("été") == 0xBC5121B7615020D8


def test_a_class_whose_rows_are_mostly_of_one_group_is_told_with_three_of_them():
    rows = [row(f"a{i}", ("x", "y"), number=12 - i) for i in range(12)]
    rows += [row("b", ("y",)) for _ in range(5)] + [row("c", ("few",)) for _ in range(9)]
    groups = np.array([0] * 7 + [1] * 5 + [2] * 5 + [3] * 9)
    (crowd,) = crowded(rows, groups)
    assert (crowd.label, crowd.inside, crowd.total) == ("x", 7, 12)
    assert [item.row for item in crowd.examples] == [6, 7, 8]
    assert crowded(rows, np.arange(len(rows))) == []
    assert crowded([], np.array([], dtype=int)) == []
