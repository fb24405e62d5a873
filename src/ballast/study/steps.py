"""The steps that lead to a score: the stages of `dvc.yaml`, with what each depends on.

A step's key is a hash of its command, its code, its parameters and the content of all that it
reads. What DVC says of a stage is all there is to know of it, so a step runs anew exactly when DVC
would run the stage.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import blake2b
from importlib import import_module
from pathlib import Path
from typing import Any

from ballast.project.params import read

PIPELINE = Path("dvc.yaml")
# The stages by what comes of them: check writes nothing, and evaluate looks at test rows.
LAST = "evaluate"
# Of the code of evaluate, what only writes about it.
NOT_JUDGING = ("src/evaluate.py", "src/ballast/report")
# What judges rows for a study: testing.py uses the other.
JUDGES = ("src/ballast/study/scoring.py", "src/ballast/study/testing.py")
# Parameters that judging reads, beside the options of the decision.
JUDGED = ("decision", "evaluation", "costs", "seed")
# path in the project -> digest, of the files that a step has written
Digests = Mapping[str, str]


@dataclass(frozen=True)
class Step:
    """A stage of `dvc.yaml` for certain parameters.

    Attributes:
        name: the stage's, as train@model.
        command: what DVC would run, as `python src/train.py model`.
        code: files and folders of src/ that it depends on.
        reads: what else it reads, outputs of other steps or not.
        params: the parameters that it depends on, by dotted name.
        writes: its outputs.
    """

    name: str
    command: str
    code: tuple[str, ...]
    reads: tuple[str, ...]
    params: dict[str, Any]
    writes: tuple[str, ...]

    def key(self, written: Digests) -> str:
        """Return the hash of all that the step's outputs follow from.

        Args:
            written: digests of the files that the steps before it have written.
        """
        contents = [
            *((path, _of_files(path)) for path in self.code),
            *((path, _of_inputs(path, written)) for path in self.reads),
        ]
        everything = [self.command, self.params, self.writes, contents]
        return digest(json.dumps(everything, ensure_ascii=False).encode())


def pipeline(params: Mapping[str, Any], root: Path = Path()) -> list[Step]:
    """Return the steps from files to scored rows, each after those that it reads from."""
    stages = _stages(root)
    names = list(stages)
    wanted = names[: names.index(LAST)]
    return [
        step for name in wanted for step in _resolved(name, stages[name], params) if step.writes
    ]


def judging(params: Mapping[str, Any], module: str, root: Path = Path()) -> Step:
    """Return the step that judges scored rows, by what the stage evaluate depends on.

    Args:
        params: all parameters.
        module: what does it; it has the folder `FOLDER` that its `main` writes.
        root: the project's folder.
    """
    (stage,) = _resolved(LAST, _stages(root)[LAST], params)
    code = [path for path in stage.code if path not in NOT_JUDGING]
    return Step(
        name=module,
        command=module,
        code=(*code, *JUDGES),
        reads=tuple(path for path in stage.reads if not path.startswith("models/input")),
        params={
            name: value
            for name, value in stage.params.items()
            if name in JUDGED or name.startswith("decisions.")
        },
        writes=(import_module(module).FOLDER.as_posix(),),
    )


def fingerprint(params: Mapping[str, Any], every_seed: bool) -> str:
    """Return a hash of all that a study's results may follow from: if it is the same, so are they.

    Args:
        params: all parameters.
        every_seed: whether all strategies are trained with all seeds.
    """
    data = [f"data/raw/{params['dataset']}", f"data/vectors/{params['vectors']}", "data/encoders"]
    paths = ["src", "recipes", "study.yaml", "params.yaml", str(PIPELINE), *data]
    everything = [every_seed, *((path, _of_files(path)) for path in paths)]
    return digest(json.dumps(everything).encode())


def digest(content: bytes) -> str:
    """Return the hash by which contents are told apart, 32 hexadecimal digits."""
    return blake2b(content, digest_size=16).hexdigest()


@cache
def _stages(root: Path) -> dict[str, Any]:
    return read(root / PIPELINE)["stages"]


def _resolved(name: str, stage: dict[str, Any], params: Mapping[str, Any]) -> Iterator[Step]:
    """Yield a stage, or each item of a `foreach`, with the parameters' values for their names."""
    if "foreach" not in stage:
        yield _step(name, stage, params, {})
        return
    for key, item in _filled(stage["foreach"], params, {}).items():
        values = {"key": key, "item": item}
        if isinstance(item, dict):
            values |= {f"item.{field}": value for field, value in item.items()}
        yield _step(f"{name}@{key}", stage["do"], params, values)


def _step(name: str, stage: dict[str, Any], params: Mapping, values: Mapping) -> Step:
    stage = _filled(stage, params, values)
    deps = stage.get("deps", [])
    outs = [
        next(iter(out)) if isinstance(out, dict) else out
        for out in [*stage.get("outs", []), *stage.get("metrics", [])]
    ]
    return Step(
        name=name,
        command=stage["cmd"],
        code=tuple(path for path in deps if path.startswith("src/")),
        reads=tuple(path for path in deps if not path.startswith("src/")),
        params={entry: _value(params, entry) for entry in stage.get("params", [])},
        writes=tuple(outs),
    )


def _filled(part: Any, params: Mapping, values: Mapping) -> Any:
    """Return a part of `dvc.yaml` with `${...}` filled in."""
    if isinstance(part, dict):
        return {
            _filled(key, params, values): _filled(value, params, values)
            for key, value in part.items()
        }
    if isinstance(part, list):
        return [_filled(entry, params, values) for entry in part]
    if not isinstance(part, str):
        return part
    return re.sub(
        r"\$\{([\w.]+)\}",
        lambda match: str(values.get(match[1], _value(params, match[1]))),
        part,
    )


def _value(params: Mapping[str, Any], name: str) -> Any:
    """Return a parameter by its dotted name, None where there is none."""
    value: Any = params
    for part in name.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return value


@cache
def _of_files(path: str) -> str:
    """Return the hash of a file, or of all files of a folder but byte code."""
    place = Path(path)
    if not place.is_dir():
        return digest(place.read_bytes()) if place.exists() else ""
    files = sorted(
        file for file in place.rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )
    parts = [(file.relative_to(place).as_posix(), digest(file.read_bytes())) for file in files]
    return digest(json.dumps(parts).encode())


def _of_inputs(path: str, written: Digests) -> str:
    """Return the hash of what earlier steps have written there, or else of what lies there."""
    inside = {
        file: value
        for file, value in written.items()
        if file == path or file.startswith(f"{path}/")
    }
    return digest(json.dumps(sorted(inside.items())).encode()) if inside else _of_files(path)


def files_of(folder: Path, outs: Sequence[str]) -> dict[str, str]:
    """Return the digest of each file that a step has written, by its path from the folder."""
    found = {}
    for out in outs:
        place = folder / out
        files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
        found |= {f.relative_to(folder).as_posix(): digest(f.read_bytes()) for f in files}
    return found
