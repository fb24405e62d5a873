"""How fast networks train here, beside the code that people usually write, on the same rows.

Run by `make bench`. Every peer is a process of its own that waits while another one works; they
take turns, epoch by epoch, so that whatever else the machine does falls on all alike. Written to
docs/speed.md and docs/speed.json.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from peers import PEERS

from ballast import demo
from ballast.tokens import Encoder, build_vocabulary, tokenize

ROOT = Path(__file__).parents[2]
# Each peer against the code that people write for the same network.
AGAINST = {
    "ours, cnn frozen": "nine-class Keras code",
    "ours, cnn": "nine-class Keras code",
    "ours, two_channel_cnn": "two-channel Keras code",
    "TF-IDF, LinearSVC": "nine-class Keras code",
    "fastText": "nine-class Keras code",
}
HEADER = """# How fast it trains

Made by `make bench`: {rows} texts of the demo corpus, of {length} tokens (median), vectors of
{dimensions} numbers, {rounds} epochs of each peer in turns, each in a process of its own. Rows a
second are the median of its epochs; the ratio is that of epochs side by side, its median and its
range. LinearSVC and fastText have no comparable epochs: theirs is a whole training. Macro-F1 is
that of the last fifth of the rows, after the same {rounds} epochs for all networks.

One matrix multiplication of this machine, in float32, reached {peak:.0f} GFLOP/s beside them.

| peer | rows a second | against | ratio | macro-F1 | peak memory (MiB) |
|---|---|---|---|---|---|
"""


@dataclass
class Process:
    """A peer at work.

    Attributes:
        name: of the peer.
        process: its process.
        seconds: of its epochs.
    """

    name: str
    process: subprocess.Popen
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def start(cls, name: str, folder: Path) -> "Process":
        """Start a peer and wait until it is ready."""
        command = [sys.executable, str(Path(__file__).parent / "peers.py"), name, str(folder)]
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
        )
        if process.stdout.readline().strip() != "ready":
            raise SystemExit(f"{name} did not start: run {' '.join(command)!r} by hand.")
        return cls(name, process)

    def ask(self, order: str) -> list[float]:
        """Give an order and wait for its answer."""
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        return [float(number) for number in self.process.stdout.readline().split()]

    def end(self) -> None:
        """Let it go."""
        self.process.stdin.close()
        self.process.wait()


def prepare(folder: Path, rows: int, dimensions: int) -> int:
    """Write texts, tokens, vectors and labels; return the median length of a text."""
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
    return int(np.median(np.diff(offsets)))


def multiply(size: int = 2048) -> float:
    """Return GFLOP/s of one product of two square matrices in float32."""
    matrix = np.random.default_rng(0).normal(size=(size, size)).astype(np.float32)
    start = time.perf_counter()
    matrix @ matrix
    return 2 * size**3 / (time.perf_counter() - start) / 1e9


def main(
    rows: Annotated[int, typer.Option(help="Texts of the demo corpus.")] = demo.DEFAULT_ROWS,
    rounds: Annotated[int, typer.Option(help="Epochs of each peer, in turns.")] = 5,
    dimensions: Annotated[int, typer.Option(help="Numbers a word vector.")] = 300,
    only: Annotated[list[str] | None, typer.Option(help="These peers alone.")] = None,
    output: Annotated[Path, typer.Option(help="Without suffix.")] = ROOT / "docs/speed",
) -> None:
    """Run all peers in turns."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        length = prepare(folder, rows, dimensions)
        peers = [Process.start(name, folder) for name in only or PEERS]
        peaks = []
        for number in range(rounds):
            peaks.append(multiply())
            for peer in peers:
                peer.seconds += peer.ask("epoch")
                print(f"epoch {number + 1}: {peer.name} {peer.seconds[-1]:.2f} s", flush=True)
        scores = {peer.name: peer.ask("score") for peer in peers}
        for peer in peers:
            peer.end()
    trained = rows * 4 // 5
    seconds = {peer.name: np.array(peer.seconds) for peer in peers}
    found, lines = {}, []
    for name, own in seconds.items():
        other = AGAINST.get(name)
        ratios = seconds[other] / own if other in seconds else None
        f1, memory = scores[name]
        speed = trained / float(np.median(own))
        found[name] = {"rows_a_second": speed, "f1_macro": f1, "peak_mib": memory}
        cells = [name, f"{speed:,.0f}", "", "", f"{f1:.3f}", f"{memory:,.0f}"]
        if ratios is not None:
            found[name] |= {"against": other, "ratios": ratios.round(3).tolist()}
            cells[2] = other
            cells[3] = f"{np.median(ratios):.1f} ({ratios.min():.1f} to {ratios.max():.1f})"
        lines.append(f"| {' | '.join(cells)} |\n")
    page = HEADER.format(
        rows=f"{rows:,}", length=length, dimensions=dimensions, rounds=rounds, peak=np.median(peaks)
    )
    output.parent.mkdir(exist_ok=True)
    output.with_suffix(".md").write_text(page + "".join(lines), encoding="utf-8")
    about = {"rows": rows, "cores": os.cpu_count(), "gflops": peaks, "peers": found}
    output.with_suffix(".json").write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    print(page + "".join(lines))


if __name__ == "__main__":
    typer.run(main)
