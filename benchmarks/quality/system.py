"""One system on one data set under one split, in a process of its own, so that memory is its own.

Run by `benchmarks/quality/__main__.py`, as `python benchmarks/quality/system.py ORDER`. ORDER is a
JSON file: the workspace (folder, code, data set), the system, the seed, and our recipe or null for
a peer. The answer is written in its place.
"""

import csv
import json
import re
import resource
import sys
import time
import warnings
from pathlib import Path
from typing import Any

from data_sets import DataSet, Workspace

from ballast.labels.classes import labels_of
from ballast.project.errors import UserError

# Rows are prepared for all systems alike.
STAGES = ("split", "resample", "embed", "train", "evaluate")


def ours(workspace: Workspace, recipe: dict[str, Any], seed: int) -> dict[str, Any]:
    """Run the stages with a recipe; the answer has the ids of the test rows, too.

    Raises:
        UserError: a stage failed.
    """
    workspace.choose(recipe, seed)
    for stage in STAGES:
        workspace.stage(stage)
    metrics = workspace.folder / "metrics"
    headline = json.loads((metrics / "metrics.json").read_text(encoding="utf-8"))
    with (metrics / "predictions.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    several = "f1_micro" in headline
    return {
        "ids": [row["id"] for row in lines],
        "predicted": ["|".join(labels_of(row["predicted"], several)) for row in lines],
        **{name: headline[name] for name in ("log_loss", "calibration_error")},
    }


def peer(folder: Path, name: str, seed: int) -> dict[str, Any]:
    """Run a peer, and score its probabilities as the stage evaluate scores ours."""
    # Libraries that ours doesn't need would count as its memory.
    import peers
    import rows

    from ballast.evaluation import scores

    table = rows.read(folder)
    multilabel, test = table.classes.multilabel, table.part("test")
    task = peers.Task(table.part("train"), table.part("validation"), test.inputs, multilabel)
    try:
        predicted, likely = peers.PEERS[table.kind][name](task, seed)
    except peers.CannotRunError as error:
        return {"missing": str(error)}
    values = dict.fromkeys(("log_loss", "calibration_error"))
    if likely is not None:
        values["log_loss"] = float(scores.row_losses(test.targets, likely, multilabel).mean())
        values["calibration_error"] = scores.calibration_error(test.targets, likely, multilabel)
    return {"predicted": rows.joined(predicted, table.classes.names), **values}


def peak_mib() -> float:
    """Return the memory of the largest of this process and those that it started."""
    usage = [
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    ]
    # On Linux, the first begins with what the process had that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        usage[0] = int(re.search(r"VmHWM:\s*(\d+)", status.read_text(encoding="utf-8"))[1])
    return max(usage) / 1024


def main(path: str) -> None:
    """Do as ordered."""
    warnings.simplefilter("ignore")
    order = json.loads(Path(path).read_text(encoding="utf-8"))
    folder, seed = Path(order["folder"]), order["seed"]
    start = time.perf_counter()
    if order["recipe"] is None:
        result = peer(folder, order["system"], seed)
    else:
        data = DataSet(order["data"], order["block"])
        try:
            result = ours(Workspace(folder, Path(order["code"]), data), order["recipe"], seed)
        except UserError as error:
            raise SystemExit(str(error)) from error
    result["seconds"] = time.perf_counter() - start
    result["peak_mib"] = peak_mib()
    Path(path).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
