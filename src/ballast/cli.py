"""The `ballast` command: data, checks and results around `dvc repro`."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from ballast.errors import UserError, run
from ballast.storage import read_json

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="sms_spam, goemotions, reuters8, ...")]) -> None:
    """Put a public data set into data/raw/NAME/, checked, and under DVC."""
    from ballast.fetch import fetch

    def main() -> None:
        found = fetch(name)
        print("\n".join(found.lines))
        if Path(".dvc").is_dir():
            # Under DVC, queued experiments and colleagues have the files too.
            done = subprocess.run([sys.executable, "-m", "dvc", "add", "-q", found.folder])
            if done.returncode:
                raise UserError(f"{found.folder} is there, but `dvc add {found.folder}` failed.")
            print(f"{found.folder} is under DVC. Now: dvc exp run -S dataset={name}")

    run(main)


@app.command()
def demo(
    rows: Annotated[
        int | None, typer.Option(min=9, help="number of texts  [default: 9115; multi-label: 3000]")
    ] = None,
    seed: Annotated[int, typer.Option(help="another seed gives other texts")] = 0,
    multilabel: Annotated[bool, typer.Option("--multilabel", help="one to three labels")] = False,
    output: Annotated[
        Path | None, typer.Option(help="CSV file to write  [default: the one in data/raw]")
    ] = None,
) -> None:
    """Generate the demo corpus: French corporate news in nine classes (91149 is the full size)."""
    from ballast.demo import write

    name = "demo_multilabel" if multilabel else "demo"
    run(lambda: write(output or Path(f"data/raw/{name}/{name}.csv"), rows, seed, multilabel))


@app.command()
def check() -> None:
    """Check the whole of params.yaml, chosen or not."""
    from ballast.checking import check_params

    run(check_params)
    print("params.yaml is in order.")


@app.command()
def show() -> None:
    """Show the headline and the scores by class of the last run."""
    run(_show)


def _show() -> None:
    headline = read_json(Path("metrics/metrics.json"))
    per_class = read_json(Path("metrics/per_class.json"))
    console = Console()
    low, high = headline.pop("f1_macro_low"), headline.pop("f1_macro_high")
    table = Table("headline", "test", title="test rows")
    for name, value in headline.items():
        bounds = f" ({low:.3f} to {high:.3f})" if name == "f1_macro" else ""
        table.add_row(name, f"{value:.3f}{bounds}")
    console.print(table)
    table = Table("class", *per_class)
    support = per_class["support"]
    for name in sorted(support, key=support.get, reverse=True):
        values = (f"{per_class[score][name]:.3f}" for score in per_class if score != "support")
        table.add_row(name, *values, str(support[name]))
    console.print(table)
