"""Every format gives the same records, and no line of a file is lost silently."""

import bz2
import contextlib
import csv
import gzip
import io
import json
import lzma
import zipfile
from datetime import datetime

import openpyxl
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ballast.project.errors import UserError
from ballast.rows.dataset import Dataset
from ballast.rows.reading import EMPTY, HEADER, read

ROWS = [
    ("L’entreprise\u202f: été", "a", "1.5"),
    ('said "no", twice', "b", "-2"),
    ("two\nlines\tand a tab", "a", "1e3"),
    ("NaN", "null", "0"),
    ("שלום 🎉 我", "ü", "7"),
]
COLUMNS = ["text", "label", "size"]
FORMS = ["csv", "tsv", "jsonl", "json", "parquet", "feather", "arrow", "xlsx"]


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
    if form == "json":
        return json.dumps([dict(zip(COLUMNS, row, strict=True)) for row in ROWS]).encode()
    if form in ("parquet", "feather", "arrow"):
        return packed(pa.table(dict(zip(COLUMNS, zip(*ROWS, strict=True), strict=True))), form)
    if form == "xlsx":
        return workbook([COLUMNS, *ROWS])
    return delimited(ROWS, {"csv": ",", "tsv": "\t"}[form]).encode()


def packed(table, form):
    """Return a table as a file."""
    sink = io.BytesIO()
    if form == "arrow":
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
    else:
        {"parquet": pq.write_table, "feather": pa.feather.write_feather}[form](table, sink)
    return sink.getvalue()


