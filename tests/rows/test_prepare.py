"""The stages prepare and split on files: rows kept, rejected and counted, and error messages."""

import csv
import gzip
import json
import random
import re
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import prepare
from ballast.project.errors import UserError
from ballast.rows import prepared
from ballast.rows.cleaning import Content, Row, Rows
from ballast.rows.dataset import Dataset, Layout

LEFT = ("L’été", "Noël", "我", "שלום", "🎉", "A fox", "Hundred", "Cœur", "NaN", "Two, or")
RIGHT = ("runs", "said “no”", "jump's", "l'art", "null", "falls", "returns", "…", "shines", "x")


def message(number):
    """Return one of many texts that are not near-duplicates of each other."""
    chance = random.Random(number)
    words = ["".join(chance.choices("abcdefghij", k=5)) for _ in range(4)]
    return f"{chance.choice(LEFT)} {' '.join(words)} {chance.choice(RIGHT)}"


def write_csv(path, rows, columns=("text", "label"), opener=open):
    with opener(path, "wt", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)


def outputs(project):
    """Return the content of every file that the stages wrote."""
    folder = project.folder
    files = [
        path
        for name in ("data/prepared", "data/split")
        for path in (folder / name).rglob("*")
        if path.is_file()
    ]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def succeed(project, *stages, alone=False):
    for stage in stages:
        done = (project.run_alone if alone else project.run)(stage)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
    return outputs(project)


def refuse(project, stage, *needles, alone=False):
    """Run a stage that must fail with a message and no traceback."""
    done = (project.run_alone if alone else project.run)(stage)
    assert done.returncode == 1
    assert done.stderr.startswith("\nerror: ")
    assert "Traceback" not in done.stderr
    for needle in needles:
        assert needle in done.stderr, done.stderr


def tables(project):
    """Return the rows as prepare and as split wrote them."""
    paths = (project.folder / f"data/{stage}/rows.parquet" for stage in ("prepared", "split"))
    return [pq.read_table(path).to_pylist() for path in paths]


def numbers(project):
    return json.loads((project.folder / "data/prepared/counts.json").read_text())


def rejected(project):
    text = (project.folder / "data/prepared/rejected.csv").read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


def test_texts_with_duplicates_and_bad_rows_are_counted_kept_together_and_reproduced(project):
    chance = random.Random(0)
    rows = [(message(i), "rare" if i % 8 == 0 else "common") for i in range(240)]
    rows += rows[:20]  # exact duplicates
    rows += [(f"{text.upper()} !!", label) for text, label in rows[20:40]]  # near-duplicates
    rows += [(rows[40][0], "rare" if rows[40][1] == "common" else "common")]
    bad = [("", "rare"), ("no label", ""), ("a", "b", "c")]
    body = [*rows, *bad]
    chance.shuffle(body)
    path = project.raw / "rows.csv.gz"
    write_csv(path, body, opener=gzip.open)
    with gzip.open(path, "ab") as stream:
        stream.write(b'caf\xe9,rare\n"malformed" x,rare\n')
    project.describe(files="rows.csv.gz", text="text", label="label")
    first = succeed(project, "prepare", "split")

    assert numbers(project) == {
        "rows": len(rows) + 5,
        "kept": len(rows),
        "rejected": 5,
        "exact_duplicates": 21,
        "near_duplicates": 20,
        "conflicting_labels": 2,
    }
    assert Counter(item["reason"] for item in rejected(project)) == Counter(
        ["empty text", "no label", "3 fields instead of 2", "broken encoding", "malformed quoting"]
    )
    places = {item["reason"]: (item["record"], item["line"]) for item in rejected(project)}
    for reason, number in (("broken encoding", 1), ("malformed quoting", 2)):
        assert places[reason] == (str(len(body) + number), str(len(body) + number + 1))
    assert json.loads(first["data/prepared/classes.json"]) == {
        "task": "binary",
        "labels": ["common", "rare"],
        "positive": "rare",
    }

    prepared, split = tables(project)
    assert [row["id"] for row in prepared] == sorted({row["id"] for row in prepared})
    assert [row["id"] for row in prepared] == [row["id"] for row in split]
    assert Counter((row["text"], *row["labels"]) for row in prepared) == Counter(rows)
    sides = {}
    for row, part in zip(prepared, split, strict=True):
        folded = "".join(letter for letter in row["text"].casefold() if letter.isalnum())
        sides.setdefault(folded, set()).add(part["part"])
    assert all(len(parts) == 1 for parts in sides.values())
    assert {row["part"] for row in split} == {"train", "validation", "test"}

    # Another process hashes otherwise.
    assert succeed(project, "prepare", "split", alone=True) == first
    header, *lines = gzip.decompress(path.read_bytes()).splitlines(keepends=True)
    chance.shuffle(lines)
    path.write_bytes(gzip.compress(header + b"".join(lines)))
    second = succeed(project, "prepare", "split")
    assert second["data/split/rows.parquet"] == first["data/split/rows.parquet"]
    places = {"record": 0, "line": 0, "duplicates": 0}
    assert [row | places for row in prepared] == [row | places for row in tables(project)[0]]


