"""How fast networks train and predict here, beside the code that people usually write.

Run by `make bench`. Peers are processes that wait while another one works and take turns, so that
whatever else the machine does falls on all alike. Written to docs/speed.md, speed.json, speed.svg.
"""

import csv
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from page import AGAINST, FILTERS, OURS, PLAIN, WIDTH, Measured, write
from peers import PEERS

from ballast.evaluation.decision import Decision, Mixture, Part
from ballast.networks.trained import Trained
from ballast.probabilities.correction import Correction
from ballast.probabilities.ledger import Ledger
from ballast.probabilities.rules import Rule
from ballast.project import params, storage
from ballast.rows.dataset import Layout
from ballast.setup import demo
from ballast.texts.embedded import Record
from ballast.texts.tokens import Encoder, build_vocabulary, tokenize

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
TIMES = (1, 2, 4, 8)
# What is trained for its quality, and the code that it is held against.
RIVALS = {name: AGAINST[name] for name in (OURS, "ours, two_channel_cnn")}


class Peer:
    """A process at work."""

    def __init__(self, name: str, folder: Path, seed: int = 0) -> None:
        """Start it and wait until it is ready."""
        self.name = name
        command = [sys.executable, str(HERE / "peers.py"), name, str(folder), str(seed)]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        if self.process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{name} did not start: run {' '.join(command)!r} by hand.")

    def __enter__(self) -> "Peer":
        """Return the peer."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let it go."""
        self.process.stdin.close()
        self.process.wait()

    def ask(self, order: str) -> list[float]:
        """Give an order and wait for its answer."""
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return [float(number) for number in self.process.stdout.readline().split()]


