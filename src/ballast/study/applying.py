"""Write a strategy of the study into `params.yaml`."""

from pathlib import Path

from ballast.project import params
from ballast.project.errors import UserError, did_you_mean
from ballast.setup import recipes
from ballast.study import results


def apply(name: str, path: Path = Path("params.yaml")) -> list[str]:
    """Set `params.yaml` to a strategy, and return a line for each change.

    Raises:
        UserError: the study has no such strategy, or was of another data set.
    """
    project, found = params.load(path), results.load()
    if found["dataset"] != project["dataset"]:
        raise UserError(
            f"study/results.json is of the data set {found['dataset']}, and params.yaml has "
            f"{project['dataset']}: run `ballast study`."
        )
    known = found["strategies"]
    if name not in known:
        hint = did_you_mean(name, known)
        raise UserError(f"the study has no strategy {name!r}: there are {', '.join(known)}.{hint}")
    settings = {tuple(place.split(".")): new for place, new in known[name]["settings"].items()}
    return recipes.change(recipes.complete(recipes.DEFAULT) | settings, path)
