"""What a file's columns are taken for, and how it is read, whatever is odd in it."""

import gzip
import json
import random

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from columns import LABELS, NUMBERS, ROWS, TEXTS, WORDS, cycled

from ballast.project.errors import UserError
from ballast.rows.dataset import Dataset, Layout
from ballast.rows.leaks import gives_away
from ballast.rows.profile import columns_of, completed, table
from ballast.rows.reading import read
from ballast.rows.sniffing import layout_of

chance = random.Random(1)


def column(values, name="c", label=LABELS):
    """Return what a column beside a text and a label is taken for."""
    frame = pd.DataFrame({"t": TEXTS, name: list(values), "label": label}, dtype=object)
    return next(each for each in columns_of(frame) if each.name == name)


def numbered(form):
    return [form.format(i) for i in range(ROWS)]


def drawn(form, low=0, high=10**6):
    return [form.format(chance.randint(low, high)) for _ in range(ROWS)]


@pytest.mark.parametrize(
    ("values", "name", "role"),
    [
        (NUMBERS, "size", "number"),
        (["", *NUMBERS[1:]], "size", "number"),
        (cycled(True, False), "vip", "number"),
        (cycled("yes", "No", ""), "vip", "number"),
        (cycled("red", "blue", ""), "colour", "category"),
        (cycled("yes, often", "no, not at all, never"), "answer", "category"),
        (cycled("x", ""), "flag", "category"),
        (TEXTS, "body", "text"),
        ([text.replace(" ", "") for text in TEXTS], "slug", "left out"),
        (["我们今天去公园散步" + word for word in WORDS[:ROWS]], "正文", "text"),
        ([" ".join(text.split()[:2]) for text in TEXTS], "product", "text"),
        (cycled("2024-01-05", "2024-02-29T10:00:00+02:00", "2023-12-31 23:59:59Z"), "day", "date"),
        (drawn("{}", 20240110, 20240128), "day", "date"),
        (numbered("{}"), "customerId", "id"),
        (numbered("T-{}"), "ticket", "id"),
        (drawn("C{}", 0, 40), "customer_id", "group"),
        (drawn("{}", 0, 40), "user_id", "group"),
        (cycled("1", "2", "3"), "shop_id", "category"),
        (numbered("{}"), "Unnamed: 0", "left out"),
        (numbered("{}"), "", "left out"),
        (numbered("{}"), "n", "left out"),
        (drawn("{:05}"), "plz", "left out"),
        (drawn("0{}"), "contact", "left out"),
        (cycled("01234", "10115"), "zip code", "category"),
        (drawn("+49 170 {}", 10**6, 10**7), "phone", "left out"),
        (drawn("${:,}.50"), "price", "left out"),
        (drawn("{} €"), "price", "left out"),
        (drawn("{} %"), "share", "left out"),
        (cycled("same"), "constant", "left out"),
        (cycled("", "NA", None), "gaps", "left out"),
        (cycled("train", "train", "test", "validation"), "part", "split"),
        ([["a"]] * ROWS, "words", "left out"),
        ([{"a": i} for i in range(ROWS)], "nested", "left out"),
    ],
)
def test_column_is_taken_for(values, name, role):
    found = column(values, name)
    assert found.role == role
    assert bool(found.note) == (role == "left out")


def test_dates_have_their_format():
    days = [f"{chance.randint(1, 28):02}.{chance.randint(1, 12):02}.2020" for _ in range(ROWS)]
    found = column(days)
    assert (found.role, found.note) == ("date", "%d.%m.%Y")
    assert column([day.replace(".", "/") for day in sorted(days)]).note == "%d/%m/%Y"


def test_whole_numbers_with_gaps_are_not_rounded():
    numbers = [10**17 + i for i in range(ROWS - 1)]
    found = column([*numbers, None])
    assert (found.distinct, found.missing) == (ROWS - 1, round(1 / ROWS, 4))


@pytest.mark.parametrize(
    "values",
    [
        [int(label == "spam") for label in LABELS],
        ["paid" if label == "ham" else "" for label in LABELS],
        [f"2024-01-{i % 28 + 1:02}" if LABELS[i] == "spam" else None for i in range(ROWS)],
        ["why it was closed at " + WORDS[i] if LABELS[i] == "spam" else "" for i in range(ROWS)],
        [i + 1000 * (LABELS[i] == "spam") + 0.5 for i in range(ROWS)],
    ],
)
def test_a_column_that_gives_the_label_away_is_left_out(values):
    found = column(values)
    assert (found.role, found.note.split(",")[0]) == (
        "left out",
        "tells the label of nearly every row",
    )


def test_the_order_of_the_file_gives_nothing_away():
    labels = ["a"] * 60 + ["b"] * 60
    few = [float(chance.randint(0, 30)) for _ in labels]
    assert not gives_away(few, labels)
    assert not gives_away([f"name {i}" for i in range(120)], labels)
    # The number of a row does.
    assert gives_away([float(i) for i in range(120)], labels)
    assert not gives_away([None] * 120, labels)
    assert not gives_away([1.0] * 120, ["a"] * 120)


def test_spellings_of_the_label_do_not_hide_a_leak():
    labels = [chance.choice([label, label.upper()]) for label in LABELS]
    assert column([int(label == "spam") for label in LABELS], label=labels).role == "left out"


