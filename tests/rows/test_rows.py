"""Records become rows, or are rejected with their reason; ids stay with their rows."""

import math
import random
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.rows.cleaning import Rejected, Row, Rows, assign_ids, clean
from ballast.rows.dataset import Dataset
from ballast.rows.reading import Record


def cleaned(fields, names=None, part=None, raw="", **block):
    """Clean one record under a data set's block."""
    dataset = Dataset(**{"files": "-", "text": "text", "label": "label"} | block)
    return clean(Record(7, fields, None, raw), "a.csv", part, dataset, names)


def row(text="text", labels=("a",), features=(), place=1, **rest):
    return Row("a.csv", place, text, features, labels, **{"group": None, "part": None} | rest)


@pytest.mark.parametrize("text", ["NaN", "null", "None", "0", "n/a", "🎉", "…", "我", "שלום"])
def test_short_and_odd_texts_stay_texts(text):
    assert cleaned({"text": text, "label": "null"}).text == text
    assert cleaned({"text": "x", "label": text}).labels == (text,)


@pytest.mark.parametrize(
    ("fields", "block", "reason"),
    [
        ({"text": "x", "label": ""}, {}, "no label"),
        ({"text": "x", "label": " \u00a0"}, {}, "no label"),
        ({"text": "x", "label": None}, {}, "no label"),
        ({"text": "x"}, {}, "no label"),
        ({"text": "x", "label": math.nan}, {}, "no label"),
        ({"text": "x", "label": ";; "}, {"label_separator": ";"}, "no label"),
        ({"text": "x", "label": []}, {}, "no label"),
        ({"text": "", "label": "a"}, {}, "empty text"),
        ({"text": " \t\n\u2003", "label": "a"}, {}, "empty text"),
        ({"text": "\ufeff\u200b\u200f", "label": "a"}, {}, "empty text"),
        ({"text": None, "label": "a"}, {}, "empty text"),
        ({"text": math.nan, "label": "a"}, {}, "empty text"),
        ({"label": "a"}, {}, "empty text"),
        ({"text": "caf\udce9", "label": "a"}, {}, "broken encoding"),
        ({"text": "x", "label": "\ud800"}, {}, "broken encoding"),
        ({"text": b"caf\xe9", "label": "a"}, {}, "broken encoding"),
        *[
            ({"text": "x", "label": "a", "f": value}, {"features": ["f"]}, "feature f is not a fin")
            for value in ("", "one", "1,5", "nan", "inf", "-Infinity", None, True, math.nan)
        ],
        ({"text": "x", "label": "a"}, {"features": ["f"]}, "feature f is not"),
        ({"text": "x", "label": "a", "g": " "}, {"group": "g"}, "no group"),
        ({"text": "x", "label": "a"}, {"id": "i"}, "no id"),
        ({"text": "x", "label": "a", "s": "dev"}, {"split": "s"}, "split 'dev' is not train"),
        ({"text": "x", "label": "a", "s": ""}, {"split": "s"}, "split '' is not train"),
    ],
)
def test_a_bad_record_is_rejected_with_its_place_and_reason(fields, block, reason):
    rejected = cleaned(fields, raw="as it\nstood", **block)
    assert isinstance(rejected, Rejected)
    assert rejected.reason.startswith(reason)
    assert (rejected.file, rejected.row, rejected.content) == ("a.csv", 7, "as it stood")


def test_a_record_with_a_fault_keeps_that_fault():
    dataset = Dataset(files="-", text="text", label="label")
    rejected = clean(Record(3, {}, "2 fields instead of 3", "a,b"), "a.csv", None, dataset, None)
    assert rejected == Rejected("a.csv", 3, "2 fields instead of 3", "a,b")


@given(st.text())
def test_composed_and_decomposed_text_give_the_same_row_without_outer_space(text):
    composed, decomposed = (
        cleaned({"text": unicodedata.normalize(form, text), "label": "a"})
        for form in ("NFC", "NFD")
    )
    if isinstance(composed, Row):
        assert composed == decomposed
        assert composed.text == composed.text.strip()
        assert composed.text == unicodedata.normalize("NFC", text).strip()
    else:
        assert composed.reason == decomposed.reason


def test_numbers_and_truth_values_are_labels_as_json_writes_them():
    assert cleaned({"text": 5, "label": True}).labels == ("true",)
    assert cleaned({"text": 5, "label": 1}).labels == ("1",)
    assert cleaned({"text": 5, "label": 1}).text == "5"


def test_features_are_read_as_numbers_in_the_order_of_the_block():
    fields = {"b": " 1e3 ", "a": -2, "label": "x", "c": "0.10"}
    assert cleaned(fields, text=None, features=["a", "b", "c"]).features == (-2.0, 1000.0, 0.1)


def test_several_labels_are_separated_sorted_and_each_named_once():
    assert cleaned({"text": "x", "label": "b; a;;b "}, label_separator=";").labels == ("a", "b")
    assert cleaned({"text": "x", "label": ["b", "a", None, "b"]}).labels == ("a", "b")
    assert cleaned({"text": "x", "label": "b; a"}).labels == ("b; a",)


def test_labels_are_renamed_merged_and_an_unknown_one_is_rejected():
    names = {"0": "no", "1": "yes", "2": "yes"}
    assert cleaned({"text": "x", "label": "2"}, names).labels == ("yes",)
    assert cleaned({"text": "x", "label": "2|1|0"}, names, label_separator="|").labels == (
        "no",
        "yes",
    )
    assert cleaned({"text": "x", "label": "3"}, names).reason == "label '3' is not in label_names"


def test_the_part_is_the_files_or_the_columns():
    assert cleaned({"text": "x", "label": "a"}, part="test").part == "test"
    assert cleaned({"text": "x", "label": "a"}).part is None
    assert cleaned({"text": "x", "label": "a", "s": " Validation"}, split="s").part == "validation"


VARIED = st.builds(
    row,
    text=st.sampled_from(["a", "b", "c"]),
    labels=st.sampled_from([("x",), ("y",), ("x", "y")]),
    features=st.sampled_from([(), (1.0,), (1.5,)]),
    group=st.sampled_from([None, "g"]),
    part=st.sampled_from([None, "train", "test"]),
)


@given(st.lists(VARIED, max_size=30), st.randoms(use_true_random=False))
def test_ids_are_unique_and_stay_with_their_rows_when_the_file_is_shuffled_or_grows(rows, chance):
    def ids(some):
        identified = assign_ids(Rows(kept=list(some)), has_ids=False).kept
        assert [r.id for r in identified] == sorted({r.id for r in identified})
        return {(r.id, r.text, r.labels, r.features, r.group, r.part) for r in identified}

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
    before = Rejected("a.csv", 9, "no label", "")
    identified = assign_ids(Rows(kept=rows, rejected=[before]), has_ids=True)
    assert [(r.id, r.text) for r in identified.kept] == [("a", "two"), ("b", "one")]
    assert identified.rejected == [before, Rejected("a.csv", 3, "id 'b' was seen before", "three")]


def test_what_is_shown_of_a_rejected_row_is_one_short_line():
    rows = Rows()
    rows.reject("a.csv", 1, "why", " one\r\ntwo\rthree " + "x" * 900)
    assert rows.rejected[0].content.startswith("one two three x")
    assert len(rows.rejected[0].content) <= 200


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
    done = assign_ids(rows, has_ids=True)
    assert len(done.kept) + len(done.rejected) == 200
    assert len(done.kept) == len({f["i"] for f in fields if f["text"] and f["label"]})
