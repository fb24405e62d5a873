"""Batches: every planned row in every epoch, in an order from the seed; padded on the right."""

from collections import Counter
from itertools import islice

import numpy as np
import pytest
from problems import one_hot
from scipy.sparse import csr_array

from ballast.project.errors import UserError
from ballast.resampling.plans import Plan, repeat
from ballast.texts import embedded
from ballast.texts.embedded import Embedded, Terms, Vectors
from ballast.training.batches import (
    POOL,
    Batch,
    Table,
    chunks,
    epoch_batches,
    make_batch,
    open_table,
)

LENGTHS = np.array([3, 0, 5, 1, 2, 7, 4])


def text_table(lengths: np.ndarray = LENGTHS) -> Table:
    """Text k is k + 1, as often as it is long; the feature of row k is k."""
    tokens = np.repeat(np.arange(len(lengths)) + 1, lengths).astype(np.uint16)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Table(tokens, offsets, np.arange(len(lengths), dtype=np.float32)[:, None])


def plan_of(rows: np.ndarray) -> Plan:
    return repeat(np.bincount(rows))


def epochs(table: Table, plan: Plan, size: int, seed: int = 0, count: int = 1) -> list:
    used = np.ones(len(plan.rows), dtype=bool)
    return list(islice(epoch_batches(table, plan, used, size, seed), count))


def test_rows_come_in_the_order_asked_for_their_texts_in_one_array():
    rows = text_table().take(np.array([3, 0, 1, 0]))
    np.testing.assert_array_equal(rows.tokens, [4, 1, 1, 1, 1, 1, 1])
    np.testing.assert_array_equal(rows.offsets, [0, 1, 4, 4, 7])
    np.testing.assert_array_equal(rows.features, [[3], [0], [1], [0]])
    assert rows.tokens.dtype == np.uint16
    assert rows.offsets.dtype == np.int64


def test_empty_texts_alone_have_no_token():
    rows = text_table().take(np.array([1, 1]))
    assert len(rows.tokens) == 0
    np.testing.assert_array_equal(rows.offsets, [0, 0, 0])


