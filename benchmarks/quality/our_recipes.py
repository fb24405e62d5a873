"""Our recipes by kind of data: a file of `recipes/`, and what is changed in it.

The first of each kind is the one that the page holds against every other system. A recipe that says
something else than before runs anew; whatever else is kept stays.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ballast.project.params import in_effect
from ballast.setup.recipes import DEFAULT, complete

FOLDER = Path(__file__).parents[2] / "recipes"


@dataclass(frozen=True)
class Recipe:
    """A recipe.

    Attributes:
        name: of its file.
        changes: what is set after that, by dotted names, as `-S` would.
    """

    name: str
    changes: dict[str, Any] = field(default_factory=dict)

    @property
    def command(self) -> str:
        """What a reader runs."""
        changes = " ".join(f"-S {name}={value}" for name, value in self.changes.items())
        return f"ballast use {self.name} && dvc {f'exp run {changes}' if changes else 'repro'}"

    @property
    def settings(self) -> dict[str, Any]:
        """All that is in effect, by dotted names."""
        return settled(self.name, self.changes)


def settled(name: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return all of a recipe that is in effect, by dotted names, with some changes."""
    whole = {".".join(place): value for place, value in complete(name, FOLDER).items()} | changes
    return {place: value for place, value in whole.items() if in_effect(place, whole)}


def told(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run was of which only the difference from the default was kept."""
    return settled(DEFAULT, changes)


SENTENCES = {"second_embedding": "sentence", "encoder": "minilm"}
CNN = {"model": "cnn"}
ALONE = {"second_model": "none", "decision": "argmax"}

RECIPES: dict[str, dict[str, Recipe]] = {
    # Up to LONG words in the middle text, one label a row.
    "short texts": {
        "ballast": Recipe("texts"),
        "ballast_encoder": Recipe("short_texts"),
        "ballast_cnn": Recipe("word_order", CNN),
    },
    "long texts": {
        "ballast": Recipe("long_texts"),
        "ballast_encoder": Recipe("long_texts", SENTENCES),
        "ballast_cnn": Recipe("word_order", CNN),
    },
    "several labels": {
        "ballast": Recipe("several_labels"),
        "ballast_encoder": Recipe("several_labels", SENTENCES),
    },
    "numbers": {
        "ballast": Recipe("columns"),
        "ballast_boosting": Recipe("columns", ALONE),
        "ballast_mlp": Recipe("columns", ALONE | {"model": "mlp"}),
    },
}
LONG = 40
