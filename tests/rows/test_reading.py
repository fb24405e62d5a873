"""Every format gives the same records, and no line of a file is lost silently."""

import csv
import gzip
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.project.errors import UserError
from ballast.rows.dataset import Dataset
from ballast.rows.reading import read

ROWS = [
    ("L’entreprise\u202f: été", "a", "1.5"),
    ('said "no", twice', "b", "-2"),
    ("two\nlines\tand a tab", "a", "1e3"),
    ("NaN", "null", "0"),
    ("שלום 🎉 我", "ü", "7"),
]
COLUMNS = ["text", "label", "size"]


def dataset(**block):
    return Dataset(**{"files": "-", "text": "text", "label": "label"} | block)


def delimited(rows, separator=",", header=True):
    """Return rows as CSV."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
    writer.writerows([COLUMNS, *rows] if header else rows)
    return stream.getvalue()


def content(form):
    """Return ROWS in a format."""
    if form == "jsonl":
        lines = (dict(zip(COLUMNS, row, strict=True)) for row in ROWS)
        return "".join(json.dumps(line) + "\n" for line in lines).encode()
    if form == "parquet":
        sink = io.BytesIO()
        pq.write_table(pa.table(dict(zip(COLUMNS, zip(*ROWS, strict=True), strict=True))), sink)
        return sink.getvalue()
    return delimited(ROWS, {"csv": ",", "tsv": "\t"}[form]).encode()


def records(path, body, **block):
    """Write a file and return its records."""
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return list(read(path, dataset(**block)))


def fault(path, body, **block):
    """Return the error message that a file causes."""
    with pytest.raises(UserError) as error:
        records(path, body, **block)
    return str(error.value)


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_every_format_plain_or_gzipped_gives_the_same_fields(tmp_path, form, pack):
    path = tmp_path / f"rows.{form}{'.gz' if pack else ''}"
    body = gzip.compress(content(form)) if pack else content(form)
    rows = records(path, body, features=["size"])
    assert [tuple(row.fields[name] for name in COLUMNS) for row in rows] == ROWS
    assert all(record.fault is None for record in rows)
    named = tmp_path / f"rows.data{'.gz' if pack else ''}"
    assert records(named, body, features=["size"], format=form) == rows


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path, mark, end):
    body = mark + end.join(["text,label", "one,a", "two,b", ""])
    rows = records(tmp_path / "a.csv", body)
    assert [(r.row, r.fields["text"], r.fields["label"]) for r in rows] == [
        (2, "one", "a"),
        (3, "two", "b"),
    ]


def test_other_encodings_separators_quotes_and_headless_files_can_be_named(tmp_path):
    rows = records(
        tmp_path / "a.csv",
        "'d;é';x\n\"q;y\n".encode("latin-1"),
        encoding="latin-1",
        separator=";",
        quote="'",
        columns=["text", "label"],
    )
    assert [r.fields for r in rows] == [
        {"text": "d;é", "label": "x"},
        {"text": '"q', "label": "y"},
    ]
    plain = records(tmp_path / "b.tsv", 'text\tlabel\n"open\ta\n"shut"\tb\n', quote=None)
    assert [r.fields["text"] for r in plain] == ['"open', '"shut"']


def test_a_field_may_be_as_long_as_a_book(tmp_path):
    text = "word " * 100_000
    assert records(tmp_path / "a.csv", f"text,label\n{text},a\n")[0].fields["text"] == text


FIELDS = st.text(st.sampled_from('ab",\n\té🎉 '), max_size=6)


@given(rows=st.lists(st.tuples(FIELDS, FIELDS, FIELDS), min_size=1, max_size=6))
def test_what_the_csv_module_writes_comes_back_and_row_is_the_line(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    parsed = records(path, delimited(rows))
    assert [tuple(record.fields.values()) for record in parsed] == rows
    lines = [delimited(rows[:i]).count("\n") + 1 for i in range(len(rows))]
    assert [record.row for record in parsed] == lines


@given(body=st.text(st.sampled_from('ab",,""\n\n'), min_size=1, max_size=30))
def test_every_line_of_a_malformed_file_is_in_a_record_or_the_file_is_refused(
    tmp_path_factory, body
):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    path.write_text(body)
    refused, parsed = False, []
    try:
        parsed.extend(read(path, dataset(columns=["text", "label"])))
    except UserError as error:
        refused = "never closes" in str(error)
    starts = [record.row for record in parsed]
    lines = len(body.splitlines())
    if refused:
        assert '"' in body
        return
    assert starts[0] == 1
    for record, start, end in zip(parsed, starts, [*starts[1:], lines + 1], strict=True):
        malformed = record.fault == "malformed quoting"
        assert end == start + 1 + (0 if malformed else record.raw.count("\n"))


def test_malformed_quoting_costs_its_own_line_only(tmp_path):
    body = 'text,label\n"open,a\none,a\ntwo,b\n"three",b\nfour,a\n'
    parsed = records(tmp_path / "a.csv", body)
    assert [(r.row, r.fault) for r in parsed if r.fault] == [(2, "malformed quoting")]
    assert parsed[0].raw == '"open,a\n'
    assert [r.fields["text"] for r in parsed[1:]] == ["one", "two", "three", "four"]


def test_a_quotation_mark_that_never_closes_is_refused_with_its_row_and_the_remedy(tmp_path):
    message = fault(tmp_path / "a.csv", 'text,label\nfine,a\n"open,b\nlost,a\nlost,b\n')
    assert all(needle in message for needle in ("row 3", "never closes", "quote: null"))


def test_records_that_cannot_be_read_say_why(tmp_path):
    parsed = records(tmp_path / "a.csv", "text,label\na,b,c\na\n\nok,b\n")
    assert [(r.row, r.fault) for r in parsed] == [
        (2, "3 fields instead of 2"),
        (3, "1 fields instead of 2"),
        (4, "empty line"),
        (5, None),
    ]
    body = b'{"text": "a", "label": 1}\nnot json\n[1]\n\n' + b"[" * 100_000 + b"\n" + b'{"text": 2}'
    parsed = records(tmp_path / "a.jsonl", body)
    assert [record.row for record in parsed] == [1, 2, 3, 4, 5, 6]
    assert [bool(record.fault) for record in parsed] == [False, True, True, True, True, False]
    assert "not JSON" in parsed[1].fault
    assert parsed[2].fault == "not a JSON object"
    assert parsed[5].fields == {"text": 2}


def test_a_missing_file_is_answered_with_what_the_folder_contains(tmp_path):
    (tmp_path / "other.csv").touch()
    with pytest.raises(UserError, match=r"rows\.csv does not exist.*other\.csv"):
        list(read(tmp_path / "rows.csv", dataset()))
    with pytest.raises(UserError, match="nothing"):
        list(read(tmp_path / "no" / "rows.csv", dataset()))
    with pytest.raises(UserError, match="does not exist"):
        list(read(tmp_path, dataset()))


@pytest.mark.parametrize("form", ["csv", "tsv", "jsonl", "parquet"])
def test_a_missing_column_is_answered_with_the_nearest(tmp_path, form):
    message = fault(tmp_path / f"a.{form}", content(form), text="texte")
    assert all(
        needle in message for needle in ("no column 'texte'", "Did you mean 'text'?", "size")
    )


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
def test_an_empty_file_has_no_column(tmp_path, name):
    body = gzip.compress(b"") if name.endswith("gz") else b""
    assert "no column 'text'" in fault(tmp_path / name, body)


def test_a_column_that_occurs_twice_is_refused_where_it_is_used(tmp_path):
    body = "text,label,other,other\na,b,c,d\n"
    assert len(records(tmp_path / "a.csv", body)) == 1
    assert "more than one column 'other'" in fault(tmp_path / "a.csv", body, group="other")


@pytest.mark.parametrize("header", ['"text,label\na,b\n', '"te"xt,label\na,b\n'])
def test_a_malformed_header_line_is_refused(tmp_path, header):
    assert "header line" in fault(tmp_path / "a.csv", header)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_broken_gzip_file_is_refused(tmp_path, form):
    packed = gzip.compress(content(form) * (1 if form == "parquet" else 500))
    scrambled = packed[:30] + bytes(byte ^ 0xFF for byte in packed[30:60]) + packed[60:]
    for body in (packed[: len(packed) // 2], scrambled, b"text,label\na,b\n"):
        message = fault(tmp_path / f"a.{form}.gz", body)
        assert "not a complete" in message
        assert "a." in message


def test_a_broken_parquet_file_is_refused(tmp_path):
    body = content("parquet")
    for broken in (b"text,label\n", body[: len(body) // 2], b""):
        assert "not a complete Parquet file" in fault(tmp_path / "a.parquet", broken)


def test_an_unknown_format_or_encoding_is_refused(tmp_path):
    for name in ("a.txt", "a", "a.txt.gz"):
        assert "Set `format`" in fault(tmp_path / name, b"")
    assert "'utf-9' is not known" in fault(tmp_path / "a.csv", b"", encoding="utf-9")
    message = fault(tmp_path / "a.csv", b"text,label\n", encoding="utf-16")
    assert "'utf-16'" in message
    assert "Set `encoding`" in message
