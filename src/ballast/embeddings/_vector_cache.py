"""Vectors of texts kept for later runs: what a model has made of a text, it need not make again.

One SQLite file for each model, in the user's cache folder or the one that BALLAST_CACHE names.
Several processes may use it at once. It may be deleted at any time.
"""

import hashlib
import os
import platform
import sqlite3
import zlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
from platformdirs import user_cache_path
from threadpoolctl import threadpool_info

VARIABLE = "BALLAST_CACHE"
# So long another process may write, in seconds.
PATIENCE = 60
TABLE = "CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, windows INTEGER, vector BLOB)"

Answer = TypeVar("Answer")
# A text's vector, float32, and how many windows it took.
Entry = tuple[np.ndarray, int]


def cache_folder() -> Path:
    """Return the folder of all that is kept between runs."""
    own = os.environ.get(VARIABLE)
    return Path(own) if own else user_cache_path("ballast", appauthor=False)


def fingerprint(files: Iterable[Path]) -> str:
    """Return a name for what some files hold, and for the code and processor that work with them.

    Args:
        files: in an order that is always the same.
    """
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    # Another version of NumPy, or its code for another processor, may round in another way.
    own = {i.get("architecture") for i in threadpool_info() if "numpy" in i["filepath"]}
    digest.update(repr((np.__version__, platform.machine(), sorted(map(str, own)))).encode())
    return digest.hexdigest()[:32]


def key_of(text: str) -> bytes:
    """Return what stands for a text in the file."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class VectorCache:
    """A file of vectors by text.

    What is broken is told, and made anew; an entry that is not what was once written counts as
    missing. Where the file can't be used at all, all is missing.
    """

    def __init__(self, file: Path, dimensions: int) -> None:
        """Open the file; it is made where there is none.

        Args:
            file: of one model.
            dimensions: of its vectors.
        """
        self.file, self.dimensions, self.base = file, dimensions, None
        self._open()

    def find(self, texts: Sequence[str]) -> dict[str, Entry]:
        """Return what the file has of some texts."""

        def look(base: sqlite3.Connection) -> dict[str, Entry]:
            found = {}
            for text in texts:
                key = key_of(text)
                asked = "SELECT windows, vector FROM vectors WHERE text = ?"
                entry = self._read(key, base.execute(asked, [key]).fetchone())
                if entry is not None:
                    found[text] = entry
            return found

        return self._with(look, {})

    def keep(self, entries: dict[str, Entry]) -> None:
        """Write some texts' vectors."""
        rows = []
        for text, (vector, windows) in entries.items():
            key, body = key_of(text), vector.tobytes()
            rows.append((key, int(windows), body + _check(key, windows, body)))

        def write(base: sqlite3.Connection) -> None:
            with base:
                base.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

        self._with(write, None)

    def close(self) -> None:
        """Close the file."""
        if self.base is not None:
            self.base.close()
            self.base = None

    def _open(self) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.base = sqlite3.connect(self.file, timeout=PATIENCE)
        except (OSError, sqlite3.Error) as error:
            self._do_without(error)
        self._with(lambda base: base.execute(TABLE), None)

    def _with(self, work: Callable[[sqlite3.Connection], Answer], missing: Answer) -> Answer:
        """Do something with the file; return `missing` where that can't be."""
        if self.base is None:
            return missing
        try:
            return work(self.base)
        except sqlite3.OperationalError as error:
            self._do_without(error)
        except sqlite3.DatabaseError as error:
            # Its other kinds are mistakes of this code.
            if type(error) is not sqlite3.DatabaseError:
                raise
            print(f"{self.file} is broken ({error}): begun anew.")
            self.close()
            try:
                self.file.unlink(missing_ok=True)
            except OSError as refused:
                self._do_without(refused)
            else:
                self._open()
        return missing

    def _do_without(self, error: Exception) -> None:
        print(f"{self.file} can't be used ({error}): no vectors are kept for later runs.")
        self.close()

    def _read(self, key: bytes, row: tuple | None) -> Entry | None:
        if row is None:
            return None
        windows, kept = row
        size = 4 * self.dimensions
        if type(windows) is not int or type(kept) is not bytes or len(kept) != size + 4:
            return None
        body = kept[:size]
        if kept[size:] != _check(key, windows, body):
            return None
        return np.frombuffer(body, np.float32), windows


def _check(key: bytes, windows: int, body: bytes) -> bytes:
    # SQLite does not notice when bytes change under it.
    return zlib.crc32(key + b"%d " % windows + body).to_bytes(4, "little")
