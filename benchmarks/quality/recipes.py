"""Our recipes by kind of data: name -> what differs from `params.yaml`, as `-S` would have it.

The first of each kind is the default, the one that the page holds against every other system. A
recipe that is changed here runs anew; whatever else is kept stays.
"""

from typing import Any

Recipe = dict[str, Any]

LINEAR: Recipe = {
    "embedding": "tfidf",
    "model": "linear",
    "loss": "squared_hinge",
    "weighting": "balanced",
    "decision": "argmax",
}
# Each label by itself is a rare one: a cut for each, found on probabilities. The best strength is
# that of the best ranking, then, not that of the best F1 at cuts of one half.
LABELS: Recipe = LINEAR | {
    "loss": "cross_entropy",
    "weighting": "none",
    "decision": "max_f1",
    "models.linear.start": 0.5,
    "training.monitor": "average_precision",
    "training.patience": 2,
}
SENTENCES: Recipe = {"second_embedding": "sentence", "encoder": "minilm"}
NETWORK: Recipe = {
    "embedding": "word2vec",
    "model": "cnn",
    "loss": "cross_entropy",
    "weighting": "none",
    "decision": "argmax",
}

NUMBERS: Recipe = NETWORK | {"embedding": "numeric"}
PROVEN: Recipe = {"decision": "max_f1", "decisions.max_f1.proven": True}

RECIPES: dict[str, dict[str, Recipe]] = {
    # Up to LONG words in the middle text, one label a row.
    "short texts": {
        "ballast": LINEAR,
        "ballast_encoder": LINEAR | SENTENCES,
        "ballast_cnn": NETWORK,
    },
    "long texts": {
        "ballast": LINEAR,
        "ballast_encoder": LINEAR | SENTENCES,
        "ballast_cnn": NETWORK,
    },
    "several labels": {"ballast": LABELS, "ballast_encoder": LABELS | SENTENCES},
    "numbers": {
        "ballast": NUMBERS | PROVEN | {"model": "boosting", "second_model": "mlp"},
        "ballast_boosting": NUMBERS | {"model": "boosting"},
        "ballast_mlp": NUMBERS | {"model": "mlp"},
    },
}
LONG = 40
