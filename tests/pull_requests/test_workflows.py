"""What the workflows may do and run: pinned actions, few rights, commands that exist."""

import re

import pytest
from closure import ROOT
from ruamel.yaml import YAML

from ballast.cli import app

FOLDER = ROOT / ".github/workflows"
WORKFLOWS = {file.name: YAML(typ="safe").load(file) for file in sorted(FOLDER.glob("*.yml"))}
GITLAB = YAML(typ="safe").load(ROOT / ".gitlab-ci.yml")


def steps(workflow):
    return [step for job in workflow["jobs"].values() for step in job["steps"]]


def scripts():
    """Return every shell command of the workflows, GitLab's included."""
    commands = [step["run"] for flow in WORKFLOWS.values() for step in steps(flow) if "run" in step]
    for job in GITLAB.values():
        script = job.get("script", []) if isinstance(job, dict) else []
        commands += [script] if isinstance(script, str) else script
    return commands


@pytest.mark.parametrize("name", WORKFLOWS)
def test_every_action_is_pinned_and_says_which_version_it_is(name):
    used = re.findall(r"uses: (.*)", (FOLDER / name).read_text(encoding="utf-8"))
    assert used
    for action in used:
        assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action)


@pytest.mark.parametrize("name", WORKFLOWS)
def test_no_token_reaches_the_code_of_a_pull_request(name):
    workflow = WORKFLOWS[name]
    # To YAML 1.2 `on` is a string.
    triggers = workflow["on"]
    assert "pull_request_target" not in triggers
    rights = {
        job: {**workflow["permissions"], **content.get("permissions", {})}
        for job, content in workflow["jobs"].items()
    }
    if "pull_request" in triggers:
        assert all(access == {"contents": "read"} for access in rights.values())
        assert "secrets." not in (FOLDER / name).read_text(encoding="utf-8")
    for step in steps(workflow):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False
            if "pull_request" not in triggers:
                assert step["with"]["ref"] == "${{ github.event.repository.default_branch }}"


def test_only_the_comment_may_write_and_it_waits_for_the_pull_request():
    workflow = WORKFLOWS["comment.yml"]
    assert list(workflow["on"]) == ["workflow_run"]
    assert workflow["on"]["workflow_run"]["workflows"] == [WORKFLOWS["pull-request.yml"]["name"]]
    writing = {name: right for name, right in workflow["permissions"].items() if right != "read"}
    assert writing == {"pull-requests": "write"}


def test_nothing_from_outside_is_put_into_a_shell_command():
    for script in scripts():
        assert "${{" not in script, "hand it over by env:"


def test_what_the_workflows_run_exists():
    targets = re.findall(r"^([\w./()$-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    targets = [target.replace("$(ENV)", ".venv") for target in targets]
    commands = [c.name or c.callback.__name__ for c in app.registered_commands]
    joined = "\n".join(scripts())
    for target in re.findall(r"make (\S+)", joined):
        assert target in targets
    called = re.findall(r"bin/ballast (\S+)", joined + (ROOT / "Makefile").read_text("utf-8"))
    assert "comment" in called
    assert "stale" in called
    assert set(called) <= set(commands)
    # GitLab runs what GitHub runs.
    assert {"stale", "test", "repro", "compare"} <= GITLAB.keys()
