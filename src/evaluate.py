"""Stage 6, evaluate: choose the decision rule on validation rows, judge it on test rows.

Run by `dvc repro evaluate`. Works from the scores, without the network. Writes calibration and
rule to `models/decision.json` and to `metrics/`: the headline (`metrics.json`), that of classifiers
that know nothing (`baselines.json`), the scores by class (`per_class.json`), the predictions by row
id, and what the plots draw.
"""

from pathlib import Path

import numpy as np

from ballast import curves, params, storage
from ballast.classes import Classes, describe, multi_hot
from ballast.errors import run
from ballast.evaluation import Evaluation, Scored, evaluate

METRICS = Path("metrics")


def read_scored(part: str, targets: np.ndarray) -> Scored:
    """Read the scores of a part's rows, which stand in the order of the split."""
    table = storage.read_table(Path(f"data/scored/{part}.parquet"), ["outputs", "logits"])
    columns = (table[name].combine_chunks().flatten().to_numpy() for name in table.column_names)
    outputs, logits = (column.reshape(targets.shape) for column in columns)
    return Scored(targets, outputs, logits)


def write_plots(found: Evaluation, targets: np.ndarray, classes: Classes) -> None:
    """Write the rows of the plots."""
    storage.write_csv(
        METRICS / "confusion.csv",
        ["actual", "predicted", "count"],
        curves.confusion(targets, found.predicted, classes),
    )
    storage.write_csv(
        METRICS / "precision_recall.csv",
        ["class", "recall", "precision"],
        curves.precision_recall(targets, found.probabilities, classes),
    )
    storage.write_csv(
        METRICS / "roc.csv",
        ["class", "false_positive_rate", "recall"],
        curves.roc(targets, found.probabilities, classes),
    )


def write_predictions(ids: list[str], targets: np.ndarray, found: Evaluation, names) -> None:
    """Write actual and predicted labels of each test row; several labels are joined by |."""

    def labels(matrix: np.ndarray) -> list[str]:
        given = [names[c] for c in np.nonzero(matrix)[1]]
        ends = np.cumsum(matrix.sum(axis=1, dtype=np.int64)).tolist()
        return ["|".join(given[a:b]) for a, b in zip([0, *ends], ends, strict=False)]

    rows = zip(ids, labels(targets), labels(found.predicted), strict=True)
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
    test = targets[parts == "test"]

    found = evaluate(
        read_scored("validation", targets[parts == "validation"]),
        read_scored("test", test),
        classes,
        storage.read_json(Path("models/ledger.json")),
        decision,
        decision_options,
        settings["allow_double_correction"],
        settings["seed"],
        **options,
    )
    calibration = found.calibration.to_json() if found.calibration else None
    kept = {"calibration": calibration, **found.rule.to_json()}
    storage.write_json(Path("models/decision.json"), kept)
    storage.write_json(METRICS / "metrics.json", found.headline)
    storage.write_json(METRICS / "baselines.json", found.baselines)
    storage.write_json(METRICS / "per_class.json", found.per_class)
    storage.write_json(METRICS / "per_class_bounds.json", found.per_class_bounds)
    write_plots(found, test, classes)
    ids = np.array(split["id"].to_pylist())[parts == "test"].tolist()
    write_predictions(ids, test, found, classes.names)
    f1, low, high = (found.headline[f"f1_macro{end}"] for end in ("", "_low", "_high"))
    print(f"macro-F1 {f1:.3f} ({low:.3f} to {high:.3f}), {len(test)} test rows")
    never = [classes.names[c] for c in np.flatnonzero(~found.predicted.any(axis=0))]
    if never:
        print(f"  never predicted: {', '.join(never)}")
    if found.rule.note:
        print(f"  {found.rule.note}")


if __name__ == "__main__":
    run(main)
