"""Studies on a cluster of Dask: real schedulers and workers, some of which die or can't work."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import studied
from closure import ROOT
from studied import results, without_seconds

from ballast.project.errors import UserError
from ballast.study import engines
from ballast.study.store import Store
from ballast.study.travelling import FOLDER

distributed = pytest.importorskip("distributed")

pytestmark = pytest.mark.pipeline

# Each has a plan of its own, which lies on one worker if that alone has asked for it.
STRATEGIES = {
    "plain": None,
    "over": {"sampler": "random_over"},
    "under": {"sampler": "random_under"},
    "half": {"sampler": "random_over", "samplers": {"random_over": {"ratio": 0.5}}},
}


class Cluster:
    """A scheduler, and workers with one thread each."""

    def __init__(self, folder: Path, **where) -> None:
        self.folder = folder
        self.file = folder / "scheduler.json"
        self.processes: list[subprocess.Popen] = []
        self.start("scheduler", "--port", "0", "--host", "127.0.0.1", **where)
        while not self.file.exists() or not self.file.read_text(encoding="utf-8"):
            assert self.processes[0].poll() is None
            time.sleep(0.05)

    @property
    def address(self) -> str:
        return json.loads(self.file.read_text(encoding="utf-8"))["address"]

    def start(
        self, what: str, *options: str, python: str = sys.executable, path: Path = ROOT / "src"
    ) -> subprocess.Popen:
        """Start a process that has packages, and may have this one."""
        folder = self.folder / str(len(self.processes))
        folder.mkdir()
        packages = Path(distributed.__file__).parents[1]
        module = f"distributed.cli.dask_{what}"
        command = [python, "-m", module, "--scheduler-file", str(self.file), "--no-dashboard"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*command, *options],
                cwd=folder,
                env={
                    **os.environ,
                    "PYTHONPATH": f"{path}{os.pathsep}{packages}",
                    # Each as if on a machine of its own.
                    "TMPDIR": str(folder),
                    "OMP_NUM_THREADS": "1",
                },
                stdout=log,
                stderr=log,
            )
        self.processes.append(process)
        return process

    def worker(self, **where) -> subprocess.Popen:
        """Start a worker."""
        return self.start("worker", "--nthreads", "1", "--no-nanny", **where)

    def wait(self, count: int) -> None:
        """Wait until so many workers are there."""
        with distributed.Client(self.address, set_as_default=False) as client:
            client.wait_for_workers(count, timeout=60)

    def end(self) -> None:
        """End what is left of it."""
        for process in reversed(self.processes):
            process.kill()
            process.wait()


@pytest.fixture
def cluster(tmp_path):
    """A scheduler without workers."""
    (tmp_path / "cluster").mkdir()
    cluster = Cluster(tmp_path / "cluster")
    yield cluster
    cluster.end()


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a project whose study has ended, in one process."""
    folder = tmp_path_factory.mktemp("dask") / "project"
    studied.create(folder, seeds=[0], strategies=STRATEGIES, learning_curve=None)
    studied.study(folder)
    return folder


@pytest.fixture
def fresh(finished, tmp_path):
    """A copy of it in which nothing has run."""
    folder = studied.copy(finished, tmp_path / "project")
    shutil.rmtree(folder / "study")
    return folder


def kill_in_training(store: Path, process: subprocess.Popen) -> None:
    """Kill a worker while it trains, as if its machine had gone."""
    last = time.monotonic() + 300
    while not any(store.glob("running/*/models/model")):
        assert time.monotonic() < last
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()


def study_and_kill(folder: Path, cluster: Cluster, store: Path) -> dict:
    """Run a study on two workers, one of which is killed in the middle."""
    killed, _ = cluster.worker(), cluster.worker()
    cluster.wait(2)
    with ThreadPoolExecutor(1) as pool:
        killing = pool.submit(kill_in_training, store, killed)
        found = studied.study(folder, "--engine", f"dask:{cluster.address}")
        killing.result()
    return found


def test_a_study_outlives_a_worker(fresh, finished, cluster):
    found = study_and_kill(fresh, cluster, fresh / "study/cache")
    assert without_seconds(found) == without_seconds(results(finished))
    assert studied.keys(fresh) == studied.keys(finished)


def test_a_study_outlives_a_worker_that_does_not_see_its_files(
    fresh, finished, cluster, monkeypatch
):
    look = engines._look_at
    monkeypatch.setattr(engines, "_look_at", lambda *arguments: (look(*arguments)[0], False))
    found = study_and_kill(fresh, cluster, cluster.folder / "1" / FOLDER)
    assert without_seconds(found) == without_seconds(results(finished))
    assert studied.keys(fresh) == studied.keys(finished)


# What is told at once.


@contextlib.contextmanager
def refused(store: Store, cluster: Cluster, said: str):
    began = time.monotonic()
    with pytest.raises(UserError, match=said), engines.engine(f"dask:{cluster.address}", store):
        pass
    yield time.monotonic() - began


def test_a_cluster_without_workers_is_told(tmp_path, cluster):
    with refused(Store(tmp_path), cluster, "the scheduler has no workers") as seconds:
        assert seconds < 8


def test_a_worker_without_this_package_is_told(tmp_path, cluster):
    cluster.worker(python=sys._base_executable, path=tmp_path)
    cluster.wait(1)
    with refused(Store(tmp_path), cluster, r"can't import ballast \(.*No module named 'ballast"):
        pass


def test_a_worker_with_other_code_is_told(tmp_path, cluster):
    code = tmp_path / "src"
    shutil.copytree(ROOT / "src", code, ignore=shutil.ignore_patterns("__pycache__"))
    with (code / "ballast/losses/focal.py").open("a", encoding="utf-8") as stream:
        stream.write("# edited\n")
    cluster.worker()
    cluster.worker(path=code)
    cluster.wait(2)
    with refused(Store(tmp_path), cluster, "has other code .* and results would differ"):
        pass


def test_workers_are_asked_whether_they_see_the_store(tmp_path, cluster):
    cluster.worker()
    cluster.wait(1)
    store = Store(tmp_path / "store")
    with engines.engine(f"dask:{cluster.address}", store) as runs_on:
        assert runs_on.func is engines._run_here
    assert list((store.folder / "running").iterdir()) == []
