"""A study's results as an HTML page, `study/report.html`."""

import json
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ballast.comparison.comparing import p_text, signed
from ballast.report.page import TITLES
from ballast.study import advice, charts, class_tables
from ballast.study.wording import FEWEST_ROWS, title

FILE = Path("study/report.html")
# Further scores in the leaderboard, as far as the data set has them.
FURTHER = ("average_precision", "log_loss", "expected_cost")
# Points of a curve.
POINTS = 40


def save(results: dict[str, Any], file: Path = FILE) -> None:
    """Write the page."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(render(results), encoding="utf-8", newline="\n")


def render(results: dict[str, Any]) -> str:
    """Return the page as HTML that needs no scripts, no other files and no network access.

    Args:
        results: as `results.summary` returns them, or `results.load`.
    """
    environment = Environment(
        loader=ChoiceLoader(
            [PackageLoader("ballast.study", "."), PackageLoader("ballast.report", ".")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"signed": signed, "p_text": p_text, "duration": advice.duration}
    ranked = advice.ranked(results)
    others = [name for name, _ in ranked if name != results["baseline_name"]]
    points = _points(results, ranked)
    classes = class_tables.chosen(results)
    return environment.get_template("report.html").render(
        results=results,
        advice=advice,
        score=title(results["score"]),
        level=f"{100 * results['level']:.4g} %",
        answer=_sentence(results),
        best=advice.best(results),
        ranked=ranked,
        differs={name: _settings(entry["differs"]) for name, entry in ranked},
        further={name: TITLES[name] for name in FURTHER if name in ranked[0][1]["headline"]},
        others=others,
        verdicts=_verdicts(results),
        gains=charts.gains(points) if others else None,
        costs=charts.costs(points) if others else None,
        classes=classes,
        tables={
            "Recall": class_tables.table(results, "recall", classes, others),
            "F1": class_tables.table(results, "f1", classes, others),
        },
        fewest=FEWEST_ROWS,
        shares=sorted(results["learning_curve"] or []),
        learning=_learning(results) if results["curve"] else None,
    )


def _sentence(results: dict[str, Any]) -> str:
    """Return the answer as a sentence with a capital, unless a strategy's name begins it."""
    answer = results["answer"]
    return answer if results["winner"] else answer[0].upper() + answer[1:]


def _settings(differs: dict[str, Any]) -> list[str]:
    """Return settings as in study.yaml, a line each."""
    return [
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in differs.items()
    ]


def _points(results: dict[str, Any], ranked: list[tuple[str, dict]]) -> list[dict[str, Any]]:
    """Return each strategy's gain, interval, verdict and seconds; the baseline is at 0."""
    at_zero = {"gain": 0.0, "low": 0.0, "high": 0.0, "verdict": "baseline"}
    return [
        {"strategy": name, "seconds": entry["seconds"]}
        | {what: entry.get(what, value) for what, value in at_zero.items()}
        for name, entry in ranked
    ]


def _verdicts(results: dict[str, Any]) -> dict[str, int]:
    """Return how many strategies help, hurt, and cannot be told."""
    names = ("helps", "hurts", "cannot be told")
    found = [entry.get("verdict") for entry in results["strategies"].values()]
    return {name: found.count(name) for name in names}


def _learning(results: dict[str, Any]) -> Markup:
    """Return the chart of the learning curve."""
    curve, best = results["curve"]["curve"], results["strategies"][advice.best(results)]
    measured = [
        {"rows": rows, "score": score}
        for rows, score in zip(curve["rows"], curve["scores"], strict=True)
    ]
    if max(results["learning_curve"]) == 1:
        measured[-1] |= {"low": best["score_low"], "high": best["score_high"]}
    first, last = curve["rows"][0], curve["rows"][-1]
    expected = {"rows": 2 * last, "score": curve["at_twice"]}
    expected |= {"low": curve["at_twice_low"], "high": curve["at_twice_high"]}

    def fitted(part: str, begin: float, end: float) -> list[dict[str, Any]]:
        rows = [begin * (end / begin) ** (k / POINTS) for k in range(POINTS + 1)]
        return [
            {"rows": n, "score": curve["a"] + curve["b"] * n ** -curve["c"], "part": part}
            for n in rows
        ]

    lines = [*fitted("through", first, last), *fitted("beyond", last, 2 * last)]
    return charts.learning(title(results["curve"]["score"]), measured, expected, lines)
