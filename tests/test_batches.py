"""Batches: every planned row in every epoch, padded on the right, in an order from the seed."""

from collections import Counter

import numpy as np
import pytest
from problems import one_hot

from ballast.batches import POOL, Table, chunks, open_table, scoring_batches, training_batches
from ballast.plans import Plan, repeat

LENGTHS = np.array([3, 0, 5, 1, 2, 7, 4])


def text_table(lengths: np.ndarray = LENGTHS) -> Table:
    """Text k is k + 1, as often as it is long; the feature of row k is k."""
    tokens = np.repeat(np.arange(len(lengths)) + 1, lengths).astype(np.uint16)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Table(tokens, offsets, np.arange(len(lengths), dtype=np.float32)[:, None])


def plan_of(rows: np.ndarray) -> Plan:
    return repeat(np.bincount(rows))


def labels_for(count: int) -> np.ndarray:
    return one_hot(np.zeros(count, dtype=int), 2)


def epoch(batches) -> list[tuple[dict[str, np.ndarray], np.ndarray]]:
    return [
        ({name: value.numpy() for name, value in inputs.items()}, labels.numpy())
        for inputs, labels in batches
    ]


def order(batches) -> list[int]:
    """Row numbers in the order of the batches."""
    return [int(row) for inputs, _ in epoch(batches) for row in inputs["features"][:, 0]]


def test_texts_are_padded_on_the_right_to_the_longest():
    inputs = text_table().take(np.array([3, 0, 1, 0]))
    assert inputs["tokens"].dtype == np.int32
    np.testing.assert_array_equal(inputs["tokens"], [[4, 0, 0], [1, 1, 1], [0, 0, 0], [1, 1, 1]])
    np.testing.assert_array_equal(inputs["features"], [[3], [0], [1], [0]])


def test_empty_texts_alone_still_have_a_token_of_padding():
    np.testing.assert_array_equal(text_table().take(np.array([1, 1]))["tokens"], [[0], [0]])


def test_a_table_is_narrowed_to_what_a_network_takes():
    table = text_table()
    rows = np.array([0, 2])
    assert set(table.only({"tokens": None, "features": None}).take(rows)) == {"tokens", "features"}
    assert set(table.only(["features"]).take(rows)) == {"features"}
    assert set(table.only(["tokens"]).take(rows)) == {"tokens"}
    np.testing.assert_array_equal(table.only(["features"]).lengths(rows), [0, 0])
    np.testing.assert_array_equal(table.lengths(rows), [3, 5])


def test_a_folder_is_mapped_with_what_it_holds(tmp_path):
    table = text_table()
    np.save(tmp_path / "features.npy", table.features)
    assert open_table(tmp_path).tokens is None
    np.save(tmp_path / "tokens.npy", table.tokens)
    np.save(tmp_path / "offsets.npy", table.offsets)
    mapped = open_table(tmp_path)
    assert isinstance(mapped.tokens, np.memmap)
    rows = np.array([5, 1, 5])
    for name, values in table.take(rows).items():
        np.testing.assert_array_equal(mapped.take(rows)[name], values)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 64])
@pytest.mark.parametrize("kind", ["both", "text", "features"])
def test_each_epoch_has_each_planned_row_as_often_as_planned(batch_size, kind):
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 9, 60)
    names = {"both": ("tokens", "features"), "text": ("tokens",), "features": ("features",)}[kind]
    table = text_table(lengths).only(names)
    rows = np.repeat(np.arange(60), rng.integers(0, 5, 60))
    targets = one_hot(np.arange(60) % 3, 3)
    batches = training_batches(table, plan_of(rows), targets, batch_size, seed=1)
    for _ in range(3):
        seen = Counter()
        found = epoch(batches)
        assert len(found) == batches.cardinality().numpy()
        for inputs, labels in found:
            assert set(inputs) == set(names)
            assert len(labels) <= batch_size
            assert labels.dtype == np.float32
            numbers = (
                inputs["features"][:, 0] if kind != "text" else inputs["tokens"][:, 0] - 1
            ).astype(int)
            # Each row comes with its own text and its own label.
            np.testing.assert_array_equal(labels, one_hot(numbers % 3, 3))
            if kind != "features":
                np.testing.assert_array_equal(inputs["tokens"], table.take(numbers)["tokens"])
            seen.update(numbers.tolist())
        assert seen == Counter(rows.tolist())


def test_epochs_differ_and_a_seed_repeats_them():
    plan, targets = plan_of(np.arange(50) % 7), labels_for(7)
    both = [training_batches(text_table(), plan, targets, 4, seed=3) for _ in range(2)]
    first = [order(both[0]) for _ in range(3)]
    assert first == [order(both[1]) for _ in range(3)]
    assert len(set(map(tuple, first))) == 3
    assert first[0] != order(training_batches(text_table(), plan, targets, 4, seed=4))


def test_a_row_meets_other_rows_in_each_epoch():
    lengths = np.random.default_rng(0).integers(1, 9, 60)
    batches = training_batches(
        text_table(lengths), plan_of(np.arange(60)), labels_for(60), 3, seed=0
    )
    company = [
        {frozenset(inputs["features"][:, 0].tolist()) for inputs, _ in epoch(batches)}
        for _ in range(2)
    ]
    assert len(company[0] & company[1]) < 5


def test_rows_of_like_length_share_a_batch():
    lengths = np.random.default_rng(0).integers(1, 200, 4 * POOL)
    batches = training_batches(
        text_table(lengths), plan_of(np.arange(len(lengths))), labels_for(len(lengths)), 4, seed=0
    )
    sizes = [inputs["tokens"].size for inputs, _ in epoch(batches)]
    assert sum(sizes) < 1.2 * lengths.sum()
    # The longest batches don't all come last: batches are in random order.
    assert sizes != sorted(sizes)


@pytest.mark.parametrize("batch_size", [1, 3, 100])
def test_scoring_keeps_the_order_of_the_rows(batch_size):
    rows = np.array([6, 0, 0, 3, 5])
    batches = scoring_batches(text_table(), rows, batch_size)
    found = [inputs["features"][:, 0].numpy() for (inputs,) in batches]
    assert len(found) == batches.cardinality().numpy()
    np.testing.assert_array_equal(np.concatenate(found), rows)


def test_chunks_are_the_array_in_pieces():
    pieces = chunks(np.arange(7), 3)
    assert [piece.tolist() for piece in pieces] == [[0, 1, 2], [3, 4, 5], [6]]


def test_partners_stand_beside_their_rows_equally_long():
    rows, partners = np.array([0, 3, 5]), np.array([2, -1, 3])
    inputs = text_table().between(rows, partners, np.array([0.5, 0.5, 1.0]))
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
    batches = training_batches(text_table(), plan, labels_for(7), 2, seed=0)
    found = epoch(batches)
    features = np.concatenate([inputs["features"][:, 0] for inputs, _ in found])
    given = np.concatenate([labels for _, labels in found])
    order = np.argsort(features)
    np.testing.assert_allclose(features[order], [1.0, 2.0, 2.0])
    np.testing.assert_array_equal(given[order], labels[[0, 1, 1]])


def test_mixed_labels_come_with_both_rows_labels_and_the_share():
    targets = one_hot(np.arange(7) % 2, 2)
    plan = Plan(
        np.array([0]),
        np.ones(1),
        partners=np.array([3]),
        shares=np.array([0.5]),
        label_shares=np.array([0.25]),
    )
    ((_, given),) = epoch(training_batches(text_table(), plan, targets, 2, seed=0))
    np.testing.assert_allclose(given, [[1, 0, 0, 1, 0.25]])