def test_a_multi_label_set_with_predefined_parts_groups_and_ids_keeps_them(project):
    chance = random.Random(1)
    rows = []
    for i in range(120):
        labels = [name for name, p in (("a", 0.6), ("b", 0.4), ("c", 0.3)) if chance.random() < p]
        rows.append(
            {
                "text": message(i),
                "size": i / 7,
                "label": labels or ["a"],
                "who": f"group{i // 2}",
                "key": f"k{i:03}",
                "part": "train" if i % 12 < 8 else "validation" if i % 12 < 10 else "test",
            }
        )
    rows[4]["who"] = rows[11]["who"]  # a training row of a test row's group
    pq.write_table(pa.Table.from_pylist(rows), project.raw / "rows.parquet")
    project.describe(
        files="rows.parquet", text="text", features=["size"], label="label",
        group="who", id="key", split="part",
    )  # fmt: skip
    succeed(project, "prepare", "split")
    prepared, split = tables(project)
    assert [row["id"] for row in prepared] == [row["key"] for row in rows]
    assert [row["numbers"] for row in prepared] == [[row["size"]] for row in rows]
    assert [row["labels"] for row in prepared] == [row["label"] for row in rows]
    classes = json.loads((project.folder / "data/prepared/classes.json").read_text())
    assert classes == {"task": "multilabel", "labels": ["a", "b", "c"]}
    expected = [row["part"] for row in rows]
    expected[4] = "excluded"
    assert [row["part"] for row in split] == expected
    assert [[classes["labels"][n] for n in row["labels"]] for row in split] == [
        row["label"] for row in rows
    ]


def test_numeric_rows_in_two_files_go_to_three_parts_and_duplicates_are_dropped(project):
    names = [f"f{i}" for i in range(3)]
    chance = random.Random(2)
    rows = [[*(f"{chance.random():.6f}" for _ in names), str(i % 3)] for i in range(90)]
    train, test = rows[:60], [*rows[60:], rows[0], [*rows[1][:3], "other"]]
    (project.raw / "names.txt").write_text("zéro\none\ntwo\n\n", encoding="utf-8")
    for name, part in (("train", [*train, ["1", "2", "x", "0"]]), ("test", test)):
        lines = "".join("\t".join(row) + "\n" for row in part)
        (project.raw / f"{name}.tsv").write_text(lines)
    project.describe(
        train="train.tsv", test="test.tsv", columns=[*names, "label"], features=names,
        label="label", label_names="names.txt", duplicates="drop",
    )  # fmt: skip
    succeed(project, "prepare", "split")
    # Row 1 of train yields to its duplicate in test, row 2 conflicts with its own.
    conflict = "the same content stands under different labels"
    assert [(item["file"], item["record"], item["reason"]) for item in rejected(project)] == [
        ("test.tsv", "32", conflict),
        ("train.tsv", "1", "duplicate of another row: test.tsv, record 31 (line 31)"),
        ("train.tsv", "2", conflict),
        ("train.tsv", "61", "column f2 is not a finite number: 'x'"),
    ]
    counts = numbers(project)
    assert (counts["rows"], counts["kept"], counts["rejected"]) == (93, 89, 4)
    prepared, split = tables(project)
    assert all(row["text"] is None for row in prepared)
    assert {row["labels"][0] for row in prepared} == {"zéro", "one", "two"}
    for row, part in zip(prepared, split, strict=True):
        assert (part["part"] == "test") == (row["part"] == "test")
    assert Counter(row["part"] for row in split) == {"train": 52, "validation": 6, "test": 31}


