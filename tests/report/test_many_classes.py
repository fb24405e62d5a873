"""A thousand classes: what a run leaves in metrics/ stays small, and the report too."""

import pytest
from staged import stage
from test_report import a_run

from ballast.evaluation import operating_points, suspects
from ballast.evaluation.notes import SHOWN
from ballast.report.page import render

pytestmark = pytest.mark.pipeline


def test_a_thousand_classes_fit_into_git_and_on_a_page(tmp_path, monkeypatch):
    run = a_run(1000)
    monkeypatch.chdir(tmp_path)
    ids = [f"{row:016x}" for row in range(len(run.evaluation.test.targets))]
    held_out_ids = [f"{row:016x}" for row in range(run.data["held_out"])]
    tables = {
        "label_issues": suspects.table(run.evaluation.suspects, held_out_ids),
        "operating_points": operating_points.table(run.points),
    }
    assert len(tables["label_issues"]) <= 1 + suspects.MOST
    assert len({point.name for point in run.points}) == SHOWN
    evaluate = stage("evaluate")
    evaluate.write_metrics(run.evaluation, run.plots | tables, run.histories, ids, run.classes)
    assert sum(file.stat().st_size for file in tmp_path.glob("metrics/*")) < 2e6
    page = render(run)
    assert len(page.encode()) < 3e6
    # Charts take the time: a tenth of a second each.
    assert page.count("<svg") < 100
