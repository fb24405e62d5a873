"""What a stage's script imports from this project, read from the code."""

import ast
import re
from pathlib import Path

from ruamel.yaml import YAML

ROOT = Path(__file__).parent.parent
SOURCE = ROOT / "src"
STAGES = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]


def first_of_each(stage: dict) -> dict:
    """Return a stage as it stands, or of one that runs for each of several, the first."""
    if "foreach" not in stage:
        return stage
    key, item = next(iter(stage["foreach"].items()))

    fields = item if isinstance(item, dict) else {}

    def filled(value):
        if isinstance(value, str):
            for name, field in fields.items():
                value = value.replace(f"${{item.{name}}}", field)
            return value.replace("${key}", key).replace("${item}", str(item))
        if isinstance(value, list):
            return [filled(one) for one in value]
        return value

    return {name: filled(value) for name, value in stage["do"].items()}


PIPELINE = {name: first_of_each(stage) for name, stage in STAGES.items()}


def imported(file: Path) -> set[Path]:
    """Return the project's files that a file imports, packages' __init__ included."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            for depth in range(1, len(parts) + 1):
                place = SOURCE.joinpath(*parts[:depth])
                found |= {place.with_suffix(".py"), place / "__init__.py"}
    return {path for path in found if path.is_file()}


def closure(*files: Path) -> set[Path]:
    """Return the files, all they import, and so on."""
    seen, waiting = set(), set(files)
    while waiting:
        file = waiting.pop()
        seen.add(file)
        waiting |= imported(file) - seen
    return seen


def selectors(stage: dict) -> dict[str, str]:
    """Return {selector: folder} of the families whose member is a dependency of a stage."""
    text = "\n".join(stage["deps"])
    return {name: folder for folder, name in re.findall(r"ballast/(\w+)/\$\{(\w+)\}\.py", text)}


def families(stage: dict) -> list[Path]:
    """Return every member's file of the families of a stage, chosen or not."""
    folders = [SOURCE / "ballast" / folder for folder in selectors(stage).values()]
    return sorted(file for folder in folders for file in folder.glob("*.py"))


def members(stage: dict) -> list[Path]:
    """Return the files of which one is chosen: those of the families, but for what they share."""
    return [file for file in families(stage) if not file.stem.startswith("_")]


def code_of(stage: dict) -> set[Path]:
    """Return the modules that a stage always depends on: its files, and its folders' files."""
    named = [ROOT / dep for dep in stage["deps"] if dep.startswith("src/") and "${" not in dep]
    inside = {file for path in named for file in path.rglob("*.py")}
    return inside | {path for path in named if path.suffix == ".py"}
