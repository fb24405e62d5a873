"""Our recipes by kind of data: name -> what differs from `params.yaml`, as `-S` would have it.

The first of each kind is the default, the one that the page holds against every other system. A
recipe that is changed here runs anew; whatever else is kept stays.
"""

from typing import Any

Recipe = dict[str, Any]

DEFAULT: Recipe = {"embedding": "word2vec", "model": "cnn", "decision": "argmax"}

RECIPES: dict[str, dict[str, Recipe]] = {
    # Up to LONG words in the middle text, one label a row.
    "short texts": {"ballast": DEFAULT},
    "long texts": {"ballast": DEFAULT},
    "several labels": {"ballast": DEFAULT | {"decision": "max_f1"}},
    "numbers": {"ballast": {"embedding": "numeric", "model": "mlp", "decision": "argmax"}},
}
LONG = 40
