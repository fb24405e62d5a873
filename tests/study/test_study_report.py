"""The page of a study: what it says, that it stays small, and in a browser."""

import re

import pytest
from contrast import CONTRASTS
from made_up import BASELINE, NAMES, results, without_winner
from markupsafe import escape

from ballast.evaluation.notes import MANY, SHOWN
from ballast.study import charts, report
from ballast.study.class_tables import chosen, table
from ballast.study.report import render

HOSTILE = "<script>alert(1)</script><img src='https://example.org/x.png'> & \"it\""


def text(page: str) -> str:
    return re.sub(r"<[^>]*>|\s+", " ", page.split("<body>")[1]).replace("  ", " ")


def first_screen(page: str) -> str:
    return page.split("</header>")[0]


def test_the_first_screen_says_what_to_do():
    page = first_screen(render(results()))
    assert f"<h1>{results()['answer']}</h1>" in page
    assert f"ballast study apply {NAMES[0]} &amp;&amp; dvc repro" in page
    assert f"It cannot be told apart from {NAMES[1]}." in page
    assert "Its gain is +.010 (-.010 to +.030) there, against +.031 on held-out rows." in page
    assert "Twice the rows would bring macro-F1 +.010." in page
    assert "class 0 has 3 held-out rows" in page


def test_without_a_winner_the_baseline_stays():
    page = first_screen(render(without_winner()))
    assert f"<h1>No strategy is better than {BASELINE}: use that.</h1>" in page
    assert f"ballast study apply {BASELINE} &amp;&amp; dvc repro" in page
    # The largest upper end of the joint intervals.
    assert "none of the strategies gains more than +.009 macro-F1" in page
    assert "Its gain is" not in page
    assert "With learning_curve: [0.25, 0.5, 1.0] in study.yaml" in page


def test_of_the_baseline_alone_there_is_no_chart_of_gains():
    only = without_winner(strategies={BASELINE: results()["strategies"][BASELINE]})
    page = render(only)
    assert "<svg" not in page
    assert "There is only the baseline." in page
    assert "What it means" not in page


def test_what_has_no_result_is_named_with_the_reason():
    page = first_screen(
        render(
            results(
                failed={"trees": "seed 0: out of memory"},
                left_out={"vectors": "no text column"},
                not_reached=["a", "b"],
            )
        )
    )
    assert "trees failed: seed 0: out of memory" in page
    assert "vectors was left out: no text column" in page
    assert "The time was up before: a, b" in page
    assert "lacks trainings" in render(results(curve=None))


def test_the_leaderboard_is_ranked_and_says_what_differs():
    page = render(results())
    board = page.split('id="leaderboard"')[1].split("</section>")[0]
    names = re.findall(r'<th scope="row" dir="auto">([^<]*)<', board)
    assert names == [NAMES[0], NAMES[1], BASELINE, NAMES[3], NAMES[2]]
    assert "decision: max_f1" in board
    assert re.search(r"0\.819 0\.799 to 0\.839 +\+\.031 \+\.013 to \+\.049 +▲ helps", text(page))
    assert "▼ hurts" in board
    assert "● cannot be told" in board
    # One seed cannot tell how far seeds spread.
    assert "<td>–</td><td>1</td>" in re.sub(r"\s*\n\s*", "", board)


def test_differences_are_marked_where_the_interval_excludes_0_and_rows_are_enough():
    found = results()
    scores = {
        "class 0": {"difference": 0.2, "low": 0.1, "high": 0.3},
        "class 1": {"difference": 0.1, "low": 0.02, "high": 0.2},
        "class 2": {"difference": -0.1, "low": -0.2, "high": -0.02},
        "class 3": {"difference": -0.1, "low": -0.2, "high": 0.02},
    }
    classes = {name: {"recall": {"value": 0.5} | gain} for name, gain in scores.items()}
    found["strategies"][NAMES[0]]["classes"] = classes
    lines = {line.name: line for line in table(found, "recall", list(scores), NAMES[:1])}
    assert {name: line.cells[0].mark for name, line in lines.items()} == {
        "class 0": "",
        "class 1": "▲",
        "class 2": "▼",
        "class 3": "",
    }
    assert [line.few for line in lines.values()] == [True, False, False, False]
    assert [line.cells[0].shade for line in lines.values()] == [1, 0.5, 0.5, 0.5]


def test_a_thousand_classes_fit_on_a_page():
    found = results(1000, tuple(f"strategy {k:02}" for k in range(20)))
    names = chosen(found)
    assert len(names) == SHOWN < MANY
    rarest = [found["support"][name] for name in names]
    assert rarest == sorted(rarest)
    assert min(found["support"].values()) in rarest
    page = render(found)
    assert len(page.encode()) < 3e6
    # Charts take the time.
    assert page.count("<svg") == 3


def test_names_are_escaped_and_nothing_outside_is_referenced():
    names = (HOSTILE, "b")
    page = render(results(3, names, class_names=("x", HOSTILE, "z"), dataset=HOSTILE))
    page = page.replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"<(script|link|iframe|img)\b|\burl\(|@import", page)
    assert page.count(str(escape(HOSTILE))) > 5
    # The command is one for the shell.
    assert "ballast study apply &#39;&lt;script&gt;" in page


def test_the_page_is_reproducible(tmp_path):
    report.save(results(), tmp_path / "study" / "report.html")
    assert (tmp_path / "study" / "report.html").read_text(encoding="utf-8") == render(results())


def test_a_curve_that_cannot_be_trusted_is_said_to_be_so():
    curve = results()["curve"]
    problems = ["a curve needs at least three shares of the rows"]
    page = render(results(curve=curve | {"curve": curve["curve"] | {"problems": problems}}))
    assert f"Do not rely on it: {problems[0]}." in page
    assert "cannot be told: the scores do not rise with the rows" in page
    assert "▲ more rows help" in page


def test_verdicts_differ_in_shape_too():
    assert len({shape for _, shape in charts.LOOKS.values()}) == len(charts.LOOKS)


@pytest.mark.parametrize("seconds", [0.0, 3.0, 100_000.0])
def test_any_cost_has_its_place(seconds):
    row = {"strategy": "a", "gain": 0.0, "low": 0.0, "high": 0.0, "verdict": "baseline"}
    drawn = charts.costs([row | {"seconds": seconds}])
    assert ">a</text>" in drawn
    assert "NaN" not in drawn


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_legible_and_fits_a_phone(scheme, visit, tmp_path):
    path = tmp_path / "report.html"
    report.save(results(), path)
    page = visit(path, viewport={"width": 375, "height": 700}, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 375
    ratios = page.evaluate(CONTRASTS)
    assert len([name for name in ratios if "--s" in name]) > 10
    assert {name: ratio for name, ratio in ratios.items() if ratio < 4.5} == {}