def test_texts_are_padded_on_the_right_to_the_longest():
    inputs = text_table().take(np.array([3, 0, 1, 0])).padded()
    assert inputs["tokens"].dtype == np.int32
    np.testing.assert_array_equal(inputs["tokens"], [[4, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(inputs["features"], [[3], [0], [1], [0]])


def test_empty_texts_padded_alone_still_have_a_token_of_padding():
    empty = text_table().take(np.array([1, 1]))
    np.testing.assert_array_equal(empty.padded()["tokens"], [[0], [0]])


def test_a_table_is_narrowed_to_what_a_network_reads():
    table = text_table()
    rows = np.array([0, 2])
    for names in ({"tokens": None, "features": None}, ["features"], ["tokens"]):
        narrow = table.only(names)
        taken = narrow.take(rows)
        assert set(taken.padded()) == set(names)
        assert (taken.tokens is not None) == (taken.offsets is not None) == ("tokens" in names)
        assert (taken.features is not None) == ("features" in names)
    np.testing.assert_array_equal(table.only(["features"]).lengths(rows), [0, 0])
    np.testing.assert_array_equal(table.lengths(rows), [3, 5])


def columns() -> np.ndarray:
    return text_table().columns


def words() -> Embedded:
    table = text_table()
    return Embedded([], table.tokens, table.offsets, np.zeros((9, 2), np.float32), 0)


def terms(rows: int = len(LENGTHS)) -> csr_array:
    weights = np.random.default_rng(0).random((rows, 4)).astype(np.float32)
    return csr_array(weights * (weights > 0.5))


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Save a slot as the embed stage does, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)

    def save(slot: str, result=None) -> str:
        embedded.save(slot, "some", {}, result)
        return slot

    return save


def test_a_slot_is_mapped_with_what_it_holds(save):
    table = text_table()
    numbers = save("one", Vectors(columns(), {}))
    assert open_table([numbers]).tokens is None
    mapped = open_table([numbers, save("two"), save("three", words())])
    assert isinstance(mapped.tokens, np.memmap)
    rows = np.array([5, 1, 5])
    for name, values in vars(table.take(rows)).items():
        np.testing.assert_array_equal(getattr(mapped.take(rows), name), values)


def test_slots_stand_side_by_side_in_their_order(save):
    table, vectors = text_table(), np.random.default_rng(1).random((len(LENGTHS), 3))
    slots = [
        save("a", Terms(terms(), {})),
        save("b", Vectors(columns(), {})),
        save("c", words()),
        save("d", Vectors(vectors.astype(np.float32), {})),
        save("e", Terms(terms(), {})),
    ]
    rows = np.array([5, 1, 5])
    taken = open_table(slots).take(rows)
    np.testing.assert_array_equal(taken.tokens, table.take(rows).tokens)
    np.testing.assert_allclose(taken.columns, np.hstack([columns(), vectors])[rows])
    assert taken.columns.dtype == taken.terms.dtype == np.float32
    twice = np.tile(terms().toarray(), 2)
    np.testing.assert_array_equal(taken.terms.toarray(), twice[rows])
    narrow = open_table(slots).only(["terms"]).take(rows).padded()
    assert set(narrow) == {"terms"}
    np.testing.assert_array_equal(narrow["terms"].toarray(), twice[rows])


def test_networks_read_the_mean_where_a_number_is_missing_and_trees_the_gap():
    gap, rows, partners = np.float32("nan"), np.array([0, 1]), np.array([1, -1])
    table = Table(None, None, np.array([[gap, 2], [1, gap]], np.float32))
    np.testing.assert_array_equal(table.take(rows).columns, [[gap, 2], [1, gap]])
    np.testing.assert_array_equal(table.take(rows).padded()["features"], [[0, 2], [1, 0]])
    shares = np.array([0.5, 0.0])
    mixed = table.interpolated(rows, partners, shares)["features"]
    np.testing.assert_array_equal(mixed, [[0.5, 1], [1, 0]])
    batch = Batch(rows, np.zeros((2, 2)), partners, shares)
    np.testing.assert_array_equal(table.columns_of(batch), [[gap, gap], [1, gap]])


def test_the_words_of_two_embeddings_are_refused(save):
    slots = [save(name, words()) for name in ("embedding", "third_embedding")]
    with pytest.raises(UserError, match="embedding and third_embedding both give word vectors"):
        open_table(slots)


def test_terms_are_interpolated_as_columns_are():
    table = Table(None, None, terms().toarray(), terms())
    rows, partners = np.array([0, 2, 4]), np.array([3, -1, 5])
    mixed = table.interpolated(rows, partners, np.array([0.25, 0.5, 1.0]))
    assert mixed["terms"].dtype == np.float32
    np.testing.assert_allclose(mixed["terms"].toarray(), mixed["features"], atol=1e-6)
    np.testing.assert_allclose(mixed["terms"].toarray()[1], terms().toarray()[2], atol=1e-6)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
@pytest.mark.parametrize("kind", ["both", "text", "features"])
def test_each_epoch_has_each_planned_row_as_often_as_planned(batch_size, kind):
    rng = np.random.default_rng(0)
    names = {"both": ("tokens", "features"), "text": ("tokens",), "features": ("features",)}[kind]
    table = text_table(rng.integers(1, 9, 60)).only(names)
    rows = np.repeat(np.arange(60), rng.integers(0, 5, 60))
    targets = one_hot(np.arange(60) % 3, 3)
    plan = plan_of(rows)
    for order in epochs(table, plan, batch_size, seed=1, count=3):
        seen = Counter()
        for entries in order:
            assert 0 < len(entries) <= batch_size
            batch = make_batch(plan, targets, entries)
            assert batch.labels.dtype == np.float32
            assert batch.partners is batch.shares is None
            # Each row comes with its label.
            np.testing.assert_array_equal(batch.labels, one_hot(batch.rows % 3, 3))
            seen.update(batch.rows.tolist())
        assert seen == Counter(rows.tolist())


def test_epochs_differ_and_a_seed_repeats_them():
    plan = plan_of(np.arange(50) % 7)

    def three_epochs(seed):
        return [
            [entries.tolist() for entries in order]
            for order in epochs(text_table(), plan, 4, seed, count=3)
        ]

    first = three_epochs(3)
    assert first == three_epochs(3)
    assert first[0] != first[1] != first[2] != first[0]
    assert first[0] != three_epochs(4)[0]


def test_a_row_meets_other_rows_in_each_epoch():
    table = text_table(np.random.default_rng(0).integers(1, 9, 60))
    company = [
        {frozenset(entries.tolist()) for entries in order}
        for order in epochs(table, plan_of(np.arange(60)), 3, count=2)
    ]
    assert len(company[0] & company[1]) < 5


def test_rows_of_like_length_share_a_batch():
    lengths = np.random.default_rng(0).integers(1, 200, 4 * POOL)
    table = text_table(lengths)
    (order,) = epochs(table, plan_of(np.arange(len(lengths))), 4)
    sizes = [table.take(entries).padded()["tokens"].size for entries in order]
    assert sum(sizes) < 1.2 * lengths.sum()
    # The longest batches don't all come last: batches are in random order.
    assert sizes != sorted(sizes)


def test_chunks_are_the_array_in_pieces():
    pieces = chunks(np.arange(7), 3)
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2], [3, 4, 5], [6]]


