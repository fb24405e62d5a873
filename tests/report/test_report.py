"""The report in a real browser: no errors, no requests; on a phone, and by keyboard."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from contrast import CONTRASTS
from defaults import CHOSEN
from markupsafe import escape
from problems import classes_of, one_hot, some_probabilities, some_targets

from ballast.decisions import argmax, cost_matrix, max_f1
from ballast.evaluation import curves, operating_points, point_curves, scores
from ballast.evaluation.judging import Options, evaluate
from ballast.evaluation.notes import MANY, SHOWN, worst_and_rarest
from ballast.labels.classes import Classes
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.scored import Scored
from ballast.report import charts
from ballast.report.page import Run, defined_scores, render

# A text or class name that must be escaped.
HOSTILE = (
    "<script>alert(1)</script><img src='https://example.org/x.png' onerror='alert(2)'> & \"it\""
)
LEVEL = 0.95


@cache
def a_run(
    count: int,
    multilabel: bool = False,
    decision=argmax,
    errors: int = 20,
    models=("cnn",),
    costly: bool = False,
) -> Run:
    """A run with random scores, hostile names, and rows that occur in several parts."""
    rng = np.random.default_rng(count)
    names = (*(f"class {c:02}" for c in range(count - 1)), HOSTILE)
    targets_of, outputs_of = [], []
    for rows in (300 + 4 * count, 200 + 4 * count):
        labels = rng.choice(count, rows, p=(w := 0.97 ** np.arange(count)) / w.sum())
        labels[:count] = np.arange(count)
        targets = np.eye(count, dtype=np.uint8)[labels]
        if multilabel:
            targets = some_targets(rng, rows, count, multilabel=True)
        targets_of.append(targets)
        outputs_of.append(np.log(some_probabilities(rng, targets, multilabel)))
    held_out, test = targets_of
    counts = held_out.sum(axis=0)
    positive = 1 if count == 2 and not multilabel else None
    costs = {HOSTILE: {names[0]: 12.5}} if costly else None
    classes = Classes(names, counts, len(held_out), multilabel, positive, costs)
    ledger = Ledger(
        labels=names,
        multilabel=multilabel,
        rows=classes.rows,
        examples=float(counts.max()) * count,
        prior_before_sampling=classes.prior,
        prior_after_sampling=np.full(count, 1 / count),
        weights=np.ones((2, count) if multilabel else count),
        sampler="random_over",
        corrections={
            "sampler: random_over": 1.0,
            "weighting: none": 0.0,
            "loss: cross_entropy": 0.0,
        },
    )
    history = [{"loss": 1 / epoch, "val_f1_macro": 1 - 1 / epoch} for epoch in (1.0, 2.0, 3.0)]
    scored = {
        slot: Scored(name, scale * outputs_of[0], scale * outputs_of[1], history)
        for slot, name, scale in zip(("model", "second_model"), models, (1, 2), strict=False)
    }
    ledgers = dict.fromkeys(scored, ledger)
    options = Options(replicates=100, level=LEVEL, errors=errors)
    evaluation = evaluate(scored, ledgers, held_out, test, classes, (decision, {}), options, seed=0)
    shown = operating_points.shown(classes, evaluation.per_class)
    of_points = held_out, evaluation.ranked.held_out, classes, shown, LEVEL
    place = "rows.csv, row 7", HOSTILE
    matches = {"train": 0, "validation": 1, "test": 2, "train, validation": 0, "train, test": 3}
    return Run(
        params={name: value for name, value in CHOSEN.items() if isinstance(value, str)}
        | {"datasets.demo.label": HOSTILE, "split.folds": 2},
        level=LEVEL,
        classes=classes,
        evaluation=evaluation,
        rarest=names[scores.rarest(test, classes)],
        plots=curves.plots(evaluation, classes, LEVEL),
        ledgers=ledgers,
        histories={each.model: each.history for each in scored.values()},
        data={"rows": 1000, "kept": 990, "rejected": 10, "conflicting_labels": 2}
        | {"held_out": len(held_out), "suspect_labels": evaluation.suspects.rows},
        parts={"train": 690, "validation": 100, "test": 200, "excluded": 0},
        truncated=3,
        leaks={"exact": matches | {"validation, test": 0}, "near": None, "group": None},
        mistakes=[(mistake, place) for mistake in evaluation.mistakes],
        suspected=[(suspect, place) for suspect in evaluation.suspects.worst[:errors]],
        points=operating_points.points(*of_points),
        point_curves=point_curves.curves(*of_points),
    )


@cache
def a_page(*which) -> str:
    """The page of a run, rendered once for all tests."""
    return render(a_run(*which))


@pytest.fixture
def opened(visit, tmp_path):
    """Open the page of a run in a browser."""

    def open_page(which: tuple, **options):
        path = tmp_path / "report.html"
        path.write_text(a_page(*which), encoding="utf-8")
        return visit(path, **options)

    return open_page


RUNS = {"2 classes": (2, False, max_f1), "97 classes": (97,), "28 labels": (28, True, max_f1)}
EACH_RUN = pytest.mark.parametrize("which", RUNS.values(), ids=RUNS)


@pytest.mark.thorough
@EACH_RUN
def test_opens_without_an_error_or_a_request_and_shows_every_class(which, opened):
    run, page = a_run(*which), opened(which)
    assert page.title().startswith("demo: macro-F1")
    rows = page.locator("#classes tbody th").all_text_contents()
    assert [name for name in run.classes.names if rows.count(name) != 1] == []
    many = len(run.classes.names) > MANY
    panels = worst_and_rarest(run.evaluation.per_class, SHOWN) if many else run.classes.names
    shown = page.locator("#curves summary b").all_inner_texts()
    assert sorted(shown) == sorted(panels)
    assert page.get_by_text(f"Charts and curves are of {SHOWN} of the").count() == many
    rows = page.locator("#confusion tbody tr").count()
    assert rows == MANY if many else rows >= len(run.classes.names)
    assert page.locator("#errors li").count() == len(run.mistakes) > 0
    assert HOSTILE in page.locator("#errors li .text").first.inner_text()


def test_only_embeddings_and_models_in_use_are_named():
    run = a_run(2)
    for kind in ("embedding", "model"):
        assert a_page(2).count(f"{kind}:</span>") == 1
    params = run.params | {"third_embedding": "tfidf", "second_model": "mlp"}
    head = render(replace(run, params=params)).split("</header>")[0]
    assert '<span class="soft">third_embedding:</span> tfidf · ' in head
    assert '<span class="soft">second_model:</span> mlp · ' in head
    assert "second_embedding" not in head
    for selector in ("second_loss", "second_weighting"):
        assert f'<span class="soft">{selector}:</span>' in head
        assert selector not in a_page(2).split("</header>")[0]


def test_the_page_says_why_labels_and_the_largest_probabilities_differ():
    test = a_run(2).evaluation.test
    rows = (test.predicted.argmax(axis=1) != test.probabilities.argmax(axis=1)).sum()
    assert rows > 0
    text = re.sub(r"\s+", " ", a_page(2))
    assert "sampling, weights and loss choose the operating point" in text
    assert f"In {rows} of 208 test rows the label is not the most probable class" in text
    assert "is not the most probable class" not in a_page(3, False, cost_matrix)


def test_the_headline_has_the_expected_cost_where_there_are_costs():
    title = "expected cost per row (lower is better)"
    assert title not in a_page(3)
    run = a_run(3, decision=cost_matrix, costly=True)
    page = re.sub(r"<[^>]*>|\s+", " ", render(run)).replace("  ", " ")
    headline, held_out = run.evaluation.test.headline, run.evaluation.held_out.headline
    value, low, high = (f"{headline[f'expected_cost{end}']:.3f}" for end in ("", "_low", "_high"))
    others = [held_out, *run.evaluation.baselines.values()]
    numbers = " +".join(f"{scores['expected_cost']:.3f}" for scores in others)
    line = rf"{re.escape(title)} +{value} +{low} to {high} +{numbers}"
    assert re.search(line, page)


def test_of_two_models_the_page_says_which_is_used():
    assert "chosen for" not in a_page(2)
    run = a_run(2, models=("cnn", "mlp"))
    combination = run.evaluation.combination
    chosen = combination.decision.mixture.name
    name, *others = sorted(combination.scores, key=lambda name: name != chosen)
    page = render(run)
    assert f"Models: {name}, chosen for its macro-F1 of {combination.scores[name]:.3f} on" in page
    assert all(f"{other} {combination.scores[other]:.3f}" in page for other in others)
    for model in run.histories:
        assert f"{model}: loss" in page


@EACH_RUN
def test_fits_a_phone_in_the_dark(which, opened):
    page = opened(which, viewport={"width": 375, "height": 700}, color_scheme="dark")
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    background, text = (
        page.evaluate(f"getComputedStyle(document.body).{name}")
        for name in ("backgroundColor", "color")
    )
    light = [sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (background, text)]
    assert light[0] < 200 < 500 < light[1]
    # Charts take their colours from the style sheet too.
    label = page.locator("#classes svg text").first
    assert label.evaluate("node => getComputedStyle(node).fill") == text


def test_works_by_keyboard(opened):
    page = opened(RUNS["97 classes"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    panel = page.locator("#curves details").first
    assert panel.get_attribute("open") is None
    panel.locator("summary").focus()
    page.keyboard.press("Enter")
    assert panel.get_attribute("open") is not None
    assert panel.locator("svg").first.is_visible()
    # A wide table can be scrolled without a mouse.
    page = opened(RUNS["28 labels"], viewport={"width": 375, "height": 700})
    table = page.locator("#confusion .scroll")
    table.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(300)
    assert table.evaluate("node => node.scrollLeft") > 0


def test_the_confusion_matrix_is_legible_at_28_classes(opened):
    run = a_run(*RUNS["28 labels"])
    page = opened(RUNS["28 labels"], viewport={"width": 1280, "height": 900})
    table = page.locator("#confusion table")
    cells = table.locator("tbody td")
    counts = [int(count) for *_, count in run.plots["confusion"][1:]]
    assert [int(text or 0) for text in cells.all_inner_texts()] == counts
    sizes = cells.evaluate_all("cells => cells.map(c => [c.clientWidth, c.scrollWidth])")
    assert all(inside >= needed for inside, needed in sizes)
    assert float(cells.first.evaluate("c => parseFloat(getComputedStyle(c).fontSize)")) >= 12


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_contrasts_with_its_background(scheme, opened):
    page = opened(RUNS["28 labels"], color_scheme=scheme)
    ratios = page.evaluate(CONTRASTS)
    cells = {name: ratio for name, ratio in ratios.items() if "--s" in name}
    assert len(cells) > 20
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}


def test_long_names_leave_room_for_the_numbers(visit, tmp_path):
    run = a_run(3)
    long = "a class whose name goes on and on " * 8
    names = (f"{long}to one end", f"{long}to another", "RESULTS")
    spelled = {f"class {c:02}": name for c, name in enumerate(names[:2])} | {HOSTILE: names[2]}
    html = render(run)
    for name, other in spelled.items():
        html = html.replace(str(escape(name)), other)
    path = tmp_path / "report.html"
    path.write_text(html, encoding="utf-8")
    page = visit(path, viewport={"width": 375, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    table = page.locator("#confusion table")
    assert table.evaluate("node => node.rows[1].cells[0].offsetWidth") < 200
    assert table.evaluate("node => node.rows[0].offsetHeight") < 200


def test_charts_truncate_long_names_in_the_middle_and_keep_the_number_of_rows():
    long = "a class whose name goes on and on " * 8
    rows = [
        {"class": f"{long}{end} ({count})", "value": value, "low": 0.1, "high": 0.9}
        for end, count, value in (("here", 7, 0.5), ("there", 12, None))
    ]
    drawn = charts.interval_dots("F1", rows, 0.0)
    names = [text for text in re.findall(r"<text[^>]*>([^<]*)</text>", drawn) if "…" in text]
    assert [name[-7:] for name in names] == ["ere (7)", "re (12)"]
    assert max(map(len, names)) <= 28
    # The only defined score.
    assert len(re.findall(r"<path[^>]*fill=\"var\(--line\)\"", drawn)) == 1


def test_undefined_scores_are_not_shown_as_0():
    targets, predicted = one_hot([0, 0, 1], 3), one_hot([0, 0, 0], 3)
    classes = classes_of(one_hot([0, 1, 2], 3))
    per_class = scores.per_class(targets, predicted, classes)
    by_score = defined_scores(replace(a_run(3).evaluation, per_class=per_class))
    assert by_score["recall"] == {"a": 1.0, "b": 0.0, "c": None}
    assert by_score["precision"] == {"a": pytest.approx(2 / 3), "b": None, "c": None}
    assert by_score["f1"] == {"a": pytest.approx(0.8), "b": 0.0, "c": None}


def test_the_page_is_reproducible():
    again = a_run.__wrapped__(*RUNS["2 classes"])
    assert render(again) == a_page(*RUNS["2 classes"])


def test_the_page_references_nothing_outside_itself():
    page = a_page(*RUNS["2 classes"]).replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<(script|link|iframe|img)\b|\burl\(|@import", page)
    # The hostile text is escaped.
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_headline_has_bounds_and_numbers_of_rows():
    run = a_run(3)
    page = re.sub(r"<[^>]*>|\s+", " ", render(run)).replace("  ", " ")
    headline = run.evaluation.test.headline
    for name in ("f1_macro", "mcc", "roc_auc", "log_loss"):
        value, low, high = (f"{headline[name + end]:.3f}" for end in ("", "_low", "_high"))
        assert re.search(rf"{value} +{low} to {high}", page), name
    rarest = run.classes.names[int(np.argmin(run.classes.counts))]
    rows = run.evaluation.per_class["support"][rarest]
    assert f"recall of the rarest class ({escape(rarest)}, {rows} rows)" in render(run)
    for name, support in run.evaluation.per_class["support"].items():
        if name != HOSTILE:
            assert f"{name} : {support} test rows" in page


def test_the_first_screen_says_which_classes_have_no_test_row_and_what_was_rejected():
    run = a_run(3)
    scores = run.evaluation.per_class
    absent = {name: {**scores[name], "class 01": 0} for name in ("f1", "support", "predicted")}
    evaluation = replace(run.evaluation, per_class=scores | absent)
    head = render(replace(run, evaluation=evaluation)).split("</header>")[0]
    assert "No test row of: class 01; macro-F1 leaves it out." in head
    assert "10 of 1,000 rows were rejected: data/prepared/rejected.csv says why." in head
    data = run.data | {"rejected": 0, "suspect_labels": 0}
    assert 'class="note"' not in render(replace(run, data=data)).split("</header>")[0]


def test_errors_can_be_left_out():
    run = a_run(3, errors=0)
    assert run.mistakes == []
    assert "None to show" in render(run)