def prepare(folder: Path, rows: int, dimensions: int) -> int:
    """Write texts, tokens, vectors and labels; return the median length of a text."""
    folder.mkdir()
    pairs = demo.generate(rows)
    order = np.random.default_rng(0).permutation(rows)
    texts = [" ".join(pairs[i][0].split()) for i in order]
    names = sorted({label for _, label in pairs})
    vocabulary = build_vocabulary((tokenize(text) for text in texts), 30_000, 1)
    tokens, offsets = Encoder(vocabulary, 400)(texts)
    rng = np.random.default_rng(1)
    vectors = rng.normal(scale=0.3, size=(len(vocabulary) + 2, dimensions)).astype(np.float32)
    vectors[0] = 0
    labels = np.array([names.index(pairs[i][1]) for i in order])
    arrays = {"tokens": tokens, "offsets": offsets, "vectors": vectors, "labels": labels}
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    (folder / "texts.txt").write_text("\n".join(texts), encoding="utf-8")
    (folder / "vocabulary.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    return int(np.median(np.diff(offsets)))


def multiply(size: int = 2048) -> float:
    """Return GFLOP/s of one product of two square matrices in float32."""
    matrix = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    start = time.perf_counter()
    matrix @ matrix
    return 2 * size**3 / (time.perf_counter() - start) / 1e9


def train(folder: Path, names: list[str], rounds: int) -> tuple[dict[str, Any], list[float]]:
    """Return seconds of the peers' epochs in turns and what came of them, and GFLOP/s beside."""
    peers, results, peaks = [Peer(name, folder) for name in names], {}, []
    seconds = {name: [] for name in names}
    for number in range(rounds):
        peaks.append(multiply())
        for peer in peers:
            seconds[peer.name] += peer.ask("epoch")
            print(f"epoch {number + 1}: {peer.name} {seconds[peer.name][-1]:.2f} s", flush=True)
    for peer in peers:
        with peer:
            _, f1, peak = peer.ask("predict")
        results[peer.name] = {"seconds": seconds[peer.name], "f1_macro": f1, "peak_mib": peak}
    return results, peaks


def learn(folder: Path, rounds: int, seeds: int) -> dict[str, dict[str, list[float]]]:
    """Return the best macro-F1 of each seed on the held-out rows, after at most `rounds` epochs."""
    results = {name: {"best": [], "epoch": []} for pair in RIVALS.items() for name in pair}
    for seed in range(seeds):
        for name, scores in results.items():
            with Peer(name, folder, seed) as peer:
                f1 = []
                for _ in range(rounds):
                    peer.ask("epoch")
                    f1.append(peer.ask("predict")[1])
            scores["best"].append(max(f1))
            scores["epoch"].append(int(np.argmax(f1)) + 1)
            print(f"seed {seed}: {name} {max(f1):.4f} in epoch {scores['epoch'][-1]}", flush=True)
    return results


def grow(folder: Path, rows: int, dimensions: int) -> list[dict[str, float]]:
    """Return seconds an epoch, and peak memory beyond the mapped tokens, for more and more rows."""
    results = []
    for times in TIMES:
        prepare(folder / f"x{times}", times * rows, dimensions)
        with Peer("ours, cnn", folder / f"x{times}") as peer:
            peer.ask("epoch")
            seconds = min(peer.ask("epoch") + peer.ask("epoch"))
            peak = peer.ask("predict")[2]
        mapped = (folder / f"x{times}/tokens.npy").stat().st_size / 2**20
        words = len(np.load(folder / f"x{times}/vectors.npy", mmap_mode="r"))
        results.append(
            {"rows": times * rows, "words": words, "seconds": seconds, "own_mib": peak - mapped}
        )
        print(f"{times} times the rows: {seconds:.2f} s, {peak - mapped:.0f} MiB", flush=True)
    return results


def write_models(models: Path, data: Path, dimensions: int) -> None:
    """Write what a run leaves, the network's weights by chance: how fast it is hangs on none."""
    names = tuple(f"class {number}" for number in range(1 + np.load(data / "labels.npy").max()))
    counts = np.bincount(np.load(data / "labels.npy"))
    prior, rng = counts / counts.sum(), np.random.default_rng(0)
    vectors = np.load(data / "vectors.npy")
    weights = {
        "vectors.embeddings": vectors,
        "filters_0.kernel": rng.normal(0, 0.05, (WIDTH, dimensions, FILTERS)),
        "filters_0.bias": np.zeros(FILTERS),
        "logits.kernel": rng.normal(0, 0.1, (FILTERS, len(names))),
        "logits.bias": np.zeros(len(names)),
    }
    weights = {name: values.astype(np.float32) for name, values in weights.items()}
    rows = int(counts.sum())
    ledger = Ledger(names, False, rows, rows, prior, prior, np.ones(len(names)))
    Layout(format="csv", text="text").save(models)
    Trained("cnn", {}, ("tokens",), [weights], 0, 0, len(names), "float32").save(models / "model")
    ledger.save(models / "model")
    part = Part("model", "cnn", 1.0, Correction(ledger))
    rule = Rule(np.zeros(len(names)), multilabel=False, uncorrected=True)
    Decision(Mixture([part]), rule).save(models)
    first, *others = params.EMBEDDINGS
    words = Record("random", "tokens", {"max_tokens": 400}, 0)
    records = {first: words} | dict.fromkeys(others, Record("none", None, {}, 0))
    for slot, record in records.items():
        storage.write_json(models / slot / "embedding.json", vars(record))
    for name in ("vocabulary.json", "vectors.npy"):
        shutil.copy(data / name, models / first)


def predict(folder: Path, rows: int, dimensions: int, rounds: int) -> dict[str, list[float]]:
    """Return seconds of whole commands from file to file, and of the network alone, in turns."""
    data = folder / "prediction"
    prepare(data, rows, dimensions)
    texts = (data / "texts.txt").read_text(encoding="utf-8").splitlines()
    with (data / "rows.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text",), *((text,) for text in texts)])
    models = data / "models"
    write_models(models, data, dimensions)
    files = [str(data / "rows.csv"), str(data / "predicted.csv")]
    commands = {
        PLAIN: [sys.executable, str(HERE / "plain_prediction.py"), str(models), *files],
        OURS: ["ballast", "predict", files[0], "--output", files[1]],
    }
    results = {f"{name}: {what}": [] for what in ("files", "network") for name in commands}
    with Peer(PLAIN, data) as plain, Peer(OURS, data) as ours:
        for _ in range(rounds):
            for peer in (plain, ours):
                start = time.perf_counter()
                subprocess.run(commands[peer.name], cwd=data, check=True, capture_output=True)
                results[f"{peer.name}: files"].append(time.perf_counter() - start)
                results[f"{peer.name}: network"].append(peer.ask("predict")[0])
            print({name: round(seconds[-1], 2) for name, seconds in results.items()}, flush=True)
    return results


def main(
    rows: Annotated[int, typer.Option(help="Texts to train on, of the demo corpus.")] = 9115,
    texts: Annotated[int, typer.Option(help="Texts to predict.")] = 91_149,
    rounds: Annotated[int, typer.Option(help="Turns of each peer.")] = 5,
    dimensions: Annotated[int, typer.Option(help="Numbers a word vector.")] = 300,
    seeds: Annotated[int, typer.Option(help="Trainings for quality; 0: keep what stands.")] = 0,
    epochs: Annotated[int, typer.Option(help="Epochs of each of those.")] = 14,
    only: Annotated[list[str] | None, typer.Option(help="These peers alone.")] = None,
    output: Annotated[Path, typer.Option(help="Without suffix.")] = ROOT / "docs/speed",
) -> None:
    """Run all peers in turns."""
    about = {"rows": rows, "texts": texts, "dimensions": dimensions, "cores": os.cpu_count()}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        about["length"] = prepare(folder / "training", rows, dimensions)
        training, about["gflops"] = train(folder / "training", only or list(PEERS), rounds)
        growth = grow(folder, rows, dimensions)
        prediction = predict(folder, texts, dimensions, rounds)
        previous = output.with_suffix(".json")
        if seeds:
            quality = {"epochs": epochs, "best": learn(folder / "training", epochs, seeds)}
        else:
            quality = (
                json.loads(previous.read_text("utf-8"))["quality"] if previous.exists() else None
            )
    write(Measured(about, training, growth, prediction, quality), output)


if __name__ == "__main__":
    typer.run(main)
