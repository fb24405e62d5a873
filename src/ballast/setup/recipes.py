"""Recipes: whole strategies by name, each a file of `recipes/`, and how `ballast use` sets one.

A recipe is a part of `params.yaml`, nested as there: what differs from the defaults. The default of
an option is the code's, in the signature or the schema that reads it; those of the selectors are in
`recipes/texts.yaml`, which names them all.
"""

import json
from collections.abc import Iterator, Mapping, MutableMapping
from copy import deepcopy
from importlib import import_module
from inspect import Parameter, signature
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ballast.project.errors import UserError, did_you_mean
from ballast.project.params import FAMILIES, SELECTORS, listed, members, read

FOLDER = Path("recipes")
DEFAULT = "texts"
# What belongs to a strategy beside the members that it chooses.
CHOSEN = (*FAMILIES, "vectors", "encoder", "allow_double_correction")
# All else in the block `evaluation` is the report's.
OF_EVALUATION = ("combine", "calibration")
# How many names lead to a value; what isn't here is the data's: data sets, split, costs, seed.
DEPTHS = (
    dict.fromkeys(CHOSEN, 1)
    | {"training": 2, "evaluation": 2}
    | {folder: 3 for folder in SELECTORS if folder != "datasets"}
)
WHAT_IS_SET = (
    f"It sets {', '.join(CHOSEN)}; options of their members; training.*; "
    f"{' and '.join(f'evaluation.{name}' for name in OF_EVALUATION)}."
)

# ("losses", "focal", "gamma")
Place = tuple[str, ...]


def names(folder: Path = FOLDER) -> list[str]:
    """Return the names of all recipes, the default first.

    Raises:
        UserError: the default is missing.
    """
    found = sorted(file.stem for file in folder.glob("*.yaml"))
    if DEFAULT not in found:
        raise UserError(
            f"there is no {folder / DEFAULT}.yaml, which has the defaults of all selectors: run "
            "this where params.yaml is, or get the file back with `git restore recipes`."
        )
    return sorted(found, key=lambda name: name != DEFAULT)


def comment(name: str, folder: Path = FOLDER) -> list[str]:
    """Return the lines that a recipe begins with: what it is for, and what it needs."""
    lines = []
    for line in (folder / f"{name}.yaml").read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# "))
    return lines


def overview(folder: Path = FOLDER) -> list[str]:
    """Return a line for each recipe: its name and what it is for."""
    known = names(folder)
    width = max(map(len, known))
    return [f"{name:{width}}  {''.join(comment(name, folder)[:1])}" for name in known]


def load(name: str, folder: Path = FOLDER) -> dict[Place, Any]:
    """Return what a recipe's file says.

    Raises:
        UserError: there is no such recipe, or its file is no part of a strategy.
    """
    known = names(folder)
    if name not in known:
        hint = did_you_mean(name, known)
        raise UserError(listed([f"there is no recipe {name!r}.{hint}", *overview(folder)]))
    file = folder / f"{name}.yaml"
    try:
        content = YAML(typ="safe").load(file)
    except (OSError, YAMLError) as error:
        raise UserError(f"{file} cannot be read: {error}") from error
    # All comment: nothing differs.
    return settings({} if content is None else content, str(file))


def settings(content: Any, where: str) -> dict[Place, Any]:
    """Return the settings of a part of a strategy.

    Args:
        content: nested as in `params.yaml`.
        where: it stands, for the message.

    Raises:
        UserError: it is no part of a strategy.
    """
    if not isinstance(content, dict):
        raise UserError(f"{where} must hold names and values; found {type(content).__name__}.")
    found = dict(_settings(content, where))
    possible = {*options(), *((selector,) for selector in CHOSEN)}
    others = [(str(key),) for key in content if key not in DEPTHS]
    lines = [
        _refused(where, place, possible) for place in [*others, *found] if place not in possible
    ]
    if lines:
        raise UserError(listed([*lines, WHAT_IS_SET]))
    return found


def suited(texts: bool, columns: bool, several_labels: bool) -> tuple[str, dict[str, str]]:
    """Return the recipe for a kind of data, and the selectors to set beside it.

    Args:
        texts: whether it has texts.
        columns: whether it has numbers, categories or dates.
        several_labels: whether a row may have several labels.
    """
    if several_labels:
        beside = {"second_embedding": "columns"} if texts and columns else {}
        return "several_labels", beside if texts else {"embedding": "columns"}
    if not texts:
        return "columns", {}
    return ("texts_with_columns" if columns else DEFAULT), {}


