"""`ballast comment` against a server on this machine: one comment, whoever else writes."""

import forge
import pytest
from typer.testing import CliRunner

from ballast.cli import app
from ballast.pull_requests.comments import LIMIT, MARKER, comment_text

VARIABLES = (
    "GITHUB_TOKEN",
    "GITHUB_REPOSITORY",
    "GITHUB_API_URL",
    "GITLAB_TOKEN",
    "CI_PROJECT_ID",
    "CI_API_V4_URL",
    "CI_MERGE_REQUEST_IID",
)


@pytest.fixture
def server(tmp_path, monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "comment.md").write_text("### abc against def: better\n", encoding="utf-8")
    with forge.running() as server:
        yield server


@pytest.fixture
def github(server, monkeypatch):
    monkeypatch.setenv("GITHUB_TOKEN", "secret")
    monkeypatch.setenv("GITHUB_REPOSITORY", "me/mine")
    monkeypatch.setenv("GITHUB_API_URL", server.url)
    return server


@pytest.fixture
def gitlab(server, monkeypatch):
    monkeypatch.setenv("GITLAB_TOKEN", "secret")
    monkeypatch.setenv("CI_PROJECT_ID", "5")
    monkeypatch.setenv("CI_API_V4_URL", f"{server.url}/api/v4")
    monkeypatch.setenv("CI_MERGE_REQUEST_IID", "7")
    return server


def run(*arguments):
    return CliRunner().invoke(app, ["comment", "comment.md", *arguments])


def test_the_second_time_the_comment_is_updated_however_many_others_there_are(github, tmp_path):
    for number in range(4):
        github.write(7, f"comment {number}", "someone")
    assert run("--number", "7").stdout == "Wrote the comment on 7 of me/mine.\n"
    for number in range(4):
        github.write(7, f"comment {number}", "someone")
    (tmp_path / "comment.md").write_text("### abd against def: worse\n", encoding="utf-8")
    done = run("--number", "7", "--report", "https://example.org/runs/1")
    assert done.stdout == "Updated the comment on 7 of me/mine.\n"
    (body,) = github.bodies()
    assert body == (
        f"{MARKER}\n### abd against def: worse\n\n"
        "[Report and comment as files](https://example.org/runs/1)\n"
    )
    assert len(github.comments[7]) == 9


def test_so_it_is_on_gitlab(gitlab):
    for number in range(4):
        gitlab.write(7, f"comment {number}", "someone")
    assert run().stdout == "Wrote the comment on 7 of 5.\n"
    assert run().stdout == "Updated the comment on 7 of 5.\n"
    assert len(gitlab.bodies()) == 1
    assert f"PUT {forge.NOTES}/1004" in gitlab.asked


def test_a_comment_of_another_with_our_marker_is_left_alone(github):
    github.write(7, f"{MARKER}\n### better", "attacker")
    github.write(7, f"quoted: {MARKER}", "robot")
    run("--number", "7")
    assert github.bodies("attacker") == [f"{MARKER}\n### better"]
    assert len(github.bodies()) == 2
    run("--number", "7")
    assert len(github.bodies()) == 2


def test_the_token_of_a_workflow_may_not_ask_for_its_user(github):
    github.user = "github-actions[bot]"
    github.refuses = "GET /user"
    run("--number", "7")
    assert run("--number", "7").stdout.startswith("Updated")
    assert len(github.bodies("github-actions[bot]")) == 1


def test_the_number_is_found_by_branch_and_commit(github):
    github.pulls = [
        {"number": number, "head": {"label": label, "sha": sha}}
        for number, label, sha in [(6, "you:old", "a1"), (7, "you:a&b=c", "b2"), (8, "me:x", "b2")]
    ]
    assert run("--branch", "you:a&b=c", "--commit", "b2").exit_code == 0
    assert len(github.bodies()) == 1
    # Another commit was pushed meanwhile: its own run will comment.
    done = run("--branch", "you:a&b=c", "--commit", "a1")
    assert (done.exit_code, "nothing to comment on" in done.stdout) == (0, True)
    github.pulls.append({"number": 9, "head": {"label": "you:a&b=c", "sha": "b2"}})
    done = run("--branch", "you:a&b=c", "--commit", "b2")
    assert done.exit_code == 1
    assert "several open pull requests (#7, #9): give --number" in done.stderr


def test_a_refusal_says_what_the_token_needs(github, monkeypatch):
    github.refuses = "POST"
    done = run("--number", "7")
    assert done.exit_code == 1
    assert "POST" in done.stderr
    assert "the server answered 403 Forbidden" in done.stderr
    assert "does the token have `pull-requests: write`?" in done.stderr
    monkeypatch.setenv("GITHUB_TOKEN", "wrong")
    done = run("--number", "7")
    assert "the server answered 401" in done.stderr
    assert "wrong" not in done.stderr


def test_gitlab_and_a_server_that_is_not_there_say_so_too(gitlab):
    gitlab.refuses = "POST"
    assert "does the token have the scope `api`?" in run().stderr
    done = run("--api", "http://127.0.0.1:9/api/v4")
    assert done.exit_code == 1
    assert "http://127.0.0.1:9/api/v4 cannot be reached" in done.stderr


def test_no_number_and_no_file_are_said(github, tmp_path):
    assert "give --number" in run().stderr
    text = (tmp_path / "comment.md").rename(tmp_path / "other.md")
    assert "comment.md is no file" in run("--number", "7").stderr
    (tmp_path / "comment.md").symlink_to(text)
    assert "comment.md is no file" in run("--number", "7").stderr


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("thanks to @octocat", "thanks to @\u200boctocat"),
        ("a @ b", "a @ b"),
        ("<!-- ballast -->", "&lt;!-- ballast -->"),
        ("<!-<!-- -->- ballast -->", "<!-&lt;!-- -->- ballast -->"),
        ("fine\n  /merge", "fine\n  \\/merge"),
        ("fine\r/merge\u2028/close", "fine\n\\/merge\n\\/close"),
    ],
)
def test_what_a_fork_writes_is_made_harmless(text, harmless):
    assert comment_text(text) == f"{MARKER}\n{harmless}\n"


def test_of_a_long_comment_the_longest_table_loses_its_last_rows():
    classes = [f"| class {number} | {'x' * 60} |" for number in range(3000)]
    lines = ["### better", "| score |", "|---|", "| f1 |", "", "| class | f1 |", "|---|---|"]
    whole = "\n".join([*lines, *classes, "", "- loss: focal"])
    text = comment_text(whole, "https://example.org")
    assert LIMIT - 100 < len(text) <= LIMIT
    rows = text.count("| class ") - 1
    assert f"{classes[rows - 1]}\n\n*{3000 - rows} more rows are in the report.*\n" in text
    assert classes[rows] not in text
    assert text.endswith("\n- loss: focal\n\n[Report and comment as files](https://example.org)\n")
    fits = "\n".join([*lines, *classes[:700]])
    assert comment_text(fits) == f"{MARKER}\n{fits}\n"


@pytest.mark.parametrize("text", ["x" * 99_999, "long line\n" * 99_999, "|\n" * 99_999])
def test_whatever_else_is_long_ends_with_a_word_about_it(text):
    text = comment_text(text)
    assert len(text) <= LIMIT
    assert "in the report.*" in text
