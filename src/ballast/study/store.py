"""What steps have written, by key: `study/cache/`, which can be deleted at any time."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

FOLDER = Path("study/cache")
RECORD = "step.json"


@dataclass(frozen=True)
class Done:
    """A step that has run.

    Attributes:
        key: the step's.
        files: digests of the files that it has written, by path.
        seconds: how long it ran.
        error: why it wrote nothing, empty if it did.
        lasting: whether it would be the same another time; what is not is tried again.
    """

    key: str
    files: dict[str, str]
    seconds: float
    error: str = ""
    lasting: bool = True


class Store:
    """A folder with a folder for each step that has run, complete or not there."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder.absolute()

    def place(self, key: str) -> Path:
        """Return the folder of a step's files."""
        return self.folder / key[:2] / key

    def load(self, key: str) -> Done | None:
        """Return what came of a step, None if it has not run."""
        try:
            return self.read(self.place(key))
        except FileNotFoundError:
            return None

    def read(self, folder: Path) -> Done:
        """Return what a folder with a step's files says of it."""
        return Done(**json.loads((folder / RECORD).read_text(encoding="utf-8")))

    def save(self, done: Done, folder: Path) -> None:
        """Keep a folder of this store's `workspace` as what came of a step."""
        (folder / RECORD).write_text(json.dumps(asdict(done)), encoding="utf-8")
        place = self.place(done.key)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.rename(place)
        except OSError:
            # Another process was faster.
            if self.load(done.key) is None:
                raise

    @contextmanager
    def workspace(self) -> Iterator[Path]:
        """Yield a new folder, which is removed at the end unless it was saved."""
        (self.folder / "running").mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(dir=self.folder / "running"))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def tidy(self) -> None:
        """Remove what killed processes have left."""
        shutil.rmtree(self.folder / "running", ignore_errors=True)
