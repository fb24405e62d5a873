"""How well our recipes and what people reach for first classify, side by side on the same rows.

    python benchmarks/quality                              # all of it: hours on two cores
    python benchmarks/quality --datasets sms_spam --systems ballast,linear_svc --seeds 2
    python benchmarks/quality --csv mine.csv --text body --label topic --keep mine.jsonl \
        --output mine

Run by `make quality`. Ballast's own stages prepare and split the rows, the seed of the split being
that of the run; each system then works in a process of its own. What is done is kept, and a later
command does what is missing; after a change of the code, --anew does all again. Written to
docs/quality.md, quality.json, quality.svg.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated, Any

import page
import rows
import typer
from data_sets import PUBLIC, ROOT, DataSet, Workspace, create
from kept import Kept
from our_recipes import RECIPES

from ballast.project.errors import UserError, did_you_mean

HERE = Path(__file__).parent


def chosen(names: str, known: list[str], what: str) -> list[str]:
    """Return the names in a list with commas, all known ones where it is empty."""
    given = [name.strip() for name in names.split(",") if name.strip()]
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise UserError(f"there is no {what} {name!r}.{hint} Known: {', '.join(known)}.")
    return given or known


def own(file: Path, text: str, label: str, features: str, separator: str) -> DataSet:
    """Return a data set of the user's."""
    if not file.is_file():
        raise UserError(f"--csv: {file} does not exist.")
    if not label or not (text or features):
        raise UserError("--csv: name the columns: --label, and --text or --features (or both).")
    block: dict[str, Any] = {"files": file.name, "label": label}
    if text:
        block["text"] = text
    if features:
        block["features"] = [name.strip() for name in features.split(",")]
    if separator:
        block["label_separator"] = separator
    name = re.sub(r"[^\w-]", "_", file.name.split(".")[0])
    if name in PUBLIC:
        name += "_csv"
    return DataSet(name, block, file)


def run(workspace: Workspace, system: str, recipe: dict | None, seed: int) -> dict[str, Any]:
    """Run a system in a process of its own; return its answer.

    Raises:
        UserError: it failed.
    """
    order = workspace.folder / "order.json"
    arguments = {
        "folder": str(workspace.folder),
        "code": str(workspace.code),
        "data": workspace.data.name,
        "block": workspace.data.block,
        "system": system,
        "seed": seed,
        "recipe": recipe,
    }
    order.write_text(json.dumps(arguments), encoding="utf-8")
    command = [sys.executable, str(HERE / "system.py"), str(order)]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    )
    if done.returncode:
        raise UserError("\n".join(done.stdout.strip().splitlines()[-8:]))
    return json.loads(order.read_text(encoding="utf-8"))


def keep_split(store: Kept, workspace: Workspace, seed: int) -> rows.Rows:
    """Split by a seed, and keep what the test rows are unless it is known already."""
    workspace.split(seed)
    table = rows.read(workspace.folder)
    place, classes = (workspace.data.name, seed), table.classes
    if place not in store.splits or store.splits[place]["digest"] != table.digest:
        test = table.parts == "test"
        record = {
            "data": place[0],
            "seed": seed,
            "kind": table.kind,
            "digest": table.digest,
            "parts": {name: int((table.parts == name).sum()) for name in sorted({*table.parts})},
            "names": classes.names,
            "counts": classes.counts.tolist(),
            "multilabel": classes.multilabel,
            "ids": table.test_ids.tolist(),
            "actual": rows.joined(table.targets[test], classes.names),
        }
        store.add(record)
    return table


def judge(
    workspace: Workspace, systems: str, seeds: int, store: Kept, anew: bool, known: list[str]
) -> list[str]:
    """Run what is missing on a data set; return what failed."""
    failed = []
    for seed in range(seeds):
        table = keep_split(store, workspace, seed)
        place, own_recipes = (workspace.data.name, seed), RECIPES[table.kind]
        of_kind = [*own_recipes, *page.peers_of(table.kind)]
        for system in chosen(systems, known, "system"):
            recipe = own_recipes[system].settings if system in own_recipes else None
            if system not in of_kind or (store.done(place, system, recipe) and not anew):
                continue
            what = f"{place[0]}, seed {seed}, {system}"
            try:
                if recipe is None:
                    # Ours may have left a split of its own.
                    workspace.split(seed)
                answer = run(workspace, system, recipe, seed)
                if answer.pop("ids", table.test_ids.tolist()) != table.test_ids.tolist():
                    raise UserError("the recipe's split has other test rows than the peers'.")
            except UserError as error:
                failed.append(what)
                print(f"{what}: failed\n{error}", flush=True)
                continue
            if "missing" in answer:
                print(f"{what}: skipped, {answer['missing']}", flush=True)
                continue
            record = {"data": place[0], "seed": seed, "system": system, "recipe": recipe}
            store.add({**record, "digest": table.digest, **answer})
            f1 = page.f1_macro(store, place, system)
            seconds, peak = answer["seconds"], answer["peak_mib"]
            print(f"{what}: macro-F1 {f1:.3f}, {seconds:.0f} s, {peak:.0f} MiB", flush=True)
    return failed


def main(
    datasets: Annotated[str, typer.Option(help="With commas.  [default: all]")] = "",
    systems: Annotated[str, typer.Option(help="Recipes and peers.  [default: all]")] = "",
    seeds: Annotated[int, typer.Option(min=1, help="Seeds from 0 on.")] = 5,
    csv: Annotated[Path | None, typer.Option(help="A file of your own, instead.")] = None,
    text: Annotated[str, typer.Option(help="Its column of texts.")] = "",
    label: Annotated[str, typer.Option(help="Its column of labels.")] = "",
    features: Annotated[str, typer.Option(help="Its columns of numbers, with commas.")] = "",
    separator: Annotated[str, typer.Option(help="What stands between a row's labels.")] = "",
    keep: Annotated[Path, typer.Option(help="Runs that are done.")] = HERE / "kept.jsonl",
    anew: Annotated[bool, typer.Option(help="Run again what is done.")] = False,
    output: Annotated[Path, typer.Option(help="Without suffix.")] = ROOT / "docs/quality",
) -> None:
    """Run what is missing; the page shows all that is stored."""
    try:
        known = list(dict.fromkeys(name for kind in RECIPES for name in page.systems_of(kind)))
        chosen(systems, known, "system")
        sets = [own(csv, text, label, features, separator)] if csv else []
        if datasets or not csv:
            sets += [DataSet(n, PUBLIC[n]) for n in chosen(datasets, list(PUBLIC), "data set")]
        store, failed = Kept(keep), []
        with tempfile.TemporaryDirectory() as place:
            for data in sets:
                failed += judge(create(Path(place), data), systems, seeds, store, anew, known)
                page.write(store, output)
    except UserError as error:
        raise SystemExit(f"error: {error}") from error
    if failed:
        raise SystemExit("failed: " + "; ".join(failed))


if __name__ == "__main__":
    typer.run(main)
