"""Records become rows, or are rejected with their reason; ids stay with their rows."""

import math
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.rows.cleaning import Content, Rejected, Row, Rows, assign_ids, clean, settle
from ballast.rows.dataset import Dataset
from ballast.rows.reading import EMPTY, HEADER, Record


def cleaned(fields, part=None, raw="", **block):
    """Clean one record under a data set's block."""
    dataset = Dataset(**{"files": "-", "text": "text", "label": "label"} | block)
    return clean(Record(7, fields, None, raw, 9), "a.csv", part, dataset)


def row(text="text", labels=("a",), numbers=(), place=1, **rest):
    return Row("a.csv", place, None, Content(text, numbers), labels, **rest)


@pytest.mark.parametrize("text", ["NaN", "null", "None", "0", "n/a", "🎉", "…", "我", "שלום"])
def test_short_and_odd_texts_stay_texts(text):
    assert cleaned({"text": text, "label": "null"}).content == Content(text)
    assert cleaned({"text": "x", "label": text}).labels == (text,)


@pytest.mark.parametrize(
    ("fields", "block", "reason"),
    [
        ({"text": "", "label": "a"}, {}, "empty text"),
        ({"text": " \t\n\u2003", "label": "a"}, {}, "empty text"),
        ({"text": "\ufeff\u200b\u200f", "label": "a"}, {}, "empty text"),
        ({"text": None, "label": "a"}, {}, "empty text"),
        ({"text": math.nan, "label": "a"}, {}, "empty text"),
        ({"label": "a"}, {}, "empty text"),
        ({"text": "", "more": " ", "label": "a"}, {"text": ["text", "more"]}, "empty text"),
        ({"text": "caf\udce9", "label": "a"}, {}, "broken encoding"),
        ({"text": "x", "label": "\ud800"}, {}, "broken encoding"),
        ({"text": b"caf\xe9", "label": "a"}, {}, "broken encoding"),
        ({"text": ["a", "b"], "label": "a"}, {}, "column text is a list, not a string"),
        ({"text": {"a": "b"}, "label": "a"}, {}, "column text is an object, not a string"),
        ({"text": [["a"]], "label": "a"}, {"tokens": True}, "a token of column text is a list"),
        ({"text": "x", "label": {"a": 1}}, {}, "label is an object, not a string"),
        ({"text": "x", "label": [["a"]]}, {}, "label is a list, not a string"),
        ({"text": "x", "label": "[a"}, {"label_list": True}, "label is no list: '[a'"),
        *[
            ({"text": "x", "label": 1, "b": flag}, {"label": ["label", "b"]}, "label b is neither")
            for flag in ("maybe", 2, 0.5, -1, None, "")
        ],
        *[
            ({"text": "x", "label": "a", "f": value}, {"features": ["f"]}, "column f is not a fin")
            for value in ("one", "1,5", "1_005", "inf", "-Infinity", "٣", "0x1", "1e999", "5 €")
        ],
        ({"text": "x", "label": "a", "f": [1]}, {"features": ["f"]}, "column f is a list"),
        ({"text": "x", "label": "a", "f": {}}, {"categories": ["f"]}, "column f is an object"),
        *[
            ({"text": "x", "label": "a", "f": value}, {"dates": ["f"]}, "column f is not a date in")
            for value in ("26.08.2020", "yesterday", 1700000000, "2024-13-01")
        ],
        (
            {"text": "x", "label": "a", "f": "1.2.34"},
            {"dates": {"f": "%d/%m/%y"}},
            "column f is no",
        ),
        *[
            (
                {"text": "x", "label": "a", "f": ""},
                {kind: ["f"], "missing": "reject"},
                "column f is e",
            )
            for kind in ("features", "categories", "dates")
        ],
        (
            {"text": "", "label": "a", "f": 1},
            {"features": ["f"], "missing": "reject"},
            "empty text",
        ),
        ({"text": "x", "label": "a", "g": " "}, {"group": "g"}, "no group"),
        ({"text": "x", "label": "a"}, {"id": "i"}, "no id"),
        ({"text": "x", "label": "a", "t": "-"}, {"time": "t"}, "no time"),
        ({"text": "x", "label": "a", "t": "today"}, {"time": "t"}, "column t is not a date"),
        ({"text": "x", "label": "a", "s": "dev"}, {"split": "s"}, "split is not train, validation"),
        ({"text": "x", "label": "a", "s": ""}, {"split": "s"}, "split is not train, validation"),
    ],
)
def test_a_bad_record_is_rejected_with_its_place_and_reason(fields, block, reason):
    rejected = cleaned(fields, raw="as it\nstood", **block)
    assert isinstance(rejected, Rejected)
    assert rejected.reason.startswith(reason)
    assert (rejected.file, rejected.content) == ("a.csv", "as it stood")
    assert rejected.place == "a.csv, record 7 (line 9)"
    assert not rejected.asked


@pytest.mark.parametrize(
    ("fault", "asked"), [("2 fields instead of 3", False), (EMPTY, True), (HEADER, True)]
)
def test_a_record_with_a_fault_keeps_it_and_what_is_no_row_is_no_loss(fault, asked):
    dataset = Dataset(files="-", text="text", label="label")
    rejected = clean(Record(3, {}, fault, "a,b"), "a.csv", None, dataset)
    assert rejected == Rejected("a.csv", 3, None, fault, "a,b", asked)


@given(st.text())
def test_composed_and_decomposed_text_give_the_same_row_without_outer_space(text):
    composed, decomposed = (
        cleaned({"text": unicodedata.normalize(form, text), "label": "a"})
        for form in ("NFC", "NFD")
    )
    if isinstance(composed, Row):
        assert composed == decomposed
        assert composed.content.text == composed.content.text.strip()
        assert composed.content.text == unicodedata.normalize("NFC", text).strip()
    else:
        assert composed.reason == decomposed.reason


