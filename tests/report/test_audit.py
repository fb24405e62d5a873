"""The leakage audit counts what the tables contain, whatever the split guarantees."""

import numpy as np
import pytest

from ballast.report.audit import PAIRS, USED, shared_rows


def test_rows_without_a_match_share_nothing():
    counts = shared_rows(range(6), ["train", "train", "validation", "test", "test", "excluded"])
    assert set(counts.values()) == {0}


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


def test_excluded_rows_and_rows_without_a_group_are_not_counted():
    parts = ["train", "test", "excluded", "test"]
    assert set(shared_rows(["g", None, "g", None], parts).values()) == {0}
    assert set(shared_rows([None] * 4, ["train", "train", "test", "test"]).values()) == {0}


def test_spare_rows_are_training_rows():
    groups, parts = [1, 1, 2, 2, 3, 3], ["train", "spare", "spare", "test", "spare", "validation"]
    counts = shared_rows(groups, parts)
    assert counts == shared_rows(groups, ["train" if part == "spare" else part for part in parts])
    assert (counts["train"], counts["train, test"], counts["train, validation"]) == (2, 1, 1)


@pytest.mark.parametrize("seed", range(5))
def test_counts_are_those_of_every_pair(seed):
    rng = np.random.default_rng(seed)
    groups, parts = rng.integers(0, 30, 80), rng.choice(USED, 80)
    counts = shared_rows(groups.tolist(), parts.tolist())

    def rows(part, other):
        return sum(
            parts[i] == part
            and any(i != j and parts[j] == other and groups[i] == groups[j] for j in range(80))
            for i in range(80)
        )

    assert [counts[part] for part in USED] == [rows(part, part) for part in USED]
    assert [counts[f"{a}, {b}"] for a, b in PAIRS] == [rows(b, a) for a, b in PAIRS]
