"""The benchmark of speed runs, and what it writes holds together; never how fast it is."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from closure import ROOT

pytestmark = pytest.mark.pipeline

PEERS = ["nine-class Keras code", "ours, cnn frozen", "TF-IDF, LinearSVC", "fastText"]
PAIR = PEERS[:2]
OPTIONS = {"rows": 200, "texts": 200, "rounds": 2, "dimensions": 8}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("speed")
    options = [f"--{name}={value}" for name, value in OPTIONS.items()]
    chosen = [f"--only={name}" for name in PEERS]
    command = [sys.executable, str(ROOT / "benchmarks/speed"), *options, *chosen]
    best = {name: {"best": [0.5, 0.7], "epoch": [1, 3]} for name in PAIR}
    # What stands is kept where quality is not measured anew.
    (folder / "speed.json").write_text(json.dumps({"quality": {"epochs": 3, "best": best}}))
    # It calls `ballast`, as a user would.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, f"--output={folder / 'speed'}"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def found(folder):
    return json.loads((folder / "speed.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def page(folder):
    return (folder / "speed.md").read_text("utf-8")


def cells(page: str, first: str) -> list[list[str]]:
    """Return the lines of the table whose first cell is `first`, header and rule left out."""
    table = page[page.index(f"| {first} |") :].split("\n\n")[0]
    return [re.split(r" *\| *", line)[1:-1] for line in table.strip().splitlines()[2:]]


def test_peers_take_turns_and_are_written_down(found, page):
    assert list(found["training"]) == PEERS
    for peer in found["training"].values():
        assert len(peer["seconds"]) == OPTIONS["rounds"]
        assert min(peer["seconds"]) > 0
        assert 0 <= peer["f1_macro"] <= 1
        assert peer["peak_mib"] > 50
    # A whole training learns these classes, whatever two epochs of a network do.
    assert found["training"]["TF-IDF, LinearSVC"]["f1_macro"] > 0.2
    lines = cells(page, "peer")
    assert [line[0] for line in lines] == PEERS
    for line in lines:
        assert float(line[4]) == pytest.approx(found["training"][line[0]]["f1_macro"], abs=5e-4)
        assert bool(line[3]) == (line[0] != PEERS[0])


def test_ratios_are_those_of_turns_side_by_side(found, page):
    plain, ours = (found["training"][name]["seconds"] for name in PAIR)
    low, high = sorted(p / o for p, o in zip(plain, ours, strict=True))
    told = f"{(low + high) / 2:.1f} ({low:.1f} to {high:.1f})"
    assert cells(page, "peer")[1][3] == told


def test_prediction_is_timed_with_files_and_without(found, page):
    assert {name: len(seconds) for name, seconds in found["prediction"].items()} == {
        f"{name}: {what}": OPTIONS["rounds"] for name in PAIR for what in ("files", "network")
    }
    assert [line[0] for line in cells(page, "what")] == ["from file to file", "the network alone"]


def test_growth_has_a_line_for_each_number_of_rows(found, page):
    assert [entry["rows"] for entry in found["growth"]] == [200, 400, 800, 1600]
    assert [line[0] for line in cells(page, "rows")] == ["200", "400", "800", "1,600"]


def test_quality_once_measured_is_kept(found, page):
    assert found["quality"]["epochs"] == 3
    assert "0.600 | 0.600 | +0.000 ± 0.000 | 2.0 | 2.0" in page


def test_the_picture_has_a_mark_for_each_ratio(folder):
    picture = ElementTree.parse(folder / "speed.svg").getroot()
    told = "".join(picture.itertext())
    assert all(f"training: {name}" in told for name in PEERS[1:])
    assert "prediction: files" in told
