"""Run one step in a folder of its own: what a worker does, wherever it is."""

import contextlib
import importlib
import io
import os
import runpy
import shlex
import shutil
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

from ruamel.yaml import YAML
from threadpoolctl import threadpool_limits

from ballast.project.errors import UserError
from ballast.study.steps import Step, files_of
from ballast.study.store import Done, Store

# A process has one current folder, whatever its threads.
ALONE = Lock()
# All that judging reads of a model; networks would fill the disk.
READ_OF_MODELS = "ledger.json"


@dataclass(frozen=True)
class Task:
    """A step to run.

    Attributes:
        step: what.
        key: the step's.
        params: all parameters.
        inputs: the key of the step that has written it, by path.
        root: the project's folder, for raw data and code.
        store: folder of the store.
    """

    step: Step
    key: str
    params: Mapping[str, Any]
    inputs: Mapping[str, str]
    root: str
    store: str

    @property
    def raw(self) -> list[str]:
        """What the step reads that no step writes."""
        return [path for path in self.step.reads if not self._is_written(path)]

    def _is_written(self, path: str) -> bool:
        return any(path == out or path.startswith(f"{out}/") for out in self.inputs)


def run(task: Task) -> Done:
    """Run a step and keep what it writes, or why it could not."""
    store = Store(Path(task.store))
    if (done := store.load(task.key)) is not None:
        return done
    with store.workspace() as folder, ALONE:
        _lay_out(folder, task, store)
        began = time.perf_counter()
        error, lasting = _run(folder, Path(task.root), task.step.command)
        done = Done(
            task.key,
            {} if error else files_of(folder, task.step.writes),
            round(time.perf_counter() - began, 3),
            error,
            lasting,
        )
        if not lasting:
            return done
        store.save(done, _kept(folder, task.step, bool(error)))
    return done


def _lay_out(folder: Path, task: Task, store: Store) -> None:
    """Put parameters, raw data and what earlier steps have written where the stage looks."""
    with (folder / "params.yaml").open("w", encoding="utf-8") as stream:
        YAML(typ="safe").dump(dict(task.params), stream)
    for path, key in task.inputs.items():
        _link(folder / path, store.place(key) / path)
    for path in task.raw:
        _link(folder / path, Path(task.root) / path)


def _link(place: Path, target: Path) -> None:
    if target.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)


def _run(folder: Path, root: Path, command: str) -> tuple[str, bool]:
    """Run a command; return an error, if there is one, and whether it would be the same again."""
    os.chdir(folder)
    try:
        # One thread each: steps run side by side.
        with _silence(), threadpool_limits(1):
            _call(command, root)
    except UserError as error:
        return str(error), True
    except Exception as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        return (
            f"{type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})",
            False,
        )
    finally:
        # Not where the process was: a worker outlives the project that it was started for.
        os.chdir(root)
        if keras := sys.modules.get("keras"):
            keras.utils.clear_session()
    return "", True


def _call(command: str, root: Path) -> None:
    """Call the `main` of `python src/NAME.py ARGUMENTS`, or of a module."""
    name, *rest = shlex.split(command)
    if not rest:
        importlib.import_module(name).main()
        return
    script, *arguments = rest
    main = runpy.run_path(str(root / script))["main"]
    main(*([arguments] if arguments else []))


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep what a stage prints from the display of the study."""
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        yield


def _kept(folder: Path, step: Step, failed: bool) -> Path:
    """Return a folder with what is to be kept: the outputs, and of a model what judging reads."""
    kept = folder / "kept"
    kept.mkdir()
    for out in [] if failed else step.writes:
        source, place = folder / out, kept / out
        place.parent.mkdir(parents=True, exist_ok=True)
        if step.name.startswith("train@") and out.startswith("models/"):
            place.mkdir()
            if (source / READ_OF_MODELS).exists():
                shutil.copy(source / READ_OF_MODELS, place)
        else:
            source.rename(place)
    return kept
