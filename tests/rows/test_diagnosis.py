"""A file that cannot be read as its block says is answered with the options that read it."""

import gzip
import json

import pytest

import prepare
from ballast.project.errors import UserError
from ballast.rows import rejection
from ballast.rows.cleaning import Rejected, Rows
from ballast.rows.dataset import Dataset

FRENCH = "L’été où les élèves mangèrent des gâteaux à la crème"
RUSSIAN = "Привет мир это письмо номер о погоде"
JAPANESE = "今日は天気がとても良いですね番号"


def lines(text="some words", separator=",", count=40, header=True, end="{}"):
    """Return a file of rows with a text and a label."""
    rows = [["text", "label"]] * header
    rows += [[end.format(f"{text} {i}"), ["x", "y"][i % 2]] for i in range(count)]
    return "".join(separator.join(row) + "\n" for row in rows)


def objects(form="jsonl"):
    rows = [{"text": f"row {i}", "label": "ab"[i % 2]} for i in range(40)]
    return json.dumps(rows) if form == "json" else "".join(json.dumps(r) + "\n" for r in rows)


def remedy(path, body, **block):
    """Write a file and return the options that would help to read it."""
    path.write_bytes(body if isinstance(body, bytes) else body.encode())
    return prepare.remedy_of(
        path, Dataset(**{"files": path.name, "text": "text", "label": "label"} | block)
    )


@pytest.mark.parametrize(
    ("name", "body", "options"),
    [
        ("a.csv", lines(separator=";"), "`separator: ';'`"),
        ("a.csv", lines(separator="|"), "`separator: '|'`"),
        ("a.csv", lines(separator="\t"), "`format: tsv`"),
        ("a.tsv", lines(), "`separator: ','`"),
        ("a.txt", lines(), "`format: csv`"),
        ("a.txt", lines(separator="\t"), "`format: tsv`"),
        ("a.data", lines(separator=";"), "`format: csv` and `separator: ';'`"),
        ("a.txt", objects(), "`format: jsonl`"),
        ("a.csv", objects(), "`format: jsonl`"),
        ("a.csv", objects("json"), "`format: json`"),
        ("a.jsonl", lines(), "`format: csv`"),
        ("a.json", lines(separator="\t"), "`format: tsv`"),
        ("a.parquet", lines(), "`format: csv`"),
        ("a.feather", objects(), "`format: jsonl`"),
        ("a.xlsx", lines(separator=";"), "`format: csv` and `separator: ';'`"),
        ("a.csv", lines(FRENCH).encode("cp1252"), "`encoding: cp1252`"),
        ("a.csv", lines(RUSSIAN).encode("cp1251"), "`encoding: cp1251`"),
        ("a.csv", lines(RUSSIAN).encode("koi8-r"), "`encoding: koi8_r`"),
        ("a.csv", lines(JAPANESE).encode("shift_jis"), "`encoding: cp932`"),
        ("a.csv", lines(FRENCH).encode("utf-16"), "`encoding: utf-16`"),
        ("a.csv", lines(FRENCH).encode("utf-16-le"), "`encoding: utf-16-le`"),
        ("a.csv", lines(FRENCH).encode("utf-16-be"), "`encoding: utf-16-be`"),
        ("a.jsonl", objects().encode("utf-16"), "`encoding: utf-16`"),
        ("a.csv", lines(FRENCH, ";").encode("cp1252"), "`separator: ';'` and `encoding: cp1252`"),
        ("a.csv", lines(end=r'"he said \"{}\", then"'), r"`escape: '\'`"),
        ("a.csv", lines(end='5" of {}'), ""),
        ("a.csv", lines() + lines(end='"{}', header=False), "`quote: null`"),
        ("a.csv", lines(end="'{}, and more'"), """`quote: "'"`"""),
        ("a.csv", lines(), ""),
        ("a.csv", lines("one\u2028two\x85three\x0c"), ""),
        ("a.csv", lines("one\u2028two\x85three\x0c", ";"), "`separator: ';'`"),
        # No encoding reads both.
        ("a.csv", lines(FRENCH).encode() + lines(FRENCH).encode("cp1252"), ""),
    ],
)
def test_the_options_that_read_a_file_are_found(tmp_path, name, body, options):
    found = remedy(tmp_path / name, body)
    assert found.startswith(f"Set {options} in the dataset's block" if options else "")
    assert bool(found) == bool(options)


def test_the_letters_of_a_guessed_encoding_are_shown(tmp_path):
    assert "été où" in remedy(tmp_path / "a.csv", lines(FRENCH).encode("cp1252"))


