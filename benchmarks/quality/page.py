"""What the benchmark of quality found, as tables, JSON and picture."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pairing
import vl_convert
from kept import Kept, Place
from our_recipes import RECIPES
from peers import PEERS

from ballast.evaluation.scores import of_counts, rarest, share, tally
from ballast.labels.classes import Classes

SCORES = ("f1_macro", "f1_micro", "recall_rarest", "log_loss", "calibration_error")
COSTS = ("seconds", "peak_mib")
HEADER = f"""# How well it classifies

Made by `make quality`: every system on the same test rows, as Ballast's stages prepare and split
them. The seed of a run is that of its split (20 % test) and of its chance; given parts stay. Our
recipes learn from all other rows, in five folds. For peers that choose by rows apart a tenth of all
rows is the validation part, unless there is a given one: Keras stops by its loss, fastText chooses
its options by its macro-F1 and is then fitted on both parts. All other peers choose nothing, and
are fitted on training and validation rows together.

Numbers are means over the seeds, macro-F1 with the least and the most. Micro-F1 is the accuracy
where a row has one label. Rarest: recall of the class with the fewest training rows of those that
the test part has. Seconds are those of training and prediction, libraries' start included, on a
machine that may have had other work: ours are whole stages with their files, intervals, report.
Memory is that of a system's largest process.

The last two columns hold our first recipe against the system of the line: the mean difference of
macro-F1 over the seeds that both have, its {pairing.LEVEL:.0%} interval, and what it says of ours.
The interval is paired: rows are drawn anew, the same for both systems and wherever a row stands in
the test parts of several seeds, and to each draw comes the seeds' standard error times a draw of
Student's t. Where each seed has another split, the chance of the rows is in both, so the interval
is wide rather than narrow: such splits share training rows. One seed tells nothing about others:
its interval is that of the rows alone. Of forty comparisons of equal systems, about one says
"better" and one "worse"; the best peer is found by the same test rows, which flatters it.

![Macro-F1](quality.svg)
"""


COLUMNS = (
    "| system | macro-F1 | micro-F1 | rarest | log-loss | calibration error | seconds | MiB "
    "| seeds | ours - this | ours is |\n|---|---|---|---|---|---|---|---|---|---|---|\n"
)


def peers_of(kind: str) -> list[str]:
    """Return the peers for a kind of data."""
    return list(PEERS[kind])


def systems_of(kind: str) -> list[str]:
    """Return recipes and peers for a kind of data."""
    return [*RECIPES[kind], *peers_of(kind)]


def known_classes(split: dict[str, Any]) -> Classes:
    """Return the classes as they stand in the training rows of a split."""
    rows = split["parts"]["train"]
    return Classes(tuple(split["names"]), np.array(split["counts"]), rows, split["multilabel"])


def hot(labels: list[str], split: dict[str, Any]) -> np.ndarray:
    """Return labels as text as a matrix of 0 and 1."""
    codes = {name: code for code, name in enumerate(split["names"])}
    matrix = np.zeros((len(labels), len(codes)), np.uint8)
    for row, text in enumerate(labels):
        for name in text.split("|") if split["multilabel"] else [text]:
            if name:
                matrix[row, codes[name]] = 1
    return matrix


def scores(split: dict[str, Any], run: dict[str, Any]) -> dict[str, float | None]:
    """Return a run's scores and costs."""
    classes, actual = known_classes(split), hot(split["actual"], split)
    counts = tally(actual, hot(run["predicted"], split))
    hits, support, positives = counts
    values = {
        "f1_macro": float(of_counts(*counts, len(actual), classes)["f1_macro"]),
        "f1_micro": float(share(2 * hits.sum(), support.sum() + positives.sum())),
        "recall_rarest": float(share(hits, support)[rarest(actual, classes)]),
    }
    return values | {name: run[name] for name in (*SCORES[3:], *COSTS)}


def f1_macro(store: Kept, place: Place, system: str) -> float:
    """Return macro-F1 of a stored run."""
    return scores(store.splits[place], store.runs[(*place, system)])["f1_macro"]


def measured(store: Kept, data: str) -> dict[str, Any]:
    """Return all that is known of a data set: scores by system and seed, means, differences."""
    by_seed = store.of(data)
    first = next(iter(by_seed.values()))[0]
    tests = {
        seed: pairing.Test(
            split["ids"],
            hot(split["actual"], split),
            {name: hot(run["predicted"], split) for name, run in runs.items()},
        )
        for seed, (split, runs) in by_seed.items()
    }
    drawn = pairing.draw(tests, known_classes(first))
    systems = {}
    for name, draws in drawn.items():
        runs = {seed: scores(by_seed[seed][0], by_seed[seed][1][name]) for seed in draws.seen}
        values = {score: [run[score] for run in runs.values()] for score in (*SCORES, *COSTS)}
        means = {score: None if None in v else float(np.mean(v)) for score, v in values.items()}
        interval = asdict(pairing.interval(draws))
        systems[name] = {"mean": means, "interval": interval, "by_seed": runs}
    order = sorted(systems, key=lambda name: -systems[name]["mean"]["f1_macro"])
    recipes = [name for name in RECIPES[first["kind"]] if name in drawn]
    differences = {
        recipe: {
            name: asdict(difference) | {"verdict": difference.verdict}
            for name in order
            if name != recipe
            and (difference := pairing.difference(drawn[recipe], drawn[name])) is not None
        }
        for recipe in recipes
    }
    known = {name: first[name] for name in ("kind", "parts", "multilabel")}
    return {
        **known,
        "classes": len(first["names"]),
        "recipes": {name: asdict(RECIPES[first["kind"]][name]) for name in recipes},
        "systems": {name: systems[name] for name in order},
        "differences": differences,
    }


