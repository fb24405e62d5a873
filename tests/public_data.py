"""Copies of the public data sets, for tests that need them as they are."""

import os
import shutil
from pathlib import Path

import pooch
import pytest
from closure import ROOT

from ballast.setup.fetch import REGISTRY, VARIABLE


def copy(name: str, target: Path) -> Path:
    """Copy a data set's untouched files into a folder of the test's own, or skip the test.

    Copies, so that no fault in the code under test can reach the originals.
    """
    folder = Path(os.environ.get(VARIABLE) or ROOT.parent / "shared/datasets")
    target.mkdir(parents=True)
    for file in REGISTRY[name]:
        places = [folder / file.stored, folder / "raw" / file.stored]
        found = [path for path in places if path.is_file()]
        right = [path for path in found if pooch.file_hash(path, alg="md5") == file.md5]
        if not right:
            pytest.skip(f"the folder that {VARIABLE} names does not hold the public {file.stored}")
        shutil.copyfile(right[0], target / file.stored)
    return target