def test_partners_stand_beside_their_rows_equally_long():
    rows, partners = np.array([0, 3, 5]), np.array([2, -1, 3])
    inputs = text_table().interpolated(rows, partners, np.array([0.5, 0.5, 1.0]))
    assert inputs["tokens"].shape == inputs["partner"].shape == (3, 7)
    np.testing.assert_array_equal(inputs["tokens"].max(axis=1), [1, 4, 6])
    np.testing.assert_array_equal(inputs["partner"].max(axis=1), [3, 4, 4])
    np.testing.assert_array_equal(inputs["features"][:, 0], [1.0, 3.0, 3.0])
    assert inputs["features"].dtype == inputs["share"].dtype == np.float32


def test_a_plan_with_partners_and_labels_gives_what_it_says():
    labels = one_hot([1, 0, 1], 2)
    plan = Plan(
        np.array([0, 2, 2]),
        np.array([1.0, 2.0, 0.0]),
        partners=np.array([4, -1, 0]),
        shares=np.array([0.25, 0.0, 0.0]),
        labels=labels,
    )
    batch = make_batch(plan, one_hot(np.zeros(7, dtype=int), 2), np.array([1, 0, 1]))
    np.testing.assert_array_equal(batch.rows, [2, 0, 2])
    np.testing.assert_array_equal(batch.partners, [-1, 4, -1])
    np.testing.assert_array_equal(batch.shares, [0, 0.25, 0])
    np.testing.assert_array_equal(batch.labels, labels[[1, 0, 1]])
    mixed = text_table().inputs(batch)
    np.testing.assert_allclose(mixed["features"][:, 0], [2, 1, 2])
    (order,) = epochs(text_table(), plan, 2)
    assert sorted(np.concatenate(order).tolist()) == [0, 1, 1]


def test_mixed_labels_come_with_both_rows_labels_and_the_share():
    targets = one_hot(np.arange(7) % 2, 2)
    plan = Plan(
        np.array([0]),
        np.ones(1),
        partners=np.array([3]),
        shares=np.array([0.5]),
        label_shares=np.array([0.25]),
    )
    batch = make_batch(plan, targets, np.array([0]))
    assert batch.labels.dtype == np.float32
    np.testing.assert_allclose(batch.labels, [[1, 0, 0, 1, 0.25]])
