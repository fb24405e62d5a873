"""What counts of dvc.lock: the stages and the parameters that dvc.yaml has."""

import pytest

from ballast.comparison.locking import current

PARAMS = {
    "seed": 0,
    "loss": "focal",
    "losses.focal": {"gamma": 2.0},
    "embedding": "tfidf",
    "embeddings.tfidf": {"words": [1, 2]},
}


@pytest.mark.parametrize(
    ("stage", "locked", "names"),
    [
        ({"params": ["loss", "losses.${loss}"]}, "s", ["loss", "losses.focal"]),
        ({"params": [{"params.yaml": ["seed"]}, {"other.yaml": ["loss"]}]}, "s", ["seed"]),
        ({}, "s", []),
        (
            {"foreach": {"embedding": "x"}, "do": {"params": ["${key}", "embeddings.${item}"]}},
            "s@embedding",
            ["embedding", "embeddings.tfidf"],
        ),
        ({"foreach": "${slots}", "do": {"params": ["${key}"]}}, "s@loss", ["loss"]),
        ({"matrix": {"loss": ["focal"]}, "params": ["losses.${item.loss}"]}, "s@focal",
         ["losses.focal"]),
        ({"foreach": {"embedding": "x"}, "do": {}}, "s@second_embedding", None),
        ({"foreach": {"embedding": "x"}, "do": {}}, "s", None),
        ({"params": ["loss"]}, "s@embedding", None),
    ],
)  # fmt: skip
def test_a_stage_keeps_the_parameters_it_has_and_is_left_out_where_it_is_none(stage, locked, names):
    entry = {"cmd": "python s.py", "params": {"params.yaml": PARAMS}}
    stages = current({locked: entry, "gone": entry}, {"s": stage})
    if names is None:
        assert stages == {}
    else:
        listed = {name: PARAMS[name] for name in names}
        assert stages == {locked: {"cmd": "python s.py", "params": {"params.yaml": listed}}}
