"""Where steps run: which names there are, and what is told of a process or a cluster that isn't."""

import gc
import os
import time
from pathlib import Path

import pytest

from ballast.project.errors import UserError
from ballast.study.engines import Workers, engine
from ballast.study.store import Store


@pytest.fixture(autouse=True)
def collected():
    """Collect clients that could not connect: the thread of a later one would wait for itself."""
    yield
    gc.collect()


@pytest.mark.parametrize(
    "name", ["", "lokal", "local:0", "local:two", "local:-1", "local:²", "dask", "dask:", "spark:x"]
)
def test_names_of_no_engine_are_refused(tmp_path, name):
    with pytest.raises(UserError, match=f"^--engine {name}: use local, local:4, dask:tcp://HOST"):
        enter(name, tmp_path)


def enter(name: str, folder: Path) -> None:
    with engine(name, Store(folder)):
        pass


@pytest.mark.parametrize("name", ["local", "local:1", "local:3"])
def test_local_engines_are_there(tmp_path, name):
    with engine(name, Store(tmp_path)) as runs_on:
        assert list(runs_on([])) == []


def test_results_come_as_they_are_ready():
    """The first to come is the last to be asked for."""
    # Both processes are there.
    list(Workers(2).map(slept, [(0.3,), (0.3,)]))
    assert list(Workers(2).map(slept, [(1.0,), (0.01,)])) == [0.01, 1.0]


def slept(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def test_arguments_are_drawn_as_workers_get_free():
    drawn = []

    def arguments():
        for number in range(4):
            drawn.append(number)
            yield (number,)

    results = Workers(1).map(abs, arguments())
    next(results)
    assert len(drawn) < 4
    assert list(results) == [1, 2, 3]


def test_a_process_that_the_system_ends_is_told():
    with pytest.raises(UserError, match=r"--engine local:1. What has run is kept"):
        list(Workers(2).map(os._exit, [(1,), (1,)]))
    # Others are there the next time.
    assert sorted(Workers(2).map(abs, [(-1,), (-2,)])) == [1, 2]


def test_a_cluster_that_does_not_answer_is_given_up(tmp_path):
    pytest.importorskip("distributed")
    began = time.monotonic()
    with pytest.raises(UserError, match=r"no scheduler answers at tcp://127\.0\.0\.1:1"):
        enter("dask:tcp://127.0.0.1:1", tmp_path)
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("address", ["nowhere", "ftp://nowhere:1", "tcp://nowhere.invalid:1"])
def test_an_address_that_is_none_is_told(tmp_path, address):
    pytest.importorskip("distributed")
    with pytest.raises(UserError, match=f"no scheduler answers at {address}"):
        enter(f"dask:{address}", tmp_path)