@pytest.mark.parametrize(
    ("value", "label"),
    [(True, "true"), (False, "false"), (1, "1"), (1.0, "1"), (1.5, "1.5"), ("1.0", "1.0")],
)
def test_numbers_and_truth_values_are_labels_and_texts(value, label):
    row = cleaned({"text": value, "label": value})
    assert (row.content.text, row.labels) == (label, (label,))


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, "[title] a\n[body] b"),
        ({"text_marks": False}, "a\nb"),
        ({"text_separator": " | "}, "[title] a | [body] b"),
    ],
)
def test_several_texts_are_joined_in_the_order_of_the_block(options, text):
    fields = {"body": "b", "title": "a", "label": "x"}
    row = cleaned(fields, text=["title", "body"], **options)
    assert row.content.text == text
    # One that is empty leaves no mark.
    assert cleaned(fields | {"body": " "}, text=["title", "body"]).content.text == "[title] a"


def test_tokens_are_joined_by_blanks():
    assert cleaned({"text": ["a", None, "b"], "label": "x"}, tokens=True).content.text == "a b"
    assert cleaned({"text": "a b", "label": "x"}, tokens=True).content.text == "a b"


def test_columns_are_read_by_kind_in_the_order_of_the_block_and_gaps_are_kept():
    fields = {"b": " 1e3 ", "a": True, "c": "?", "d": "2000-01-01", "k": " red", "label": "x"}
    block = {"features": ["a", "b", "c"], "categories": ["k", "n"], "dates": ["d", "m"]}
    expected = ((1.0, 1000.0, None), ("red", None), (10957.0, None))
    assert cleaned(fields, text=None, **block).content == Content(None, *expected)
    # Columns can speak for a row without text.
    assert cleaned(fields, **block).content == Content("", *expected)


def test_the_part_is_the_files_or_the_columns():
    assert cleaned({"text": "x", "label": "a"}, part="test").part == "test"
    assert cleaned({"text": "x", "label": "a"}).part is None
    assert cleaned({"text": "x", "label": "a", "s": " Validation"}, split="s").part == "validation"


VARIED = st.builds(
    row,
    text=st.sampled_from(["a", "b", "c"]),
    labels=st.sampled_from([("x",), ("y",), ("x", "y")]),
    numbers=st.sampled_from([(), (1.0,), (None,)]),
    group=st.sampled_from([None, "g"]),
    part=st.sampled_from([None, "train", "test"]),
)


@given(st.lists(VARIED, max_size=30), st.randoms(use_true_random=False))
def test_ids_are_unique_and_stay_with_their_rows_when_the_file_is_shuffled_or_grows(rows, chance):
    def ids(some):
        identified = assign_ids(Rows(kept=list(some)), has_ids=False).kept
        assert [r.id for r in identified] == sorted({r.id for r in identified})
        return {(r.id, r.content, r.labels, r.group, r.part) for r in identified}

    before = ids(rows)
    assert len(before) == len(rows)
    shuffled = chance.sample(rows, len(rows))
    assert ids(shuffled) == before
    assert before <= ids([row("new"), *shuffled, row("newer"), row("a")])


def test_ids_do_not_depend_on_the_process():
    assert assign_ids(Rows(kept=[row("été", ("a",), (0.1,))]), has_ids=False).kept[0].id == (
        assign_ids(Rows(kept=[row("été", ("a",), (0.1,), place=9)]), has_ids=False).kept[0].id
    )


def test_ids_of_the_data_set_stay_and_a_second_row_with_the_same_id_is_rejected():
    rows = [row("one", id="b"), row("two", id="a"), row("three", id="b", place=3)]
    before = Rejected("a.csv", 9, None, "no label", "")
    identified = assign_ids(Rows(kept=rows, rejected=[before]), has_ids=True)
    assert [(r.id, r.content.text) for r in identified.kept] == [("a", "two"), ("b", "one")]
    after = Rejected("a.csv", 3, None, "id seen before: 'b'", "three")
    assert identified.rejected == [before, after]


def test_what_is_shown_of_a_rejected_row_is_one_short_line():
    rejected = cleaned({"text": ""}, raw=" one\r\ntwo\rthree " + "x" * 900)
    assert rejected.content.startswith("one two three x")
    assert len(rejected.content) <= 200


def test_a_column_that_holds_the_label_is_told():
    rows = [row(labels=("ab"[i % 2],), numbers=(i % 2, i % 3, i, 1)) for i in range(30)]
    block = {"files": "-", "label": "y", "features": ["leak", "few", "many", "same"]}
    _, _, notes = settle(Rows(rows), Dataset(**block), None)
    assert [note for note in notes if "tells the label" in note] == [
        "column leak tells the label of nearly every row: leave it out if it is known only "
        "afterwards"
    ]


def test_kept_and_rejected_make_up_all_records():
    chance = random.Random(0)
    fields = [
        {"text": chance.choice(["", "t", "u"]), "label": chance.choice(["", "a"]), "i": str(i % 50)}
        for i in range(200)
    ]
    rows = Rows()
    for record in fields:
        row = cleaned(record, id="i")
        (rows.kept if isinstance(row, Row) else rows.rejected).append(row)
    labelled, several, _ = settle(rows, Dataset(files="-", text="text", label="label"), None)
    assert not several
    done = assign_ids(labelled, has_ids=True)
    assert len(done.kept) + len(done.rejected) == 200
    assert len(done.kept) == len({f["i"] for f in fields if f["text"] and f["label"]})
