"""What a stage would refuse of the choices in `params.yaml`: data, inputs and pairs that don't fit.

The members' own files say what they need: `NEEDS`, of each set of which one must be there, the type
that an embedding returns, `PER_BATCH` of a loss and `MIXES_LABELS` of a sampler.
"""

from collections import defaultdict, deque
from collections.abc import Iterator
from importlib import import_module
from inspect import signature
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from ballast.project.errors import UserError
from ballast.project.params import EMBEDDINGS, FAMILIES, MODELS, SELECTORS, members, select
from ballast.rows.dataset import AUTO, Dataset, selected
from ballast.rows.reading import read

# So many records at the beginning of a file are read.
RECORDS = 100
# Where the rest of what a member needs comes from.
SOURCES = {
    "text": "name the `text` column in the dataset's block",
    "columns": "name `features`, `categories` or `dates` in the dataset's block",
    "vectors": "name a file of data/vectors/ under `vectors`",
    "encoder": "name a folder of data/encoders/ under `encoder`",
}


def fault(function, *arguments) -> list[str]:
    """Return what a function refuses, as a list of one; an empty one where it returns."""
    try:
        function(*arguments)
    except UserError as error:
        return [str(error)]
    return []


def faults(params: dict[str, Any]) -> Iterator[str]:
    """Yield why stages would refuse what is chosen.

    Args:
        params: those that are sound by themselves; what depends on others is passed over.
    """
    yield from unknown(params)
    chosen = _modules(params)
    yield from _missing_files(params)
    yield from _apart(chosen)
    if "dataset" in params:
        refused = fault(selected, params)
        yield from refused
        dataset = None if refused else selected(params)
        yield from _raw_data(params["dataset"], dataset)
        if dataset:
            yield from _inputs(params, chosen, dataset)


def unknown(params: dict[str, Any]) -> Iterator[str]:
    """Yield which members, and which options of chosen ones, there are not."""
    params = {folder: {} for folder in SELECTORS} | params
    for selector in FAMILIES:
        if selector in params:
            yield from fault(select, params, selector)


def misfits(params: dict[str, Any], dataset: Dataset) -> Iterator[str]:
    """Yield why known members would be refused beside each other, or on this data set."""
    chosen = _modules(params)
    yield from _missing_files(params)
    yield from _apart(chosen)
    yield from _inputs(params, chosen, dataset)


def _modules(params: dict[str, Any]) -> dict[str, ModuleType]:
    """Return the chosen members by selector, as far as there are such."""
    return {
        selector: import_module(f"ballast.{folder}.{params[selector]}")
        for selector, (folder, _) in FAMILIES.items()
        if params.get(selector) in members(folder)
    }


def notes(params: dict[str, Any]) -> list[str]:
    """Return what is no fault, but may not be meant, a line each; the parameters are sound."""
    is_read = "columns" in (params[slot] for slot in EMBEDDINGS)
    if selected(params).has_columns and not is_read:
        return [
            "the columns of this data set are not read: set second_embedding: columns, or use a "
            "recipe"
        ]
    return []


def _missing_files(params: dict[str, Any]) -> Iterator[str]:
    vectors = Path("data/vectors") / params.get("vectors", "none")
    if not vectors.is_file():
        yield f"params.yaml: vectors: there is no file {vectors}."
    encoder = Path("data/encoders") / params.get("encoder", "none")
    if not encoder.exists():
        yield (
            f"params.yaml: encoder: there is no folder {encoder}: bring one with `ballast "
            f"fetch-encoder {encoder.name} SOURCE`, or with `dvc pull`."
        )


