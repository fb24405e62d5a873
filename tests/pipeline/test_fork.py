"""The tests pass in a project made of this one: whatever its choices, data and results are."""

import sys

import pytest
import workspace
from dvc.utils.serialize import modify_yaml

pytestmark = pytest.mark.pipeline

# What reads the project's own files, or copies them, and one run of the whole pipeline.
PARTS = [
    "tests/project",
    "tests/rows/test_datasets.py",
    "tests/setup/test_use.py::test_params_yaml_comes_as_the_default_has_it",
    "tests/setup/test_demo.py::test_committed_file_is_what_the_generator_writes",
    "tests/setup/test_demo_multilabel.py::test_block_in_params_reads_every_row",
    "tests/decisions/test_decisions.py::test_every_member_has_its_block_of_options",
    "tests/comparison/test_compare_command.py::test_a_better_branch_is_told_from_git_alone",
    "tests/pipeline/test_docs.py",
    "tests/pipeline/test_pipeline.py::test_a_second_repro_runs_nothing",
]


@pytest.fixture
def fork(tmp_path):
    """Another loss, data that are elsewhere, an encoder without its files, no results."""
    left = ("metrics/", "data/raw/demo", "dvc.lock")
    names = [name for name in workspace.listed() if not name.startswith(left)]
    fork = workspace.copy(names, tmp_path / "fork")
    with modify_yaml(fork.folder / "params.yaml") as values:
        values["loss"] = "focal"
        values["dataset"] = "mine"
        values["datasets"]["mine"] = {"files": "*.csv", "text": "body", "label": "topic"}
    (fork.folder / "data/encoders/minilm.dvc").write_text(
        "outs:\n- md5: d751713988987e9331980363e24189ce.dir\n  nfiles: 4\n  hash: md5\n"
        "  path: minilm\n",
        encoding="utf-8",
    )
    fork.commit("my project")
    return fork


def test_the_tests_pass_in_a_fork(fork):
    fork.run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *PARTS)
