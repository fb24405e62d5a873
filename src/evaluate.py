"""Stage 6, evaluate: choose models and decision rule on held-out rows, judge them on test rows.

Held-out rows are those of the validation part and, if there are folds, the training rows, each
scored by the network that was not trained on its fold.

Run by `dvc repro evaluate`. Works from the outputs, without the networks. Writes the models'
corrections and the rule to `models/decision.json`, and to `metrics/`: the headline
(`metrics.json`), that of the held-out rows (`validation.json`) and of trivial classifiers
(`baselines.json`), the scores by class (`per_class.json`), the predictions by row id, the labels
that may be wrong (`label_issues.csv`), what other thresholds would bring (`operating_points.csv`),
the rows of the plots, row counts, and the report, which shows it all (`report.html`).
"""

from collections.abc import Iterator
from dataclasses import replace
from math import floor
from pathlib import Path

import numpy as np

from ballast.evaluation import curves, operating_points, point_curves, scores, suspects
from ballast.evaluation.judging import Evaluation, Options, evaluate
from ballast.evaluation.notes import listed, notes
from ballast.labels import parts
from ballast.labels.classes import Classes, LabelSet, texts_of
from ballast.labels.parts import PARTS, Split
from ballast.probabilities import scored
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.scored import Scored
from ballast.project import params, storage
from ballast.project.errors import run
from ballast.project.params import in_effect
from ballast.report.audit import shared_rows
from ballast.report.page import Run, render
from ballast.rows.dataset import Dataset, Layout, selected
from ballast.rows.places import place
from ballast.rows.prepared import Prepared
from ballast.texts import embedded

METRICS, MODELS = Path("metrics"), Path("models")
# Most characters of a text in the report.
SHOWN = 600


def named_apart(outputs: dict[str, Scored], ledgers: dict[str, Ledger]) -> dict[str, Scored]:
    """Return the models' outputs with distinct names: those of equal models add loss, weighting."""
    for count in (1, 2, 3):
        names = {
            slot: ", ".join((each.model, ledgers[slot].loss, ledgers[slot].weighting)[:count])
            for slot, each in outputs.items()
        }
        if len(set(names.values())) == len(names):
            break
    return {slot: replace(each, model=names[slot]) for slot, each in outputs.items()}


def leaks(rows: Prepared, split: Split, dataset: Dataset) -> dict[str, dict | None]:
    """Return the leakage audit by kind of match; None where it was not looked for."""
    names = [PARTS[part] for part in split.parts]
    # Near-duplicates are those of texts.
    near = dataset.near_duplicates is not None and dataset.text
    kinds = {
        "exact": rows.exact_duplicates.tolist(),
        "near": rows.duplicates.tolist() if near else None,
        "group": None if dataset.group is None else rows.groups,
    }
    return {kind: keys and shared_rows(keys, names) for kind, keys in kinds.items()}


def contents(
    rows: Prepared, ids: list[str], layout: Layout, name: str | None
) -> Iterator[tuple[str, str]]:
    """Yield where some rows come from, and their content, of long texts the beginning.

    Args:
        rows: all rows.
        ids: of those that are wanted.
        layout: the columns that a network sees.
        name: of the column with the data set's own ids, if it has one.
    """
    columns = [*layout.features, *layout.categories, *layout.date_formats]
    for row in rows.rows(ids):
        text = row["text"] or ""
        dates = [
            None if day is None else str(np.datetime64(floor(day), "D")) for day in row["dates"]
        ]
        values = zip(columns, [*row["numbers"], *row["categories"], *dates], strict=True)
        content = [
            text if len(text) <= SHOWN else f"{text[:SHOWN]} …",
            ", ".join(f"{name} = {'' if value is None else value}" for name, value in values),
        ]
        own = f"{name} {row['id']}: " if name else ""
        origin = f"{row['file']}, {place(row['record'], row['line'])}"
        yield own + origin, "\n".join(filter(None, content))


