"""`ballast study` and what belongs to it."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

import ballast

app = typer.Typer(invoke_without_command=True)


@app.callback()
def study(
    context: typer.Context,
    engine: Annotated[
        str, typer.Option(help="local, local:4, dask:tcp://HOST:PORT or ray:ADDRESS")
    ] = "local",
    minutes: Annotated[
        float | None,
        typer.Option(min=0, help="begin nothing new after so many, and the cheapest first"),
    ] = None,
    every_seed: Annotated[
        bool, typer.Option("--every-seed", help="train what can't win any more with each seed too")
    ] = False,
    queue: Annotated[
        bool, typer.Option("--queue", help="run nothing: put each into DVC's queue of experiments")
    ] = False,
) -> None:
    """Which strategy helps on this data set? Trains those of study.yaml, and says it.

    What has run already is not run again. The answer is in study/report.html and, for programs, in
    study/results.json.
    """
    if context.invoked_subcommand is not None:
        return
    _require_own_code()
    from ballast.project import params
    from ballast.study import report, results
    from ballast.study.showing import show
    from ballast.study.steps import fingerprint

    if queue:
        _queue()
        return
    made_from = fingerprint(params.load(), every_seed)
    summary = results.of(made_from)
    if summary is None:
        summary = _conduct(engine, minutes, every_seed) | {"made_from": made_from}
        results.save(summary)
        report.save(summary)
    show(summary)


def _require_own_code() -> None:
    """Go on with the code of the project in this folder, whichever is installed.

    What runs is kept by that code's hash, so no other's results may be.
    """
    own = Path("src").resolve()
    if not (own / "ballast").is_dir() or own == Path(ballast.__file__).resolve().parents[1]:
        return
    path = os.pathsep.join(filter(None, [str(own), os.environ.get("PYTHONPATH")]))
    command = [sys.executable, "-c", "from ballast.cli import app; app()", *sys.argv[1:]]
    done = subprocess.run(command, env={**os.environ, "PYTHONPATH": path})
    raise typer.Exit(done.returncode)


def _conduct(engine: str, minutes: float | None, every_seed: bool) -> dict[str, Any]:
    from ballast.study import conducting, engines, plan, results
    from ballast.study.showing import Display
    from ballast.study.store import Store

    asked, store = plan.load(), Store()
    with engines.engine(engine, store) as runs_on, Display() as display:
        found = conducting.conduct(
            asked, store, runs_on, display.told, display.begin, minutes, every_seed
        )
    return results.summary(found)


def _queue() -> None:
    from ballast.project import params
    from ballast.study import conducting, experiments, plan
    from ballast.study.store import Store

    names = list(experiments.queue(conducting.cells(plan.load(), Store()), params.load()))
    print(f"{len(names)} experiments are queued. Now: dvc queue start, and when they are done:")
    print("ballast study show --experiments")


@app.command("show")
def show_results(
    experiments: Annotated[
        bool, typer.Option("--experiments", help="judge DVC's experiments, on their test rows")
    ] = False,
) -> None:
    """Show the results of the last study."""
    from ballast.study import results
    from ballast.study.showing import show, show_judgement

    if experiments:
        from ballast.study.experiments import judge_experiments
        from ballast.study.plan import load

        show_judgement(judge_experiments(load()))
    else:
        show(results.load())


@app.command()
def apply(
    name: Annotated[str, typer.Argument(help="of the strategy, in study.yaml")],
) -> None:
    """Write a strategy of the study into params.yaml."""
    from ballast.study.applying import apply

    changed = apply(name)
    print("\n".join(changed))
    already = "" if changed else " already"
    print(f"params.yaml has the strategy {name}{already}. Now: dvc repro")
