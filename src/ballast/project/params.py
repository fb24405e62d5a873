"""Read `params.yaml` as DVC does and hold each part of it against the code that uses it.

A selector (`loss: focal`) names a file (`src/ballast/losses/focal.py`); the keyword-only, typed
arguments of that file's function are the schema of its options block (`losses.focal`).
"""

import importlib
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, create_model
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ballast.project.errors import UserError, did_you_mean

Schema = TypeVar("Schema", bound=BaseModel)

# selector -> (its folder and options block, the function each member of the family defines)
FAMILIES = {
    "sampler": ("samplers", "sample"),
    "embedding": ("embeddings", "embed"),
    "second_embedding": ("embeddings", "embed"),
    "third_embedding": ("embeddings", "embed"),
    "model": ("models", "build"),
    "second_model": ("models", "build"),
    "loss": ("losses", "loss"),
    "second_loss": ("losses", "loss"),
    "weighting": ("weightings", "weigh"),
    "second_weighting": ("weightings", "weigh"),
    "decision": ("decisions", "fit"),
}
# What a network reads, side by side.
EMBEDDINGS = tuple(name for name, (folder, _) in FAMILIES.items() if folder == "embeddings")
# What is trained; evaluate combines them on held-out rows.
MODELS = tuple(name for name, (folder, _) in FAMILIES.items() if folder == "models")
# What counts only beside a second model.
OF_SECOND_MODEL = ("second_loss", "second_weighting")
# folder or block -> its selectors
SELECTORS = {"datasets": ["dataset"]} | {
    folder: [name for name, (other, _) in FAMILIES.items() if other == folder]
    for folder, _ in FAMILIES.values()
}
BLOCKS = ("split", "training", "evaluation")
# Each names what a user has put into data/.
FILES = ("dataset", "vectors", "encoder")
# The type of every name but seed and costs, and what messages call it.
KINDS = {
    "allow_double_correction": bool,
    **dict.fromkeys((*FILES, *FAMILIES), str),
    **dict.fromkeys((*BLOCKS, *SELECTORS), dict),
}
CALLED = {bool: "true or false", str: "a name", dict: "a block"}
NAMES = ["seed", "costs", *FILES, "allow_double_correction", *BLOCKS, *FAMILIES, *SELECTORS]


def load(path: Path = Path("params.yaml")) -> dict[str, Any]:
    """Return the parameters, read by DVC's own YAML 1.2 reader, so that both see the same values.

    Raises:
        UserError: unreadable YAML, unknown or missing top-level names, a seed, selectors or blocks
            that are none: all of them at once.
    """
    params = read(path)
    refuse(faults(params))
    return params


def read(path: Path) -> dict[str, Any]:
    """Return what the file says, right or wrong; an empty block has no entries.

    Raises:
        UserError: it is no YAML, or no mapping.
    """
    try:
        params = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(params, dict):
        raise UserError(f"{path} must hold names and values; found {type(params).__name__}.")
    blocks = [name for name in (*BLOCKS, *SELECTORS) if name in params]
    return params | {name: {} for name in blocks if params[name] is None}


def faults(params: dict[str, Any]) -> Iterator[str]:
    """Yield all that is wrong at the top, name by name."""
    for name in NAMES:
        if name not in params:
            yield f"params.yaml lacks {name}: add a line `{name}: ...`."
    first, second = (
        [params.get(f"{prefix}{name}") for name in ("model", "loss", "weighting")]
        for prefix in ("", "second_")
    )
    if first == second and second[0] != "none" and None not in second:
        yield (
            "params.yaml: second_model, second_loss and second_weighting are those of the first "
            "model: change one of them, or set second_model: none."
        )
    for name, value in params.items():
        kind = KINDS.get(name)
        if name not in NAMES:
            yield f"params.yaml: unknown parameter {name!r}.{nearest(str(name), NAMES)}"
        elif name == "seed" and (type(value) is not int or not 0 <= value < 2**32):
            expected = "a whole number from 0 to 4294967295"
            yield f"params.yaml: seed must be {expected}; found {value!r}."
        elif name == "costs" and value is not None:
            yield from _cost_faults(value)
        elif kind and not isinstance(value, kind):
            yield f"params.yaml: {name} must be {CALLED[kind]}; found {value!r}."
        elif kind is dict:
            for key in value:
                # DVC looks options up by dotted names, and a data set's name is a folder's.
                if not isinstance(key, str) or not re.fullmatch(r"[\w-]+", key):
                    expected = "a name of letters, digits, - and _"
                    yield f"params.yaml: {name}: {key!r} must be {expected}."


def refuse(lines: Iterable[str]) -> None:
    """Raise a `UserError` with all faults, if there are any."""
    if text := listed(lines):
        raise UserError(text)


def listed(lines: Iterable[str]) -> str:
    """Return faults as the text of one error, a line each; what is said twice is said once."""
    return "\n       ".join(dict.fromkeys(lines))


