"""Stage 6, evaluate: choose the decision rule on validation rows, judge it on test rows.

Validation rows are those of the validation part and, where there are folds, training rows as the
network that has not learnt from them scores them.

Run by `dvc repro evaluate`. Works from the scores, without the network. Writes calibration and
rule to `models/decision.json` and to `metrics/`: the headline (`metrics.json`), that of the
validation rows (`validation.json`) and of classifiers that know nothing (`baselines.json`), the
scores by class (`per_class.json`), the predictions by row id, what the plots draw, and the report,
which shows it all (`report.html`).
"""

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ballast.evaluation import curves, scores
from ballast.evaluation.judging import Evaluation, Scored, evaluate
from ballast.labels.classes import describe, joined, multi_hot
from ballast.labels.parts import choosing
from ballast.project import params, storage
from ballast.project.errors import run
from ballast.project.params import in_effect
from ballast.report.audit import shared_rows
from ballast.report.page import Run, render
from ballast.rows.dataset import Dataset, selected

METRICS = Path("metrics")
# Letters of a text in the report.
SHOWN = 600


def read_scored(part: str, targets: np.ndarray) -> Scored:
    """Read the scores of a part's rows, which stand in the order of the split."""
    table = storage.read_table(Path(f"data/scored/{part}.parquet"), ["outputs", "logits"])
    columns = (table[name].combine_chunks().flatten().to_numpy() for name in table.column_names)
    outputs, logits = (column.reshape(targets.shape) for column in columns)
    return Scored(targets, outputs, logits)


def leaks(rows: pa.Table, parts: np.ndarray, dataset: Dataset) -> dict[str, dict | None]:
    """Return the leakage audit by kind of likeness; None where it was not looked for."""
    columns = {"exact": "exact_duplicates", "near": "duplicates", "group": "group"}
    found = {kind: rows[column].to_pylist() for kind, column in columns.items()}
    looked_for = {
        "exact": True,
        # Of rows without a text, only equal ones are alike.
        "near": dataset.near_duplicates is not None and dataset.text is not None,
        "group": dataset.group is not None,
    }
    return {
        kind: shared_rows(groups, parts) if looked_for[kind] else None
        for kind, groups in found.items()
    }


def cut_texts() -> int:
    """Return how many texts the embeddings have cut off at `max_tokens`, those of new texts too."""
    folders = (Path("models") / place for place in params.EMBEDDINGS)
    return sum(storage.read_json(folder / "embedding.json")["cut"] for folder in folders)


def read_history() -> list[dict[str, float]]:
    """Return the training's numbers, a dict for each epoch."""
    with (METRICS / "history.csv").open(encoding="utf-8", newline="") as stream:
        lines = list(csv.DictReader(stream))
    return [{name: float(value) for name, value in line.items()} for line in lines]


def contents(rows: pa.Table, ids: list[str], features: list[str]) -> list[tuple[str, str]]:
    """Return where each of some rows stands, and how its content begins."""
    chosen = rows.filter(pc.is_in(rows["id"], pa.array(ids, pa.string())))
    told = {}
    for row in chosen.to_pylist():
        content = [] if row["text"] is None else [shorten(row["text"])]
        if features:
            pairs = zip(features, row["features"], strict=True)
            content.append(", ".join(f"{name} = {value:g}" for name, value in pairs))
        told[row["id"]] = f"{row['file']}, row {row['row']}", "\n".join(content)
    return [told[name] for name in ids]


def shorten(text: str) -> str:
    """Return the beginning of a long text."""
    return text if len(text) <= SHOWN else f"{text[:SHOWN]} …"


def write_predictions(ids: list[str], targets: np.ndarray, found: Evaluation, names) -> None:
    """Write actual and predicted labels of each test row; several labels are joined by |."""
    rows = zip(ids, joined(targets, names), joined(found.predicted, names), strict=True)
    storage.write_csv(METRICS / "predictions.csv", ["id", "actual", "predicted"], rows)


def main() -> None:
    """Evaluate."""
    settings = params.load()
    decision, decision_options = params.select(settings, "decision")
    options = params.options(evaluate, settings["evaluation"], "evaluation")
    split = storage.read_table(Path("data/split/rows.parquet"))
    named = storage.read_json(Path("data/prepared/classes.json"))
    targets = multi_hot(split["labels"], len(named["labels"]))
    parts = np.array(split["part"].to_pylist())
    classes = describe(named, targets[parts == "train"])
    validation = targets[choosing(parts, split["fold"].to_numpy())]
    test = targets[parts == "test"]

    book = storage.read_json(Path("models/ledger.json"))
    found = evaluate(
        read_scored("validation", validation),
        read_scored("test", test),
        classes,
        book,
        decision,
        decision_options,
        settings["allow_double_correction"],
        settings["seed"],
        **options,
    )
    calibration = found.calibration.to_json() if found.calibration else None
    kept = {"correct": options["correct"], "calibration": calibration, **found.rule.to_json()}
    storage.write_json(Path("models/decision.json"), kept)
    storage.write_json(METRICS / "metrics.json", found.headline)
    # Names of their own: `dvc exp show --sort-by` takes the name without the file.
    on_validation = {f"val_{name}": value for name, value in found.validation_headline.items()}
    storage.write_json(METRICS / "validation.json", on_validation)
    storage.write_json(METRICS / "baselines.json", found.baselines)
    storage.write_json(METRICS / "per_class.json", found.per_class)
    storage.write_json(METRICS / "per_class_bounds.json", found.per_class_bounds)
    plots = curves.plots(found, validation, test, classes, options["level"])
    for name, (header, *rows) in plots.items():
        storage.write_csv(METRICS / f"{name}.csv", header, rows)
    ids = np.array(split["id"].to_pylist())[parts == "test"].tolist()
    write_predictions(ids, test, found, classes.names)
    dataset = selected(settings)
    prepared = storage.read_table(Path("data/prepared/rows.parquet"))
    told = contents(prepared, [ids[mistake.row] for mistake in found.mistakes], dataset.features)
    report = Run(
        params={name: v for name, v in params.flat(settings).items() if in_effect(name, settings)},
        level=options["level"],
        classes=classes,
        found=found,
        rarest=classes.names[scores.rarest(test, classes)],
        correct=options["correct"],
        plots=plots,
        book=book,
        history=read_history(),
        data=storage.read_json(METRICS / "data.json"),
        parts=storage.read_json(METRICS / "split.json"),
        cut=cut_texts(),
        leaks=leaks(prepared, parts, dataset),
        mistakes=list(zip(found.mistakes, told, strict=True)),
    )
    (METRICS / "report.html").write_text(render(report), encoding="utf-8", newline="\n")
    f1, low, high = (found.headline[f"f1_macro{end}"] for end in ("", "_low", "_high"))
    print(f"macro-F1 {f1:.3f} ({low:.3f} to {high:.3f}), {len(test)} test rows")
    never = [classes.names[c] for c in np.flatnonzero(~found.predicted.any(axis=0))]
    if never:
        print(f"  never predicted: {', '.join(never)}")
    if found.rule.note:
        print(f"  {found.rule.note}")


if __name__ == "__main__":
    run(main)
