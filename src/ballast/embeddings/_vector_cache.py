"""A cache of texts' vectors, so that a model encodes each text only once.

One SQLite file per model, in the user's cache folder or the one in BALLAST_CACHE. Several processes
may use it at the same time. It may be deleted at any time.
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
# Seconds to wait while another process writes.
TIMEOUT = 60
TABLE = "CREATE TABLE IF NOT EXISTS vectors (text BLOB PRIMARY KEY, windows INTEGER, vector BLOB)"

Result = TypeVar("Result")
# A text's vector, float32, and its number of windows.
Entry = tuple[np.ndarray, int]


def cache_folder() -> Path:
    """Return the folder of everything cached between runs."""
    folder = os.environ.get(VARIABLE)
    return Path(folder) if folder else user_cache_path("ballast", appauthor=False)


def fingerprint(files: Iterable[Path]) -> str:
    """Return a hash of some files' content, of NumPy's version and of the processor.

    Args:
        files: in a fixed order.
    """
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    # Another version of NumPy, or its code for another processor, may round differently.
    kernels = {i.get("architecture") for i in threadpool_info() if "numpy" in i["filepath"]}
    digest.update(repr((np.__version__, platform.machine(), sorted(map(str, kernels)))).encode())
    return digest.hexdigest()[:32]


def key_of(text: str) -> bytes:
    """Return a text's key in the file."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


class VectorCache:
    """A file of vectors by text.

    A broken file is reported and replaced; a damaged entry counts as missing. If the file cannot be
    used at all, every entry is missing.
    """

    def __init__(self, file: Path, dimensions: int) -> None:
        """Open the file, or create it.

        Args:
            file: the model's file.
            dimensions: length of a vector.
        """
        self.file, self.dimensions, self.connection = file, dimensions, None
        self._open()

    def find(self, texts: Sequence[str]) -> dict[str, Entry]:
        """Return the entries of those texts that are in the file."""

        def select(connection: sqlite3.Connection) -> dict[str, Entry]:
            query = "SELECT windows, vector FROM vectors WHERE text = ?"
            entries = {}
            for text in texts:
                key = key_of(text)
                entries[text] = self._read(key, connection.execute(query, [key]).fetchone())
            return {text: entry for text, entry in entries.items() if entry is not None}

        return self._with(select, {})

    def add(self, entries: dict[str, Entry]) -> None:
        """Write some texts' entries."""
        rows = []
        for text, (vector, windows) in entries.items():
            key, body = key_of(text), vector.tobytes()
            rows.append((key, int(windows), body + _checksum(key, windows, body)))

        def insert(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("INSERT OR REPLACE INTO vectors VALUES (?, ?, ?)", rows)

        self._with(insert, None)

    def close(self) -> None:
        """Close the file."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None

    def _open(self) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.connection = sqlite3.connect(self.file, timeout=TIMEOUT)
        except (OSError, sqlite3.Error) as error:
            self._disable(error)
        self._with(lambda connection: connection.execute(TABLE), None)

    def _with(self, function: Callable[[sqlite3.Connection], Result], missing: Result) -> Result:
        """Return the function's result on the open file, or `missing` if the file fails."""
        if self.connection is None:
            return missing
        try:
            return function(self.connection)
        except sqlite3.OperationalError as error:
            self._disable(error)
        except sqlite3.DatabaseError as error:
            # Its other subclasses are mistakes in this code.
            if type(error) is not sqlite3.DatabaseError:
                raise
            print(f"{self.file} is broken ({error}) and is replaced by a new one.")
            self.close()
            try:
                self.file.unlink(missing_ok=True)
            except OSError as failure:
                self._disable(failure)
            else:
                self._open()
        return missing

    def _disable(self, error: Exception) -> None:
        print(f"{self.file} cannot be used ({error}): vectors are not cached for later runs.")
        self.close()

    def _read(self, key: bytes, row: tuple | None) -> Entry | None:
        if row is None:
            return None
        windows, stored = row
        size = 4 * self.dimensions
        if type(windows) is not int or type(stored) is not bytes or len(stored) != size + 4:
            return None
        body = stored[:size]
        if stored[size:] != _checksum(key, windows, body):
            return None
        return np.frombuffer(body, np.float32), windows


def _checksum(key: bytes, windows: int, body: bytes) -> bytes:
    # SQLite does not detect changed bytes.
    return zlib.crc32(key + b"%d " % windows + body).to_bytes(4, "little")