def _cost_faults(costs: Any) -> Iterator[str]:
    """Yield what is wrong with `costs`."""
    schema = TypeAdapter(dict[str, dict[str, Annotated[float, Field(ge=0, allow_inf_nan=False)]]])
    try:
        schema.validate_python(costs, strict=True)
    except ValidationError as error:
        for fault in error.errors():
            *path, key = ("costs", *map(str, fault["loc"]))
            if key == "[key]":
                yield f"params.yaml: {'.'.join(path)} must be the name of a class, in quotes."
                continue
            yield (
                f"params.yaml: {'.'.join([*path, key])} must be numbers from 0 on, by true and "
                f"then by predicted class, as in {{spam: {{ham: 10.0}}}}; found {fault['input']!r}."
            )


def members(folder: str) -> list[str]:
    """Return the names of a family's members: its files, sorted."""
    files = (Path(__file__).parents[1] / folder).glob("*.py")
    return sorted(file.stem for file in files if not file.stem.startswith("_"))


def select(params: dict[str, Any], selector: str) -> tuple[ModuleType, dict[str, Any]]:
    """Return the chosen member's module and its checked options, defaults filled in.

    Raises:
        UserError: unknown member, or options its function does not take.
    """
    folder, _ = FAMILIES[selector]
    name = params[selector]
    known = members(folder)
    if name not in known:
        raise UserError(
            f"params.yaml: {selector}: {name!r} is not a member of {folder}: "
            f"there are {', '.join(known)}.{nearest(str(name), known)}"
        )
    return member(params, selector, name)


def member(params: dict[str, Any], selector: str, name: str) -> tuple[ModuleType, dict[str, Any]]:
    """Return one member's module and its checked options, chosen or not."""
    folder, verb = FAMILIES[selector]
    module = importlib.import_module(f"ballast.{folder}.{name}")
    block = params[folder].get(name)
    return module, options(getattr(module, verb), block, f"{folder}.{name}")


def flat(values: Mapping, prefix: str = "") -> dict[str, Any]:
    """Return {"losses.focal.gamma": 2.0, ...}; lists are values, and so are empty blocks."""
    entries = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            entries |= flat(value, f"{name}.")
        else:
            entries[name] = value
    return entries


def in_effect(name: str, params: Mapping) -> bool:
    """Return False, by dotted names, for options of members that are not chosen.

    And for what is a second model's where there is none.
    """
    if name in OF_SECOND_MODEL:
        return params.get("second_model") != "none"
    folder, _, rest = name.partition(".")
    owner = rest.partition(".")[0]
    return folder not in SELECTORS or owner in chosen_members(folder, params).values()


def chosen_members(folder: str, params: Mapping) -> dict[str, str]:
    """Return {selector: name} of the members of a family, or of the data set, that are in use."""
    selectors = [name for name in SELECTORS[folder] if in_effect(name, params)]
    return {name: str(params.get(name)) for name in selectors}


def options(function: Callable, block: dict[str, Any] | None, where: str) -> dict[str, Any]:
    """Check a block of options against a function's keyword-only arguments.

    Args:
        function: its keyword-only arguments are the allowed names, types, ranges and defaults.
        block: what `params.yaml` says; None stands for an empty block.
        where: the block's place in `params.yaml`, for the message.

    Raises:
        UserError: unknown name, wrong type, value out of range.
    """
    fields = {
        name: (p.annotation, ... if p.default is p.empty else p.default)
        for name, p in inspect.signature(function).parameters.items()
        if p.kind is p.KEYWORD_ONLY
    }
    schema = create_model("Options", __config__=ConfigDict(extra="forbid", strict=True), **fields)
    return dict(check(schema, {} if block is None else block, where))


def check(schema: type[Schema], block: Any, where: str, file: str = "params.yaml") -> Schema:
    """Return `block` as an instance of a pydantic schema, or say in one line a fault what is wrong.

    Args:
        schema: what is expected.
        block: what the file says.
        where: the block's place in the file; empty for all of the file.
        file: its name, for the message.

    Raises:
        UserError: unknown name, wrong type, value out of range, no mapping.
    """
    if not isinstance(block, dict):
        place = f"{file}: {where}" if where else file
        raise UserError(f"{place} must be a block of options; found {block!r}.")
    try:
        return schema.model_validate(block)
    except ValidationError as error:
        lines = [_line(fault, where, list(schema.model_fields)) for fault in error.errors()]
        raise UserError(listed(f"{file}: {line}" for line in lines)) from error


def _line(fault: dict, where: str, known: list[str]) -> str:
    place = ".".join(filter(None, [where, *(str(part) for part in fault["loc"][:1])]))
    if fault["type"] == "extra_forbidden":
        return f"unknown option {place}.{nearest(str(fault['loc'][0]), known)}"
    if fault["type"] == "missing":
        return f"{place} is missing."
    if fault["type"] == "value_error":
        return ": ".join(filter(None, [place, str(fault["ctx"]["error"])])) + "."
    return f"{place}: {fault['msg']}; found {fault['input']!r}."


def nearest(name: str, known: list[str]) -> str:
    """Return which known name may be meant, or all of them."""
    return did_you_mean(name, known) or f" Known: {', '.join(known)}."
