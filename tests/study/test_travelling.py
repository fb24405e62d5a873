"""Steps where this machine's files are not seen: what they read travels once, and results back."""

import os
from pathlib import Path

import pytest

from ballast.study import travelling
from ballast.study.running import Task, run
from ballast.study.steps import Step
from ballast.study.store import Store
from ballast.study.travelling import Luggage, identity, pack, run_away, source, unpack

SCRIPTS = {
    "first": 'Path("data/first").mkdir(); Path("data/first/x").write_text(read("data/raw/a"))',
    "second": 'Path("data/second").write_text(read("data/first/x") + read("data/raw/a") + "2")',
    "refused": 'raise UserError("no such column")',
    "broken": 'raise RuntimeError("odd")',
}
SCRIPT = """
from pathlib import Path
from ballast.project.errors import UserError

def read(path):
    return Path(path).read_text()

def main():
    {}
"""


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A project's folder, and the code of its stages, which workers have too."""
    folder, code = tmp_path / "here", tmp_path / "code"
    (folder / "data/raw").mkdir(parents=True)
    code.mkdir()
    (folder / "src").symlink_to(code)
    for name, body in SCRIPTS.items():
        (code / f"{name}.py").write_text(SCRIPT.format(body), encoding="utf-8")
    (folder / "data/raw/a").write_text("raw", encoding="utf-8")
    monkeypatch.setattr(travelling, "source", lambda: code)
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def there(tmp_path, monkeypatch):
    """The temporary folder of a worker, which sees nothing else."""
    folder = tmp_path / "there"
    folder.mkdir()
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(folder))
    return folder


def task(name: str, store: Store, root: Path, reads=("data/raw/a",), inputs=None) -> Task:
    step = Step(name, f"python src/{name}.py", (), tuple(reads), {}, (f"data/{name}",))
    return Task(step, f"{name:x<32}", {"a": 1}, inputs or {}, str(root), str(store.folder))


def both(store: Store, root: Path) -> list[Task]:
    first = task("first", store, root)
    reads = ("data/raw/a", "data/first/x")
    return [first, task("second", store, root, reads, {"data/first": first.key})]


def away(luggage: Luggage, each: Task):
    done, files = run_away(*luggage.packed(each))
    luggage.received(done, files)
    return done


def test_what_travels_comes_to_the_same_as_what_runs_here(here, there, tmp_path):
    at_home, abroad = Store(tmp_path / "at home"), Store(tmp_path / "abroad")
    luggage = Luggage(abroad)
    for stays, travels in zip(both(at_home, here), both(abroad, here), strict=True):
        expected, done = run(stays), away(luggage, travels)
        assert (done.files, done.error) == (expected.files, "")
        assert abroad.load(done.key) == done
    made = "data/second"
    key = both(abroad, here)[1].key
    assert (abroad.place(key) / made).read_text() == "rawraw2"
    # The worker has a store of its own.
    assert Store(there / travelling.FOLDER).load(key) == abroad.load(key)


def test_a_worker_needs_nothing_of_the_projects_folder(here, there, tmp_path):
    luggage = Luggage(Store(tmp_path / "store"))
    first, second = both(luggage.store, here)
    away(luggage, first)
    packed = luggage.packed(second)
    here.rename(tmp_path / "gone")
    luggage.store.folder.rename(tmp_path / "gone too")
    os.chdir(tmp_path)
    done, files = run_away(*packed)
    assert done.error == ""
    unpack(files, tmp_path / "back")
    assert (tmp_path / "back/data/second").read_text() == "rawraw2"


def test_what_travels_is_packed_once(here, there, tmp_path):
    luggage = Luggage(Store(tmp_path / "store"))
    first, second = both(luggage.store, here)
    away(luggage, first)
    *_, raw, made = luggage.packed(second)
    *_, raw_again, made_again = luggage.packed(second)
    assert raw is raw_again
    assert made is made_again
    assert luggage.packed(first)[-1] is raw


def test_other_raw_data_do_not_meet_those_of_another_study(here, there, tmp_path):
    away(Luggage(Store(tmp_path / "one")), task("first", Store(tmp_path / "one"), here))
    (here / "data/raw/a").write_text("other", encoding="utf-8")
    store = Store(tmp_path / "two")
    other = task("first", store, here)
    done = away(Luggage(store), Task(other.step, "o" * 32, {}, {}, other.root, other.store))
    assert (store.place(done.key) / "data/first/x").read_text() == "other"


def test_raw_data_and_code_lie_there_complete_or_not_at_all(here, there, tmp_path, monkeypatch):
    """Two workers of a machine have one temporary folder."""
    luggage = Luggage(Store(tmp_path / "store"))
    packed = luggage.packed(task("first", luggage.store, here))
    roots = there / travelling.FOLDER / "roots"
    seen = []

    def slowly(files, folder):
        unpack(files, folder)
        seen.append(list(roots.glob("*")))

    monkeypatch.setattr(travelling, "unpack", slowly)
    run_away(*packed)
    (root,) = roots.iterdir()
    assert seen == [[]]
    assert sorted(path.name for path in root.iterdir()) == ["data", "src"]
    run_away(*packed)
    assert len(seen) == 1


def test_what_a_user_can_mend_is_kept_here_too(here, there, tmp_path):
    luggage = Luggage(Store(tmp_path / "store"))
    done = away(luggage, task("refused", luggage.store, here))
    assert (done.error, done.lasting) == ("no such column", True)
    assert luggage.store.load(done.key) == done


def test_any_other_error_is_not_kept(here, there, tmp_path):
    luggage = Luggage(Store(tmp_path / "store"))
    done = away(luggage, task("broken", luggage.store, here))
    assert done.error.startswith("RuntimeError: odd")
    assert not done.lasting
    assert luggage.store.load(done.key) is None


def test_files_come_back_as_they_were(tmp_path):
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "a/b/c").write_bytes(bytes(range(256)))
    (tmp_path / "a/é").write_bytes(b"")
    unpack(pack(tmp_path / "a"), tmp_path / "new")
    assert (tmp_path / "new/b/c").read_bytes() == bytes(range(256))
    assert (tmp_path / "new/é").read_bytes() == b""
    unpack(pack(tmp_path, "a/b"), tmp_path / "part")
    assert [str(p.relative_to(tmp_path / "part")) for p in (tmp_path / "part").rglob("*")] == [
        "a",
        "a/b",
        "a/b/c",
    ]


def test_processes_with_the_same_code_are_the_same(tmp_path, monkeypatch):
    first = identity(str(tmp_path))
    assert identity(str(tmp_path)) == first
    assert first.sees_store
    assert not identity(str(tmp_path / "elsewhere")).sees_store
    assert (source() / "train.py").is_file()
    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_text("a = 1\n", encoding="utf-8")
    monkeypatch.setattr(travelling, "source", lambda: code)
    before = identity("")
    (code / "a.py").write_text("a = 2\n", encoding="utf-8")
    assert identity("").code not in (before.code, first.code)
