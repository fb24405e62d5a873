"""Fixtures that several tests share."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

REPO = Path(__file__).parents[1]


class Project:
    """A folder with `params.yaml` and raw data, in which stages run as `dvc repro` runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.raw = folder / "data" / "raw" / "mine"
        self.raw.mkdir(parents=True)
        self.params = YAML(typ="safe").load(REPO / "params.yaml")
        # Whatever a fork has chosen, the tests start from here.
        self.params |= {"dataset": "mine", "seed": 0, "split": {"validation": 0.1, "test": 0.2}}

    def describe(self, shares: dict | None = None, **block) -> None:
        """Write `params.yaml`: the repository's own, with this data set's block chosen."""
        self.params["datasets"] = {"mine": block}
        self.params["split"] |= shares or {}
        YAML(typ="safe").dump(self.params, self.folder / "params.yaml")

    def run(self, stage: str) -> subprocess.CompletedProcess:
        """Run a stage in a process of its own."""
        return subprocess.run(
            [sys.executable, "-W", "error", str(REPO / "src" / f"{stage}.py")],
            cwd=self.folder,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


@pytest.fixture
def project(tmp_path):
    """An empty project."""
    return Project(tmp_path)
