"""What is said first of a run, and the classes that are shown where they are many."""

import pytest

from ballast.evaluation.notes import NAMED, listed, notes, worst_and_rarest


def per_class(**rows) -> dict:
    """Return scores of classes from each one's F1, test rows and predictions."""
    names = ("f1", "support", "predicted")
    return {
        score: {name: each[place] for name, each in rows.items()}
        for place, score in enumerate(names)
    }


@pytest.mark.parametrize(
    ("classes", "sentence"),
    [
        ({"space": (0, 0, 0)}, "no test row of: space; macro-F1 leaves it out"),
        (
            {"space": (0, 0, 0), "sea": (0, 0, 0)},
            "no test row of: space, sea; macro-F1 leaves them out",
        ),
        ({"sea": (0, 0, 3)}, "no test row of, but predicted: sea; counted in macro-F1 as 0"),
    ],
)
def test_classes_without_test_rows_are_named(classes, sentence):
    counts = {"rows": 9, "rejected": 0}
    assert notes(per_class(land=(0.5, 9, 9), **classes), counts) == [sentence]


def test_rejected_rows_are_counted_and_nothing_is_said_without_need():
    scores = per_class(land=(0.5, 9, 9))
    assert notes(scores, {"rows": 9, "rejected": 0}) == []
    (note,) = notes(scores, {"rows": 12345, "rejected": 1200})
    assert note == "1,200 of 12,345 rows were rejected: data/prepared/rejected.csv says why"


@pytest.mark.parametrize(
    ("suspects", "held_out", "said"),
    [
        (143, 7292, True),
        (73, 7292, True),
        (72, 7292, False),
        (10, 50, True),
        (9, 50, False),
        (11, 50, False),
        (0, 0, False),
    ],
)
def test_suspect_labels_are_said_of_ten_rows_and_a_hundredth_to_a_fifth_of_all(
    suspects, held_out, said
):
    scores = per_class(land=(0.5, 9, 9))
    counts = {"rows": 9, "rejected": 0, "held_out": held_out, "suspect_labels": suspects}
    note = (
        f"{suspects:,} of {held_out:,} held-out rows may be labelled wrong: "
        "metrics/label_issues.csv"
    )
    assert notes(scores, counts) == ([note] if said else [])


def test_the_worst_and_the_rarest_come_by_turns_and_each_once():
    scores = per_class(
        a=(0.9, 50, 1), b=(0.1, 40, 1), c=(0.8, 2, 1), d=(0.2, 3, 1), none=(0.0, 0, 1)
    )
    assert worst_and_rarest(scores, 9) == ["b", "c", "d", "a"]
    assert worst_and_rarest(scores, 2) == ["b", "c"]


def test_of_many_names_the_first_are_listed():
    names = [f"n{number}" for number in range(1000 + NAMED)]
    assert listed(names[:NAMED]) == ", ".join(names[:NAMED])
    assert listed(names).endswith(f"{names[NAMED - 1]} and 1,000 more")
