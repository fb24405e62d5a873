"""A study's results on the terminal, in 80 columns, and as files for programs."""

import doctest
import json

import pandas as pd
import pytest
from made_up import BASELINE, NAMES, results, without_winner

from ballast.study import advice
from ballast.study.judgement import Baseline, Judgement, Strategy
from ballast.study.results import LEADERBOARD, METRICS, load, save
from ballast.study.showing import show, show_judgement


@pytest.fixture
def shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def lines(found: dict) -> list[str]:
        show(found)
        return capsys.readouterr().out.splitlines()

    return lines


def test_examples():
    assert doctest.testmod(advice).failed == 0


def test_the_answer_comes_first_and_then_what_to_do(shown):
    first, second, *rest = shown(results())
    assert first == results()["answer"]
    assert second == f"Now: ballast study apply {NAMES[0]} && dvc repro"
    assert rest[-1] == "All of it: study/report.html"
    assert shown(without_winner())[1] == f"Now: ballast study apply {BASELINE} && dvc repro"


def leaderboard(lines: list[str]) -> list[str]:
    (header,) = (k for k, line in enumerate(lines) if line.startswith("strategy "))
    return lines[header + 2 :]


def test_names_are_whole_and_each_strategy_has_a_line(shown):
    names = ("class_balanced_batches", "support_vectors_and_columns", "plain", "smote")
    lines = shown(results(4, names))
    assert max(map(len, lines)) <= 80
    cells = {line.split()[0]: line.split()[1:] for line in leaderboard(lines)[:5]}
    assert set(cells) == {*names, BASELINE}
    assert " ".join(cells[names[1]]) == "0.816 +.028 (+.008 to +.048) helps 1 10 s"
    assert cells["smote"][-4] == "-"


def test_a_longer_name_is_folded_not_cut(shown):
    name = "a_strategy_whose_name_goes_on_and_on_and_on"
    first, second, *_ = leaderboard(shown(results(4, (name,))))
    assert first.split()[0] + second.strip() == name


def test_many_warnings_leave_room_for_the_table(shown):
    lines = shown(results(warnings=[f"warning {k}" for k in range(30)]))
    assert len([line for line in lines if line.startswith("warning")]) == 4
    assert "and 26 more such lines in the report" in lines


def test_a_judgement_alone_has_answer_and_leaderboard(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    baseline = Baseline(0.7, 0.6, 0.8, (0,), {})
    entry = Strategy(0.72, 0.6, 0.8, 0.02, -0.01, 0.05, 0.2, 0.01, None, (0,), "cannot be told", {})
    support = {"a": 50, "b": 40}
    show_judgement(
        Judgement("f1_macro", 0.95, "base", baseline, {"other": entry}, None, (), support)
    )
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("no strategy is better than base")
    first, second, _ = leaderboard(lines)
    assert first.split() == ["other", "0.720", "+.020", "(-.010", "to", "+.050)", "-", "1"]
    assert second.split() == ["base", "0.700", "the", "baseline", "1"]


def test_the_results_as_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(results())
    assert load() == results()
    summary = json.loads(METRICS.read_text(encoding="utf-8"))
    assert summary["strategy"] == NAMES[0]
    assert summary["gain"] == 0.031
    content = LEADERBOARD.read_bytes()
    assert b"\r" not in content
    table = pd.read_csv(LEADERBOARD, index_col="strategy")
    assert table.index[0] == NAMES[0]
    assert table.loc[NAMES[0], "gain"] == 0.031
    assert pd.isna(table.loc[BASELINE, "gain"])
