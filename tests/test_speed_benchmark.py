"""The benchmark of training runs, and what it writes holds together; never how fast it is."""

import json
import re
import subprocess
import sys

import pytest
from closure import ROOT

PEERS = ["nine-class Keras code", "ours, cnn frozen", "TF-IDF, LinearSVC", "fastText"]


def test_peers_take_turns_and_are_written_down(tmp_path):
    options = [
        "--rows",
        "300",
        "--rounds",
        "2",
        "--dimensions",
        "8",
        "--output",
        tmp_path / "speed",
    ]
    chosen = [part for name in PEERS for part in ("--only", name)]
    command = [sys.executable, str(ROOT / "benchmarks/speed"), *map(str, options), *chosen]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    found = json.loads((tmp_path / "speed.json").read_text("utf-8"))["peers"]
    assert list(found) == PEERS
    for name, peer in found.items():
        assert peer["rows_a_second"] > 0
        assert 0 <= peer["f1_macro"] <= 1
        assert peer["peak_mib"] > 50
        assert ("ratios" in peer) == (name != PEERS[0])
    ours = found["ours, cnn frozen"]
    assert len(ours["ratios"]) == 2
    # A whole training learns these classes, whatever two epochs of a network do.
    assert found["TF-IDF, LinearSVC"]["f1_macro"] > 0.3
    lines = (tmp_path / "speed.md").read_text("utf-8").splitlines()
    told = [re.split(r" *\| *", line)[1] for line in lines if line.startswith("| ")]
    assert told == ["peer", *PEERS]
    assert ours["f1_macro"] == pytest.approx(float(lines[-3].split(" | ")[4]), abs=5e-4)