def complete(name: str, folder: Path = FOLDER) -> dict[Place, Any]:
    """Return every selector and option of a strategy as a recipe has it, defaults filled in.

    Raises:
        UserError: see `load`.
    """
    return load(DEFAULT, folder) | defaults() | load(name, folder)


def defaults() -> dict[Place, Any]:
    """Return the default of every option that has one; others are needed, and the user's."""
    return {place: value for place, value in options().items() if value is not Parameter.empty}


def options() -> dict[Place, Any]:
    """Return the default of every option of a strategy, `Parameter.empty` where there is none."""
    from ballast.evaluation.judging import Options
    from ballast.training.options import Training

    found = {("training", name): field.default for name, field in Training.model_fields.items()}
    found |= {("evaluation", name): Options.model_fields[name].default for name in OF_EVALUATION}
    for folder, verb in dict.fromkeys(FAMILIES.values()):
        for name in members(folder):
            function = getattr(import_module(f"ballast.{folder}.{name}"), verb)
            for option in signature(function).parameters.values():
                if option.kind is option.KEYWORD_ONLY:
                    found[folder, name, option.name] = option.default
    return found


def changes(values: Mapping, wanted: Mapping[Place, Any], where: str) -> dict[Place, tuple]:
    """Return (old, new) of what `params.yaml` has otherwise than a strategy.

    An option that isn't there is at its default, and stays away if it is to be that.

    Raises:
        UserError: a block of `params.yaml` is none.
    """
    before = defaults() | dict(_settings(values, where))
    return {
        place: (before.get(place), new)
        for place, new in wanted.items()
        if not _same(before.get(place), new)
    }


def put(values: MutableMapping, wanted: Mapping[Place, Any]) -> None:
    """Set values in `params.yaml`; as DVC has read it, comments and form stay what they are."""
    for place, new in wanted.items():
        *blocks, name = place
        inside = values
        for block in blocks:
            if inside.get(block) is None:
                inside[block] = {}
            inside = inside[block]
        if isinstance(new, list) and isinstance(inside.get(name), list):
            # A list of its own would be written in another form.
            inside[name][:] = new
        else:
            # Not the code's own default, which could be changed then.
            inside[name] = deepcopy(new)


def use(
    name: str, path: Path = Path("params.yaml"), folder: Path = FOLDER, dry_run: bool = False
) -> list[str]:
    """Set `params.yaml` to a recipe, unless `dry_run`, and return a line for each change.

    Raises:
        UserError: see `load` and `changes`; or `params.yaml` cannot be read.
    """
    return change(complete(name, folder), path, dry_run)


def change(wanted: Mapping[Place, Any], path: Path, dry_run: bool = False) -> list[str]:
    """Set `params.yaml` to a strategy, unless `dry_run`, and return a line for each change.

    Raises:
        UserError: see `changes`; or `params.yaml` cannot be read.
    """
    from dvc.utils.serialize import modify_yaml

    changed = changes(read(path), wanted, str(path))
    if changed and not dry_run:
        with modify_yaml(path) as values:
            put(values, {place: new for place, (_, new) in changed.items()})
    return [
        f"{'.'.join(place)}: {_shown(old)} -> {_shown(new)}"
        for place, (old, new) in changed.items()
    ]


def _settings(values: Mapping, where: str) -> Iterator[tuple[Place, Any]]:
    """Yield what is said of a strategy, value by value."""
    for name, value in values.items():
        if name in DEPTHS:
            yield from _inside((name,), value, DEPTHS[name], where)


def _inside(place: Place, value: Any, depth: int, where: str) -> Iterator[tuple[Place, Any]]:
    if len(place) == depth:
        yield place, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _inside((*place, str(name)), inner, depth, where)
    elif value is not None:
        raise UserError(f"{where}: {'.'.join(place)} must be a block; found {value!r}.")


def _refused(where: str, place: Place, possible: set[Place]) -> str:
    name = ".".join(place)
    return f"{where}: no recipe sets {name}.{did_you_mean(name, map('.'.join, possible))}"


def _same(one: Any, other: Any) -> bool:
    # To Python, true is 1.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _shown(value: Any) -> str:
    """Return a value as YAML has it on a line."""
    return value if value and isinstance(value, str) else json.dumps(value, ensure_ascii=False)
