"""The blocks in params.yaml describe the public files as they are."""

import json
import subprocess
import sys
from pathlib import Path

import public_data
import pyarrow.parquet as pq
import pytest
from closure import ROOT
from defaults import parameters
from dvc.utils.serialize import dump_yaml, modify_yaml

from ballast.project import params
from ballast.setup.fetch import REGISTRY

pytestmark = pytest.mark.pipeline

# name -> rows, labels, task, rarest label
FACTS = {
    "sms_spam": (5574, 2, "binary", "spam"),
    "reuters8": (7674, 8, "multiclass", "grain"),
    "goemotions": (54263, 28, "multilabel", "grief"),
    "mammography": (11183, 2, "binary", "malignant"),
    "french_sources": (33794, 7, "multiclass", None),
}


@pytest.fixture(params=sorted(FACTS))
def dataset(request, tmp_path):
    """Copy a public data set, as it is, into a folder of its own."""
    public_data.copy(request.param, tmp_path / "data/raw" / request.param)
    blocks = params.load(ROOT / "params.yaml")["datasets"]
    dump_yaml(tmp_path / "params.yaml", parameters(dataset=request.param, datasets=blocks))
    return request.param, tmp_path


def run(stage: str, folder: Path) -> subprocess.CompletedProcess:
    script = ROOT / "src" / f"{stage}.py"
    return subprocess.run([sys.executable, script], cwd=folder, capture_output=True, text=True)


def test_every_public_data_set_has_facts():
    assert set(FACTS) == set(REGISTRY)


def test_block_reads_the_whole_data_set(dataset):
    name, folder = dataset
    rows, labels, task, rarest = FACTS[name]
    for stage in ("prepare", "split"):
        done = run(stage, folder)
        assert done.returncode == 0, done.stderr
    counts = json.loads((folder / "data/prepared/counts.json").read_text())
    classes = json.loads((folder / "data/prepared/classes.json").read_text())
    parts = pq.read_table(folder / "data/split/rows.parquet", columns=["part"])
    assert counts["rows"] == rows
    assert counts["rejected"] < rows / 1000
    assert (classes["task"], len(classes["labels"])) == (task, labels)
    assert len(parts) == counts["kept"]
    if task == "binary":
        assert classes["positive"] == rarest
    assert rarest is None or rarest in classes["labels"]


@pytest.mark.parametrize("dataset", ["french_sources"], indirect=True)
def test_groups_that_hold_a_whole_class_are_refused(dataset):
    _, folder = dataset
    with modify_yaml(folder / "params.yaml") as values:
        values["datasets"]["french_sources"]["group"] = "file"
    assert run("prepare", folder).returncode == 0
    done = run("split", folder)
    assert done.returncode == 1
    assert "too few rows to split" in done.stderr
    assert "`group`" in done.stderr
