"""A small copy of the project in its own Git repository, for tests through real `dvc`."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from closure import ROOT
from defaults import parameters, written_out
from dvc.utils.serialize import dump_yaml

from ballast.setup import demo

# What is copied; data, results and parameters are the tests' own.
PARTS = [
    "src",
    "recipes",
    "dvc.yaml",
    ".dvc/.gitignore",
    ".dvc/plots",
    ".dvcignore",
    ".gitattributes",
    ".gitignore",
    "data/.gitignore",
    "data/*/.gitignore",
    "data/*/none",
    "models/.gitignore",
]
SMALL = {
    "training": {"epochs": 2},
    "evaluation": {"replicates": 100},
    "embeddings.word2vec": {"dimensions": 16, "epochs": 1},
    "embeddings.random": {"dimensions": 16},
    "embeddings.tfidf": {"characters": None},
    "models.cnn": {"filters": 16},
    "models.two_channel_cnn": {"filters": 8},
}


@dataclass(frozen=True)
class Workspace:
    """A checkout with small data and small networks."""

    folder: Path

    def run(self, *command: str, check: bool = True) -> str:
        """Run a command in the checkout and return what it printed."""
        # DVC starts the stages with `python`: it must be the one that runs the tests.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        done = subprocess.run(
            command,
            cwd=self.folder,
            env={**kept, "PATH": path, "DVC_NO_ANALYTICS": "1", "PYTHONWARNINGS": "default"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}\n{done.stdout}")
        return done.stdout

    def stages_run(self, *command: str) -> list[str]:
        """Run a DVC command and return the stages it ran or restored from the run cache.

        Left out is `check`, which runs where a selector has changed.
        """
        output = self.run("dvc", *command)
        stages = re.findall(r"(?:Running stage|Restoring|Stage) '([\w@]+)'(?: is cached|:)", output)
        return [stage for stage in stages if stage != "check"]

    def commit(self, message: str) -> None:
        """Commit all changes."""
        self.run("git", "add", "--all")
        self.run("git", "commit", "--quiet", "--allow-empty", "--message", message)

    def restore(self) -> None:
        """Go back to the last commit, data included."""
        self.run("git", "checkout", "--quiet", ".")
        self.run("dvc", "checkout", "--quiet", "--force")

    def text(self, path: str) -> str:
        """Return the content of a file."""
        return (self.folder / path).read_text(encoding="utf-8")


def listed(*parts: str) -> list[str]:
    """Return the files in parts of the repository that Git has, or would have once added."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "--", *parts]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.split("\0") if (ROOT / name).is_file()]


def copy(names: list[str], folder: Path) -> Workspace:
    """Copy files of the repository into a Git repository of their own, nothing committed yet."""
    for name in names:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
    workspace = Workspace(folder)
    workspace.run("git", "init", "--quiet", "--initial-branch", "main")
    workspace.run("git", "config", "user.name", "Test")
    workspace.run("git", "config", "user.email", "test@example.org")
    return workspace


def create(folder: Path, rows: int = 500, **chosen: Any) -> Workspace:
    """Commit the project's own code with small data and small networks of the tests."""
    workspace = copy(listed(*PARTS), folder)
    (folder / ".dvc/config").write_text("[core]\n    analytics = false\n", encoding="utf-8")
    demo.write(folder / "data/raw/demo/demo.csv", rows=rows)
    dump_yaml(folder / "params.yaml", written_out(parameters(SMALL, **chosen)))
    workspace.commit("start")
    return workspace
