"""What is studied: each member of four families against a plain strategy."""

from collections.abc import Mapping
from typing import Any

from ballast.project import params
from ballast.study.plan import Plan

# The first is of one label a row.
CORPORA = {"demo": "One label a row", "demo_multilabel": "Several labels a row"}
SELECTORS = ("sampler", "loss", "weighting", "decision")
# A linear model that corrects nothing, so that each member may.
MODEL = {
    "embedding": "tfidf",
    "embeddings": {"tfidf": {"characters": None}},
    "model": "linear",
    "second_model": "none",
}
PLAIN = {"sampler": "none", "loss": "cross_entropy", "weighting": "none", "decision": "argmax"}
BASELINE = "plain"
SEEDS = [0, 1, 2]
# What a member can't do without.
NEEDED = {
    "by_class": {"weightings": {"by_class": {"weights": {"justice": 3.0, "environnement": 3.0}}}},
    "min_recall": {"decisions": {"min_recall": {"label": "justice"}}},
    "min_precision": {"decisions": {"min_precision": {"label": "justice"}}},
}


def members() -> dict[str, dict[str, Any]]:
    """Return what the strategy of each member sets, by its name; those of the plain one are none.

    >>> members()["loss-focal"]
    {'loss': 'focal'}
    """
    return {
        f"{selector}-{name}": {selector: name} | NEEDED.get(name, {})
        for selector in SELECTORS
        for name in params.members(params.FAMILIES[selector][0])
        if PLAIN[selector] != name
    }


def plan_of(strategies: Mapping[str, dict[str, Any]]) -> Plan:
    """Return the plan of a study that holds strategies against the plain one."""
    return Plan(
        strategies={BASELINE: {}, **strategies},
        baseline=BASELINE,
        seeds=SEEDS,
        common=MODEL | PLAIN,
    )
