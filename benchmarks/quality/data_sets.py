"""Data sets in folders of their own, in which Ballast's stages run from a copy of its code."""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from ballast.project.errors import UserError
from ballast.setup import fetch, recipes

ROOT = Path(__file__).parents[2]
# name -> what differs from its block in params.yaml
PUBLIC: dict[str, dict[str, Any]] = {
    # One message in fourteen is a copy of another one: each would count twice.
    "sms_spam": {"duplicates": "drop"},
    "french_sources": {},
    "reuters8": {},
    "goemotions": {},
    "mammography": {},
}
# Nobody looks at our own intervals here: as few draws as evaluate takes.
QUICK = {"evaluation.replicates": 100}
# Some peers want rows to choose by, apart from those that they learn from.
WITH_VALIDATION = {"split.validation": 0.1, "split.folds": 1}


@dataclass(frozen=True)
class DataSet:
    """A data set.

    Attributes:
        name: the name of its block in `params.yaml`.
        block: what differs there; all of the block if `file` is given.
        file: a file of the user's; None for a public data set.
    """

    name: str
    block: dict[str, Any]
    file: Path | None = None

    def bring(self, raw: Path) -> None:
        """Put its files into `raw`/name."""
        if self.file is None:
            fetch.fetch(self.name, raw)
        else:
            (raw / self.name).mkdir(parents=True)
            shutil.copyfile(self.file, raw / self.name / self.file.name)


@dataclass(frozen=True)
class Workspace:
    """A folder with a data set.

    Attributes:
        folder: where its `params.yaml`, `data`, `models` and `metrics` are.
        code: copies of `src/` and `params.yaml`, so that edits during a long run change nothing;
            whatever was chosen there is at its default.
        data: the data set.
    """

    folder: Path
    code: Path
    data: DataSet

    def prepare(self) -> None:
        """Bring the data, and read it into clean rows."""
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "data/encoders").symlink_to(ROOT / "data/encoders")
        (self.folder / "data/vectors").symlink_to(ROOT / "data/vectors")
        self.data.bring(self.folder / "data/raw")
        self.choose({}, 0)
        self.stage("prepare")

    def split(self, seed: int) -> None:
        """Split the rows by a seed, for peers; a recipe's split has the same test rows."""
        self.choose(WITH_VALIDATION, seed)
        self.stage("split")

    def choose(self, recipe: dict[str, Any], seed: int) -> None:
        """Write a recipe's parameters, by dotted names; all else is at its default."""
        yaml = YAML(typ="safe")
        settings = yaml.load(self.code / "params.yaml")
        block = settings["datasets"].setdefault(self.data.name, {})
        block |= self.data.block
        chosen = {**QUICK, **recipe, "dataset": self.data.name, "seed": seed}
        recipes.put(settings, {tuple(place.split(".")): value for place, value in chosen.items()})
        yaml.dump(settings, self.folder / "params.yaml")

    def stage(self, name: str) -> None:
        """Run a stage.

        Raises:
            UserError: it ended with an error.
        """
        command = [sys.executable, str(self.code / f"src/{name}.py")]
        done = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            output = "\n".join(done.stdout.strip().splitlines()[-8:])
            raise UserError(f"stage {name} on {self.data.name}: {output}")


def create(place: Path, data: DataSet) -> Workspace:
    """Return a workspace in which the data set is prepared."""
    code = place / "code"
    if not code.exists():
        shutil.copytree(ROOT / "src", code / "src")
        shutil.copyfile(ROOT / "params.yaml", code / "params.yaml")
        recipes.use(recipes.DEFAULT, code / "params.yaml", ROOT / "recipes")
    workspace = Workspace(place / "data" / data.name, code, data)
    workspace.prepare()
    return workspace