def write(store: Kept, output: Path) -> None:
    """Write the page, the numbers and the picture."""
    names = list(dict.fromkeys(data for data, _ in store.splits if store.of(data)))
    results = {name: measured(store, name) for name in names}
    if not results:
        return
    output.parent.mkdir(parents=True, exist_ok=True)
    header = HEADER.replace("quality.svg", f"{output.name}.svg")
    text = "\n".join(
        [header, *(_section(name, entry) for name, entry in results.items()), _systems()]
    )
    output.with_suffix(".md").write_text(text, encoding="utf-8")
    numbers = json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    output.with_suffix(".json").write_text(numbers, encoding="utf-8")
    output.with_suffix(".svg").write_text(_picture(results), encoding="utf-8")


def _section(name: str, data: dict[str, Any]) -> str:
    lines = []
    against = next(iter(data["differences"].values()), {})
    for system, entry in data["systems"].items():
        mean, runs = entry["mean"], entry["by_seed"].values()
        f1 = [run["f1_macro"] for run in runs]
        cells = [
            f"**{system}**" if system in data["recipes"] else system,
            f"{mean['f1_macro']:.3f} ({min(f1):.3f} to {max(f1):.3f})",
            *(_number(mean[score]) for score in SCORES[1:]),
            f"{mean['seconds']:,.0f}",
            f"{mean['peak_mib']:,.0f}",
            str(len(f1)),
            *_against(against.get(system)),
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    parts = ", ".join(f"{data['parts'][part]:,} {part}" for part in ("train", "validation", "test"))
    return f"""## {name}

{data["classes"]} classes, {data["kind"]}; rows: {parts}.

{_best(data)}{COLUMNS}{"".join(lines)}"""


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _against(difference: dict[str, Any] | None) -> tuple[str, str]:
    if difference is None:
        return "", ""
    return "{mean:+.3f} ({low:+.3f} to {high:+.3f})".format(**difference), difference["verdict"]


def _best(data: dict[str, Any]) -> str:
    """Return a line for each recipe against the best peer."""
    best = next((name for name in data["systems"] if name not in data["recipes"]), None)
    said = [
        f"- {recipe} against the best peer, {best}: {differences[best]['verdict']}, "
        f"{_against(differences[best])[0]}\n"
        for recipe, differences in data["differences"].items()
        if best in differences
    ]
    return "".join([*said, "\n"]) if said else ""


def _systems() -> str:
    """Return what each system is."""
    lines = []
    for kind, recipes in RECIPES.items():
        for name, recipe in recipes.items():
            lines.append(f"| **{name}** ({kind}) | `{recipe.command}` |\n")
    for name, peer in {n: p for peers in PEERS.values() for n, p in peers.items()}.items():
        summary = peer.__doc__.splitlines()[0].rstrip(".")
        lines.append(f"| {name} | {summary} |\n")
    return f"""## The systems

Ours in bold. Where a row has several labels, peers are as many classifiers, one label against the
rest, with their own cut (fastText: one cut for all, chosen on validation rows). imbalanced-learn's
SMOTE has no such form. Where rows have a text and numbers, peers see the text alone.

| system | what it is |
|---|---|
{"".join(lines)}"""


def _picture(results: dict[str, Any]) -> str:
    rows = [
        {"data": data, "system": name, "ours": name in entry["recipes"], **system["interval"]}
        for data, entry in results.items()
        for name, system in entry["systems"].items()
    ]
    sort = {"field": "mean", "order": "descending"}
    y = {"field": "system", "type": "nominal", "sort": sort, "title": None}
    x = {"type": "quantitative", "scale": {"zero": False}, "title": "macro-F1"}
    colour = {"field": "ours", "type": "nominal", "legend": None}
    colour["scale"] = {"domain": [True, False], "range": ["#c2410c", "#475569"]}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": rows},
        "facet": {"field": "data", "type": "nominal", "title": None, "sort": list(results)},
        "columns": 1,
        "resolve": {"scale": {"x": "independent", "y": "independent"}},
        "spec": {
            "width": 420,
            "height": {"step": 20},
            "layer": [
                {
                    "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.4},
                    "encoding": {
                        "y": y,
                        "x": x | {"field": "low"},
                        "x2": {"field": "high"},
                        "color": colour,
                    },
                },
                {
                    "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                    "encoding": {"y": y, "x": x | {"field": "mean"}, "color": colour},
                },
            ],
        },
        "config": {"background": "white", "axisY": {"labelLimit": 0}},
    }
    return vl_convert.vegalite_to_svg(spec)
