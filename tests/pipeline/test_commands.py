"""Every command in README and docs is one that its program takes, and every setting one of ours."""

import os
import re
import subprocess
import tomllib
from functools import cache

import click
import documents
import pytest
import stand_ins
import typer
from closure import ROOT
from defaults import create, parameters, written_out
from documents import ADDED, BEGINNING, Command, merge
from dvc.cli.parser import get_main_parser
from dvc.utils.hydra import apply_overrides
from dvc.utils.serialize import dump_json, load_json, modify_yaml
from ruamel.yaml import YAML

from ballast.cli import app
from ballast.project import params
from ballast.rows.dataset import Layout
from ballast.setup import demo, recipes
from ballast.setup.checking import check_params
from ballast.study.plan import Plan, strategies

RECIPES = ROOT / "recipes"
# Places where files of a reader's own, or of a run, are.
MADE = ("data/", "metrics/", "models/", "study/", "dvc.lock", ".venv/")

SHELL = documents.shell_blocks()
COMMANDS = list(dict.fromkeys([command for block in SHELL for command in block]))
SPANS = documents.inline()
INLINE = list(dict.fromkeys([command for span in SPANS for command in span]))
SETTINGS = documents.settings()
STUDIES = documents.studies()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with all parameters and with files in the place of all data that docs name."""
    folder = tmp_path_factory.mktemp("commands")
    values = parameters(**BEGINNING)
    values["datasets"] |= stand_ins.BLOCKS
    create(folder, written_out(values))
    # JSON is YAML, and DVC changes it many times as fast.
    dump_json(folder / "params.json", written_out(values))
    stand_ins.write(folder / "data")
    demo.write(folder / "data/raw/demo/demo.csv", rows=stand_ins.ROWS)
    return folder


@pytest.fixture
def project(folder, monkeypatch):
    """The same, with the parameters as they were."""
    monkeypatch.chdir(folder)
    files = [folder / "params.yaml", folder / "params.json"]
    before = [file.read_bytes() for file in files]
    yield folder
    for file, content in zip(files, before, strict=True):
        file.write_bytes(content)


def make(command: Command) -> None:
    """The Makefile has the target."""
    quiet = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-n", *command.words[1:]], cwd=ROOT, env=quiet, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def ballast(command: Command) -> None:
    """The command line takes the arguments; `comment` has its token and place from CI."""
    group = typer.main.get_command(app)
    environment = {"GITHUB_TOKEN": "secret", "GITHUB_REPOSITORY": "me/mine"}
    with click.Context(group) as context, pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        assert command.recipe is None or command.recipe in recipes.names(RECIPES)
        name, subcommand, rest = group.resolve_command(context, list(command.words[1:]))
        # Within a text, the name alone stands for all that the command does.
        if rest or command in COMMANDS:
            take(subcommand, name, rest, context)


def take(subcommand: click.Command, name: str, words: list[str], context: click.Context) -> None:
    """The command takes the words, or one below it does."""
    with subcommand.make_context(name, words, parent=context) as inner:
        if isinstance(subcommand, click.Group) and (rest := [*inner.protected_args, *inner.args]):
            below, command, words = subcommand.resolve_command(inner, rest)
            take(command, below, words, inner)


def dvc(command: Command) -> None:
    """DVC's parser takes the arguments; `params` are looked at by block, below."""
    get_main_parser().parse_args(command.words[1:])


@cache
def git_options(subcommand: str) -> str:
    """Return Git's own list of a subcommand's options."""
    done = subprocess.run(["git", subcommand, "-h"], capture_output=True, text=True)
    assert "usage: git" in done.stdout + done.stderr, subcommand
    return done.stdout + done.stderr


def git(command: Command) -> None:
    """Git has the subcommand and its long options; files are the project's or a run's."""
    subcommand, *rest = command.words[1:]
    for word in rest:
        if word.startswith("--"):
            name = word[2:].removeprefix("no-")
            assert re.search(rf"--(\[no-\])?{name}\b", git_options(subcommand)), word
    if subcommand in ("add", "restore"):
        files(command)


def dask(command: Command) -> None:
    """Dask's own command line takes the arguments."""
    cli = pytest.importorskip(f"distributed.cli.dask_{command.words[1]}")
    cli.main.make_context(command.words[1], list(command.words[2:]))