def test_a_file_longer_than_what_is_tried_is_read_to_the_end_of_a_line(tmp_path):
    body = lines("word " * 20, ";", count=5_000)
    assert "`separator: ';'`" in remedy(tmp_path / "a.csv", body)
    array = json.dumps([{"text": "word " * 20, "label": "a"}] * 5_000)
    assert "`format: json`" in remedy(tmp_path / "a.csv", array)


@pytest.mark.parametrize(
    ("columns", "values", "block", "options"),
    [
        ("f", "{i},5", {"features": ["f"]}, "`separator: ';'` and `decimal: ','`"),
        ("d", "26.08.20{n}", {"dates": ["d"]}, "`separator: ';'` and `dates: {d: '%d.%m.%Y'}`"),
        ("d", "08/26/20{n} 10:11", {"dates": ["d"]}, "`dates: {d: '%m/%d/%Y %H:%M'}`"),
        ("d;e", "26.08.20{n};2020-01-01", {"dates": ["d", "e"]}, "{d: '%d.%m.%Y', e: null}`"),
    ],
)
def test_the_options_that_take_the_fields_are_found_with_those_that_read_them(
    tmp_path, columns, values, block, options
):
    rows = (f"{values.format(i=i, n=10 + i)};{'xy'[i % 2]}\n" for i in range(40))
    body = f"{columns};label\n" + "".join(rows)
    assert options in remedy(tmp_path / "a.csv", body, text=None, **block)


def test_a_comma_between_thousands_is_no_decimal_comma(tmp_path):
    body = "f,label\n" + "".join(f'"1,{i:03}",x\n' for i in range(40))
    assert remedy(tmp_path / "a.csv", body, text=None, features=["f"]) == ""


@pytest.mark.parametrize("above", ["Report of May\n\n", "sep=;\n", "# by us,2024\n"])
def test_lines_above_the_header_line_are_told(tmp_path, above):
    number = above.count("\n") + 1
    assert f"Line {number} has these" in remedy(tmp_path / "a.csv", above + lines())


def test_lists_of_tokens_are_told(tmp_path):
    body = '{"text": ["a", "b"], "label": 1}\n' * 9
    assert "Set `tokens: true`" in remedy(tmp_path / "a.jsonl", body)


REASONS = ["empty text"] * 4 + ["column f is not a finite number: 'x'"] * 2


def require(folder, kept, asked=False, **block):
    rejected = [
        Rejected("a.csv", i, i + 1, reason, f"row {i}", asked)
        for i, reason in enumerate(REASONS, 1)
    ]
    dataset = Dataset(files="a.csv", text="t", label="l", **block)
    rows = Rows([None] * kept, rejected)
    rejection.require_enough(rows, folder, dataset, lambda path: f"Mend {path.name}.")


def test_few_rejected_rows_and_those_that_the_user_wants_are_no_fault(tmp_path):
    require(tmp_path, kept=114)
    require(tmp_path, kept=1, max_rejected=0.9)
    require(tmp_path, kept=1, asked=True)
    with pytest.raises(UserError, match=r"6 of 6 rows .* cannot be used"):
        require(tmp_path, kept=0, asked=True)


@pytest.mark.parametrize(("kept", "share"), [(113, "0.06"), (2, "0.76")])
def test_the_refusal_names_all_that_is_needed(tmp_path, kept, share):
    with pytest.raises(UserError) as error:
        require(tmp_path, kept)
    assert str(error.value).splitlines() == [
        f"6 of {kept + 6} rows in {tmp_path} cannot be used, "
        "and `max_rejected: 0.05` allows fewer.",
        "  4 x empty text",
        "    a.csv, record 1 (line 2): 'row 1'",
        "    a.csv, record 2 (line 3): 'row 2'",
        "    a.csv, record 3 (line 4): 'row 3'",
        "  2 x column f is not a finite number",
        "    a.csv, record 5 (line 6): 'x' in 'row 5'",
        "    a.csv, record 6 (line 7): 'x' in 'row 6'",
        f"Mend a.csv. If these rows are to be left out, set `max_rejected: {share}`. "
        "All are listed in data/prepared/rejected.csv.",
    ]


def test_of_many_reasons_the_frequent_are_named_and_the_others_counted():
    rejected = [Rejected("a", i, None, f"{i % 9} fields", "x") for i in range(20)]
    found = rejection.by_reason(rejected)
    assert [line for line in found if not line.startswith(" ")] == [
        *(f"{n} x {i} fields" for i, n in ((0, 3), (1, 3), (2, 2), (3, 2), (4, 2))),
        "8 x 4 other reasons",
    ]


def test_a_damaged_file_has_no_remedy_and_no_traceback(tmp_path):
    (tmp_path / "a.csv").write_bytes(gzip.compress(lines().encode())[:-30])
    with pytest.raises(UserError, match="not a complete gzip file"):
        prepare.read_rows(tmp_path, Dataset(files="a.csv", text="text", label="label"))
