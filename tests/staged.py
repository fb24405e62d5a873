"""The stages' scripts, run in this process, and what prediction must say after them."""

import csv
import importlib.util
import json
import os
from pathlib import Path

import numpy as np
from problems import ROOT

from ballast.prediction.bundle import load
from ballast.prediction.predicting import predict
from ballast.probabilities.scored import FOLDER, TEST
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
    """Return ids, labels and probabilities of the test rows, as the evaluation has them.

    From the same outputs, what prediction has read says the same labels, to the row.
    """
    rows = read_csv(Path("metrics/predictions.csv"))
    ids, labels = [row["id"] for row in rows], [row["predicted"] for row in rows]
    predictor, outputs = load(), {}
    for slot in predictor.models:
        scored = storage.read_table(FOLDER / slot / TEST)
        assert scored["id"].to_pylist() == ids
        outputs[slot] = np.array(scored["outputs"].to_pylist(), dtype=np.float32)
    p = predictor.probabilities(outputs)
    assert predictor.labels(outputs, p) == labels
    return ids, labels, p


def fields(row: dict, layout: dict) -> dict:
    """Return what a network sees of a prepared row, by the names of its columns."""
    written = {
        "text": [row["text"]] if layout["text"] else [],
        "features": row["numbers"],
        "categories": row["categories"],
        "dates": [
            None if days is None else str(np.datetime64(round(days * 86_400), "s"))
            for days in row["dates"]
        ],
    }
    return {
        name: value
        for kind, values in written.items()
        for name, value in zip(_listed(layout[kind]), values, strict=True)
    }


def _listed(names: str | list[str] | None) -> list[str]:
    return [names] if isinstance(names, str) else names or []


def check_prediction() -> None:
    """Predict the test rows of the run in this folder, and hold them against the evaluation."""
    ids, labels, probabilities = evaluated()
    layout = json.loads(Path("models/input.json").read_text(encoding="utf-8"))
    prepared = storage.read_table(Path("data/prepared/rows.parquet")).to_pylist()
    by_id = {row["id"]: row for row in prepared}
    # Of another format than any data set's, so that the columns' names are all that counts.
    lines = [json.dumps({"id": name} | fields(by_id[name], layout)) for name in ids]
    Path("new.jsonl").write_text("\n".join(lines) + os.linesep, encoding="utf-8")
    summary = predict(load(), Path("new.jsonl"), Path("predicted.csv"))
    assert (summary.rows, summary.faults.total()) == (len(ids), 0)
    predicted = read_csv(Path("predicted.csv"))
    assert [row["id"] for row in predicted] == ids
    columns = [name for name in predicted[0] if name.startswith("p_")]
    p = [[float(row[name]) for name in columns] for row in predicted]
    maps = [part.correction.calibration for part in load().decision.mixture.parts]
    # Steps between neighbouring scores may be steep: they magnify the rounding of float32.
    isotonic = any(each is not None and each.method == "isotonic" for each in maps)
    np.testing.assert_allclose(p, probabilities, rtol=1e-4, atol=1e-3 if isotonic else 1e-5)
    assert [row["predicted"] for row in predicted] == labels