def test_prepare_refuses_without_a_traceback(project):
    project.describe(files="rows.csv", text="text", label="label")
    refuse(project, "prepare", "rows.csv does not exist", "params.yaml", alone=True)
    write_csv(project.raw / "rows.csv", [(message(i), "only") for i in range(9)])
    refuse(project, "prepare", "one class only", "'only'", "label: label")
    project.describe(files="rows.csv", text="txt", label="label")
    refuse(project, "prepare", "no column 'txt'", "Did you mean 'text'?")
    write_csv(project.raw / "rows.csv", [("same", "a"), ("same", "b")])
    project.describe(files="rows.csv", text="text", label="label", duplicates="drop")
    refuse(project, "prepare", "2 of 2 rows", "2 x the same content stands under", "params.yaml")
    assert len(rejected(project)) == 2
    (project.raw / "rows.csv").write_bytes(b"text,label\n" + "été,a\nb,b\n".encode("cp1252"))
    project.describe(files="rows.csv", text="text", label="label")
    refuse(project, "prepare", "1 of 2 rows", "record 1 (line 2)", "`encoding: cp1252`")


def test_split_refuses_without_a_traceback(project):
    rows = [(message(i), "rare" if i < 2 else "common") for i in range(40)]
    write_csv(project.raw / "rows.csv", rows)
    project.describe(files="rows.csv", text="text", label="label")
    succeed(project, "prepare")
    refuse(project, "split", "too few rows", "'rare' (2)", "rare", alone=True)
    project.describe(files="rows.csv", text="text", label="label", shares={"test": "a fifth"})
    refuse(project, "split", "split.test", "found 'a fifth'")


def row(text, label, part=None, place=1):
    return Row("a.csv", place, place + 1, Content(text), (label,), part=part)


def test_dropping_duplicates_keeps_the_row_of_the_last_part_and_rejects_conflicts():
    rows = [
        row("twice", "x", "train", 1),
        row("twice", "x", "test", 2),
        row("twice", "x", "validation", 3),
        row("odd", "x", "train", 4),
        row("odd", "y", "test", 5),
        row("once", "y", "train", 6),
    ]
    done = prepare.drop_duplicates(Rows(kept=rows))
    assert [item.row for item in done.kept] == [2, 6]
    assert {item.row: item.reason for item in done.rejected} == {
        1: "duplicate of another row: a.csv, record 2 (line 3)",
        3: "duplicate of another row: a.csv, record 2 (line 3)",
        4: "the same content stands under different labels",
        5: "the same content stands under different labels",
    }


def test_a_class_that_is_mostly_near_duplicates_is_told_with_the_option(project):
    common = [(message(i), "common") for i in range(30)]
    same = [("Your parcel is at our office now" + "!" * i, "rare") for i in range(12)]
    path = project.raw / "rows.csv"
    write_csv(path, [*same, *common])
    block = {"files": "rows.csv", "text": "text", "label": "label"}
    project.describe(**block)
    told = project.run("prepare").stdout
    assert "12 of the 12 rows of class 'rare' are near-duplicates" in told
    assert re.search(r"rows\.csv, record \d+ \(line \d+\): Your parcel is at our office", told)
    assert "`near_duplicates: null`" in told
    project.describe(**block, near_duplicates=None)
    assert "near-duplicates" not in project.run("prepare").stdout


