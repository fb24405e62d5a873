"""Batches: every planned row in every epoch, padded on the right, in an order from the seed."""

from collections import Counter

import numpy as np
import pytest
from problems import one_hot

from ballast.batches import POOL, Table, chunks, open_table, scoring_batches, training_batches

LENGTHS = np.array([3, 0, 5, 1, 2, 7, 4])


def text_table(lengths: np.ndarray = LENGTHS) -> Table:
    """Text k is k + 1, as often as it is long; the feature of row k is k."""
    tokens = np.repeat(np.arange(len(lengths)) + 1, lengths).astype(np.uint16)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Table(tokens, offsets, np.arange(len(lengths), dtype=np.float32)[:, None])


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
    targets = one_hot(rows % 3, 3)
    batches = training_batches(table, rows, targets, batch_size, seed=1)
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
    rows, targets = np.arange(50) % 7, one_hot(np.zeros(50, dtype=int), 2)
    both = [training_batches(text_table(), rows, targets, 4, seed=3) for _ in range(2)]
    first = [order(both[0]) for _ in range(3)]
    assert first == [order(both[1]) for _ in range(3)]
    assert len(set(map(tuple, first))) == 3
    assert first[0] != order(training_batches(text_table(), rows, targets, 4, seed=4))


def test_a_row_meets_other_rows_in_each_epoch():
    lengths = np.random.default_rng(0).integers(1, 9, 60)
    batches = training_batches(
        text_table(lengths), np.arange(60), one_hot(np.zeros(60, dtype=int), 2), 3, seed=0
    )
    company = [
        {frozenset(inputs["features"][:, 0].tolist()) for inputs, _ in epoch(batches)}
        for _ in range(2)
    ]
    assert len(company[0] & company[1]) < 5


def test_rows_of_like_length_share_a_batch():
    lengths = np.random.default_rng(0).integers(1, 200, 4 * POOL)
    batches = training_batches(
        text_table(lengths), np.arange(len(lengths)), one_hot(lengths % 2, 2), 4, seed=0
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
