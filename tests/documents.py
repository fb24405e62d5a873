"""README and docs as a test reads them: their commands, and the settings that they show."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from closure import ROOT
from dvc.utils.serialize import modify_yaml
from ruamel.yaml import YAML

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
PROGRAMS = (
    "ballast",
    "cd",
    "dask",
    "dvc",
    "git",
    "make",
    "pip",
    "python",
    "source",
    "xdg-open",
    "zcat",
)
# What README and docs begin with: params.yaml as it comes.
BEGINNING = {
    "embedding": "tfidf",
    "model": "linear",
    "loss": "squared_hinge",
    "weighting": "balanced",
}
# The loss that contributing.md adds.
ADDED = "cubed"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
SPAN = re.compile(r"`+([^`]+)`")
# What a page's `...` stands for, in its own words.
ABBREVIATION = re.compile(r"`\.\.\.`\s+is\s+(all\s+that\s+and\s+)?`(-S\s[^`]*)`")
PLACEHOLDER = re.compile(r"<[a-z ]+>")


@dataclass(frozen=True)
class Command:
    """A program with its arguments, and the file and text that it comes from."""

    words: tuple[str, ...]
    page: str
    text: str

    def __str__(self) -> str:
        return f"{self.page}: {self.text}"

    @property
    def recipe(self) -> str | None:
        """The recipe that the command sets."""
        named = self.words[:2] == ("ballast", "use") and len(self.words) > 2
        return self.words[2] if named else None

    @property
    def changes(self) -> list[str]:
        """What the command sets in params.yaml: ["loss=focal"]."""
        if self.words[:2] == ("ballast", "predict"):
            # It sets how a file is read.
            return []
        return [
            value
            for option, value in zip(self.words, self.words[1:], strict=False)
            if option in ("-S", "--set-param")
        ]


def blocks(page: Path, language: str, sections: Sequence[str] = ()) -> list[str]:
    """Return the contents of a page's fenced blocks of a language, of some sections or of all."""
    text = page.read_text(encoding="utf-8")
    if sections:
        parts = re.split(r"^## (.*)$", text, flags=re.M)
        bodies = dict(zip(parts[1::2], parts[2::2], strict=True))
        text = "".join(bodies[title] for title in sections)
    return [content for name, content in FENCE.findall(text) if name == language]


def languages(page: Path) -> list[str]:
    """Return the language of each fenced block of a page."""
    return [name for name, _ in FENCE.findall(page.read_text(encoding="utf-8"))]


def commands_of(block: str, page: Path) -> list[Command]:
    """Return the commands of a block of shell lines, in order; pipes and && part them."""
    lines = [line.partition(" #")[0].strip() for line in block.splitlines()]
    return [command for line in lines if line for command in _parted(line, page)]


def shell_blocks() -> list[list[Command]]:
    """Return the commands of every block of shell lines in README and docs."""
    return [commands_of(block, page) for page in PAGES for block in blocks(page, "sh")]


def settings() -> list[tuple[str, str]]:
    """Return (page, content) of every block of params.yaml in README and docs."""
    return [(page.name, block) for page, block in _yaml() if not _is_study(block)]


def studies() -> list[tuple[str, str]]:
    """Return (page, content) of every block of study.yaml in README and docs."""
    return [(page.name, block) for page, block in _yaml() if _is_study(block)]


def _yaml() -> list[tuple[Path, str]]:
    return [(page, block) for page in PAGES for block in blocks(page, "yaml")]


def _is_study(block: str) -> bool:
    return re.search(r"^strategies:", block, re.M) is not None


def inline() -> list[list[Command]]:
    """Return the commands within each span of text or tables, abbreviations written out."""
    return [block for page in PAGES for block in map(list, _inline(page)) if block]


def _inline(page: Path) -> Iterator[Iterator[Command]]:
    text = FENCE.sub("", page.read_text(encoding="utf-8"))
    dots, meanings = "", {}
    for match in ABBREVIATION.finditer(text):
        meaning = " ".join(match[2].split())
        dots = f"{dots} {meaning}" if match[1] else meaning
        meanings[match.end()] = dots
    # What defines an abbreviation is no command: it is run with what stands behind the `...`.
    text = ABBREVIATION.sub(lambda match: " " * len(match[0]), text)
    for match in SPAN.finditer(text):
        first, _, rest = " ".join(match[1].split()).partition(" ")
        if first == "...":
            before = [place for place in meanings if place <= match.start()]
            # Elsewhere, `...` is a part of a text that is left out.
            if before:
                yield _parted(f"dvc exp run {meanings[max(before)]} {rest}", page)
        elif first == "-S" and rest:
            yield _parted(f"dvc exp run -S {rest}", page)
        elif first in PROGRAMS and rest:
            yield _parted(f"{first} {rest}", page)


def _parted(line: str, page: Path) -> Iterator[Command]:
    lexer = shlex.shlex(PLACEHOLDER.sub("NAME", line), posix=True, punctuation_chars="|&>")
    lexer.whitespace_split = True
    words: list[str] = []
    for word in [*lexer, "&&"]:
        if word not in ("&&", "|"):
            words.append(word)
            continue
        # What a command prints may go to a file.
        yield Command(tuple(words[: words.index(">")] if ">" in words else words), page.name, line)
        words = []


def merge(file: Path, block: str) -> None:
    """Put a block of YAML into params.yaml, as a reader would."""
    changes = YAML(typ="safe").load(block)
    with modify_yaml(file) as values:
        # The block of a data set is its whole description.
        for name in changes.get("datasets", {}):
            values["datasets"].pop(name, None)
        _put(values, changes)


def _put(target: dict, values: dict) -> None:
    for name, value in values.items():
        if isinstance(value, dict) and isinstance(target.get(name), dict):
            _put(target[name], value)
        else:
            target[name] = value
