"""What the benchmark measured, as table, JSON and picture."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import vl_convert

PLAIN, OURS = "nine-class Keras code", "ours, cnn frozen"
# Each peer against the code that people write for the same network.
AGAINST = {
    OURS: PLAIN,
    "ours, cnn": PLAIN,
    "ours, two_channel_cnn": "two-channel Keras code",
    "TF-IDF, LinearSVC": PLAIN,
    "fastText": PLAIN,
}
WIDTH, FILTERS, LENGTH = 7, 128, 200


@dataclass(frozen=True)
class Measured:
    """What came out.

    Attributes:
        about: rows, texts, dimensions, median length, cores, GFLOP/s of a matrix product.
        training: of each peer the seconds of its epochs, macro-F1 after them, peak memory.
        growth: seconds and memory for more and more rows.
        prediction: seconds in turns, by peer and by what is timed.
        quality: the best macro-F1 of each seed, by peer; None if it was never measured.
    """

    about: dict[str, Any]
    training: dict[str, dict[str, Any]]
    growth: list[dict[str, float]]
    prediction: dict[str, list[float]]
    quality: dict[str, Any] | None


def write(measured: Measured, output: Path) -> None:
    """Write the page, the numbers and the picture, and print the page."""
    output.parent.mkdir(exist_ok=True)
    parts = [
        _head(measured),
        _training(measured),
        _prediction(measured),
        _growth(measured),
        _quality(measured),
    ]
    page = "\n".join(part for part in parts if part)
    output.with_suffix(".md").write_text(page, encoding="utf-8")
    numbers = json.dumps(asdict(measured), indent=2) + "\n"
    output.with_suffix(".json").write_text(numbers, encoding="utf-8")
    output.with_suffix(".svg").write_text(_picture(measured), encoding="utf-8")
    print(page)


def ratios(measured: Measured) -> dict[str, list[float]]:
    """Return how many times faster than its rival each was, turn by turn."""
    made = {}
    for name, rival in AGAINST.items():
        if name in measured.training and rival in measured.training:
            both = (measured.training[peer]["seconds"] for peer in (rival, name))
            made[f"training: {name}"] = _times(*both)
    for what in ("files", "network"):
        both = (measured.prediction[f"{peer}: {what}"] for peer in (PLAIN, OURS))
        made[f"prediction: {what}"] = _times(*both)
    return made


def _times(others: list[float], ours: list[float]) -> list[float]:
    return [other / mine for other, mine in zip(others, ours, strict=True)]


def _spread(values: list[float]) -> str:
    return f"{np.median(values):.1f} ({min(values):.1f} to {max(values):.1f})"


def _head(measured: Measured) -> str:
    about = measured.about
    return f"""# How fast it trains and predicts

Made by `make bench` on {about["cores"]} cores. Peers are processes that take turns; a ratio is that
of two turns side by side, its median and its range. Texts are of the demo corpus, of
{about["length"]} tokens (median), with vectors of {about["dimensions"]} numbers. One product of
large float32 matrices reached {np.median(about["gflops"]):.0f} GFLOP/s beside them.

![Ratios](speed.svg)
"""


def _training(measured: Measured) -> str:
    rows = measured.about["rows"] * 4 // 5
    made, lines = ratios(measured), []
    for name, peer in measured.training.items():
        ratio = _spread(made[f"training: {name}"]) if f"training: {name}" in made else ""
        speed = rows / np.median(peer["seconds"])
        cells = [name, f"{speed:,.0f}", AGAINST.get(name, ""), ratio]
        cells += [
            f"{peer['f1_macro']:.3f}",
            f"{peer['peak_mib']:,.0f}",
            _share(measured, name, speed),
        ]
        lines.append(f"| {' | '.join(cells)} |\n")
    epochs = len(next(iter(measured.training.values()))["seconds"])
    return f"""## Training

{rows:,} rows, {epochs} epochs of each peer. Keras code: batches of 32, padded to {LENGTH}, `fit`.
Ours: `params.yaml` as it stands. LinearSVC and fastText have no comparable epochs: theirs is a
whole training. Macro-F1 is that of a fifth of the rows, held out, after these epochs. The last
column is the arithmetic of the plain convolution and its gradient, padding included, per second,
as a share of the machine's peak: beyond 100 % is arithmetic that was found needless.