def test_label_names_come_from_a_mapping_or_the_lines_of_a_file(tmp_path):
    def names(value):
        return prepare.label_names(
            tmp_path, Dataset(files="-", text="t", label="l", label_names=value)
        )

    assert names(None) is None
    assert names({"0": "no"}) == {"0": "no"}
    (tmp_path / "names.txt").write_bytes("\ufeffjoy\r\n\r\n été \r\n".encode())
    assert names("names.txt") == {"0": "joy", "2": "été"}
    (tmp_path / "names.txt").write_bytes(b"caf\xe9\n")
    with pytest.raises(UserError, match=r"names\.txt is not UTF-8"):
        names("names.txt")
    with pytest.raises(UserError, match=r"no\.txt does not exist"):
        names("no.txt")


def test_texts_columns_and_gaps_come_back_as_they_were_read(project, monkeypatch, capsys):
    lines = ["title;body;size;kind;day;label"]
    lines += [f"{message(i)};;{i},5;;;Rare" for i in range(20)]
    lines += [f"{message(i)};{message(-i)};;red;02.01.1970;rare" for i in range(20, 40)]
    lines += [f"{message(i)};x;?;NA;;common" for i in range(40, 99)] + [";;;;;"]
    (project.raw / "rows.txt").write_text("\n".join(lines), encoding="cp1255", errors="replace")
    project.describe(
        files="rows.txt", format="csv", separator=";", encoding="cp1255", decimal=",",
        text=["title", "body"], features=["size"], categories=["kind"], dates={"day": "%d.%m.%Y"},
        label="label", rare={"below": 30, "into": "seldom"},
    )  # fmt: skip
    monkeypatch.chdir(project.folder)
    prepare.main()
    said = capsys.readouterr().out
    assert "100 rows = 99 kept + 1 rejected; binary" in said
    assert "rejected: 1 x empty line" in said
    assert 'labels with fewer than 30 rows are \'seldom\' now: "Rare" (20), "rare" (20)' in said
    assert 'labels that may be one: "Rare" (20), "rare" (20)' in said
    found = prepared.Prepared()
    order = np.argsort([row["record"] for row in found.rows(found.ids)])
    assert found.texts[order[0]].startswith("[title] ")
    assert "\n[body] " not in found.texts[order[0]]
    assert "\n[body] " in found.texts[order[20]]
    np.testing.assert_array_equal(
        found.numbers[order, 0], [i + 0.5 if i < 20 else np.nan for i in range(99)]
    )
    assert found.categories[order, 0].tolist() == [None] * 20 + ["red"] * 20 + [None] * 59
    np.testing.assert_array_equal(
        found.dates[order, 0], [1.0 if 20 <= i < 40 else np.nan for i in range(99)]
    )
    assert [found.labels[i] for i in order] == [["seldom"]] * 40 + [["common"]] * 59


def test_auto_takes_the_columns_and_the_layout_has_their_names(project, monkeypatch, capsys):
    rows = [(message(i), i / 7, "ab"[i % 2], f"{i % 28 + 1:02}.01.2020", i % 3) for i in range(60)]
    write_csv(project.raw / "a.csv", rows, ("text", "size", "kind", "day", "label"))
    project.describe(files="a.csv", text="text", label="label", features="auto")
    monkeypatch.chdir(project.folder)
    prepare.main()
    assert "features: auto is size, kind, day" in capsys.readouterr().out
    layout = Layout.load()
    assert (layout.features, layout.categories) == (["size"], ["kind"])
    assert layout.dates == {"day": "%d.%m.%Y"}
    project.describe(files="a.csv", text="text", label="labl", features="auto")
    with pytest.raises(UserError, match=r"no column 'labl'.* Did you mean 'label'"):
        prepare.main()


def test_a_time_that_is_not_in_iso_format_has_a_way_out(project):
    rows = [(message(i), f"{i % 28 + 1:02}.08.2020", "ab"[i % 2]) for i in range(60)]
    write_csv(project.raw / "a.csv", rows, ("text", "day", "label"))
    project.describe(files="a.csv", text="text", label="label", time="day")
    refuse(project, "prepare", "is not a date in ISO format", "`dates: {day: '%d.%m.%Y'}`")
    dates = {"day": "%d.%m.%Y"}
    project.describe(files="a.csv", text="text", label="label", time="day", dates=dates)
    succeed(project, "prepare")