@pytest.mark.parametrize(
    ("names", "label"),
    [
        (("text", "label", "topic"), "label"),
        (("text", "a", "ticket_priority"), "ticket_priority"),
        (("texte", "source", "Étiquette"), "Étiquette"),
        (("a", "b", "c"), "c"),
    ],
)
def test_a_label_is_guessed_by_its_name_or_its_few_values(names, label):
    rows = [TEXTS, cycled("x", "y"), cycled("1", "2", "3")]
    found = columns_of(pd.DataFrame(dict(zip(names, rows, strict=True)), dtype=object))
    assert [each.name for each in found if each.role == "label"] == [label]


def test_where_none_looks_like_a_label_the_columns_are_named_and_few():
    frame = pd.DataFrame({f"c{i}": NUMBERS for i in range(200)}, dtype=object)
    with pytest.raises(UserError, match=r"--label; there are 'c0', .* and 180 more\.") as error:
        columns_of(frame)
    assert len(str(error.value)) < 300
    with pytest.raises(UserError, match=r"no column 'c1x'.* Did you mean 'c1"):
        columns_of(frame, ["c1x"])


def test_one_column_is_the_id_and_names_alone_are_a_text():
    frame = pd.DataFrame({"id": range(ROWS), "uid": numbered("u{}"), "y": LABELS}, dtype=object)
    found = columns_of(frame)
    assert [each.role for each in found] == ["text", "left out", "label"]
    frame["size"] = NUMBERS
    found = {each.name: each for each in columns_of(frame)}
    assert found["id"].role == "id"
    assert found["uid"].note == "is an id, as id is"


BODY = [f"{TEXTS[i]},{NUMBERS[i]},{LABELS[i]}" for i in range(ROWS)]


@pytest.mark.parametrize(
    ("name", "content", "layout"),
    [
        ("a.csv", "text,size,label\n" + "\n".join(BODY), {}),
        ("a.csv", "text;size;label\n" + "\n".join(BODY).replace(",", ";"), {"separator": ";"}),
        ("a.txt", "text\tsize\tlabel\n" + "\n".join(BODY).replace(",", "\t"), {"format": "tsv"}),
        (
            "a.csv",
            "text;size;label\n" + "\n".join(BODY).replace(",", ";").replace(".", ","),
            {"separator": ";", "decimal": ","},
        ),
        ("a.csv", "\n".join(BODY), {"columns": ["column_1", "column_2", "column_3"]}),
        (
            "a.csv",
            "\n".join(f"{LABELS[i]},{TEXTS[i]}" for i in range(ROWS)),
            {"columns": ["column_1", "column_2"]},
        ),
        ("a.csv", "spam,text\n" + "\n".join(f"spam,{text}" for text in TEXTS), {}),
        ("a.csv", "0,1,2\n" + "\n".join(BODY), {}),
        (
            "a.csv",
            "How do you like our service in this town as it is today?,n\n"
            + "\n".join(f"{TEXTS[i]},{i}" for i in range(ROWS)),
            {},
        ),
        ("a.jsonl", "\n".join(json.dumps({"2019": i, "label": "x"}) for i in range(ROWS)), {}),
    ],
)  # fmt: skip
def test_file_is_read_as_it_is(tmp_path, name, content, layout):
    path = tmp_path / name
    path.write_text(content + "\n", encoding="utf-8")
    assert layout_of(path) == layout
    rows = list(read(path, Layout(**layout)))
    assert len(rows) == ROWS
    assert not any(row.fault for row in rows)


def test_other_encodings_and_packed_files_are_read(tmp_path):
    content = "texte,étiquette\n" + "\n".join(f"été {text},à" for text in TEXTS)
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(content.encode("cp1252")))
    assert layout_of(path) == {"encoding": "cp1252"}
    assert list(table(path, Layout(encoding="cp1252")).columns) == ["texte", "étiquette"]


def test_one_column_is_no_table(tmp_path):
    (tmp_path / "a.csv").write_text("text\nhello\n", encoding="utf-8")
    with pytest.raises(UserError, match="several columns"):
        layout_of(tmp_path / "a.csv")


def test_the_sheets_of_a_workbook_are_named(tmp_path):
    with pd.ExcelWriter(tmp_path / "a.xlsx") as writer:
        for sheet in ("one", "two"):
            pd.DataFrame({"t": ["x"], "label": ["y"]}).to_excel(writer, sheet_name=sheet)
    with pytest.raises(UserError, match="it has the sheets one, two"):
        layout_of(tmp_path / "a.xlsx")


def test_auto_takes_what_has_no_role_whatever_the_format(tmp_path):
    days = [f"{i % 28 + 1:02}.01.2020" for i in range(ROWS)]
    columns = {"t": TEXTS, "size": NUMBERS, "kind": cycled("a", "b"), "day": days, "y": LABELS}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    pd.DataFrame(columns).to_csv(tmp_path / "a.csv", index=False)
    for name in ("a.csv", "a.parquet"):
        block = Dataset(files=name, text="t", label="y", features="auto")
        found = completed(block, tmp_path)
        assert (found.features, found.categories) == (["size"], ["kind"])
        assert found.dates == {"day": "%d.%m.%Y"}
        assert completed(found, tmp_path) is found
    alone = Dataset(files="b.csv", label="y", features="auto")
    pd.DataFrame({"t": TEXTS, "y": LABELS}).to_csv(tmp_path / "b.csv", index=False)
    with pytest.raises(UserError, match="no column for `features: auto`"):
        completed(alone, tmp_path)
