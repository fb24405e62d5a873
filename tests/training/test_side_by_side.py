"""Several embeddings, or two models, at once through the stages, and what reads what they give."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from defaults import create, parameters
from ruamel.yaml import YAML
from staged import STAGES, check_prediction, stage

from ballast.project import storage
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
    network = storage.read_json(Path("models/network/network.json"))
    assert [each["model"] for each in network["models"]] == [changes["model"]]
    assert "terms" in network["inputs"]
    headline = storage.read_json(Path("metrics/metrics.json"))
    assert np.isfinite(list(headline.values())).all()
    # Two epochs of a network on few rows say little; a linear model is solved.
    assert headline["roc_auc"] > (0.6 if changes["model"] == "linear" else 0.4)
    check_prediction()


def test_two_embeddings_of_terms_stand_beside_each_other(run, tmp_path):
    run("demo", model="linear", embedding="tfidf", third_embedding="tfidf")
    kernel = np.load(tmp_path / "models/network/0/from_terms.kernel.npy")
    terms = storage.read_json(tmp_path / "models/embedding/words.json")
    assert len(kernel) == 2 * len(terms)
    # The same terms twice are worth the same.
    np.testing.assert_allclose(*np.split(kernel, 2), rtol=1e-3, atol=1e-5)
    check_prediction()


def left() -> tuple[list[bytes], dict[str, np.ndarray]]:
    """Return the weights that are left, network by network, and the outputs of each part."""
    files = sorted(Path("models/network").glob("*/*.npy"))
    scored = {}
    for part in ("validation", "test"):
        table = storage.read_table(Path(f"data/scored/{part}.parquet"), ["outputs"])
        scored[part] = np.array(table["outputs"].to_pylist(), dtype=np.float32)
    return [file.name.encode() + file.read_bytes() for file in files], scored


@pytest.mark.parametrize(
    ("other", "monitor", "count"), [("linear", "f1_macro", 1), ("boosting", "log_loss", 2)]
)
def test_of_two_models_the_best_is_kept_and_each_is_what_it_is_alone(run, other, monitor, count):
    training = {"epochs": 8, "monitor": monitor, "learning_rate": 0.01}
    changes = LINEAR | {"training": training}
    scores, weights, outputs = {}, {}, {}
    for name in (other, "mlp"):
        run("demo", **changes | {"model": name})
        scores |= storage.read_json(Path("models/ledger.json"))["models"]["scores"]
        weights[name], outputs[name] = left()
    run("demo", **changes | {"model": other, "second_model": "mlp"})
    told = storage.read_json(Path("models/ledger.json"))["models"]
    both = f"{other} and mlp"
    assert told["scores"] == scores | {both: told["scores"][both]}
    best = {"log_loss": min}.get(monitor, max)
    assert told["kept"] == best(told["scores"], key=told["scores"].get)
    names = told["kept"].split(" and ")
    assert len(names) == count
    found, scored = left()
    assert found == [each for name in names for each in weights[name]]
    for part, values in scored.items():
        expected = np.mean([outputs[name][part] for name in names], axis=0)
        np.testing.assert_array_equal(values, expected)
    check_prediction()


def test_the_same_model_twice_is_refused(run):
    with pytest.raises(UserError, match="second_model: linear is the model already"):
        run("demo", **LINEAR | {"second_model": "linear"})


def test_two_embeddings_of_words_are_refused(run):
    with pytest.raises(UserError, match="embedding and third_embedding both give word vectors"):
        run("demo", model="cnn", embedding="random", third_embedding="word2vec")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (WIDE | {"second_embedding": "none"}, "wide_and_deep reads words and terms"),
        (LINEAR | {"embedding": "random", "second_embedding": "none"}, "linear reads weights"),
    ],
)
def test_a_model_without_what_it_reads_is_refused(run, changes, words):
    with pytest.raises(UserError, match=words):
        run("demo", **changes)
