"""The parameters that tests start from: the code's defaults, whatever params.yaml says.

A fork of this repository has other choices, data sets and results: no test may hold on to them.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any

from dvc.utils.serialize import dump_yaml

from ballast.project import params

CHOSEN = {
    "dataset": "demo",
    "sampler": "none",
    "embedding": "word2vec",
    "second_embedding": "none",
    "third_embedding": "none",
    "model": "cnn",
    "second_model": "none",
    "loss": "cross_entropy",
    "weighting": "none",
    "second_loss": "cross_entropy",
    "second_weighting": "none",
    "decision": "argmax",
    "vectors": "none",
    "encoder": "none",
    "seed": 0,
    "costs": None,
    "allow_double_correction": False,
    "split": {"validation": 0.1, "test": 0.2, "folds": 2},
    "training": {},
    "evaluation": {},
    "datasets": {
        "demo": {"files": "demo.csv", "text": "text", "label": "label"},
        "demo_multilabel": {
            "files": "demo_multilabel.csv",
            "text": "text",
            "label": "labels",
            "label_separator": "|",
        },
    },
}
FOLDERS = [folder for folder in params.SELECTORS if folder != "datasets"]


def parameters(blocks: dict[str, dict] | None = None, **chosen: Any) -> dict[str, Any]:
    """Return all parameters, with an empty block for each member of each family.

    Args:
        blocks: options by the place of their block: {"losses.focal": {"gamma": 3.0}}.
        chosen: top-level parameters, in place of `CHOSEN`.
    """
    values = deepcopy(CHOSEN | chosen)
    for folder in FOLDERS:
        values[folder] = {name: {} for name in params.members(folder)}
    for place, options in (blocks or {}).items():
        block = values
        for key in place.split("."):
            block = block[key]
        block |= deepcopy(options)
    return values


def written_out(values: dict[str, Any]) -> dict[str, Any]:
    """Return parameters with every option of every block, since `-S` sets only what is there."""
    from ballast.evaluation.judging import Options
    from ballast.splitting.stratified import split
    from ballast.training.options import Training

    schemas = {"training": Training, "evaluation": Options}
    blocks = {
        name: params.check(schema, values[name], name).model_dump()
        for name, schema in schemas.items()
    }
    blocks["split"] = params.options(split, values["split"], "split")
    for folder in FOLDERS:
        selector = params.SELECTORS[folder][0]
        blocks[folder] = {
            name: params.member(values, selector, name)[1] for name in params.members(folder)
        }
    return values | blocks


def create(folder: Path, values: dict[str, Any]) -> None:
    """Write parameters, and the files that are read where no vectors and no encoder are chosen."""
    dump_yaml(folder / "params.yaml", values)
    for kind in ("encoders", "vectors"):
        (folder / "data" / kind).mkdir(parents=True)
        (folder / "data" / kind / "none").write_text("none\n", encoding="utf-8")
