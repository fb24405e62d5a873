"""A name that is none is answered by us before anything runs, however the run is started."""

import pytest
import workspace

pytestmark = pytest.mark.pipeline


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return workspace.create(tmp_path_factory.mktemp("check") / "project", rows=300)


@pytest.mark.parametrize(
    ("options", "setting", "answer"),
    [
        ([], "loss=fokal", "loss: 'fokal' is not a member of losses"),
        ([], "dataset=dmeo", "'dmeo' has no block under datasets"),
        ([], "encoder=minilm", "ballast fetch-encoder minilm"),
        ([], "model=linear", "model: linear needs features or terms"),
        # In a folder of its own, where other files stand.
        (["--temp"], "loss=fokal", "loss: 'fokal' is not a member of losses"),
        (["--temp"], "encoder=minilm", "ballast fetch-encoder minilm"),
    ],
)
def test_it_is_named_before_anything_runs(project, options, setting, answer):
    printed = project.run("dvc", "exp", "run", *options, "-S", setting, check=False)
    assert answer in printed
    assert "No such file" not in printed
    assert printed.count("Running stage") == 1
    project.run("git", "checkout", "--quiet", ".")
