"""A small copy of the project in its own Git repository, for tests through real `dvc`."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from closure import ROOT
from dvc.utils.serialize import modify_yaml

from ballast.setup import demo

# Whatever a fork has chosen, the tests start from here.
CHOSEN = {
    "dataset": "demo",
    "sampler": "none",
    "embedding": "word2vec",
    "second_embedding": "none",
    "third_embedding": "none",
    "model": "cnn",
    "second_model": "none",
    "loss": "cross_entropy",
    "weighting": "none",
    "decision": "argmax",
    "vectors": "none",
    "encoder": "none",
    "seed": 0,
    "split": {"validation": 0.1, "test": 0.2, "folds": 2},
    "evaluation": {"correct": True, "replicates": 100, "level": 0.95},
}
SMALL = {
    "training": {"epochs": 2, "monitor": "f1_macro"},
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
        """Run a DVC command and return the stages it ran or restored from the run cache."""
        output = self.run("dvc", *command)
        return re.findall(r"(?:Running stage|Restoring|Stage) '([\w@]+)'(?: is cached|:)", output)

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


def create(folder: Path, rows: int = 500) -> Workspace:
    """Copy the project's own files, shrink data and networks, commit."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file() and not name.startswith("metrics/") and name != "dvc.lock":
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    demo.write(folder / "data/raw/demo/demo.csv", rows=rows)
    with modify_yaml(folder / "params.yaml") as params:
        params.update(CHOSEN)
        for place, values in SMALL.items():
            block = params
            for key in place.split("."):
                block = block[key]
            block.update(values)
    workspace = Workspace(folder)
    workspace.run("git", "init", "--quiet", "--initial-branch", "main")
    workspace.run("git", "config", "user.name", "Test")
    workspace.run("git", "config", "user.email", "test@example.org")
    workspace.commit("start")
    return workspace
