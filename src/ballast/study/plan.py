"""The plan of a study, `study.yaml`: which strategies, which seeds, against what."""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ballast.project import params
from ballast.project.errors import UserError, did_you_mean
from ballast.rows.dataset import Layout
from ballast.setup import chosen, recipes

FILE = Path("study.yaml")
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Share = Annotated[float, Field(gt=0, le=1)]
# The name of an experiment, too.
Name = Annotated[str, Field(pattern=r"^[\w-]+$")]
# In a strategy's block, the recipe that it begins with.
RECIPE = "recipe"


class Plan(BaseModel):
    """What `study.yaml` says.

    Attributes:
        strategies: settings by the strategy's name, nested as in params.yaml: what differs from
            `common`, or from the recipe that `recipe` names.
        baseline: the strategy that all others are held against.
        seeds: each strategy is trained once with each; all have the same test rows.
        score: what is compared, of labels.
        level: confidence level of the intervals, and of all strategies together.
        common: settings of all strategies that name no recipe, on top of the recipe for data of
            this kind.
        learning_curve: shares of the training rows with which the best strategy is trained too.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    strategies: dict[Name, dict[str, Any] | None]
    baseline: str
    seeds: Annotated[list[Seed], Field(min_length=1)] = [0]
    score: Literal["f1_macro", "balanced_accuracy", "mcc"] = "f1_macro"
    level: Annotated[float, Field(gt=0.5, lt=1)] = 0.95
    common: dict[str, Any] = {}
    learning_curve: list[Share] | None = None

    @model_validator(mode="after")
    def _is_consistent(self) -> "Plan":
        if self.baseline not in self.strategies:
            hint = did_you_mean(self.baseline, self.strategies)
            raise ValueError(f"the baseline {self.baseline!r} is none of the strategies.{hint}")
        for name, values in {"seeds": self.seeds, "learning_curve": self.learning_curve}.items():
            if values and len(set(values)) < len(values):
                raise ValueError(f"{name} names one of its values twice")
        return self


@dataclass(frozen=True)
class Strategy:
    """A strategy of a study.

    Attributes:
        name: in study.yaml.
        params: all of params.yaml as this strategy has it.
        differs: its own settings by dotted name, `recipe` among them.
        settings: what it has otherwise than the default strategy, by dotted name.
    """

    name: str
    params: dict[str, Any]
    differs: dict[str, Any]
    settings: dict[str, Any]

    def with_seed(self, seed: int, share: float = 1.0) -> dict[str, Any]:
        """Return the parameters of one training: another seed has the same test rows."""
        split = self.params["split"]
        drawn = split.get("seed")
        fixed = {
            "seed": self.params["seed"] if drawn is None else drawn,
            # Of those that the project trains on.
            "share": share * split.get("share", 1.0),
        }
        return self.params | {"seed": seed, "split": split | fixed}


def load(path: Path = FILE) -> Plan:
    """Read the plan.

    Raises:
        UserError: it cannot be read, or something in it is wrong.
    """
    try:
        content = YAML(typ="safe").load(path)
    except (OSError, YAMLError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    return params.check(Plan, content, "", str(path))


def strategies(
    plan: Plan, project: dict[str, Any], layout: Layout, several_labels: bool
) -> tuple[list[Strategy], dict[str, str]]:
    """Return the strategies that can be trained on this data set, and why the others can't.

    Args:
        plan: the study's.
        project: all of params.yaml; what it says of data, split, costs and report holds for all
            strategies, what it says of a strategy for none.
        layout: the data set's columns.
        several_labels: whether a row may have several labels.

    Raises:
        UserError: a name or an option that does not exist, or a baseline that can't be trained.
    """
    texts = bool(layout.texts)
    recipe, beside = recipes.suited(texts, layout.has_columns, several_labels)
    begin = recipes.complete(recipe) | {(name,): value for name, value in beside.items()}
    begin |= recipes.settings(plan.common, f"{FILE}: common")
    fit, left_out, wrong = [], {}, []
    for name, block in plan.strategies.items():
        place = f"{FILE}: strategies.{name}"
        try:
            strategy = _strategy(name, block or {}, begin, project, place)
        except UserError as error:
            wrong.append(str(error))
            continue
        wrong += (f"{place}: {line}" for line in chosen.unknown(strategy.params))
        misfits = list(chosen.misfits(strategy.params, layout))
        if misfits:
            left_out[name] = misfits[0].removeprefix("params.yaml: ")
        else:
            fit.append(strategy)
    params.refuse(wrong)
    if plan.baseline in left_out:
        raise UserError(
            f"{FILE}: the baseline {plan.baseline} can't be trained: {left_out[plan.baseline]}"
        )
    return fit, left_out


def _strategy(
    name: str, block: dict[str, Any], begin: dict, project: dict[str, Any], place: str
) -> Strategy:
    own = recipes.settings({key: v for key, v in block.items() if key != RECIPE}, place)
    differs = _dotted(own)
    if RECIPE in block:
        try:
            begin, differs = recipes.complete(str(block[RECIPE])), {RECIPE: block[RECIPE]} | differs
        except UserError as error:
            raise UserError(f"{place}.{RECIPE}: {error}") from error
    values, default = deepcopy(project), recipes.complete(recipes.DEFAULT)
    whole = begin | own
    recipes.put(values, whole)
    missing = object()
    changed = {key: v for key, v in whole.items() if default.get(key, missing) != v}
    return Strategy(name, values, differs, _dotted(changed))


def _dotted(settings: dict[recipes.Place, Any]) -> dict[str, Any]:
    return {".".join(place): value for place, value in settings.items()}
