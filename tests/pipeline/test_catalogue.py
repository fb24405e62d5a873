"""Every sampler, loss, weighting and decision through the stages, on a few rows of real text."""

import json
import shutil

import numpy as np
import pytest
from defaults import create, parameters
from ruamel.yaml import YAML
from staged import STAGES, check_prediction, stage

from ballast.prediction.bundle import load
from ballast.probabilities.correction import automatic
from ballast.project import params
from ballast.project.errors import UserError
from ballast.setup import demo

pytestmark = [pytest.mark.pipeline, pytest.mark.usefixtures("undrawn")]

LABEL_SETS = {"ml_ros", "mlsmote", "weighted_sigmoid", "distribution_balanced"}
NEEDED = {
    "by_class": {"weights": {"justice": 3.0}},
    "min_recall": {"label": "justice", "target": 0.2},
    "min_precision": {"label": "justice", "target": 0.2},
}
SMALL = {
    "training": {"epochs": 2},
    "embeddings.random": {"dimensions": 8},
    "models.cnn": {"filters": 8, "width": 3},
    "evaluation": {"replicates": 100},
}
MEMBERS = [
    (selector, name)
    for selector in ("sampler", "loss", "weighting", "decision")
    for name in params.members(params.FAMILIES[selector][0])
]


@pytest.fixture(scope="module")
def stages():
    return {name: stage(name) for name in STAGES}


@pytest.fixture(scope="module")
def projects(tmp_path_factory, stages):
    """Return a small project of each corpus, run once with the defaults."""
    folders = {}
    for corpus in ("demo", "demo_multilabel"):
        folder = folders[corpus] = tmp_path_factory.mktemp(corpus)
        create(folder, parameters(SMALL, dataset=corpus, embedding="random"))
        file = folder / f"data/raw/{corpus}/{corpus}.csv"
        demo.write(file, rows=400, multilabel=corpus == "demo_multilabel")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            for name in STAGES:
                stages[name].main()
    return folders


@pytest.mark.parametrize(("selector", "name"), MEMBERS)
def test_member_runs_through_the_stages(selector, name, projects, stages, tmp_path, monkeypatch):
    corpus = "demo_multilabel" if name in LABEL_SETS else "demo"
    shutil.copytree(projects[corpus], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    settings = YAML(typ="safe").load(tmp_path / "params.yaml")
    folder = params.FAMILIES[selector][0]
    settings[selector] = name
    settings[folder][name] = settings[folder][name] | NEEDED.get(name, {})
    YAML(typ="safe").dump(settings, tmp_path / "params.yaml")
    first = {"sampler": "resample", "decision": "evaluate"}.get(selector, "train")
    for later in STAGES[STAGES.index(first) :]:
        stages[later].main()
    headline = json.loads((tmp_path / "metrics/metrics.json").read_text(encoding="utf-8"))
    assert np.isfinite(list(headline.values())).all()
    assert 0 <= headline["f1_macro"] <= 1
    assert headline["roc_auc"] > 0.4
    (part,) = load().decision.mixture.parts
    # Every member says enough of itself that a map takes the place of what no formula undoes.
    assert part.correction.calibration.method == automatic(part.correction.ledger)
    check_prediction()


@pytest.mark.parametrize("name", sorted(LABEL_SETS))
def test_what_is_made_for_label_sets_refuses_single_labels(
    name, projects, stages, tmp_path, monkeypatch
):
    shutil.copytree(projects["demo"], tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    settings = YAML(typ="safe").load(tmp_path / "params.yaml")
    selector = next(selector for selector, member in MEMBERS if member == name)
    settings[selector] = name
    YAML(typ="safe").dump(settings, tmp_path / "params.yaml")
    with pytest.raises(UserError, match=f"{selector}: {name}"):
        stages["resample" if selector == "sampler" else "train"].main()
