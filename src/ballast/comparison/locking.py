"""What of `dvc.lock` still stands in `dvc.yaml`: DVC itself takes nothing out (its issue 5293)."""

import re
from collections.abc import Iterator, Mapping
from typing import Any


def current(lock: Mapping[str, Any], pipeline: Mapping[str, Any]) -> dict[str, Any]:
    """Return the stages of a lock that the pipeline has, each with the parameters it has there.

    Args:
        lock: the stages of `dvc.lock`; `embed@embedding` is one item of a `foreach`.
        pipeline: the stages of `dvc.yaml`, as they are written.
    """
    stages = {}
    for name, entry in lock.items():
        base, _, item = name.partition("@")
        stage = pipeline.get(base)
        if stage is not None and _has_item(stage, item):
            names = re.compile("|".join(_parameters(stage, item)))
            locked = entry.get("params", {}).get("params.yaml", {})
            listed = {name: value for name, value in locked.items() if names.fullmatch(name)}
            stages[name] = {**entry, "params": {"params.yaml": listed}}
    return stages


def _has_item(stage: Mapping[str, Any], item: str) -> bool:
    items = stage.get("foreach", stage.get("matrix"))
    # Only a mapping names its items as they stand in the lock.
    named = isinstance(stage.get("foreach"), Mapping)
    return bool(item) == (items is not None) and (not named or item in items)


def _parameters(stage: Mapping[str, Any], item: str) -> Iterator[str]:
    """Yield patterns of the names in `params.yaml` that a stage depends on."""
    for entry in stage.get("do", stage).get("params", []):
        # A mapping is from the name of another file, or of this one.
        for name in [entry] if isinstance(entry, str) else entry.get("params.yaml") or []:
            fixed = re.split(r"\$\{.*?\}", name.replace("${key}", item))
            yield "[^.]+".join(map(re.escape, fixed))
