"""Public data sets, fetched from pinned addresses into ``data/raw/<name>/``."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pooch
from rich.progress import Progress

from ballast.project.errors import UserError, did_you_mean
from ballast.project.progress import bars

VARIABLE = "BALLAST_DATASETS"

# pooch announces every download on stderr; the caller reports in its own words.
pooch.get_logger().setLevel("CRITICAL")


class FetchError(UserError):
    """A data set could not be fetched; the text says what, where, and what to do."""


@dataclass(frozen=True)
class DataFile:
    """One untouched public file: its name on disk, its MD5, its address (None: unpublished)."""

    stored: str
    md5: str
    url: str | None = None


@dataclass(frozen=True)
class Fetched:
    """What ``fetch`` did: the folder, the origin of each file by its name, and remarks."""

    folder: Path
    origins: dict[str, str]
    notes: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """The report for the user: the remarks, then one line a file."""
        files = [f"{self.folder / name}: {origin}" for name, origin in self.origins.items()]
        return [*self.notes, *files]


def _pinned(source: str, *files: tuple[str, str, str]) -> tuple[DataFile, ...]:
    """Return the files (path, stored name, MD5) of a ``repository/commit/folder`` on GitHub."""
    base = f"https://raw.githubusercontent.com/{source}"
    return tuple(DataFile(stored, md5, f"{base}/{path}") for path, stored, md5 in files)


Registry = Mapping[str, tuple[DataFile, ...]]
REGISTRY: Registry = {
    "sms_spam": _pinned(
        "learn-co-students/dsc-document-classification-with-naive-bayes-lab-online-ds-pt-051319"
        "/2f98ca443ecd26e1088b369260f1e9782e2e36fc",
        ("SMSSpamCollection", "SMSSpamCollection", "1949b64a224790d01335c2bf8a0e48b2"),
    ),
    "goemotions": _pinned(
        "monologg/GoEmotions-pytorch/b75f9d3a8b76bc1060687925b04ca98a1b8ea66b/data/original",
        ("train.tsv", "goemotions_train.tsv", "83a206cc5aa2fa9749ee45675f866d03"),
        ("dev.tsv", "goemotions_dev.tsv", "8820aa4fd13c5dee1b55c2893aad1232"),
        ("test.tsv", "goemotions_test.tsv", "8c3482a12f52ff56429a5d178257be09"),
        ("labels.txt", "goemotions_labels.txt", "e0e6d342e661e202e3a0f241db907512"),
    ),
    "reuters8": _pinned(
        "yao8839836/text_gcn/962223652e9bb164ac2d83cd09fc7b8845ce860b/data/R8",
        ("train.txt", "R8_train.txt", "f92b982a596560adceab671c22362691"),
        ("test.txt", "R8_test.txt", "f24861d3c120c8039442aff94fa36ac8"),
    ),
    "mammography": _pinned(
        "jbrownlee/Datasets/d20fcb6402ae34e653d4513b00f39257bb37ed7f",
        ("mammography.csv", "mammography.csv", "8cc73569379de7e379290e5de500d129"),
    ),
    # Put together from many small files, so there is no single file to download.
    "french_sources": (DataFile("french_sources.csv", "685ad92c0488ca6ad448495643baeabc"),),
}


def fetch(name: str, root: Path = Path("data/raw"), registry: Registry = REGISTRY) -> Fetched:
    """Put the files of a data set into ``root/name``: all of them, or none.

    Files already there are kept. Missing ones are copied from the folder that the environment
    variable BALLAST_DATASETS names (or its subfolder ``raw``), else downloaded.

    Args:
        name: a key of ``registry``.
        root: the folder that holds one folder a data set; made where missing.
        registry: the known data sets and their files.

    Returns:
        The folder, the origin of each file ("already there", ...) and remarks.

    Raises:
        FetchError: the name is unknown, a file on disk or at the address has another MD5, the
            download failed or was interrupted, or the disk refused. Nothing new is left behind.
    """
    if name not in registry:
        hint = did_you_mean(name.lower(), registry)
        raise FetchError(f"There is no data set '{name}'.{hint} Known: {', '.join(registry)}.")
    target, notes = Path(root) / name, []
    origins = {file.stored: "already there" for file in registry[name]}
    try:
        missing = [file for file in registry[name] if not _present(target / file.stored, file)]
        local = {file: _local_copy(file, notes) for file in missing}
        for file, path in local.items():
            origins[file.stored] = f"copied from {path}" if path else f"downloaded from {file.url}"
        if missing:
            _bring(local, target)
    except FetchError as error:
        raise FetchError(" ".join([str(error), *notes])) from error.__cause__
    except OSError as error:
        raise FetchError(
            f"Could not put '{name}' into {target}: {error}. Check the folder's permissions and "
            "the disk's free space, then run the command again."
        ) from error
    except KeyboardInterrupt as stop:
        raise FetchError(
            f"Fetching '{name}' into {target} was interrupted. Nothing was left behind; run the "
            "command again to fetch it."
        ) from stop
    return Fetched(target, origins, tuple(notes))


def _present(path: Path, file: DataFile) -> bool:
    """Return whether the right file is at ``path``; FetchError where another one is."""
    if not path.exists():
        return False
    if (md5 := pooch.file_hash(path, alg="md5")) == file.md5:
        return True
    raise FetchError(
        f"{path} is already there but is not the public file: its MD5 is {md5}, expected "
        f"{file.md5}. It was not overwritten; move or delete it, then run the command again."
    )


def _local_copy(file: DataFile, notes: list[str]) -> Path | None:
    """Return the right file under BALLAST_DATASETS, or None where it is to be downloaded.

    What was ignored is said in ``notes``; FetchError where the file has no address.
    """
    setting = os.environ.get(VARIABLE)
    folders = [Path(setting), Path(setting, "raw")] if setting else []
    ignored = []
    for path in (folder / file.stored for folder in folders):
        if path.is_file():
            if (md5 := pooch.file_hash(path, alg="md5")) == file.md5:
                return path
            ignored.append(f"{path} was ignored: its MD5 is {md5}, expected {file.md5}.")
    notes.extend(ignored)
    if not file.url:
        raise FetchError(
            f"{file.stored} has no public address as a file. Put it (MD5 {file.md5}) into a "
            f"folder, name that folder in the environment variable {VARIABLE} (now: "
            f"{setting or 'unset'}), then run the command again."
        )
    return None


def _bring(files: Mapping[DataFile, Path | None], target: Path) -> None:
    """Gather files (and where each lies locally) beside ``target``, then move them into it."""
    made = [folder for folder in target.parents if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with (
            tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as work,
            bars() as progress,
        ):
            # Temporary folders, and the files pooch writes, are private to the user; a plain
            # folder of plain copies gets the usual permissions.
            stage = Path(work, "stage")
            stage.mkdir()
            for file, path in files.items():
                source = path or _download(file, Path(work, "download"), progress)
                shutil.copyfile(source, stage / file.stored)
            if target.exists():
                for file in files:
                    os.replace(stage / file.stored, target / file.stored)
            else:
                stage.rename(target)
    except BaseException:
        for folder in made:
            with suppress(OSError):
                folder.rmdir()
        raise


class _Bar:
    """The tqdm-like object that pooch drives (it sets ``total`` first), drawn by rich."""

    total = 0

    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._task = progress, progress.add_task(label, total=None)

    def update(self, size: int) -> None:
        self._progress.update(self._task, total=self.total or None, advance=size)

    def reset(self) -> None:
        self._progress.reset(self._task)

    def close(self) -> None:
        self._progress.refresh()


def _download(file: DataFile, folder: Path, progress: Progress) -> str:
    """Download one file into ``folder`` and return its path; FetchError where that fails."""
    # Uncompressed, the announced length is the file's: for the bar and for broken-off transfers.
    downloader = pooch.HTTPDownloader(
        _Bar(progress, file.stored), chunk_size=2**16, headers={"Accept-Encoding": "identity"}
    )
    advice = (
        f"Nothing was left behind. Run the command again, or put {file.stored} (MD5 {file.md5}) "
        f"into a folder and name that folder in the environment variable {VARIABLE}."
    )
    try:
        return pooch.retrieve(file.url, f"md5:{file.md5}", file.stored, folder, None, downloader)
    except OSError as error:  # the base of every error of requests, too
        raise FetchError(f"{file.url} was not downloaded: {_reason(error)}. {advice}") from error
    except ValueError as error:  # how pooch says that the MD5 differs
        raise FetchError(
            f"{file.url} is not the expected file: its MD5 differs from {file.md5}. {advice}"
        ) from error


def _reason(error: OSError) -> str:
    """Return the shortest true account of a failed download: the status, or the root cause."""
    response = getattr(error, "response", None)
    if response is not None:
        response.close()  # requests leaves the socket open for whoever reads the error page
        return f"the server answered {response.status_code} {response.reason}"
    cause: BaseException = error
    while cause.__cause__ or cause.__context__:
        cause = cause.__cause__ or cause.__context__
    return f"{type(cause).__name__}: {cause}"
