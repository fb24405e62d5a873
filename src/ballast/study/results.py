"""What a study has found, as plain values: `study/results.json`, and as pandas data frames."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

from ballast.project import storage
from ballast.project.errors import UserError

if TYPE_CHECKING:
    import pandas as pd

    from ballast.study.conducting import Study

FILE = Path("study/results.json")


def save(results: dict[str, Any], file: Path = FILE) -> None:
    """Write the results."""
    storage.write_json(file, results)


def load(file: Path = FILE) -> dict[str, Any]:
    """Read what `save` wrote.

    Raises:
        UserError: there is no such file yet.
    """
    if not file.is_file():
        raise UserError(f"{file} does not exist: run `ballast study`.")
    return storage.read_json(file)


def leaderboard(results: dict[str, Any]) -> "pd.DataFrame":
    """Return a line for each strategy, the best first."""
    import pandas as pd

    names = ("score", "low", "high", "gain", "gain_low", "gain_high", "p_value", "verdict")
    lines = [
        {"strategy": name, **{column: entry[column] for column in names}}
        | {"seeds": len(entry["seeds"]), "seconds": entry["seconds"], **entry["headline"]}
        for name, entry in results["strategies"].items()
    ]
    return pd.DataFrame(lines).set_index("strategy").sort_values("score", ascending=False)


def by_class(results: dict[str, Any]) -> "pd.DataFrame":
    """Return a line for each strategy and class: F1, recall, and their gains."""
    import pandas as pd

    lines = [
        {"strategy": strategy, "class": name, **values}
        for strategy, entry in results["strategies"].items()
        for name, values in entry["classes"].items()
    ]
    return pd.DataFrame(lines).set_index(["strategy", "class"])
