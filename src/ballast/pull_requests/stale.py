"""Whether dvc.lock still describes the project, by what Git has: no data, no remote."""

import re
from collections.abc import Iterator
from pathlib import Path

from dvc.dependency import ParamsDependency
from dvc.exceptions import DvcException
from dvc.output import Output
from dvc.repo import Repo
from dvc.stage import PipelineStage

from ballast.project.errors import UserError

MEND = "Run `dvc repro`, then `git add dvc.lock metrics && git commit`."
# So many files and parameters of a stage by name.
SHOWN = 5


def check_lock() -> int:
    """Return how many stages there are, all of them as dvc.lock describes them.

    Raises:
        UserError: dvc.lock is stale, or describes more, or cannot be read, or what it is held
            against cannot.
    """
    for name in ("params.yaml", "dvc.yaml", "dvc.lock"):
        _require(Path(name))
    try:
        with Repo() as repo:
            # Those of dvc.yaml: a study, which has a dvc.yaml of its own, need not be there.
            stages = [
                stage
                for stage in repo.index.stages
                if isinstance(stage, PipelineStage)
                and stage.path == str(Path("dvc.yaml").absolute())
            ]
            # Only what stands in Git can be held against the lock. Of all other files, data above
            # all, the lock itself must have one and the same hash wherever it names them.
            hashes = {out.fs_path: out.hash_info for out in repo.index.outs if out.use_cache}
            outside = set(hashes)
            changes = {stage.name: list(_changes(stage, hashes, outside)) for stage in stages}
    except DvcException as error:
        raise UserError(f"DVC cannot read the project: {error}") from error
    stale = [f"  {name}: {_short(names)}" for name, names in changes.items() if names]
    if stale:
        title = "dvc.lock and metrics/ are not those of this code and these parameters:"
        stale = [title, *stale, MEND]
    lines = stale + _leftovers(Path("dvc.lock").read_text(encoding="utf-8"), set(changes))
    if lines:
        raise UserError("\n".join(lines))
    return len(stages)


def _leftovers(lock: str, stages: set[str]) -> list[str]:
    """Say which lines of a lock are of no stage any more: DVC never removes them (issue 5293)."""
    entries = []
    # A stage's name stands after two spaces, all that belongs to it after more.
    for entry in re.finditer(r"^  (\S+):\n(?:   .*\n?)*", lock, re.M):
        if entry[1] not in stages:
            before = lock.count("\n", 0, entry.start())
            last = before + len(entry[0].splitlines())
            entries.append(f"  {entry[1]}: lines {before + 1} to {last}")
    if not entries:
        return []
    return [
        "dvc.lock holds stages that dvc.yaml does not have, and `dvc repro` never removes them:",
        *entries,
        "Delete these lines, the last ones first, then `git add dvc.lock && git commit`.",
    ]


def _require(file: Path) -> None:
    if not file.is_file():
        raise UserError(f"{file.name} does not exist. {MEND}")
    if re.search(r"^(<{7}|>{7}) ", file.read_text(encoding="utf-8"), re.M):
        generated = "take either side with `git checkout --ours dvc.lock metrics`"
        mend = generated if file.name == "dvc.lock" else "settle them"
        raise UserError(f"{file.name} has conflict markers: {mend}. {MEND}")


def _changes(stage: PipelineStage, hashes: dict, outside: set[str]) -> Iterator[str]:
    """Name what of a stage is not as the lock has it; `hashes` grows by those it reads."""
    if not any(entry.hash_info for entry in [*stage.deps, *stage.outs]):
        yield "not in dvc.lock"
        return
    if stage.cmd_changed:
        yield "its command"
    # DVC does not run a frozen stage again, whatever became of what it reads.
    for entry in [*([] if stage.frozen else stage.deps), *stage.outs]:
        if isinstance(entry, ParamsDependency):
            yield from _params(entry)
        elif not _is_outside(entry, outside):
            for place, status in entry.workspace_status().items():
                gone = " (neither in this checkout nor under DVC)" if status == "deleted" else ""
                yield f"{place}{gone}"
        elif not entry.hash_info:
            yield f"{entry} (not in dvc.lock)"
        elif hashes.setdefault(entry.fs_path, entry.hash_info) != entry.hash_info:
            yield f"{entry} (dvc.lock or a .dvc file names another one elsewhere)"


def _params(entry: ParamsDependency) -> Iterator[str]:
    for file, status in entry.workspace_status().items():
        # One word stands for all of them.
        for name in entry.params if isinstance(status, str) else status:
            yield f"{name} in {file}"


def _is_outside(entry: Output, outside: set[str]) -> bool:
    """Tell whether DVC, not Git, keeps a file, the folder it lies in, or a file within it."""
    place = Path(entry.fs_path)
    return any(place.is_relative_to(one) or Path(one).is_relative_to(place) for one in outside)


def _short(changes: list[str]) -> str:
    more = f" and {len(changes) - SHOWN} more" if len(changes) > SHOWN else ""
    return f"{', '.join(changes[:SHOWN])}{more}"