def workbook(rows, **others):
    """Return an Excel file with a sheet of these rows, and others by name."""
    book = openpyxl.Workbook()
    book.active.title = "Rows"
    for name, lines in {"Rows": rows, **others}.items():
        sheet = book[name] if name in book.sheetnames else book.create_sheet(name)
        for line in lines:
            sheet.append(line)
    sink = io.BytesIO()
    book.save(sink)
    return sink.getvalue()


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
@pytest.mark.parametrize("form", FORMS)
def test_every_format_plain_or_gzipped_gives_the_same_fields(tmp_path, form, pack):
    path = tmp_path / f"rows.{form}{'.gz' if pack else ''}"
    body = gzip.compress(content(form)) if pack else content(form)
    rows = records(path, body, features=["size"])
    assert [tuple(row.fields[name] for name in COLUMNS) for row in rows] == ROWS
    assert all(record.fault is None for record in rows)
    assert [record.row for record in rows] == [1, 2, 3, 4, 5]
    lines = {"csv": [2, 3, 4, 6, 7], "tsv": [2, 3, 4, 6, 7], "jsonl": [1, 2, 3, 4, 5]}
    assert [record.line for record in rows] == lines.get(form, [None] * 5)
    # Whatever the file is called.
    named = {"arrow": "feather", "xlsx": "excel"}.get(form, form)
    assert records(tmp_path / "rows.data", body, features=["size"], format=named) == rows


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends_and_a_byte_order_mark_change_nothing(tmp_path, mark, end):
    body = mark + end.join(["text,label", "one,a", "two,b", ""])
    rows = records(tmp_path / "a.csv", body)
    assert [(r.row, r.line, r.fields["text"], r.fields["label"]) for r in rows] == [
        (1, 2, "one", "a"),
        (2, 3, "two", "b"),
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
def test_what_the_csv_module_writes_comes_back_with_its_line(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "a.csv"
    parsed = records(path, delimited(rows))
    # A row of blanks is none.
    expected = [row if any(field.strip() for field in row) else () for row in rows]
    assert [tuple(record.fields.values()) for record in parsed] == expected
    assert [record.row for record in parsed] == list(range(1, len(rows) + 1))
    lines = [delimited(rows[:i]).count("\n") + 1 for i in range(len(rows))]
    assert [record.line for record in parsed] == lines


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
    starts = [record.line for record in parsed]
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
    assert [(r.line, r.fault) for r in parsed if r.fault] == [(2, "malformed quoting")]
    assert parsed[0].raw == '"open,a\n'
    assert [r.fields["text"] for r in parsed[1:]] == ["one", "two", "three", "four"]


def test_a_quotation_mark_that_never_closes_is_refused_with_its_row_and_the_remedy(tmp_path):
    message = fault(tmp_path / "a.csv", 'text,label\nfine,a\n"open,b\nlost,a\nlost,b\n')
    assert all(needle in message for needle in ("record 2 (line 3)", "never closes", "quote: null"))


def test_records_that_cannot_be_read_say_why(tmp_path):
    parsed = records(tmp_path / "a.csv", "text,label\na,b,c\na\n\nok,b\n")
    assert [(r.line, r.fault) for r in parsed] == [
        (2, "3 fields instead of 2"),
        (3, "1 field instead of 2"),
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


@pytest.mark.parametrize("form", FORMS)
def test_a_missing_column_is_answered_with_the_nearest(tmp_path, form):
    message = fault(tmp_path / f"a.{form}", content(form), text="texte")
    assert "no column 'texte'" in message
    assert "Did you mean 'text'?" in message
    assert "'text', 'label', 'size'" in message
    assert ("`columns`" in message) == (form in ("csv", "tsv"))


def test_all_missing_columns_are_one_short_message(tmp_path):
    names = [f"column{number}" for number in range(100)]
    message = fault(tmp_path / "a.csv", ",".join(names), features=["size"])
    assert "no columns 'text', 'size', 'label'" in message
    assert "'column19' and 80 more" in message


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
def test_an_empty_file_has_no_column(tmp_path, name):
    body = gzip.compress(b"") if name.endswith("gz") else b""
    assert "no columns 'text', 'label'" in fault(tmp_path / name, body)


def test_a_column_that_occurs_twice_is_refused_where_it_is_used(tmp_path):
    body = "text,label,other,other\na,b,c,d\n"
    assert len(records(tmp_path / "a.csv", body)) == 1
    assert "more than one column 'other'" in fault(tmp_path / "a.csv", body, group="other")


@pytest.mark.parametrize("header", ['"text,label\na,b\n', '"te"xt,label\na,b\n'])
def test_a_malformed_header_line_is_refused(tmp_path, header):
    assert "header line" in fault(tmp_path / "a.csv", header)


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_broken_gzip_file_is_refused(tmp_path, form):
    whole = gzip.compress(content(form) * (1 if form == "parquet" else 500))
    scrambled = whole[:30] + bytes(byte ^ 0xFF for byte in whole[30:60]) + whole[60:]
    for body in (whole[: len(whole) // 2], scrambled):
        assert "a." in (message := fault(tmp_path / f"a.{form}.gz", body))
        assert "not a complete gzip file" in message


def test_gzip_is_told_by_the_content_and_not_by_the_name(tmp_path):
    rows = records(tmp_path / "a.csv", content("csv"))
    assert records(tmp_path / "b.csv", gzip.compress(content("csv"))) == rows
    assert records(tmp_path / "c.csv.gz", content("csv")) == rows


@pytest.mark.parametrize("form", ["parquet", "feather", "xlsx"])
def test_a_broken_table_is_refused(tmp_path, form):
    body = content(form)
    for broken in (b"text,label\n", body[: len(body) // 2], body[:100], b""):
        message = fault(tmp_path / f"a.{form}", broken)
        assert "not a complete" in message or "cannot be read" in message


def zipped(body):
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("a.csv", body)
    return sink.getvalue()


@pytest.mark.parametrize(
    ("body", "needle"),
    [
        (content("parquet"), "`format: parquet`"),
        (content("feather"), "`format: feather`"),
        (content("xlsx"), "`format: excel`"),
        (zipped(content("csv")), "a zip archive; unpack it"),
        (bz2.compress(content("csv")), "packed by bzip2"),
        (lzma.compress(content("csv")), "packed by xz"),
    ],
)
@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_a_file_of_another_kind_than_its_name_says_is_named(tmp_path, name, body, needle):
    assert needle in fault(tmp_path / name, body)


def test_of_several_sheets_one_is_named(tmp_path):
    body = workbook([["x"]], Data=[["text", "label"], ["one", 1], [None, None], ["two", 2.5]])
    parsed = records(tmp_path / "a.xlsx", body, sheet="Data")
    assert [record.fields["label"] for record in parsed] == [1, None, 2.5]
    assert [record.fault for record in parsed] == [None, "empty line", None]
    for sheet in (None, "Date"):
        message = fault(tmp_path / "a.xlsx", body, sheet=sheet)
        assert "sheets Rows, Data: name one under `sheet`" in message


def test_cells_of_mixed_kinds_are_texts_and_others_keep_their_kind(tmp_path):
    day = datetime(2024, 5, 6, 7)
    rows = [["text", "label", "day", 2019], ["one", 1, day, 1], ["two", "x", None, None]]
    first, second = records(tmp_path / "a.xlsx", workbook(rows))
    assert first.fields == {"text": "one", "label": "1", "day": day, "2019": 1}
    assert second.fields == {"text": "two", "label": "x", "day": None, "2019": None}


def test_types_of_tables_are_those_of_python(tmp_path):
    moments = [1700000000123456789, None]
    table = pa.table(
        {
            "text": pa.array(["a", "b"]).dictionary_encode(),
            "label": pa.array([["x"], []], pa.list_(pa.string())),
            "time": pa.array(moments, pa.timestamp("ns", "Europe/Paris")),
            "unused": [1, 2],
        }
    )
    first, second = records(tmp_path / "a.parquet", packed(table, "parquet"), time="time")
    assert (first.fields["text"], first.fields["label"]) == ("a", ["x"])
    assert first.fields["time"].timestamp() == pytest.approx(1700000000.123456, abs=1e-6)
    assert second.fields == {"text": "b", "label": [], "time": None}


def test_an_unknown_format_or_encoding_is_refused(tmp_path):
    for name in ("a.txt", "a", "a.txt.gz"):
        assert "Set `format`" in fault(tmp_path / name, b"")
    assert "'utf-9' is not known" in fault(tmp_path / "a.csv", b"", encoding="utf-9")
    message = fault(tmp_path / "a.csv", b"text,label\n", encoding="utf-16")
    assert "'utf-16'" in message
    assert "Set `encoding`" in message


@pytest.mark.parametrize("options", [{"separator": '"'}, {"quote": "\n"}, {"escape": '"'}])
def test_characters_that_do_not_go_together_are_refused_or_read(tmp_path, options):
    """Which of them the csv module takes differs from one version of Python to the next."""
    with contextlib.suppress(UserError):
        records(tmp_path / "a.csv", "text,label\n", **options)


@pytest.mark.parametrize(
    "body",
    [
        "text,label\n{}\ntext,label\n{}\n",
        "\n\ntext,label\n{}\n\n , \n{}\n",
        'text, label\n{}\n"b, c", "y"\n',
        "text,label\n{},,,\n{},\n",
        " text ,label \n{}\n text,label\n{}",
    ],
)
def test_what_stands_between_the_rows_is_none_of_them(tmp_path, body):
    body = body.replace("{}", "a,x", 1).replace("{}", '"b, c",y')
    parsed = records(tmp_path / "a.csv", body)
    assert {record.fault for record in parsed} <= {None, EMPTY, HEADER}
    rows = [record for record in parsed if record.fault is None]
    assert [tuple(record.fields.values()) for record in rows] == [("a", "x"), ("b, c", "y")]
    assert [record.line for record in rows] == [
        number for number, line in enumerate(body.splitlines(), 1) if line.startswith(("a", '"'))
    ]


def test_blanks_after_the_separator_are_told_without_a_header_line_too(tmp_path):
    parsed = records(tmp_path / "a.csv", '"a, b", "x"\nc, "y"', columns=["text", "label"])
    assert [tuple(row.fields.values()) for row in parsed] == [("a, b", "x"), ("c", "y")]


@pytest.mark.parametrize(
    ("body", "needles"),
    [
        ("text,label\na,b\n", ["no row", "record 1 (line 1)", "not JSON", "one a line"]),
        ("{'text': 'a'}\n", ["no row", "not JSON"]),
        ('[["a", "b"]]', ["no row: record 1 (line 1): not a JSON object"]),
        ('[{"text": 1}', ["one JSON array, but is none"]),
        ('{"data": [{"text": 1}]}', ["no columns", "found: 'data'", "this file is one object"]),
    ],
)
def test_json_without_rows_says_what_rows_are(tmp_path, body, needles):
    message = fault(tmp_path / "a.jsonl", body)
    assert all(needle in message for needle in needles), message


def test_blank_lines_before_json_count(tmp_path):
    parsed = records(tmp_path / "a.jsonl", '\ufeff\n\n{"text": 1, "label": 2}\n')
    assert [(record.line, record.fault is None) for record in parsed][1:] == [
        (2, False),
        (3, True),
    ]
    assert len(records(tmp_path / "b.json", '\n [{"text": 1, "label": 2}]')) == 1
