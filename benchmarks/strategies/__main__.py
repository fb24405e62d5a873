"""Every sampler, loss, weighting and decision in one study: docs/strategy-results.md.

    python benchmarks/strategies        # less than an hour on two cores
    python benchmarks/strategies --only loss-focal,decision-max_f1 --output some.md

Run by `make strategies`. Each member is a strategy beside the plain one, on the demo corpus; what
is made for several labels a row, on `demo_multilabel`. Works in a folder of its own, so
study/results.json stays as it is; what has run is in study/cache/members, and is not run again.
"""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from dvc.utils.serialize import modify_yaml
from members import CORPORA, members, plan_of
from page import page

from ballast.study import conducting, engines, results
from ballast.study.showing import Display
from ballast.study.store import FOLDER, Store

ROOT = Path(__file__).parents[2]
# What a study reads of the project, beside its parameters.
PARTS = ("data", "dvc.yaml", "recipes", "src")


def main(
    only: Annotated[str, typer.Option(help="Strategies, with commas; empty for all.")] = "",
    output: Annotated[Path, typer.Option(help="The file to write.")] = (
        ROOT / "docs/strategy-results.md"
    ),
) -> None:
    """Study every member, and write the page."""
    strategies = members()
    chosen = {name: strategies[name] for name in only.split(",")} if only else strategies
    output = output.absolute()
    one, several = CORPORA
    # Worker processes stay where they began, so there is one folder for both.
    with project():
        found = {one: conduct(one, chosen)}
        # What one label a row refuses is made for several.
        found[several] = conduct(several, {name: chosen[name] for name in found[one]["failed"]})
    if failed := found[several]["failed"]:
        raise SystemExit("\n".join(f"{name}: {error}" for name, error in failed.items()))
    output.write_text(page(found, chosen), encoding="utf-8")


def conduct(dataset: str, strategies: Mapping[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the results of a study of some strategies and the plain one; changes `params.yaml`.

    Raises:
        SystemExit: one failed, but might not another time.
    """
    store = Store(ROOT / FOLDER / "members")
    with modify_yaml("params.yaml") as values:
        values |= {"dataset": dataset, "costs": None}
    with engines.engine("local", store) as engine, Display() as display:
        study = conducting.conduct(
            plan_of(strategies),
            store,
            engine,
            display.told,
            display.begin,
            every_seed=True,
        )
        found = results.summary(study)
    if not found["is_whole"]:
        raise SystemExit(f"not everything could be trained; run it again: {found['failed']}")
    return found


@contextlib.contextmanager
def project() -> Iterator[None]:
    """Be in a folder with the project's parts and a copy of its parameters."""
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for part in PARTS:
            Path(part).symlink_to(ROOT / part)
        shutil.copy(ROOT / "params.yaml", ".")
        yield


if __name__ == "__main__":
    typer.run(main)
