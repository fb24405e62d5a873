"""What Git knows of a run: results, parameters and the lock of a revision; no remote is asked."""

import csv
import hashlib
import io
import json
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ballast.comparison import locking
from ballast.project.errors import UserError, did_you_mean

PREDICTIONS = "metrics/predictions.csv"
COLUMNS = ("id", "actual", "predicted")
WORKSPACE = "workspace"


@dataclass(frozen=True)
class Revision:
    """A run as it stands in a commit or in the workspace.

    Attributes:
        name: as the user gave it, a commit's 40 digits shortened.
        predictions: {row id: (true labels, predicted labels)}.
        predictions_md5: of the file they stand in.
        classes: names of the classes, as far as `per_class.json` names them.
        headline: content of `metrics.json`; empty if there is none.
        params: content of `params.yaml`.
        stages: those of `dvc.lock` that `dvc.yaml` has; empty if there is none.
    """

    name: str
    predictions: dict[str, tuple[str, str]]
    predictions_md5: str
    classes: tuple[str, ...]
    headline: dict[str, float]
    params: dict[str, Any]
    stages: dict[str, Any]


def read(revision: str | None) -> Revision:
    """Read a revision of the project in this folder; None stands for the workspace.

    Raises:
        UserError: an unknown revision, or one without results.
    """
    name = WORKSPACE if revision is None else _short(revision)
    commit = None if revision is None else _commit(revision)

    def text(path: str) -> str | None:
        if commit is None:
            file = Path(path)
            return file.read_bytes().decode("utf-8") if file.is_file() else None
        # ./ : the project may be a folder of a larger repository.
        return _git("show", f"{commit}:./{path}")

    def needed(path: str, what: str) -> str:
        content = text(path)
        if content is None:
            raise UserError(f"{name} has no {path}: {what}")
        return content

    def stages(path: str) -> dict[str, Any]:
        return _yaml(text(path) or "{}", f"{name}: {path}").get("stages", {})

    mend = "run `dvc repro`" + ("." if commit is None else f" on {name} and commit metrics/.")
    predictions = needed(PREDICTIONS, mend)
    params = needed("params.yaml", "compare revisions of a Ballast project, in its folder.")
    return Revision(
        name,
        _predictions(predictions, name),
        hashlib.md5(predictions.encode(), usedforsecurity=False).hexdigest(),
        tuple(_json(text("metrics/per_class.json"), name).get("f1", {})),
        _json(text("metrics/metrics.json"), name),
        _yaml(params, f"{name}: params.yaml"),
        locking.current(stages("dvc.lock"), stages("dvc.yaml")),
    )


def fork_point(base: str, head: str) -> str:
    """Return the commit at which `head` left `base`, shortened.

    Raises:
        UserError: an unknown revision, or two without a common commit.
    """
    point = _git("merge-base", _commit(base), _commit(head))
    if point is None:
        raise UserError(
            f"{base} and {head} have no commit in common: compare without --merge-base."
        )
    return _short(point.strip())


def _short(revision: str) -> str:
    """Return 9 digits of a commit that is named by all its 40, and any other name as it is."""
    return revision[:9] if re.fullmatch("[0-9a-f]{40}", revision) else revision


def _commit(revision: str) -> str:
    if _git("rev-parse", "--is-inside-work-tree") is None:
        raise UserError(f"{Path.cwd()} is in no Git repository: nothing to compare with.")
    if commit := _parse(revision):
        return commit
    listed = (_git("for-each-ref", "--format=%(refname)") or "").split()
    # DVC keeps an experiment under the commit it started from: refs/exps/1f/e09.../name.
    experiments = [
        name for name in listed if re.match(r"refs/exps/[0-9a-f]{2}/[0-9a-f]{38}/", name)
    ]
    named = [name for name in experiments if name.rpartition("/")[2] == revision]
    head = _parse("HEAD")
    ours = [name for name in named if name.startswith(f"refs/exps/{head[:2]}/{head[2:]}/")]
    if len(ours or named) == 1:
        return _parse((ours or named)[0])
    if named:
        raise UserError(f"{revision} names several experiments. Give one whole: {', '.join(named)}")
    if _git("rev-parse", "--is-shallow-repository") == "true\n":
        raise UserError(
            f"{revision!r} is not in this clone, which is shallow: fetch the whole history with "
            "`git fetch --unshallow`, in a workflow `fetch-depth: 0` for actions/checkout."
        )
    known = [re.sub(r"^refs/(heads|tags|remotes)/", "", name) for name in listed]
    remote = [name for name in known if name.endswith(f"/{revision}")]
    close = f" Did you mean {remote[0]!r}?" if remote else ""
    short = (name.rpartition("/")[2] for name in experiments)
    hint = close or did_you_mean(revision, [*known, *short])
    raise UserError(
        f"{revision!r} is no revision that Git knows here, nor an experiment: give a commit, "
        f"branch, tag or a name from `dvc exp show`, or fetch it first.{hint}"
    )


def _parse(revision: str) -> str:
    """Return a commit's 40 digits; nothing where Git knows no such commit."""
    name = f"{revision}^{{commit}}"
    return (_git("rev-parse", "--verify", "-q", "--end-of-options", name) or "").strip()


def _git(*arguments: str) -> str | None:
    """Return what Git writes, None where it fails."""
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, check=False)
    except FileNotFoundError as error:
        raise UserError("git is not installed, or not on PATH.") from error
    return None if done.returncode else done.stdout.decode("utf-8")


def _predictions(text: str, name: str) -> dict[str, tuple[str, str]]:
    rows = csv.reader(io.StringIO(text, newline=""))
    columns = next(rows, [])
    # Each revision may have more columns of its own.
    if not set(COLUMNS) <= set(columns):
        raise UserError(f"{name}: {PREDICTIONS} must have the columns {', '.join(COLUMNS)}.")
    places = [columns.index(column) for column in COLUMNS]
    predictions, fault = {}, None
    for row in rows:
        if len(row) != len(columns):
            fault = f"has {len(row)} columns instead of {len(columns)}"
        elif row[places[0]] in predictions:
            fault = f"has the id {row[places[0]]!r} of an earlier line"
        if fault:
            line = f"{PREDICTIONS}, line {rows.line_num}"
            raise UserError(f"{name}: {line} {fault}. Run `dvc repro evaluate`.")
        row_id, actual, predicted = (row[place] for place in places)
        predictions[row_id] = actual, predicted
    return predictions


def _json(text: str | None, name: str) -> dict[str, Any]:
    try:
        return json.loads(text or "{}")
    except ValueError as error:
        raise UserError(f"{name}: a file in metrics/ is no JSON: {error}") from error


def _yaml(text: str, where: str) -> dict[str, Any]:
    try:
        content = YAML(typ="safe").load(text)
    except YAMLError as error:
        raise UserError(f"{where} cannot be read: {error}") from error
    return content if isinstance(content, dict) else {}
