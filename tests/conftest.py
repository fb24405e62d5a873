"""Fixtures that several tests share."""

import contextlib
import gc
import io
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from defaults import parameters
from hypothesis import settings
from ruamel.yaml import YAML
from threadpoolctl import threadpool_limits

# The same examples each time, whatever the machine's load: a failure is one of the change at hand.
settings.register_profile("same", derandomize=True, deadline=None)
settings.load_profile("same")

REPO = Path(__file__).parents[1]
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("chrome")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def pytest_collection_modifyitems(items):
    """Begin with what takes minutes, so that no process is left with it at the end."""
    items.sort(key=lambda item: item.get_closest_marker("pipeline") is None)


def pytest_collection_finish():
    """Spare this process what small problems don't need, now that all is imported."""
    # On few rows threads wait for each other, in circles, longer than they work.
    threadpool_limits(1)
    # Every training collects garbage, and would go through TensorFlow's modules each time.
    gc.collect()
    gc.freeze()


class Project:
    """A folder with `params.yaml` and raw data, in which stages run as `dvc repro` runs them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.raw = folder / "data" / "raw" / "mine"
        self.raw.mkdir(parents=True)
        self.params = parameters(dataset="mine")

    def describe(self, shares: dict | None = None, **block) -> None:
        """Write `params.yaml`: the defaults, with this data set's block chosen."""
        self.params["datasets"] = {"mine": block}
        self.params["split"] |= shares or {}
        YAML(typ="safe").dump(self.params, self.folder / "params.yaml")

    def run(self, stage: str) -> subprocess.CompletedProcess:
        """Run a stage's script as `__main__`, but in this process."""
        script, code = str(REPO / "src" / f"{stage}.py"), 0
        with (
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            try:
                runpy.run_path(script, run_name="__main__")
            except SystemExit as end:
                code = end.code
        return subprocess.CompletedProcess(script, code, out.getvalue(), err.getvalue())

    def run_alone(self, stage: str) -> subprocess.CompletedProcess:
        """Run a stage in a process of its own."""
        return subprocess.run(
            [sys.executable, "-W", "error", str(REPO / "src" / f"{stage}.py")],
            cwd=self.folder,
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            capture_output=True,
            encoding="utf-8",
            check=False,
        )


@pytest.fixture
def project(tmp_path):
    """An empty project."""
    return Project(tmp_path)


@pytest.fixture
def undrawn(monkeypatch):
    """Leave the report's charts empty: they take most of an evaluation's time on few rows."""
    monkeypatch.setattr("vl_convert.vegalite_to_svg", lambda spec, **options: "<svg></svg>")


@pytest.fixture(scope="session")
def browser():
    """A headless Chromium."""
    if BROWSER is None:
        pytest.skip("no Chromium on PATH: install one, Debian's package `chromium` for example")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield running
        running.close()


@pytest.fixture
def visit(browser):
    """Open a local page, and hold it at the end against what no page may do."""
    asked, faults, contexts = {}, [], []

    def visit(path: Path, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        requests = asked.setdefault(path.as_uri(), [])
        page.on("request", lambda request: requests.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.on("dialog", lambda dialog: (faults.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri())
        return page

    yield visit
    for context in contexts:
        context.close()
    assert faults == []
    assert all(set(requests) == {page} for page, requests in asked.items())
