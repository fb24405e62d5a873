"""The stages' scripts, run in this process, and what prediction must make of what they leave."""

import csv
import importlib.util
import json
import os
from pathlib import Path

import numpy as np
from problems import ROOT

from ballast.prediction.bundle import load
from ballast.prediction.predicting import predict
from ballast.probabilities import calibration, ledger
from ballast.probabilities.calibration import Calibration
from ballast.project import storage

STAGES = ["prepare", "split", "resample", "embed", "train", "evaluate"]


def stage(name: str):
    """Return a stage's script as a module."""
    spec = importlib.util.spec_from_file_location(f"stage_{name}", ROOT / "src" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_csv(path: Path) -> list[dict[str, str]]:
    """Return the lines of a CSV file."""
    with path.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def evaluated() -> tuple[list[str], list[str], np.ndarray]:
    """Return ids, labels and probabilities of the test rows, as the evaluation has them."""
    rows = read_csv(Path("metrics/predictions.csv"))
    book = storage.read_json(Path("models/ledger.json"))
    decision = storage.read_json(Path("models/decision.json"))
    scored = storage.read_table(Path("data/scored/test.parquet"))
    kind = "logits" if decision["correct"] else "outputs"
    logits = np.array(scored[kind].to_pylist(), dtype=np.float32)
    if decision["correct"]:
        logits = ledger.correct(logits, book)
    fitted = decision["calibration"] and Calibration.from_json(decision["calibration"])
    likely = calibration.likely(logits, fitted, book["task"] == "multilabel")
    return [row["id"] for row in rows], [row["predicted"] for row in rows], likely


def check_prediction() -> None:
    """Predict the test rows of the run in this folder, and hold them against the evaluation."""
    ids, labels, likely = evaluated()
    layout = json.loads(Path("models/input.json").read_text(encoding="utf-8"))
    prepared = storage.read_table(Path("data/prepared/rows.parquet")).to_pylist()
    by_id = {row["id"]: row for row in prepared}
    columns = ["id", *filter(None, [layout["text"]]), *layout["features"]]
    rows = [[name, *filter(None, [by_id[name]["text"]]), *by_id[name]["features"]] for name in ids]
    # Of another format than any data set's, so that the columns' names are all that counts.
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
    Path("new.jsonl").write_text("\n".join(lines) + os.linesep, encoding="utf-8")
    summary = predict(load(), Path("new.jsonl"), Path("predicted.csv"))
    assert (summary.rows, summary.faults.total()) == (len(ids), 0)
    found = read_csv(Path("predicted.csv"))
    assert [row["id"] for row in found] == ids
    p = [[float(value) for name, value in row.items() if name.startswith("p_")] for row in found]
    fitted = load().calibration
    # Steps between neighbouring scores may be steep: they make more of the rounding of float32.
    isotonic = fitted is not None and fitted.method == "isotonic"
    np.testing.assert_allclose(p, likely, rtol=1e-4, atol=1e-3 if isotonic else 1e-5)
    assert [row["predicted"] for row in found] == labels
