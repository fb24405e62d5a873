"""Every sampler, loss, weighting and decision through the pipeline: docs/strategy-results.md.

Run by `make strategies`, in about three quarters of an hour on two cores. Works in a clone of the
last commit, so the workspace stays as it is. Each member is one `dvc exp run` on the demo corpus,
all else at its default; what is made for several labels a row runs on `demo_multilabel`.
"""

import json
import re
import shlex
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Annotated

import typer
from dvc.utils.serialize import modify_yaml

from ballast.project import params
from ballast.project.progress import bars

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs/strategy-results.md"
CORPORA = ("demo", "demo_multilabel")
SELECTORS = ("sampler", "loss", "weighting", "decision")
# What strategies are held against: a network that corrects nothing, so that each may.
PLAIN = {
    "embedding": "word2vec",
    "model": "cnn",
    "loss": "cross_entropy",
    "weighting": "none",
    "split.validation": 0.1,
    "split.folds": 1,
}
# What a member can't do without.
NEEDED = {
    "by_class": {"weightings.by_class.weights": "{justice: 3, environnement: 3}"},
    "min_recall": {"decisions.min_recall.label": "justice"},
    "min_precision": {"decisions.min_precision.label": "justice"},
}
HEADER = """# Every strategy on the demo corpus

Made by `make strategies`: each line is one command, run once with seed 0. `...` is `-S
embedding=word2vec -S model=cnn -S loss=cross_entropy -S weighting=none -S split.folds=1 -S
split.validation=0.1`, one network that corrects nothing by itself; all else is at its default. The
stages are those that ran. Differences within the intervals are no differences, and what helps here
need not help on your data: that is what the command is for.
"""
COLUMNS = (
    "| `dvc exp run` ... | stages run | macro-F1 (95 % interval) | recall of the rarest class "
    "| log-loss | calibration error |\n|---|---|---|---|---|---|\n"
)


@dataclass(frozen=True)
class Clone:
    """A clone of the project to run in."""

    folder: Path

    def run(self, *command: str) -> tuple[int, str]:
        """Run a command there; return its exit status and what it printed."""
        done = subprocess.run(
            command, cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return done.returncode, done.stdout

    def choose(self, settings: dict[str, str | float]) -> None:
        """Begin with other parameters than the project does."""
        with modify_yaml(self.folder / "params.yaml") as params:
            for place, value in settings.items():
                *blocks, name = place.split(".")
                reduce(getitem, blocks, params)[name] = value
        identity = ["-c", "user.name=strategies", "-c", "user.email=strategies@localhost"]
        self.run("git", *identity, "commit", "--quiet", "--all", "--message", "plain network")

    def experiment(self, options: list[str]) -> str | None:
        """Run an experiment on the last commit; return its line of the table, None if refused."""
        for command in (["git", "checkout", "-q", "."], ["dvc", "checkout", "-q", "--force"]):
            self.run(*command)
        status, printed = self.run("dvc", "exp", "run", *options)
        if status:
            if "params.yaml: " in printed:
                return None
            raise SystemExit(printed)
        stages = re.findall(r"Running stage '(?!check)([\w@]+)'", printed)
        metrics = json.loads((self.folder / "metrics/metrics.json").read_text(encoding="utf-8"))
        interval = "{f1_macro:.3f} ({f1_macro_low:.3f} to {f1_macro_high:.3f})".format(**metrics)
        scores = "{recall_rarest:.3f} | {log_loss:.3f} | {calibration_error:.3f}".format(**metrics)
        command = f"`... {shlex.join(options)}`" if options else "`...`"
        return f"| {command} | {', '.join(stages)} | {interval} | {scores} |\n"


def members(selectors: Sequence[str]) -> list[list[str]]:
    """Return the options of each member's command, in the order of the families."""
    commands = []
    for selector in selectors:
        for name in params.members(params.FAMILIES[selector][0]):
            settings = {selector: name} | NEEDED.get(name, {})
            commands.append([part for pair in settings.items() for part in ("-S", "=".join(pair))])
    return commands


def main(
    families: Annotated[
        list[str] | None, typer.Argument(help="sampler, loss, weighting, decision  [default: all]")
    ] = None,
    output: Annotated[Path, typer.Option(help="The file to write.")] = PAGE,
) -> None:
    """Run every strategy; the file is written anew after each."""
    with tempfile.TemporaryDirectory() as folder, bars() as progress:
        clone = Clone(Path(folder) / "ballast")
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone.folder)], check=True)
        clone.choose(PLAIN)
        tables = {corpus: [] for corpus in CORPORA}
        tables["demo"].append(clone.experiment([]))
        tables["demo_multilabel"].append(clone.experiment(["-S", "dataset=demo_multilabel"]))
        for options in progress.track(members(families or SELECTORS), description="strategies"):
            line = clone.experiment(options)
            if line is not None:
                tables["demo"].append(line)
            else:
                wider = ["-S", "dataset=demo_multilabel", *options]
                line = clone.experiment(wider)
                if line is None:
                    raise SystemExit(f"no corpus for {' '.join(options)}")
                tables["demo_multilabel"].append(line)
            output.write_text(page(tables), encoding="utf-8")


def page(tables: dict[str, list[str]]) -> str:
    """Return the whole page."""
    titles = {"demo": "One label a row", "demo_multilabel": "Several labels a row"}
    parts = [f"\n## {titles[corpus]}\n\n{COLUMNS}{''.join(tables[corpus])}" for corpus in CORPORA]
    return HEADER + "".join(parts)


if __name__ == "__main__":
    typer.run(main)
