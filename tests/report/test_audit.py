"""The leakage audit counts what the tables hold, whatever the split promises."""

import numpy as np
import pytest

from ballast.report.audit import PAIRS, PARTS, shared_rows


def test_rows_alone_share_nothing():
    found = shared_rows(range(6), ["train", "train", "validation", "test", "test", "excluded"])
    assert set(found.values()) == {0}


def test_rows_are_counted_within_and_across():
    groups = [1, 1, 2, 1, 2, 3, 3, 4, 2]
    parts = ["train"] * 3 + ["test", "test", "test", "test", "validation", "validation"]
    assert shared_rows(groups, parts) == {
        "train": 2,
        "validation": 0,
        "test": 2,
        "train, validation": 1,
        "train, test": 2,
        "validation, test": 1,
    }


def test_excluded_rows_and_rows_without_a_group_count_nowhere():
    parts = ["train", "test", "excluded", "test"]
    assert set(shared_rows(["g", None, "g", None], parts).values()) == {0}
    assert set(shared_rows([None] * 4, ["train", "train", "test", "test"]).values()) == {0}


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_every_pair(seed):
    rng = np.random.default_rng(seed)
    groups, parts = rng.integers(0, 30, 80), rng.choice(PARTS, 80)
    found = shared_rows(groups.tolist(), parts.tolist())

    def rows(part, other):
        return sum(
            parts[i] == part
            and any(i != j and parts[j] == other and groups[i] == groups[j] for j in range(80))
            for i in range(80)
        )

    assert [found[part] for part in PARTS] == [rows(part, part) for part in PARTS]
    assert [found[f"{a}, {b}"] for a, b in PAIRS] == [rows(b, a) for a, b in PAIRS]
