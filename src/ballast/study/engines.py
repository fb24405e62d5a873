"""Where steps run: `local`, `local:4`, `dask:tcp://...` or `ray:...`, all through joblib."""

import os
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from joblib import Parallel, cpu_count, delayed, parallel_config
from joblib.externals.loky.process_executor import TerminatedWorkerError

from ballast.project.errors import UserError
from ballast.study.cells import Engine
from ballast.study.running import Task, run
from ballast.study.store import Done, Store
from ballast.study.travelling import Identity, Luggage, identity, run_away

# Seconds until a cluster that does not answer is given up.
PATIENCE = 5
KNOWN = "local, local:4, dask:tcp://HOST:PORT or ray:ADDRESS"


@contextmanager
def engine(name: str, store: Store) -> Iterator[Engine]:
    """Yield the engine of a name, and leave its cluster at the end.

    Args:
        name: as `--engine` has it.
        store: whose folder workers may see, or not.

    Raises:
        UserError: there is no such engine, or its workers can't do the work.
    """
    kind, _, place = name.partition(":")
    if kind == "local" and (not place or (place.isdecimal() and int(place))):
        yield partial(_run_here, Workers(int(place) if place else cpu_count()))
    elif kind == "dask" and place:
        with _connected(place) as client:
            yield _dask(client, store)
    elif kind == "ray":
        yield _ray(place)
    else:
        raise UserError(f"--engine {name}: use {KNOWN}.")


@dataclass(frozen=True)
class Workers:
    """Processes that run steps.

    Attributes:
        count: of them.
        backend: joblib's name of what they are; empty for processes of this machine.
        options: of the backend.
    """

    count: int
    backend: str = ""
    options: tuple[tuple[str, Any], ...] = ()

    def map(self, function: Any, arguments: Iterable[tuple]) -> Iterator:
        """Yield what a function returns, as it comes; arguments are drawn as workers get free."""
        config: AbstractContextManager = nullcontext()
        if self.backend:
            config = parallel_config(backend=self.backend, **dict(self.options))
        with config, warnings.catch_warnings():
            # A process that has grown is replaced, and what it was to do is done by another.
            warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
            parallel = Parallel(
                n_jobs=self.count,
                return_as="generator_unordered",
                batch_size=1,
                pre_dispatch=self.count,
                # The cells run side by side: one thread each.
                **({} if self.backend else {"inner_max_num_threads": 1, "backend": "loky"}),
            )
            try:
                yield from parallel(delayed(function)(*each) for each in arguments)
            except TerminatedWorkerError as error:
                raise UserError(
                    "the system has ended a process that trained, for want of memory perhaps: "
                    "have fewer of them, with --engine local:1. What has run is kept."
                ) from error
            except TimeoutError as error:
                raise UserError(
                    "--engine: there are no workers any more: start some. What has run is kept."
                ) from error


def _run_here(workers: Workers, tasks: Iterable[Task]) -> Iterator[Done]:
    """Run tasks where this machine's files are seen."""
    return workers.map(run, ((task,) for task in tasks))


def _run_away(workers: Workers, luggage: Luggage, tasks: Iterable[Task]) -> Iterator[Done]:
    """Run tasks where they are not: what a step reads travels there, and what it writes back."""
    left, begun = iter(tasks), {}

    def packed() -> Iterator[tuple]:
        for task in chain(list(begun.values()), left):
            begun[task.key] = task
            yield luggage.packed(task)

    is_lost = True
    while is_lost:
        is_lost = False
        try:
            for done, files in workers.map(run_away, packed()):
                luggage.received(done, files)
                del begun[done.key]
                yield done
        except CancelledError:
            # A worker has gone, and with it what was sent to it alone: it is sent again.
            is_lost = True


def _connected(address: str) -> AbstractContextManager:
    """Return a client of a Dask cluster."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise UserError("--engine dask needs Dask: pip install -e '.[dask]'.") from error
    try:
        return Client(address, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UserError(f"--engine dask: no scheduler answers at {address}: {error}") from error


def _dask(client: Any, store: Store) -> Engine:
    with store.workspace() as folder:
        count, see_store = _look_at(client, str(folder))
    crew = Workers(count, "dask", (("client", client), ("wait_for_workers_timeout", PATIENCE)))
    return partial(_run_here, crew) if see_store else partial(_run_away, crew, Luggage(store))


def _look_at(client: Any, token: str) -> tuple[int, bool]:
    """Return the number of workers, and whether all see a folder that has just been made.

    Raises:
        UserError: there is none, or one that can't run what this process would.
    """
    here = identity(token)
    # Not as a task: a worker ends without a word at one that it can't import.
    workers = client.run(identity, token, on_error="return")
    for name, there in workers.items():
        if isinstance(there, Exception):
            raise UserError(
                f"--engine dask: the worker {name} can't import ballast ({there}): install the "
                "same checkout there."
            ) from there
        _require_same(name, here, there)
    if not workers:
        raise UserError("--engine dask: the scheduler has no workers: start some.")
    return len(workers), all(there.sees_store for there in workers.values())


def _require_same(name: str, here: Identity, there: Identity) -> None:
    for what in ("code", "python"):
        ours, theirs = getattr(here, what), getattr(there, what)
        if ours != theirs:
            raise UserError(
                f"--engine: the worker {name} has other {what} ({theirs}) than this project "
                f"({ours}), and results would differ: install the same there."
            )


def _ray(address: str) -> Engine:
    try:
        import ray
        from ray.util.joblib import register_ray
    except ModuleNotFoundError as error:
        raise UserError("--engine ray needs Ray: pip install -e '.[ray]'.") from error
    try:
        ray.init(address=address or None, ignore_reinit_error=True, log_to_driver=False)
    except ConnectionError as error:
        raise UserError(f"--engine ray: no cluster answers at {address}: {error}") from error
    register_ray()
    count = int(ray.cluster_resources().get("CPU", os.cpu_count() or 1))
    return partial(_run_here, Workers(count, "ray"))
