"""What differs between two runs besides their scores: parameters, stages; and stale results."""

from collections.abc import Mapping
from typing import Any

from ballast.comparison.revisions import PREDICTIONS, Revision
from ballast.project.params import OF_SECOND_MODEL, chosen_members, flat, in_effect

# What decides on which rows there are and which of them are test rows.
ROWS = ("seed", "dataset", "datasets", "split")


def parameters(base: Revision, head: Revision) -> dict[str, list[dict[str, Any]]]:
    """Return the parameters that differ, apart from options of members that neither has chosen.

    Returns:
        {"in_effect": [...], "not_chosen": [...]} of {"name", "base", "head"}; a side that lacks
        the parameter lacks its key.
    """
    differences: dict[str, list[dict[str, Any]]] = {"in_effect": [], "not_chosen": []}
    sides = {"base": flat(base.params), "head": flat(head.params)}
    for name in dict.fromkeys([*sides["base"], *sides["head"]]):
        values = {side: params[name] for side, params in sides.items() if name in params}
        if len(values) == 1 or not _same(*values.values()):
            chosen = any(in_effect(name, side.params) for side in (base, head))
            differences["in_effect" if chosen else "not_chosen"].append({"name": name} | values)
    return differences


def stages(base: Revision, head: Revision) -> dict[str, dict[str, Any]]:
    """Return by stage how the two runs differ by `dvc.lock`.

    Returns:
        {stage: {"status", "changed"}}: status is "unchanged"; "same outputs", though something it
        reads changed; "other outputs"; "only in base"; "only in head". Changed are the names of
        the files and parameters it reads that differ.
    """
    statuses = {}
    for name in dict.fromkeys([*base.stages, *head.stages]):
        if name not in base.stages or name not in head.stages:
            place = "base" if name in base.stages else "head"
            statuses[name] = {"status": f"only in {place}", "changed": []}
            continue
        sides = base.stages[name], head.stages[name]
        first, second = (_read(side) for side in sides)
        read = first.keys() | second.keys()
        changed = sorted(place for place in read if first.get(place) != second.get(place))
        status = "same outputs" if changed else "unchanged"
        if _hashes(sides[0], "outs") != _hashes(sides[1], "outs"):
            status = "other outputs"
        statuses[name] = {"status": status, "changed": changed}
    return statuses


def warnings(base: Revision, head: Revision) -> list[str]:
    """Return what makes the comparison mean less than it seems to."""
    lines = [line for side in (base, head) for line in _stale(side)]
    changes = parameters(base, head)
    if changes["not_chosen"] and not changes["in_effect"]:
        names = [change["name"] for change in changes["not_chosen"]]
        selected = {}
        for name in names:
            if name in OF_SECOND_MODEL:
                selected["second_model"] = "none"
            else:
                selected |= chosen_members(name.partition(".")[0], head.params)
        chosen = ", ".join(f"{selector}: {name}" for selector, name in selected.items())
        verb = "is" if len(selected) == 1 else "are"
        lines.append(
            f"{', '.join(names)} changed, but {chosen} {verb} chosen: nothing could change by it"
        )
    return lines


def since(base: Revision, head: Revision) -> str:
    """Return ", since seed changed" with the parameters that can give other test rows, if any."""
    changes = [change["name"] for change in parameters(base, head)["in_effect"]]
    names = [name for name in changes if name.partition(".")[0] in ROWS]
    return f", since {', '.join(names)} changed" if names else ""


def _stale(run: Revision) -> list[str]:
    lines = []
    values = flat(run.params)
    for stage in run.stages.values():
        for name, value in flat(stage["params"]["params.yaml"]).items():
            if name not in values or not _same(values[name], value):
                now = values.get(name, "(none)")
                lines.append(
                    f"{run.name}: params.yaml has {name}: {now}, but the results are those of "
                    f"{value}: run `dvc repro`"
                )
    for out in run.stages.get("evaluate", {}).get("outs", []):
        if out["path"] == PREDICTIONS and out.get("md5") != run.predictions_md5:
            lines.append(f"{run.name}: {PREDICTIONS} is not the one of dvc.lock: run `dvc repro`")
    return list(dict.fromkeys(lines))


def _same(one: Any, other: Any) -> bool:
    # To Python True is 1, to the program it is not.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _read(stage: Mapping) -> dict[str, Any]:
    params = flat(stage["params"]["params.yaml"])
    return {"cmd": stage.get("cmd")} | _hashes(stage, "deps") | params


def _hashes(stage: Mapping, side: str) -> dict[str, Any]:
    return {file["path"]: file.get("md5") for file in stage.get(side, [])}