def write_metrics(
    evaluation: Evaluation, tables: dict, histories: dict, ids: list[str], classes: Classes
) -> None:
    """Write what `dvc metrics`, `dvc plots` and `ballast compare` read, and further tables."""
    storage.write_json(METRICS / "metrics.json", evaluation.test.headline)
    # Names with a prefix: `dvc exp show --sort-by` takes them without the file.
    held_out = {f"val_{name}": value for name, value in evaluation.held_out.headline.items()}
    storage.write_json(METRICS / "validation.json", held_out)
    storage.write_json(METRICS / "baselines.json", evaluation.baselines)
    storage.write_json(METRICS / "per_class.json", evaluation.per_class)
    storage.write_json(METRICS / "per_class_bounds.json", evaluation.per_class_bounds)
    for name, (header, *rows) in tables.items():
        storage.write_csv(METRICS / f"{name}.csv", header, rows)
    epochs = [
        [model, epoch, *entry.values()]
        for model, history in histories.items()
        for epoch, entry in enumerate(history, 1)
    ]
    columns = ["model", "epoch", *next(iter(histories.values()))[0]]
    storage.write_csv(METRICS / "history.csv", columns, epochs)
    labels = (
        texts_of(each, classes.names, classes.multilabel)
        for each in (evaluation.test.targets, evaluation.test.predicted)
    )
    rows = zip(ids, *labels, strict=True)
    storage.write_csv(METRICS / "predictions.csv", ["id", "actual", "predicted"], rows)


def main() -> None:
    """Evaluate."""
    settings = params.load()
    decision = params.select(settings, "decision")
    options = params.check(Options, settings["evaluation"], "evaluation")
    labels, prepared, dataset = LabelSet.load(), Prepared(), selected(settings)
    split = parts.load(len(labels.labels))
    classes = labels.classes(split.targets[split.training], settings["costs"])
    held_out_ids, test_ids = split.names(split.held_out), split.names(split.test)
    outputs = {slot: scored.load(slot, held_out_ids, test_ids) for slot in params.MODELS}
    ledgers = {slot: Ledger.load(MODELS / slot) for slot, each in outputs.items() if each}
    outputs = named_apart({slot: outputs[slot] for slot in ledgers}, ledgers)
    held_out, test = split.targets[split.held_out], split.targets[split.test]
    evaluation = evaluate(
        outputs, ledgers, held_out, test, classes, decision, options, settings["seed"]
    )
    combination = evaluation.combination
    combination.decision.save(MODELS)
    plots = curves.plots(evaluation, classes, options.level)
    by_class = operating_points.shown(classes, evaluation.per_class)
    of_points = held_out, evaluation.ranked.held_out, classes, by_class, options.level
    points = operating_points.points(*of_points)
    tables = {
        "label_issues": suspects.table(evaluation.suspects, held_out_ids),
        "operating_points": operating_points.table(points),
    }
    histories = {each.model: each.history for each in outputs.values()}
    write_metrics(evaluation, plots | tables, histories, test_ids, classes)
    counts = prepared.counts | {
        "held_out": len(held_out),
        "suspect_labels": evaluation.suspects.rows,
    }
    storage.write_json(METRICS / "data.json", counts)
    storage.write_json(METRICS / "split.json", split.sizes)
    suspected = evaluation.suspects.worst[: options.errors]
    mistaken = [test_ids[mistake.row] for mistake in evaluation.mistakes]
    listed_ids = [*mistaken, *(held_out_ids[suspect.row] for suspect in suspected)]
    rows = list(contents(prepared, listed_ids, Layout.load(MODELS), dataset.id))
    report = Run(
        params={name: v for name, v in params.flat(settings).items() if in_effect(name, settings)},
        level=options.level,
        classes=classes,
        evaluation=evaluation,
        rarest=classes.names[scores.rarest(test, classes)],
        plots=plots,
        ledgers=ledgers,
        histories=histories,
        data=counts,
        parts=split.sizes,
        truncated=sum(embedded.load_record(MODELS / slot).cut for slot in params.EMBEDDINGS),
        leaks=leaks(prepared, split, dataset),
        mistakes=list(zip(evaluation.mistakes, rows, strict=False)),
        suspected=list(zip(suspected, rows[len(mistaken) :], strict=True)),
        points=points,
        point_curves=point_curves.curves(*of_points),
    )
    (METRICS / "report.html").write_text(render(report), encoding="utf-8", newline="\n")
    f1, low, high = (evaluation.test.headline[f"f1_macro{end}"] for end in ("", "_low", "_high"))
    print(f"macro-F1 {f1:.3f} ({low:.3f} to {high:.3f}), {len(test)} test rows")
    if len(outputs) > 1:
        compared = ", ".join(f"{name} {value:.4f}" for name, value in combination.scores.items())
        name = combination.decision.mixture.name
        print(f"  {name}: {combination.score} on held-out rows: {compared}")
    for note in notes(evaluation.per_class, counts):
        print(f"  {note}")
    if evaluation.suspects.silent:
        print(f"  too few held-out rows to suspect labels of: {listed(evaluation.suspects.silent)}")
    never = [name for name, rows in evaluation.per_class["predicted"].items() if not rows]
    if never:
        print(f"  never predicted: {listed(never)}")
    if combination.decision.rule.note:
        print(f"  {combination.decision.rule.note}")


if __name__ == "__main__":
    run(main)
