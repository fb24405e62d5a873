"""Where steps run: `local`, `local:4`, `dask:tcp://...` or `ray:...`, all through joblib."""

from collections.abc import Iterable, Iterator
from functools import partial

from joblib import Parallel, cpu_count, delayed

from ballast.project.errors import UserError
from ballast.study.cells import Engine
from ballast.study.running import Task, run
from ballast.study.store import Done


def engine(name: str) -> Engine:
    """Return the engine of a name.

    Raises:
        UserError: there is no such engine, or it is not there.
    """
    kind, _, place = name.partition(":")
    if kind == "local" and (not place or (place.isdecimal() and int(place))):
        return partial(_local, int(place) if place else cpu_count())
    raise UserError(f"--engine {name}: use local, local:4, dask:tcp://HOST:PORT or ray:ADDRESS.")


def _local(processes: int, tasks: Iterable[Task]) -> Iterator[Done]:
    """Run tasks in so many processes of this machine, in their order as processes get free."""
    parallel = Parallel(
        n_jobs=processes,
        return_as="generator_unordered",
        batch_size=1,
        pre_dispatch="n_jobs",
        inner_max_num_threads=1,
    )
    return parallel(delayed(run)(task) for task in tasks)
