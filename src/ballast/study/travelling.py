"""Steps on machines that don't see this one's files: what they read travels there, once."""

import sys
import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

import numpy as np

import ballast
from ballast.study.running import Task, run
from ballast.study.steps import digest
from ballast.study.store import Done, Store

# Of a worker, below its temporary folder.
FOLDER = "ballast-study"


@dataclass(frozen=True)
class Identity:
    """What results depend on beside the task.

    Attributes:
        code: hash of the package.
        python: version of Python and NumPy.
        sees_store: whether the study's store lies here too.
    """

    code: str
    python: str
    sees_store: bool


def identity(token: str) -> Identity:
    """Return what this process is.

    Args:
        token: a folder that the study has just made in its store.
    """
    hashed = blake2b(digest_size=16)
    for file in sorted(source().rglob("*.py")):
        hashed.update(file.relative_to(source()).as_posix().encode() + file.read_bytes())
    version = f"Python {sys.version.split()[0]}, NumPy {np.__version__}"
    return Identity(hashed.hexdigest(), version, Path(token).exists())


def source() -> Path:
    """Return the folder that has the package, and the stages' scripts."""
    return Path(ballast.__file__).parents[1]


@dataclass
class Luggage:
    """What tasks need, packed once, and what they have written, unpacked.

    Attributes:
        store: of this machine.
        packs: by key of a step, or by path of raw data; the same objects each time, which a
            cluster keeps instead of fetching them again.
    """

    store: Store
    packs: dict[str, np.ndarray] = field(default_factory=dict)

    def packed(self, task: Task) -> tuple:
        """Return the arguments of `run_away`."""
        raw = task.raw
        for path in raw:
            if path not in self.packs:
                self.packs[path] = pack(Path(task.root), path)
        keys = sorted(set(task.inputs.values()))
        for key in keys:
            if key not in self.packs:
                self.packs[key] = pack(self.store.place(key))
        names = [*raw, *keys]
        return (task, raw, keys, *(self.packs[name] for name in names))

    def received(self, done: Done, files: np.ndarray | None) -> None:
        """Keep what a task has written elsewhere."""
        if files is not None and self.store.load(done.key) is None:
            with self.store.workspace() as folder:
                unpack(files, folder)
                self.store.save(done, folder)


def run_away(
    task: Task, raw: list[str], keys: list[str], *packs: np.ndarray
) -> tuple[Done, np.ndarray | None]:
    """Run a task in a store of this machine; return what came of it, and its files.

    Args:
        task: of another machine.
        raw: paths of raw data that it reads.
        keys: of the steps that it reads from.
        packs: the files of both.
    """
    store = Store(Path(tempfile.gettempdir()) / FOLDER)
    root = _laid_out(packs[: len(raw)], store)
    for key, files in zip(keys, packs[len(raw) :], strict=True):
        if store.load(key) is None:
            with store.workspace() as folder:
                unpack(files, folder)
                store.save(store.read(folder), folder)
    done = run(replace(task, root=str(root), store=str(store.folder)))
    kept = store.load(done.key) is not None
    return done, pack(store.place(done.key)) if kept else None


def _laid_out(raw: Sequence[np.ndarray], store: Store) -> Path:
    """Return a folder with raw data and the code, complete or not there, as a store's are."""
    contents = [str(source()).encode(), *(files.tobytes() for files in raw)]
    root = store.folder / "roots" / digest(b"".join(contents))
    if not root.exists():
        root.parent.mkdir(parents=True, exist_ok=True)
        with store.workspace() as folder:
            for files in raw:
                unpack(files, folder)
            (folder / "src").symlink_to(source())
            # Another process may have been faster.
            with suppress(OSError):
                folder.rename(root)
    return root


def pack(folder: Path, inside: str = "") -> np.ndarray:
    """Return the files of a folder, or of a part of it, as an array of bytes."""
    stream = BytesIO()
    place = folder / inside
    files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    with zipfile.ZipFile(stream, "w") as archive:
        for file in files:
            archive.write(file, file.relative_to(folder))
    return np.frombuffer(stream.getvalue(), dtype=np.uint8)


def unpack(files: np.ndarray, folder: Path) -> None:
    """Write what `pack` has read."""
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(BytesIO(files.tobytes())) as archive:
        archive.extractall(folder)
