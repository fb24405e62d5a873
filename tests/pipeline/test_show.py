"""`ballast show`: the headline beside validation and baselines, the classes with their bounds."""

import json

import numpy as np
import pytest
from problems import LETTERS, classes_of, some_probabilities, some_targets
from typer.testing import CliRunner

from ballast.cli import app
from ballast.evaluation import baselines, bootstrap, scores
from ballast.evaluation.intervals import Plan
from ballast.evaluation.judging import bounded, bounds_per_class
from ballast.evaluation.notes import SHOWN
from ballast.probabilities.rules import Rule
from ballast.project import storage


@pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])
def test_show_fits_eighty_columns(multilabel, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    rng = np.random.default_rng(0)
    targets = some_targets(rng, 2000, 5, multilabel)
    p = some_probabilities(rng, targets, multilabel)
    predicted = Rule(np.zeros(5), multilabel).predict(p)
    last = (targets[:, 4] | predicted[:, 4]) > 0
    predicted[last] = targets[last]
    classes = classes_of(targets, multilabel)
    ends = bootstrap.headline(targets, predicted, p, classes, Plan("wilson", False, 100, 0.95, 0))
    headline_scores = scores.headline(targets, predicted, p, classes)
    values = {
        "metrics": bounded(headline_scores, ends),
        "validation": {f"val_{name}": value + 0.01 for name, value in headline_scores.items()},
        "baselines": baselines.scores_of(targets, classes),
        "per_class": scores.per_class(targets, predicted, classes),
        "per_class_bounds": bounds_per_class(targets, predicted, classes, 0.95),
        "data": {"rows": 2100, "rejected": 100, "held_out": 11500, "suspect_labels": 1143},
    }
    (tmp_path / "metrics").mkdir()
    for name, value in values.items():
        (tmp_path / f"metrics/{name}.json").write_text(json.dumps(value), encoding="utf-8")
    shown = CliRunner().invoke(app, ["show"], catch_exceptions=False)
    assert shown.exit_code == 0
    lines = shown.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("100 of 2,100 rows were rejected: data/prepared/rejected.csv")
    suspects = "1,143 of 11,500 held-out rows may be labelled wrong: metrics/label_issues.csv."
    assert lines[1] == suspects
    assert "…" not in shown.stdout
    headline = values["metrics"]
    expected = "{mcc:.3f} ({mcc_low:.3f} to {mcc_high:.3f})".format(**headline)
    (line,) = [line for line in lines if "mcc" in line]
    assert line.split("│")[2].strip() == expected
    others = [f"{headline['mcc'] + 0.01:.3f}", "0.000", "0.000"]
    assert [cell.strip() for cell in line.split("│")[3:6]] == others
    support, times_predicted = targets.sum(axis=0), predicted.sum(axis=0)
    rows = [line for line in lines if line.startswith(tuple(f"│ {c} " for c in LETTERS))]
    counts = [[int(cell) for cell in line.split("│")[2:4]] for line in rows]
    pairs = zip(support.tolist(), times_predicted.tolist(), strict=True)
    assert counts == [list(pair) for pair in sorted(pairs, key=lambda pair: -pair[0])]
    # A class that is always right has a bound below 1.
    assert any("│ 1.00 .9" in line for line in rows)


def test_of_many_classes_the_worst_and_the_rarest_are_shown_or_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = [f"[c{number}]" for number in range(200)]
    support = {name: number for number, name in enumerate(names)}
    scores = {score: dict.fromkeys(names, 0.5) for score in ("f1", "recall", "precision")}
    bounds = {score: {"low": values, "high": values} for score, values in scores.items()}
    counts = {"support": support, "predicted": dict.fromkeys(names, 1)}
    values = {"per_class": scores | counts, "per_class_bounds": bounds}
    values |= {"metrics": {}, "validation": {}, "baselines": {}, "data": {"rows": 9, "rejected": 0}}
    for name, value in values.items():
        storage.write_json(tmp_path / f"metrics/{name}.json", value)

    def shown(*options) -> list[str]:
        done = CliRunner().invoke(app, ["show", *options], catch_exceptions=False)
        return [line.split()[1] for line in done.stdout.splitlines() if "[c" in line[:9]]

    # Its F1 is that of all others: the first in order are as bad as any, and the rarest.
    assert len(shown()) == SHOWN
    assert set(names[1:11]) <= set(shown())
    assert set(shown("--all")) == set(names)