def pip(command: Command) -> None:
    """It installs the project with one of its extras."""
    *words, what = command.words
    assert words == ["pip", "install", "-e"]
    with (ROOT / "pyproject.toml").open("rb") as stream:
        extras = tomllib.load(stream)["project"]["optional-dependencies"]
    assert what in {f".[{extra}]" for extra in extras}


def python(command: Command) -> None:
    """The script exists, and knows the options."""
    path = ROOT / command.words[1]
    sources = [path] if path.is_file() else sorted(path.glob("*.py"))
    text = "\n".join(source.read_text(encoding="utf-8") for source in sources)
    assert text, command
    for word in command.words[2:]:
        if word.startswith("--"):
            assert re.search(rf"\b{word[2:].replace('-', '_')}\b", text), word


def files(command: Command) -> None:
    """The files are those of the project, or of a run."""
    for word in command.words[1:]:
        if not word.startswith("-") and word != command.words[1]:
            assert (ROOT / word).exists() or word.startswith(MADE), word


def own_file(command: Command) -> None:
    """A file that `make repro` or a run has made, or a reader's own."""
    assert command.words[1].startswith(MADE) or command.words[1].startswith("new."), command


def change_folder(command: Command) -> None:
    """The folder that the line before it has made."""
    assert command.words[1] == "ballast"


RULES = {
    "ballast": ballast,
    "cd": change_folder,
    "dask": dask,
    "dvc": dvc,
    "git": git,
    "make": make,
    "pip": pip,
    "python": python,
    "source": own_file,
    "xdg-open": own_file,
    "zcat": own_file,
}


def test_shell_lines_are_fenced_as_such():
    for page in documents.PAGES:
        assert set(documents.languages(page)) <= {"sh", "yaml", "text", "python"}, page
        # An indented block would escape the tests below.
        text = documents.FENCE.sub("", page.read_text(encoding="utf-8"))
        assert not re.findall(rf"^ {{4,}}(?:{'|'.join(RULES)}) .*$", text, re.M), page


@pytest.mark.parametrize("command", [*COMMANDS, *INLINE], ids=str)
def test_command_is_one_that_its_program_takes(command):
    assert command.words[0] in RULES, f"no rule knows {command}"
    RULES[command.words[0]](command)


def check_all(project) -> None:
    """Hold params.yaml against the code, without what is only in contributing.md."""
    with modify_yaml(project / "params.yaml") as values:
        values["losses"].pop(ADDED, None)
        if values["loss"] == ADDED:
            values["loss"] = "cross_entropy"
    check_params()


def changing(block: list[Command]) -> list[Command]:
    """Return the commands that change params.yaml, by a recipe or by `-S`."""
    return [
        command
        for command in block
        if (command.recipe or command.changes) and ADDED not in str(command)
    ]


def use(project, name: str) -> None:
    """Set the parameters to a recipe."""
    values = load_json(project / "params.json")
    recipes.put(values, recipes.complete(name, RECIPES))
    dump_json(project / "params.json", values)


@pytest.mark.thorough
@pytest.mark.parametrize(
    "block",
    [block for block in [*SHELL, *SPANS] if changing(block)],
    ids=lambda block: str(changing(block)[0]),
)
def test_what_commands_set_is_in_order(block, project):
    """Line after line, as a reader would run them: each adds to those before."""
    for command in changing(block):
        changes = command.changes
        if command.recipe:
            use(project, command.recipe)
            # The page that names a recipe need not name the data that it is for.
            changes = [f"dataset={stand_ins.OF_RECIPES.get(command.recipe, 'demo')}"]
        apply_overrides(project / "params.json", changes)
        check_params(project / "params.json")


@pytest.mark.parametrize("number", range(len(SETTINGS)), ids=lambda number: SETTINGS[number][0])
def test_what_pages_put_into_params_yaml_is_in_order(number, project):
    merge(project / "params.yaml", SETTINGS[number][1])
    check_all(project)


@pytest.mark.parametrize("number", range(len(STUDIES)), ids=lambda number: STUDIES[number][0])
def test_what_pages_put_into_study_yaml_is_in_order(number, monkeypatch):
    page, block = STUDIES[number]
    content = YAML(typ="safe").load(block)
    # What adds to the strategies that are there needs no baseline of its own.
    asked = {"baseline": next(iter(content["strategies"]))} | content
    plan = params.check(Plan, asked, "", page)
    monkeypatch.chdir(ROOT)
    _, left_out = strategies(plan, parameters(), Layout(text="text"), several_labels=False)
    assert not left_out