| peer | rows a second | against | ratio | macro-F1 | peak memory (MiB) | share of peak |
|---|---|---|---|---|---|---|
{"".join(lines)}"""


def _share(measured: Measured, name: str, speed: float) -> str:
    if AGAINST.get(name, name) != PLAIN or not name.startswith(("ours", "nine")):
        return ""
    # Forward, and the gradient by the filters.
    operations = 2 * 2 * LENGTH * WIDTH * FILTERS * measured.about["dimensions"]
    return f"{operations * speed / 1e9 / np.median(measured.about['gflops']):.0%}"


def _prediction(measured: Measured) -> str:
    lines = []
    for what, label in {"files": "from file to file", "network": "the network alone"}.items():
        plain, ours = (np.median(measured.prediction[f"{name}: {what}"]) for name in (PLAIN, OURS))
        ratio = _spread(ratios(measured)[f"prediction: {what}"])
        lines.append(f"| {label} | {plain:.1f} | {ours:.2f} | {ratio} |\n")
    return f"""## Prediction

{measured.about["texts"]:,} texts, CSV to CSV, start-up included: `ballast predict` against pandas,
`TextVectorization` and `model.predict`. The network alone: from token numbers to labels.

| what | Keras code (s) | ours (s) | ratio |
|---|---|---|---|
{"".join(lines)}"""


def _growth(measured: Measured) -> str:
    first, lines = measured.growth[0], []
    for entry in measured.growth:
        times, cost = entry["rows"] / first["rows"], entry["seconds"] / first["seconds"]
        lines.append(
            f"| {entry['rows']:,} | {entry['words']:,} | {entry['seconds']:.2f} "
            f"| {cost / times:.2f} | {entry['own_mib']:,.0f} |\n"
        )
    return f"""## How cost grows

An epoch of `ours, cnn`; cost a row against that of the first line; peak memory of the process
beyond the mapped tokens. More texts have more words, each of which has a vector, its gradient's two
moments, and a row of what it adds to the windows when validation rows are scored.

| rows | words | seconds | cost a row | memory (MiB) |
|---|---|---|---|---|
{"".join(lines)}"""


def _quality(measured: Measured) -> str:
    if measured.quality is None:
        return ""
    best, lines = measured.quality["best"], []
    for name, rival in AGAINST.items():
        if name in best:
            ours, other = np.array(best[name]["best"]), np.array(best[rival]["best"])
            apart = ours - other
            error = apart.std(ddof=1) / np.sqrt(len(apart))
            lines.append(
                f"| {name} | {ours.mean():.3f} | {other.mean():.3f} | {apart.mean():+.3f} ± "
                f"{error:.3f} | {np.mean(best[name]['epoch']):.1f} | "
                f"{np.mean(best[rival]['epoch']):.1f} |\n"
            )
    seeds = len(next(iter(best.values()))["best"])
    return f"""## Quality

The best macro-F1 on the held-out rows within {measured.quality["epochs"]} epochs, as early stopping
sees it, mean of {seeds} seeds, and in which epoch it came; their difference by seed with its
standard error. Made by `python benchmarks/speed --seeds {seeds}`.

| peer | ours | Keras code | difference | our epoch | theirs |
|---|---|---|---|---|---|
{"".join(lines)}"""


def _picture(measured: Measured) -> str:
    rows = [
        {"what": what, "middle": np.median(values), "low": min(values), "high": max(values)}
        for what, values in ratios(measured).items()
    ]
    y = {"field": "what", "type": "nominal", "sort": None, "title": None}
    scale = {"type": "log", "domainMin": 1}
    x = {"type": "quantitative", "scale": scale, "title": "times as fast as the Keras code"}
    spec = {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "data": {"values": rows},
        "width": 420,
        "height": {"step": 26},
        "layer": [
            {
                "mark": {"type": "rule", "strokeWidth": 3, "opacity": 0.4},
                "encoding": {"y": y, "x": x | {"field": "low"}, "x2": {"field": "high"}},
            },
            {
                "mark": {"type": "point", "filled": True, "size": 70, "opacity": 1},
                "encoding": {"y": y, "x": x | {"field": "middle"}},
            },
        ],
        "config": {"background": "white", "axisY": {"labelLimit": 0}},
    }
    return vl_convert.vegalite_to_svg(spec)
