"""Check the whole of `params.yaml`: what is chosen, and the blocks that no stage would read now."""

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ballast.project.errors import did_you_mean
from ballast.project.params import (
    KINDS,
    SELECTORS,
    check,
    faults,
    flat,
    member,
    members,
    nearest,
    options,
    read,
    refuse,
)
from ballast.rows.dataset import Dataset
from ballast.setup import chosen
from ballast.setup.chosen import fault

FILE = Path("params.yaml")


def check_params(path: Path = FILE, settings: Sequence[str] = ()) -> None:
    """Hold every name and every block against the code and the data that it stands for.

    Args:
        path: the file.
        settings: name=value, as `dvc exp run -S` takes them; the file stays as it is.

    Raises:
        UserError: with all that is wrong, a line each.
    """
    params, lines = _with_settings(path, settings)
    sound = _sound(params)
    refuse([*lines, *faults(params), *chosen.faults(sound), *_in_blocks(sound)])


def check_chosen() -> None:
    """Hold what is chosen against the code and the data that it stands for, and nothing else.

    Raises:
        UserError: with all that is wrong, a line each.
    """
    params = read(FILE)
    refuse([*faults(params), *chosen.faults(_sound(params))])


def _sound(params: dict[str, Any]) -> dict[str, Any]:
    """Return the names and the blocks that are of the right type."""
    return {name: params[name] for name in KINDS if isinstance(params.get(name), KINDS[name])}


def _with_settings(path: Path, settings: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Return the parameters with some set as DVC sets them, and which could not be set."""
    params, lines = read(path), []
    if not settings:
        return params, lines
    from dvc.exceptions import InvalidArgumentError
    from dvc.utils.hydra import apply_overrides

    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(path, folder))
        for setting in settings:
            try:
                apply_overrides(copy, [setting])
            except InvalidArgumentError as error:
                reason = str(error.__cause__).splitlines()[0].rstrip(".")
                known = {*params, *flat(params)}
                name = setting.partition("=")[0]
                hint = "" if name in known else did_you_mean(name, known)
                lines.append(f"-S {setting}: {reason}.{hint}")
        return read(copy), lines


def _in_blocks(params: dict[str, Any]) -> Iterator[str]:
    from ballast.evaluation.judging import Options
    from ballast.splitting.stratified import split
    from ballast.training.options import Training

    if "split" in params:
        yield from fault(options, split, params["split"], "split")
    for name, schema in {"training": Training, "evaluation": Options}.items():
        if name in params:
            yield from fault(check, schema, params[name], name)
    for name, block in params.get("datasets", {}).items():
        yield from fault(check, Dataset, block, f"datasets.{name}")
    for folder, selectors in SELECTORS.items():
        if folder != "datasets" and folder in params:
            yield from _in_family(params, folder, selectors[0])


def _in_family(params: dict[str, Any], folder: str, selector: str) -> Iterator[str]:
    known = members(folder)
    for name in params[folder]:
        if name in known:
            yield from fault(member, params, selector, name)
        else:
            yield f"params.yaml: unknown block {folder}.{name}.{nearest(str(name), known)}"
    for name in sorted(set(known) - set(params[folder])):
        yield f"params.yaml: {folder} lacks a block for {name}: add `{name}: {{}}`."
