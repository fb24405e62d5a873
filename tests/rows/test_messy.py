"""Files with many faults at once: each row is kept as it is or rejected, and none is lost."""

import io
import json
import math
from functools import cache

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

import prepare
from ballast.rows.dataset import Dataset

COLUMNS = ["text", "size", "kind", "day", "label"]
SIZES = ["1", "-2.50", "1e3", ".5", "7.", "+3", "True", "no", "", "NA", "nan", "?"]
NO_SIZES = ["1_005", "1,5", "five", "inf", "٣", "0x1", "5%"]
DAYS = ["2024-02-29", "2024-02-29 10:11:12", "20240229", "", "NaN"]
NO_DAYS = ["2023-02-29", "29.02.2024", "now", "1"]
TEXTS = ["a fox", "été, vu", 'he said "no"', "我", " padded ", "null"]

GOOD = st.fixed_dictionaries(
    {
        "text": st.sampled_from(TEXTS),
        "size": st.sampled_from(SIZES),
        "kind": st.sampled_from(["red", "", "NA", "1"]),
        "day": st.sampled_from(DAYS),
        "label": st.sampled_from(["x", "y"]),
    }
)
BAD = st.one_of(
    *(
        st.tuples(GOOD, st.sampled_from(values)).map(lambda pair, n=name: pair[0] | {n: pair[1]})
        for name, values in (("size", NO_SIZES), ("day", NO_DAYS), ("label", ["", "  "]))
    ),
    GOOD.map(lambda row: row | {"text": "caf\udce9"}),
)
FAULTS = {
    "csv": ["", "   ", "a,b,c", "a,1,,,x,more", '"a" b,1,,,x', "text,size,kind,day,label"],
    "tsv": ["", "\t\t\t\t", "a\t1", "a\t1\t\t\tx\tmore", '"a" b\t1\t\t\tx', "\t".join(COLUMNS)],
    "jsonl": ["", "  ", "{", "[1]", "text,label", '{"text": ["a"], "label": "x"}', '{"text": 1}'],
}


def line(row, form):
    """Return a row as it stands in a file."""
    if form == "jsonl":
        return json.dumps(row, ensure_ascii=False)
    separator = {"csv": ",", "tsv": "\t"}[form]
    return separator.join('"' + value.replace('"', '""') + '"' for value in map(row.get, COLUMNS))


@cache
def number_by_pandas(text):
    """Return the number that pandas reads, NaN where it reads a gap."""
    return float(pd.read_csv(io.StringIO(f'f,g\n"{text}",1\n'))["f"].iloc[0])


FILES = st.sampled_from(["csv", "tsv", "jsonl"]).flatmap(
    lambda form: st.tuples(
        st.just(form),
        st.lists(st.one_of(GOOD, GOOD, BAD.map(lambda row: (row,)), st.sampled_from(FAULTS[form]))),
    )
)


@given(FILES)
def test_good_rows_are_kept_as_they_are_and_the_others_rejected(tmp_path_factory, drawn):
    form, rows = drawn
    lines = [
        row if isinstance(row, str) else line(row if isinstance(row, dict) else row[0], form)
        for row in rows
    ]
    if form != "jsonl":
        lines = [{"csv": ",", "tsv": "\t"}[form].join(COLUMNS), *lines]
    elif not any(isinstance(row, dict) for row in rows):
        return
    folder = tmp_path_factory.mktemp("messy")
    body = "\n".join([*lines, ""])
    (folder / f"a.{form}").write_bytes(body.encode("utf-8", "surrogateescape"))
    dataset = Dataset(
        files=f"a.{form}", text="text", features=["size"], categories=["kind"], dates=["day"],
        label="label",
    )  # fmt: skip
    found, several, _ = prepare.settle(prepare.read_rows(folder, dataset), dataset, None)
    assert not several
    assert len(found.kept) + len(found.rejected) == len(rows)
    first = 1 if form == "jsonl" else 2
    good = {first + i: row for i, row in enumerate(rows) if isinstance(row, dict)}
    assert [row.line for row in found.kept] == list(good)
    for row, source in zip(found.kept, good.values(), strict=True):
        assert row.content.text == source["text"].strip()
        assert row.labels == (source["label"],)
        (size,), (kind,), (day,) = row.content[1:]
        assert kind == (None if source["kind"] in ("", "NA") else source["kind"])
        assert (day is None) == (source["day"] in ("", "NaN"))
        if source["size"] not in ("no", "?"):
            expected = number_by_pandas(source["size"])
            assert size == (None if math.isnan(expected) else expected)
