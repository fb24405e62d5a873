"""Vectors cached between runs: hits are what was written, and nothing broken is a hit."""

import sqlite3
import subprocess
import sys

import numpy as np
import pytest
from problems import ROOT

from ballast.embeddings._vector_cache import VectorCache, cache_folder, fingerprint, key_of


def entries(*texts: str, dimensions: int = 5) -> dict:
    rng = np.random.default_rng(len(texts))
    return {text: (rng.normal(size=dimensions).astype(np.float32), 1 + len(text)) for text in texts}


def check_same(entries: dict, expected: dict) -> None:
    assert entries.keys() == expected.keys()
    for text, (vector, windows) in expected.items():
        assert entries[text][0].dtype == np.float32
        assert entries[text][0].tobytes() == vector.tobytes()
        assert entries[text][1] == windows


@pytest.fixture
def file(tmp_path):
    return tmp_path / "some" / "model.sqlite"


def test_written_entries_are_read_later_to_the_bit(file, capfd):
    written = entries("one", "", "zwölf \ud800 \U0001f600")
    cache = VectorCache(file, 5)
    assert cache.find(list(written)) == {}
    cache.add(written)
    check_same(cache.find([*written, "other"]), written)
    cache.close()
    again = VectorCache(file, 5)
    check_same(again.find(["one"]), {"one": written["one"]})
    again.add(entries("one"))
    check_same(again.find(["one"]), entries("one"))
    again.close()
    assert capfd.readouterr() == ("", "")


def test_two_caches_share_a_file(file):
    first, second = VectorCache(file, 5), VectorCache(file, 5)
    written = entries("a", "b", "c")
    first.add({"a": written["a"]})
    second.add({"b": written["b"]})
    first.add({"c": written["c"]})
    check_same(second.find("abc"), written)
    first.close()
    second.close()


WRITER = """
import sys
import numpy as np
from pathlib import Path
from ballast.embeddings._vector_cache import VectorCache
cache = VectorCache(Path(sys.argv[1]), 5)
for number in range(60):
    text = f"{number}"
    vector = np.full(5, number, np.float32)
    cache.add({text: (vector, 1), sys.argv[2] + text: (vector, 2)})
cache.close()
"""


def test_processes_write_side_by_side(file):
    running = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(file), name],
            env={"PYTHONPATH": str(ROOT / "src")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for name in "xyz"
    ]
    assert [process.communicate()[0] for process in running] == ["", "", ""]
    cache = VectorCache(file, 5)
    hits = cache.find([f"{name}{number}" for name in ("", "x", "y", "z") for number in range(60)])
    assert len(hits) == 240
    assert all((hits[f"{number}"][0] == number).all() for number in range(60))
    cache.close()


@pytest.mark.parametrize(
    "content", [b"no data base at all" * 90, b"SQLite format 3\x00" + b"?" * 5000]
)
def test_a_broken_file_is_reported_and_replaced(file, content, capfd):
    file.parent.mkdir()
    file.write_bytes(content)
    cache = VectorCache(file, 5)
    assert cache.find(["one"]) == {}
    cache.add(entries("one"))
    check_same(cache.find(["one"]), entries("one"))
    cache.close()
    assert "is broken" in capfd.readouterr().out


def test_pages_that_break_later_are_told_and_no_entry_is_wrong(file, capfd):
    written = entries(*map(str, range(300)))
    cache = VectorCache(file, 5)
    cache.add(written)
    cache.close()
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.integers(100, len(whole) - 200, 40):
        file.write_bytes(whole[:place] + rng.bytes(200) + whole[place + 200 :])
        cache = VectorCache(file, 5)
        hits = cache.find(list(written))
        check_same(hits, {text: written[text] for text in hits})
        cache.close()
    assert "Traceback" not in capfd.readouterr().err


def test_changed_entries_count_as_missing(file):
    cache = VectorCache(file, 5)
    written = entries("long", "short", "changed", "windows", "none", "well")
    cache.add(written)
    cache.close()
    base = sqlite3.connect(file)
    (body,) = base.execute(
        "SELECT vector FROM vectors WHERE text = ?", [key_of("changed")]
    ).fetchone()
    changes = {"long": body + b"0000", "short": body[:-4], "changed": b"!" + body[1:], "none": None}
    for text, value in changes.items():
        base.execute("UPDATE vectors SET vector = ? WHERE text = ?", [value, key_of(text)])
    base.execute("UPDATE vectors SET windows = 77 WHERE text = ?", [key_of("windows")])
    base.commit()
    base.close()
    cache = VectorCache(file, 5)
    check_same(cache.find(list(written)), {"well": written["well"]})
    cache.add({"long": written["long"]})
    assert cache.find(["long"]).keys() == {"long"}
    cache.close()
    other = VectorCache(file, 6)
    assert other.find(list(written)) == {}
    other.close()


def test_where_no_file_can_be_all_is_missing_and_that_is_told(tmp_path, capfd):
    (tmp_path / "plain").write_text("a file where a folder should be", encoding="utf-8")
    for place in (tmp_path / "plain" / "model.sqlite", tmp_path):
        cache = VectorCache(place, 5)
        cache.add(entries("one"))
        assert cache.find(["one"]) == {}
        assert "vectors are not cached" in capfd.readouterr().out
        cache.close()


def test_the_folder_is_the_users_or_the_one_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("BALLAST_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("BALLAST_CACHE")
    assert cache_folder().name == "ballast"


def test_a_fingerprint_is_that_of_what_the_files_hold(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("1", encoding="utf-8")
    two.write_text("2", encoding="utf-8")
    before = fingerprint([one, two])
    assert fingerprint([one, two]) == before
    assert fingerprint([two, one]) != before
    one.write_text("3", encoding="utf-8")
    assert fingerprint([one, two]) != before
