"""The report's operating points and suspect labels: complete, escaped, without content if asked."""

import re
from dataclasses import replace
from html import unescape

import pytest
from markupsafe import escape
from test_report import HOSTILE, a_page, a_run

from ballast.decisions import cost_matrix, max_f1
from ballast.evaluation.operating_points import TARGETS
from ballast.report.commands import trial
from ballast.report.page import PAIRS, render
from ballast.report.points import DRAWN, panels


def section(page: str, name: str) -> str:
    """Return a section of the page."""
    return page.split(f'<section id="{name}"')[1].split("</section>")[0]


def text_of(html: str) -> str:
    """Return what a reader sees, with single spaces."""
    return re.sub(r"\s+", " ", unescape(re.sub(r"<svg.*?</svg>|<[^>]*>", " ", html, flags=re.S)))


@pytest.mark.parametrize("which", [(2, False, max_f1), (3,), (28, True, max_f1)])
def test_the_rarest_class_is_open_and_each_point_has_its_line(which):
    run, html = a_run(*which), section(a_page(*which), "points")
    names = re.findall(r'<summary><b dir="auto">(.*?)</b>', html)
    of_all = range(which[0]) if which[0] > 2 else [run.classes.positive]
    rarest_first = sorted(of_all, key=lambda c: (run.classes.counts[c], run.classes.names[c]))
    assert names == [str(escape(run.classes.names[c])) for c in rarest_first]
    assert html.count('<details class="panel" open>') == 1
    assert html.index(" open>") < html.index(names[0])
    assert html.count("<svg") == min(len(names), DRAWN)
    commands = [unescape(line) for line in re.findall(r"<code>(.*?)</code>", html)]
    assert commands == [trial(point.decision, point.options) for point in run.points]
    assert html.count("infeasible: ") == sum(bool(point.fault) for point in run.points) > 0
    assert all(f"recall ≥ {target:g}<" in html for target in TARGETS)
    assert "best F1<" in html
    assert "is left out" not in html


def test_a_binary_or_multi_label_threshold_is_one_of_the_probability():
    for which in ((2, False, max_f1), (28, True, max_f1)):
        assert "A threshold is one of the corrected probability p." in a_page(*which)
    assert "each class is set against the rest" in a_page(3)


def test_costs_have_a_column_and_a_line_of_the_lowest():
    html = section(render(a_run(3, decision=cost_matrix, costly=True)), "points")
    assert "expected cost</th>" in html
    assert html.count("lowest cost<") == 3
    assert "expected cost" not in section(a_page(3), "points")


def test_a_best_f1_that_was_not_looked_for_is_said_to_be_left_out():
    run = a_run(3)
    points = [point for point in run.points if point.decision != "max_f1"]
    assert "The best F1 is left out" in section(render(replace(run, points=points)), "points")


def test_other_models_than_those_in_use_are_named():
    run = a_run(2)
    assert "which ranks best" not in a_page(2)
    ranked = replace(run.evaluation.ranked, models="the other")
    page = render(replace(run, evaluation=replace(run.evaluation, ranked=ranked)))
    assert "would use the other, which ranks best" in page


def test_of_many_classes_the_rarest_are_drawn():
    run = a_run(28, True, max_f1)
    drawn = [panel["chart"] is not None for panel in panels(run.points, run.point_curves)]
    assert drawn == [True] * DRAWN + [False] * (28 - DRAWN)


@pytest.mark.parametrize("which", [(3,), (28, True, max_f1)])
def test_suspect_labels_are_counted_by_class_and_shown_with_their_content(which):
    run, html = a_run(*which), section(a_page(*which), "suspects")
    suspects = run.evaluation.suspects
    text = text_of(html)
    rows = f"{suspects.rows:,} of {run.data['held_out']:,} held-out rows may be labelled wrong"
    assert rows in text
    assert (f"{suspects.labels:,} labels are missing or too many" in text) == (which[0] == 28)
    for given, suspected, count in suspects.pairs[:PAIRS]:
        assert f"{given} {suspected} {count:,}" in text
    assert ("most frequent of" in text) == (len(suspects.pairs) > PAIRS)
    assert len(re.findall("<li>", html)) == len(run.suspected) == 20
    assert str(escape(HOSTILE)) in html
    assert HOSTILE not in html
    assert "a corrected file is a new run" in text


def test_without_errors_no_content_of_suspects_is_shown_but_their_number_is():
    run = a_run(3, errors=0)
    html = section(render(run), "suspects")
    assert run.suspected == []
    assert "rows.csv, row 7" not in html
    assert "<li>" not in html
    assert "may be labelled wrong" in html
    assert "their content is left out" in html


def test_classes_of_which_nothing_is_said_are_named():
    assert "Nothing is said of" not in a_page(3)
    run = a_run(3)
    suspects = replace(run.evaluation.suspects, silent=["class 01", HOSTILE])
    page = render(replace(run, evaluation=replace(run.evaluation, suspects=suspects)))
    assert "Nothing is said of classes with fewer than 10 held-out rows: class 01, " in page


def test_more_suspects_than_a_fifth_of_the_rows_are_put_down_to_the_model():
    assert "trust the first ones alone" not in section(a_page(3), "suspects")
    run = a_run(3)
    suspects = replace(run.evaluation.suspects, rows=63)
    page = render(replace(run, evaluation=replace(run.evaluation, suspects=suspects)))
    assert "63 of 312 held-out rows" in text_of(section(page, "suspects"))
    assert "trust the first ones alone" in section(page, "suspects")


def test_no_suspects_leave_a_sentence():
    run = a_run(3)
    none = replace(run.evaluation.suspects, worst=[], labels=0, rows=0, pairs=[])
    evaluation = replace(run.evaluation, suspects=none)
    html = section(render(replace(run, evaluation=evaluation, suspected=[])), "suspects")
    assert "0 of 312 held-out rows may be labelled wrong." in text_of(html)
    assert "<table>" not in html
    assert "evaluation.errors" not in html
