"""Check the whole of `params.yaml`: also the blocks that no stage would read now."""

from pathlib import Path
from typing import Any

from ballast.project.errors import UserError, did_you_mean
from ballast.project.params import (
    FAMILIES,
    SELECTORS,
    check,
    load,
    member,
    members,
    options,
    select,
)
from ballast.rows.dataset import Dataset, selected


def check_params(path: Path = Path("params.yaml")) -> dict[str, Any]:
    """Return the parameters, every block held against the code that uses it.

    Raises:
        UserError: with all that is wrong, a line each.
    """
    params = load(path)
    faults = [*_selector_faults(params), *_block_faults(params)]
    if faults:
        raise UserError("\n       ".join(dict.fromkeys(faults)))
    return params


def _selector_faults(params: dict[str, Any]) -> list[str]:
    faults = []
    for selector in FAMILIES:
        faults += _fault(select, params, selector)
    faults += _fault(selected, params)
    raw = Path("data/raw") / params["dataset"]
    if not raw.is_dir():
        faults.append(
            f"params.yaml: dataset: there is no folder {raw}: put the files there, or get them "
            f"with `ballast fetch {params['dataset']}` or `dvc pull`."
        )
    vectors = Path("data/vectors") / str(params["vectors"])
    if not vectors.is_file():
        faults.append(f"params.yaml: vectors: there is no file {vectors}.")
    encoder = Path("data/encoders") / str(params["encoder"])
    if not encoder.exists():
        faults.append(
            f"params.yaml: encoder: there is no folder {encoder}: bring one with `ballast "
            f"fetch-encoder {params['encoder']} SOURCE`, or with `dvc pull`."
        )
    return faults


def _block_faults(params: dict[str, Any]) -> list[str]:
    from ballast.evaluation.judging import Options
    from ballast.splitting.stratified import split
    from ballast.training.options import Training

    faults = _fault(options, split, params["split"], "split")
    for name, schema in {"training": Training, "evaluation": Options}.items():
        faults += _fault(check, schema, params[name], name)
    for name, block in params["datasets"].items():
        faults += _fault(check, Dataset, block, f"datasets.{name}")
    for folder, selectors in SELECTORS.items():
        if folder == "datasets":
            continue
        known = members(folder)
        for name in params[folder]:
            if name in known:
                faults += _fault(member, params, selectors[0], name)
            else:
                hint = did_you_mean(name, known) or f" Known: {', '.join(known)}."
                faults.append(f"params.yaml: unknown block {folder}.{name}.{hint}")
        for name in sorted(set(known) - set(params[folder])):
            faults.append(f"params.yaml: {folder} lacks a block for {name}: add `{name}: {{}}`.")
    return faults


def _fault(function, *arguments) -> list[str]:
    try:
        function(*arguments)
    except UserError as error:
        return [str(error)]
    return []