def _raw_data(name: str, dataset: Dataset | None) -> Iterator[str]:
    """Yield which files and columns are missing."""
    folder = Path("data/raw") / name
    if not folder.is_dir():
        yield (
            f"params.yaml: dataset: there is no folder {folder}: put the files there, or get them "
            f"with `ballast fetch {name}` or `dvc pull`."
        )
    elif dataset:
        refused = [
            line
            for _, file in dataset.parts()
            for line in fault(deque, islice(read(folder / file, dataset), RECORDS), 0)
        ]
        yield from refused
        if dataset.features == AUTO and not refused:
            # Imported here: it takes half a second, and other data sets do without.
            from ballast.rows.profile import completed

            yield from fault(completed, dataset, folder)
        labels = dataset.label_names
        if isinstance(labels, str) and not (folder / labels).is_file():
            yield f"params.yaml: datasets.{name}.label_names: there is no file {folder / labels}."


def _inputs(
    params: dict[str, Any], chosen: dict[str, ModuleType], dataset: Dataset
) -> Iterator[str]:
    """Yield which members find nothing to read."""
    there = {
        "text": dataset.text,
        "columns": dataset.has_columns,
        "vectors": params.get("vectors") != "none",
        "encoder": params.get("encoder") != "none",
    }
    present = {kind for kind, is_there in there.items() if is_there}
    for selector in ("sampler", *EMBEDDINGS):
        yield from _unmet(selector, params, chosen, present)
    embeddings = {place: chosen[place] for place in EMBEDDINGS if place in chosen}
    inputs = {place: _input(module) for place, module in embeddings.items()}
    words = [place for place, kind in inputs.items() if kind == "tokens"]
    if len(words) > 1:
        yield (
            f"params.yaml: {' and '.join(words)} are of words both, and a network reads the words "
            "of one. Set the other to none, tfidf or sentence."
        )
    if len(embeddings) == len(EMBEDDINGS):
        present |= {*inputs.values(), *(params[place] for place in embeddings)}
        for selector in MODELS:
            yield from _unmet(selector, params, chosen, present)


def _unmet(
    selector: str, params: dict[str, Any], chosen: dict[str, ModuleType], present: set[str]
) -> Iterator[str]:
    """Yield what a member needs and does not find, and where it comes from."""
    for kinds in getattr(chosen.get(selector), "NEEDS", []):
        if not kinds & present:
            sources = _sources() if selector in MODELS else SOURCES
            ways = "; or ".join(sources[kind] for kind in sorted(kinds))
            yield (
                f"params.yaml: {selector}: {params[selector]} needs {_either(sorted(kinds))}, and "
                f"nothing that is chosen gives any: {ways}."
            )


def _input(embedding: ModuleType) -> str | None:
    """Return the kind of a network's input that an embedding gives."""
    return getattr(signature(embedding.embed).return_annotation, "input", None)


def _sources() -> dict[str, str]:
    """Return where what a model needs comes from: a kind of input, or an embedding by its name."""
    givers = defaultdict(list)
    for name in members("embeddings"):
        for kind in (name, _input(import_module(f"ballast.embeddings.{name}"))):
            givers[kind].append(name)
    ways = {kind: f"choose {_either(names)} as an embedding" for kind, names in givers.items()}
    return ways


def _either(names: list[str]) -> str:
    return " or ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _apart(chosen: dict[str, ModuleType]) -> Iterator[str]:
    """Yield which members can't stand together, or not where they do."""
    names = {selector: module.__name__.rpartition(".")[2] for selector, module in chosen.items()}
    for slot in MODELS:
        # The second model has a second loss and a second weighting.
        loss, weighting = (f"{slot.removesuffix('model')}{name}" for name in ("loss", "weighting"))
        if names.get(slot) == "none" or not getattr(chosen.get(loss), "PER_BATCH", False):
            continue
        others = []
        if names.get(weighting, "none") != "none":
            others.append(f"{weighting}: {names[weighting]}")
        if getattr(chosen.get("sampler"), "MIXES_LABELS", False):
            others.append(f"sampler: {names['sampler']}, which mixes labels")
        for other in others:
            yield (
                f"params.yaml: {loss}: {names[loss]} is worked out on a whole batch, where rows "
                f"have no weights of their own; {other}, can't go with it. Use {weighting}: none "
                "and a sampler that mixes no labels."
            )
    first = chosen.get(MODELS[0])
    if first and signature(first.build).return_annotation is NoReturn:
        yield from fault(first.build, None)
