"""What a study has found, as plain values: `study/results.json`, and as pandas data frames."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from ballast.project import storage
from ballast.project.errors import UserError
from ballast.study.wording import answer, warnings

if TYPE_CHECKING:
    import pandas as pd

    from ballast.study.conducting import Study


FOLDER = Path("study")
FILE, LEADERBOARD, METRICS = (
    FOLDER / name for name in ("results.json", "leaderboard.csv", "summary.json")
)


def save(results: dict[str, Any]) -> None:
    """Write the results: all of them, the leaderboard as a table, and a few numbers for DVC."""
    storage.write_json(FILE, results)
    leaderboard(results).round(6).to_csv(LEADERBOARD, encoding="utf-8", lineterminator="\n")
    storage.write_json(METRICS, headline(results))


def headline(results: dict[str, Any]) -> dict[str, float | str]:
    """Return what `dvc metrics diff` compares: the best strategy, its scores and its gain."""
    baseline = results["baseline_name"]
    best = results["winner"] or baseline
    score, entry = results["score"], results["strategies"][best]
    numbers = {"strategy": best, score: entry["score"]}
    if best != baseline:
        numbers |= {"gain": entry["gain"], "gain_low": entry["low"], "gain_high": entry["high"]}
    return numbers | {f"test_{score}": results["test_headline"][best][score]}


def load(file: Path = FILE) -> dict[str, Any]:
    """Read what `save` wrote.

    Raises:
        UserError: there is no such file yet.
    """
    if not file.is_file():
        raise UserError(f"{file} does not exist: run `ballast study`.")
    return storage.read_json(file)


def of(made_from: str, file: Path = FILE) -> dict[str, Any] | None:
    """Return the results if they are of this `steps.fingerprint`, and another run has no more."""
    if not file.is_file():
        return None
    results = storage.read_json(file)
    return results if results["is_whole"] and results["made_from"] == made_from else None


def leaderboard(results: dict[str, Any]) -> "pd.DataFrame":
    """Return a line for each strategy, the best first."""
    import pandas as pd

    names = ("score", "score_low", "score_high", "gain", "low", "high", "p_value", "verdict")
    lines = [
        # The baseline has no gain.
        {"strategy": name, **{column: entry.get(column) for column in names}}
        | {"seeds": len(entry["seeds"]), "seconds": entry["seconds"], **entry["headline"]}
        for name, entry in results["strategies"].items()
    ]
    return pd.DataFrame(lines).set_index("strategy").sort_values("score", ascending=False)


def by_class(results: dict[str, Any]) -> "pd.DataFrame":
    """Return a line for each strategy and class: recall and F1, with their gains."""
    import pandas as pd

    lines = []
    for strategy, entry in results["strategies"].items():
        for name, scores in entry["classes"].items():
            line = {"strategy": strategy, "class": name}
            for score, value in scores.items():
                # Of the baseline, a number; of another, a `Gain`.
                values = value if isinstance(value, dict) else {"value": value}
                line |= {f"{score}_{what}": number for what, number in values.items()}
            lines.append(line)
    return pd.DataFrame(lines).set_index(["strategy", "class"])


def summary(study: "Study") -> dict[str, Any]:
    """Return the results as plain values, ready for JSON."""
    plan, judgement = study.plan, study.judgement
    spent: dict[str, list[float]] = defaultdict(list)
    errors = {}
    for cell in study.cells:
        if cell.judged:
            spent[cell.strategy.name].append(cell.seconds)
        elif cell.error:
            errors[cell.strategy.name] = f"seed {cell.seed}: {cell.error}"
    asked = {cell.strategy.name: cell.strategy for cell in study.cells}
    judged = judgement.to_json()
    baseline, others = judged.pop("baseline"), judged.pop("strategies")
    return {
        "dataset": study.project["dataset"],
        "answer": answer(judgement),
        "warnings": warnings(judgement),
        **judged,
        "rows": {"held_out": len(study.held_out.ids), "test": len(study.tested.ids)},
        "strategies": {
            name: {
                **values,
                "differs": asked[name].differs,
                "settings": asked[name].settings,
                "seconds": round(mean(spent[name]), 1),
                "headline": _means(study.held_out.scores[name].values()),
            }
            for name, values in ({judgement.baseline_name: baseline} | others).items()
        },
        "left_out": study.left_out,
        "failed": errors,
        "is_whole": all(cell.ended and cell.lasting for cell in [*study.cells, *study.on_shares]),
        "not_reached": [name for name in asked if name not in spent and name not in errors],
        "test": study.test.to_json(),
        "test_headline": {
            name: _means(scores.values()) for name, scores in study.tested.scores.items()
        },
        "curve": study.curve and study.curve.to_json() | {"sentence": study.curve.sentence()},
        "learning_curve": plan.learning_curve,
    }


def _means(headlines: Iterable[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each score over seeds."""
    values = defaultdict(list)
    for headline in headlines:
        for name, value in headline.items():
            values[name].append(value)
    return {name: mean(each) for name, each in values.items()}
