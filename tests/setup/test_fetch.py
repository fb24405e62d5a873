"""Fetching: from a local server, from a local folder, and every way in which it can fail."""

import hashlib
import io
import os
import signal
import stat
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer

import pooch
import public_data
import pytest

from ballast.setup.fetch import REGISTRY, DataFile, FetchError, fetch

BODIES = {"/a.txt": b"first file\n" * 9000, "/b.txt": b"second file\n"}


def md5(body: bytes) -> str:
    """Return the MD5 of some bytes as a hex string."""
    return hashlib.md5(body, usedforsecurity=False).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """Serve the two files, or break in the way that the first part of the path names."""

    timeout = 5

    def do_GET(self):
        self.server.seen.append(self.path)
        how, _, name = self.path.strip("/").rpartition("/")
        body = BODIES.get(f"/{name}")
        if body is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if how == "changed":
            self.wfile.write(body[::-1])
        elif how == "broken":
            self.wfile.write(body[: len(body) // 2])
        elif how == "interrupted":
            self.wfile.write(body[: len(body) // 2])
            signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
            with suppress(ConnectionError):
                self.rfile.read(1)  # hold the line until the client gives up
        else:
            self.wfile.write(body)

    def log_message(self, *args):
        """Keep the test output clean."""


@pytest.fixture(scope="module")
def running():
    """A server on a free local port, closed when the module is done."""
    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def server(running, monkeypatch):
    """The server with an empty record of requests; neither a proxy nor local data sets apply."""
    monkeypatch.setenv("NO_PROXY", "*")
    monkeypatch.delenv("BALLAST_DATASETS", raising=False)
    running.seen = []
    return running


def registry(server, how: str = "", last: str = "b.txt") -> dict[str, tuple[DataFile, ...]]:
    """Return a registry with the set ``pair``, whose second file fails in the way ``how``."""
    base = f"http://127.0.0.1:{server.server_port}"
    first = DataFile("one.txt", md5(BODIES["/a.txt"]), f"{base}/a.txt")
    url = f"{base}/{how}/{last}" if how else f"{base}/{last}"
    return {"pair": (first, DataFile("two.txt", md5(BODIES.get(f"/{last}", b"")), url))}


def test_download(server, tmp_path, capfd):
    root = tmp_path / "data" / "raw"
    result = fetch("pair", root, registry(server))
    assert (root / "pair/one.txt").read_bytes() == BODIES["/a.txt"]
    assert (root / "pair/two.txt").read_bytes() == BODIES["/b.txt"]
    assert [path.name for path in root.iterdir()] == ["pair"]
    assert result.folder == root / "pair"
    assert all(origin.startswith("downloaded from http") for origin in result.origins.values())
    assert result.lines[1].startswith(f"{root / 'pair/two.txt'}: downloaded from ")
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.name != "posix", reason="permission bits are POSIX's")
def test_permissions_are_the_usual_ones(server, tmp_path):
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "file").touch()
    fetch("pair", tmp_path, registry(server))
    for made, usual in ((tmp_path / "pair", plain), (tmp_path / "pair/one.txt", plain / "file")):
        assert stat.S_IMODE(made.stat().st_mode) == stat.S_IMODE(usual.stat().st_mode)


def test_second_call_asks_for_nothing(server, tmp_path):
    fetch("pair", tmp_path, registry(server))
    server.seen.clear()
    result = fetch("pair", tmp_path, registry(server))
    assert set(result.origins.values()) == {"already there"}
    assert server.seen == []


def test_only_the_missing_file_is_downloaded(server, tmp_path):
    fetch("pair", tmp_path, registry(server))
    (tmp_path / "pair/two.txt").unlink()
    (tmp_path / "pair/mine.txt").write_text("kept")
    server.seen.clear()
    result = fetch("pair", tmp_path, registry(server))
    assert server.seen == ["/b.txt"]
    assert result.origins["one.txt"] == "already there"
    assert {path.name for path in (tmp_path / "pair").iterdir()} == {
        "one.txt",
        "two.txt",
        "mine.txt",
    }


@pytest.fixture(autouse=True)
def interruptible():
    """Take interrupts, which a process that was started in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


FAILURES = {
    "changed": ("a.txt", "is not the expected file"),
    "broken": ("a.txt", "IncompleteRead"),
    "missing": ("c.txt", "the server answered 404"),
    "interrupted": ("a.txt", "was interrupted"),
}


@pytest.mark.parametrize("how", FAILURES)
def test_failure_leaves_nothing(server, tmp_path, capfd, how):
    last, words = FAILURES[how]
    if how == "interrupted" and not hasattr(signal, "pthread_kill"):
        pytest.skip("this system cannot send a signal to one thread")
    files = registry(server, how, last)
    with pytest.raises(FetchError, match=words) as caught:
        fetch("pair", tmp_path / "data" / "raw", files)
    assert server.seen == ["/a.txt", f"/{how}/{last}"]
    assert list(tmp_path.iterdir()) == []
    text = str(caught.value)
    assert "Nothing was left behind" in text
    assert "again" in text
    if how != "interrupted":
        assert files["pair"][1].url in text
        assert files["pair"][1].md5 in text
        assert "BALLAST_DATASETS" in text
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("how", FAILURES)
def test_failure_leaves_what_was_there(server, tmp_path, how):
    if how == "interrupted" and not hasattr(signal, "pthread_kill"):
        pytest.skip("this system cannot send a signal to one thread")
    (tmp_path / "pair").mkdir()
    (tmp_path / "pair/one.txt").write_bytes(BODIES["/a.txt"])
    with pytest.raises(FetchError):
        fetch("pair", tmp_path, registry(server, how, FAILURES[how][0]))
    assert [path.name for path in tmp_path.rglob("*")] == ["pair", "one.txt"]


def test_refused_connection_names_the_root_cause(server, tmp_path):
    with HTTPServer(("127.0.0.1", 0), Handler) as closed:
        port = closed.server_port
    file = DataFile("one.txt", md5(b""), f"http://127.0.0.1:{port}/one.txt")
    with pytest.raises(FetchError, match=r"one.txt was not downloaded: ConnectionRefusedError"):
        fetch("pair", tmp_path, {"pair": (file,)})
    assert list(tmp_path.iterdir()) == []


def test_file_with_another_sum_is_not_overwritten(server, tmp_path):
    (tmp_path / "pair").mkdir()
    mine = tmp_path / "pair/two.txt"
    mine.write_text("mine")
    with pytest.raises(FetchError) as caught:
        fetch("pair", tmp_path, registry(server))
    for part in (str(mine), md5(b"mine"), md5(BODIES["/b.txt"]), "not overwritten"):
        assert part in str(caught.value)
    assert mine.read_text() == "mine"
    assert server.seen == []
    assert [path.name for path in tmp_path.rglob("*")] == ["pair", "two.txt"]


def test_target_that_is_a_file_is_an_error(server, tmp_path):
    (tmp_path / "pair").write_text("mine")
    with pytest.raises(FetchError, match="Could not put 'pair' into"):
        fetch("pair", tmp_path, registry(server))
    assert [path.name for path in tmp_path.iterdir()] == ["pair"]


@pytest.mark.parametrize("folder", [".", "raw"])
def test_local_folder_comes_first(server, tmp_path, monkeypatch, folder):
    local = tmp_path / "local" / folder
    local.mkdir(parents=True)
    (local / "one.txt").write_bytes(BODIES["/a.txt"])
    monkeypatch.setenv("BALLAST_DATASETS", str(tmp_path / "local"))
    result = fetch("pair", tmp_path / "raw", registry(server))
    assert result.origins["one.txt"] == f"copied from {local / 'one.txt'}"
    assert result.notes == ()
    assert server.seen == ["/b.txt"]
    assert (local / "one.txt").exists()


def test_wrong_file_above_the_right_one_in_raw_is_no_remark(server, tmp_path, monkeypatch):
    (tmp_path / "local/raw").mkdir(parents=True)
    for name, body in (("one.txt", BODIES["/a.txt"]), ("two.txt", BODIES["/b.txt"])):
        (tmp_path / "local" / name).write_text("converted")
        (tmp_path / "local/raw" / name).write_bytes(body)
    monkeypatch.setenv("BALLAST_DATASETS", str(tmp_path / "local"))
    result = fetch("pair", tmp_path / "raw", registry(server))
    assert result.notes == ()
    assert server.seen == []


def test_wrong_local_file_gives_way_to_the_address(server, tmp_path, monkeypatch):
    local = tmp_path / "local"
    local.mkdir()
    (local / "two.txt").write_text("old")
    monkeypatch.setenv("BALLAST_DATASETS", str(local))
    result = fetch("pair", tmp_path / "raw", registry(server))
    assert server.seen == ["/a.txt", "/b.txt"]
    assert (tmp_path / "raw/pair/two.txt").read_bytes() == BODIES["/b.txt"]
    [note] = result.notes
    assert note.startswith(f"{local / 'two.txt'} was ignored: its MD5 is {md5(b'old')}")
    assert result.lines[0] == note

    with pytest.raises(FetchError, match=r"404.*two\.txt was ignored"):
        fetch("pair", tmp_path / "other", registry(server, "missing", "c.txt"))


def test_progress_bar_only_on_a_terminal(server, tmp_path, monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    shown = Terminal()
    monkeypatch.setattr("sys.stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    fetch("pair", tmp_path, registry(server))
    assert "one.txt" in shown.getvalue()
    assert "100%" in shown.getvalue()


def test_pooch_keeps_quiet(server, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(pooch.get_logger(), "handlers", [caplog.handler])
    fetch("pair", tmp_path, registry(server))
    assert caplog.records == []


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(FetchError, match=r"'reuters'. Did you mean 'reuters8'\?") as caught:
        fetch("reuters")
    assert all(name in str(caught.value) for name in REGISTRY)


def test_unpublished_set_needs_the_folder(tmp_path, monkeypatch):
    monkeypatch.delenv("BALLAST_DATASETS", raising=False)
    with pytest.raises(FetchError, match=r"no public address.*BALLAST_DATASETS \(now: unset\)"):
        fetch("french_sources", tmp_path)
    (tmp_path / "french_sources.csv").write_text("text,label\n")
    monkeypatch.setenv("BALLAST_DATASETS", str(tmp_path))
    with pytest.raises(FetchError, match=r"no public address.*french_sources.csv was ignored"):
        fetch("french_sources", tmp_path / "raw")
    assert [path.name for path in tmp_path.iterdir()] == ["french_sources.csv"]


def test_addresses_are_pinned_and_names_are_unique():
    files = [file for group in REGISTRY.values() for file in group]
    assert len({file.stored for file in files}) == len({file.md5 for file in files}) == len(files)
    for file in files:
        if file.url:
            host, commit = file.url.split("/")[2], file.url.split("/")[5]
            assert host == "raw.githubusercontent.com"
            assert len(commit) == 40
            assert set(commit) <= set("0123456789abcdef")


@pytest.mark.parametrize("name", REGISTRY)
def test_real_files_from_the_local_folder(tmp_path, monkeypatch, name):

    def refuse(*args, **kwargs):
        raise AssertionError("nothing may be downloaded here")

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", refuse)
    local, root = public_data.copy(name, tmp_path / "local"), tmp_path / "raw"
    monkeypatch.setenv("BALLAST_DATASETS", str(local))
    before = {path: path.stat().st_mtime_ns for path in local.rglob("*")}
    result = fetch(name, root)
    assert set(result.origins) == {path.name for path in (root / name).iterdir()}
    assert all(origin.startswith("copied from") for origin in result.origins.values())
    assert set(fetch(name, root).origins.values()) == {"already there"}
    assert {path: path.stat().st_mtime_ns for path in local.rglob("*")} == before
