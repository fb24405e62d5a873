"""Models brought into `data/encoders/<name>/`: from a folder, a package or the Hugging Face hub."""

import re
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from ballast.encoders.encoder import FILES, SentenceEncoder, model_files, require_packages
from ballast.project.errors import UserError

PACKAGE = "package:"
# A model's weights in other formats, its training data and the like stay where they are.
WANTED = [*FILES, "*_*/config.json"]


def fetch_encoder(name: str, source: str, root: Path = Path("data/encoders")) -> Path:
    """Put the files of a model that are read into `root/name`, and return that folder.

    The model is opened first; nothing is left behind where that fails.

    Args:
        name: what `encoder` in params.yaml will name.
        source: a folder, `package:NAME` for an installed Python package that holds a model, or
            OWNER/NAME[@REVISION] of the Hugging Face hub.
        root: the folder that holds one folder a model; made where missing.

    Raises:
        UserError: no such source, no model of the family, or the name is taken.
    """
    require_packages()
    target = root / name
    if not re.fullmatch(r"\w[\w.-]*", name) or name == "none":
        raise UserError(f"{name!r} can't be a folder's name here: use letters, digits, - and _.")
    if target.exists():
        raise UserError(f"{target} is already there: move or delete it, or choose another name.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=root) as work:
            origin = _origin(source, Path(work, "download"))
            # A temporary folder is private to the user; this one has the usual permissions.
            stage = Path(work, "stage")
            stage.mkdir()
            for file in model_files(origin):
                (stage / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(origin / file, stage / file)
            SentenceEncoder(stage)
            stage.rename(target)
    except OSError as error:
        raise UserError(f"{source} could not be put into {target}: {error}") from error
    return target


def _origin(source: str, download: Path) -> Path:
    """Return a folder with the model."""
    if source.startswith(PACKAGE):
        return _packaged(source.removeprefix(PACKAGE))
    if Path(source).is_dir():
        return Path(source)
    if not re.fullmatch(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", source):
        raise UserError(f"{source} is no folder, no {PACKAGE}NAME and no OWNER/NAME of the hub.")
    return _downloaded(source, download)


def _packaged(name: str) -> Path:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError as error:
        raise UserError(f"{name} is not installed: run `pip install {name}`.") from error
    folders = [file.locate().parent for file in files if file.name == "model.safetensors"]
    if len(folders) != 1:
        raise UserError(f"the package {name} holds {len(folders)} models, and one was expected.")
    return Path(folders[0])


def _downloaded(source: str, folder: Path) -> Path:
    name, _, revision = source.partition("@")
    try:
        from huggingface_hub import snapshot_download

        snapshot_download(name, revision=revision or None, allow_patterns=WANTED, local_dir=folder)
    except Exception as error:  # of many kinds: of the hub, of HTTP, of the system
        raise UserError(
            f"{source} is no folder here and was not downloaded from the Hugging Face hub: "
            f"{type(error).__name__}: {error}. Nothing was left behind."
        ) from error
    return folder
