"""Several embeddings, or two models, at once through the stages, prediction included."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from defaults import create, parameters
from problems import ROOT
from ruamel.yaml import YAML
from staged import STAGES, check_prediction, stage

import ballast.models
from ballast.evaluation.decision import Decision
from ballast.networks.trained import Trained
from ballast.probabilities.ledger import Ledger
from ballast.project import params, storage
from ballast.project.errors import UserError
from ballast.setup import demo

pytestmark = [pytest.mark.pipeline, pytest.mark.usefixtures("undrawn")]

SMALL = {
    "embeddings.tfidf": {"characters": None},
    "embeddings.tfidf_svd": {"dimensions": 8, "characters": None},
    "embeddings.random": {"dimensions": 8},
    "embeddings.word2vec": {"dimensions": 8, "epochs": 1},
    "models.wide_and_deep": {"filters": 8},
    "training": {"epochs": 2},
    "evaluation": {"replicates": 100},
}
LINEAR = {"model": "linear", "embedding": "tfidf", "second_embedding": "tfidf_svd"}
WIDE = {"model": "wide_and_deep", "embedding": "word2vec", "second_embedding": "tfidf"}


@pytest.fixture(scope="module")
def stages():
    return {name: stage(name) for name in STAGES}


@pytest.fixture(scope="module")
def projects(tmp_path_factory, stages):
    """A small project of each corpus, its rows split."""
    folders = {}
    for corpus in ("demo", "demo_multilabel"):
        folder = folders[corpus] = tmp_path_factory.mktemp(corpus)
        create(folder, parameters(SMALL, dataset=corpus, embedding="none"))
        multilabel = corpus != "demo"
        demo.write(folder / f"data/raw/{corpus}/{corpus}.csv", rows=400, multilabel=multilabel)
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            for name in STAGES[:2]:
                stages[name].main()
    return folders


@pytest.fixture
def run(projects, stages, tmp_path, monkeypatch):
    """Run the stages after the split, in a copy of a project, with other parameters."""

    def run(corpus: str, **changes) -> None:
        shutil.copytree(projects[corpus], tmp_path, dirs_exist_ok=True)
        monkeypatch.chdir(tmp_path)
        settings = YAML(typ="safe").load(tmp_path / "params.yaml")
        YAML(typ="safe").dump(settings | changes, tmp_path / "params.yaml")
        for name in STAGES[2:]:
            stages[name].main()

    return run


@pytest.mark.parametrize(
    ("corpus", "changes"),
    [
        ("demo", LINEAR),
        ("demo_multilabel", LINEAR),
        ("demo", LINEAR | {"loss": "squared_hinge", "weighting": "balanced"}),
        ("demo", LINEAR | {"sampler": "mixup"}),
        ("demo", LINEAR | {"sampler": "smote"}),
        ("demo_multilabel", LINEAR | {"sampler": "mlsmote"}),
        ("demo", WIDE),
        ("demo_multilabel", WIDE),
        ("demo", WIDE | {"sampler": "mixup"}),
        ("demo", WIDE | {"sampler": "smote", "third_embedding": "tfidf_svd"}),
    ],
    ids=lambda value: value if isinstance(value, str) else "-".join(value.values()),
)
def test_prediction_is_that_of_the_evaluation(run, corpus, changes):
    run(corpus, **changes)
    trained = Trained.load(Path("models/model"))
    assert trained.model == changes["model"]
    assert "terms" in trained.reads
    headline = storage.read_json(Path("metrics/metrics.json"))
    assert np.isfinite(list(headline.values())).all()
    # Two epochs of a network on few rows say little; a linear model is at its minimum.
    assert headline["roc_auc"] > (0.6 if changes["model"] == "linear" else 0.4)
    check_prediction()


def test_two_embeddings_of_terms_stand_beside_each_other(run, tmp_path):
    run("demo", model="linear", embedding="tfidf", third_embedding="tfidf")
    kernel = np.load(tmp_path / "models/model/0/from_terms.kernel.npy")
    terms = storage.read_json(tmp_path / "models/embedding/words.json")
    assert len(kernel) == 2 * len(terms)
    # The same terms twice are worth the same.
    np.testing.assert_allclose(*np.split(kernel, 2), rtol=1e-3, atol=1e-5)
    check_prediction()


def outputs_of(slot: str) -> dict[str, bytes]:
    """Return what the training of a slot has written, by file."""
    files = {}
    for folder in (Path("models") / slot, Path("data/scored") / slot):
        for file in sorted(folder.rglob("*.*")):
            files[f"{folder.parent}: {file.relative_to(folder)}"] = file.read_bytes()
    return files


@pytest.mark.parametrize(("other", "combine"), [("linear", "best"), ("boosting", "mean")])
def test_each_of_two_models_is_what_it_is_alone(run, stages, capsys, other, combine):
    changes = LINEAR | {
        "training": {"epochs": 8, "learning_rate": 0.01},
        "evaluation": {"replicates": 100, "combine": combine},
    }
    f1, alone = {}, {}
    for name in (other, "mlp"):
        run("demo", **changes | {"model": name})
        assert {part.model for part in Decision.load(Path("models")).mixture.parts} == {name}
        f1[name] = storage.read_json(Path("metrics/validation.json"))["val_f1_macro"]
        alone[name] = outputs_of("model")
        assert not [file for file in outputs_of("second_model") if file.endswith(".npy")]
    run("demo", **changes | {"model": other, "second_model": "mlp"})
    for slot, name in (("model", other), ("second_model", "mlp")):
        assert outputs_of(slot) == alone[name]
    parts = Decision.load(Path("models")).mixture.parts
    best = max(f1, key=f1.get)
    assert [part.model for part in parts] == {"best": [best], "mean": [other, "mlp"]}[combine]
    printed = capsys.readouterr().out
    if combine == "best":
        scores = ", ".join(f"{name} {value:.4f}" for name, value in f1.items())
        assert f"{best}: f1_macro on held-out rows: {scores}" in printed
    check_prediction()


def test_a_slot_is_trained_the_same_alone_twice_and_after_another(run, stages):
    """Networks have first weights and dropout by the seed, whatever the process has done."""
    run("demo", **LINEAR | {"model": "mlp", "second_model": "mlp", "second_weighting": "balanced"})
    together = {slot: outputs_of(slot) for slot in ("model", "second_model")}
    assert together["model"] != together["second_model"]
    for slot in ("second_model", "model", "model"):
        stages["train"].main([slot])
        assert outputs_of(slot) == together[slot]


def test_the_same_model_with_another_loss_is_another_model(run):
    run("demo", **LINEAR | {"second_model": "linear", "second_loss": "squared_hinge"})
    losses = [Ledger.load(Path("models") / slot).loss for slot in ("model", "second_model")]
    assert losses == ["cross_entropy", "squared_hinge"]
    check_prediction()


def test_the_same_model_twice_is_refused(run):
    with pytest.raises(UserError, match="second_model, second_loss and second_weighting are those"):
        run("demo", **LINEAR | {"second_model": "linear"})


def test_an_own_model_without_a_fast_form_goes_through_the_stages(run, monkeypatch):
    """The file of a user's own Keras model, as if it were in src/ballast/models/."""
    folder = ROOT / "tests/own_models"
    monkeypatch.setattr(ballast.models, "__path__", [*ballast.models.__path__, str(folder)])
    members = params.members
    monkeypatch.setattr(
        params, "members", lambda family: members(family) + ["mine"] * (family == "models")
    )
    run("demo", model="mine", embedding="random", second_model="linear", third_embedding="tfidf")
    assert Trained.load(Path("models/model")).reads == ("terms", "tokens")
    check_prediction()


def test_two_embeddings_of_words_are_refused(run):
    with pytest.raises(UserError, match="embedding and third_embedding both give word vectors"):
        run("demo", model="cnn", embedding="random", third_embedding="word2vec")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (WIDE | {"second_embedding": "none"}, "wide_and_deep reads terms"),
        (
            LINEAR | {"embedding": "random", "second_embedding": "none"},
            "linear reads features or terms",
        ),
    ],
)
def test_a_model_without_what_it_reads_is_refused(run, changes, words):
    with pytest.raises(UserError, match=words):
        run("demo", **changes)
