"""A user's own Keras model, a file of thirty lines: it trains, is stored, and predicts by Keras."""

import importlib
from functools import cache
from pathlib import Path

import keras
import numpy as np
import pytest
from problems import ROOT, objective_of, one_hot, problem_of
from scipy.sparse import csr_array

import ballast.models
from ballast.networks.inputs import Inputs
from ballast.networks.starting import start
from ballast.networks.trained import Trained
from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan
from ballast.training.architecture import Architecture
from ballast.training.batches import Table
from ballast.training.epochs import score, train
from ballast.training.learners.keras import KerasLearner
from ballast.training.options import Training

ROWS, WORDS, TERMS, COLUMNS, CLASSES = 60, 20, 7, 3, 2
ALL = np.arange(ROWS)
FOLDS = ALL % 2
EVERY = ("tokens", "terms", "features")


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    start()


@pytest.fixture(scope="module")
def file():
    """The model's file, as if it were in src/ballast/models/."""
    folders = [*ballast.models.__path__, str(ROOT / "tests/own_models")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ballast.models, "__path__", folders)
        yield importlib.import_module("ballast.models.mine")


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 9, ROWS)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = rng.integers(2, WORDS, offsets[-1]).astype(np.uint16)
    terms = (rng.random((ROWS, TERMS)) * (rng.random((ROWS, TERMS)) < 0.5)).astype(np.float32)
    columns = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    return Table(tokens, offsets, columns, csr_array(terms))


@pytest.fixture(scope="module")
def targets(table) -> np.ndarray:
    """Classes by a word, a term and a column."""
    first = np.add.reduceat(np.append(table.tokens == 2, 0), table.offsets[:-1])
    first[np.diff(table.offsets) == 0] = 0
    hints = first + (table.terms.toarray()[:, 0] > 0) + (table.features[:, 0] > 0)
    return one_hot((hints > 1).astype(int), CLASSES)


def inputs_of(table: Table, kinds) -> Inputs:
    vectors = np.random.default_rng(1).normal(size=(WORDS, 4)).astype(np.float32)
    columns = table.features if "features" in kinds else np.empty((0, 0))
    terms = TERMS if "terms" in kinds else 0
    return Inputs(vectors if "tokens" in kinds else None, columns, CLASSES, terms)


def learn(file, table, targets, kinds):
    """Train a network for each of two folds; return architecture, networks and history."""
    architecture = Architecture(file, {"units": 5}, inputs_of(table, kinds))
    problem = problem_of(table, Plan(ALL, np.ones(ROWS)), targets, folds=FOLDS)
    models = architecture.build(problem.network_count, 7)
    options = Training(epochs=5, batch_size=16, learning_rate=0.03, patience=5)
    networks, history = train(problem, objective_of(problem.before), architecture, models, options)
    return architecture, networks, history


@pytest.fixture(scope="module")
def learnt(file, table, targets):
    """What `learn` returns for some kinds of inputs, once for all tests."""
    return cache(lambda *kinds: learn(file, table, targets, kinds))


def by_keras(architecture: Architecture, weights, table: Table) -> np.ndarray:
    """Return the logits of all rows by a new model that Keras itself gives the weights."""
    (model,) = architecture.build(1, 99)
    model.set_weights(list(weights.values()))
    made = table.take(ALL).padded()
    if "terms" in made:
        made["terms"] = made["terms"].toarray()
    return np.asarray(model({name: made[name] for name in model.input}, training=False))


def test_it_is_a_file_of_thirty_lines_with_nothing_but_build(file):
    assert len(Path(file.__file__).read_text(encoding="utf-8").splitlines()) < 40
    assert not {"LEARNER", "forward", "merged"} & set(vars(file))
    with pytest.raises(UserError, match=r"models\.mine\.units"):
        params.options(file.build, {"units": 0}, "models.mine")


@pytest.mark.thorough
@pytest.mark.parametrize("kinds", [("tokens",), ("features",), EVERY], ids=" and ".join)
def test_it_trains_is_stored_and_predicts_alike(learnt, table, kinds, tmp_path):
    architecture, networks, history = learnt(*kinds)
    assert history[-1]["loss"] < 0.9 * history[0]["loss"]
    # Keras numbers layers without a name: no network has the names of another.
    assert not set(networks[0]) & set(networks[1])
    trained = Trained(
        model="mine",
        options=architecture.options,
        reads=tuple(sorted(kinds)),
        networks=list(architecture.merged(networks)),
        features=architecture.inputs.features,
        terms=architecture.inputs.terms,
        outputs=CLASSES,
        precision="float32",
    )
    trained.save(tmp_path)
    loaded = Trained.load(tmp_path)
    assert [list(weights) for weights in loaded.networks] == [list(networks[0])] * 2
    for weights, expected in zip(loaded.networks, networks, strict=True):
        for values, stored in zip(expected.values(), weights.values(), strict=True):
            np.testing.assert_array_equal(stored, values)
    narrow = table.only(loaded.reads)
    expected = np.mean([by_keras(architecture, each, narrow) for each in networks], axis=0)
    logits = score(loaded.forward(architecture.inputs.vectors), narrow, ALL)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected, rtol=1e-5, atol=1e-6)
    # A row's logits are its own, however long the texts beside it are.
    alone = [
        score(loaded.forward(architecture.inputs.vectors), narrow, ALL[k : k + 1]) for k in (3, 8)
    ]
    np.testing.assert_allclose(np.concatenate(alone), logits[[3, 8]], rtol=1e-5, atol=1e-6)


@pytest.mark.thorough
def test_it_is_trained_by_keras_the_same_twice(learnt, file, table, targets):
    architecture, networks, history = learnt(*EVERY)
    (model,) = architecture.build(1, 0)
    loss = objective_of(problem_of(table, Plan(ALL, np.ones(ROWS)), targets).before).loss
    learner = architecture.learner(model, loss, Training(), mixes=False)
    assert type(learner) is KerasLearner
    # Whatever was built and drawn in between.
    keras.layers.Dense(3)(np.ones((1, 1)))
    _, again, same = learn(file, table, targets, EVERY)
    assert history == same
    for first, second in zip(networks, again, strict=True):
        assert list(first) == list(second)
        for name, values in first.items():
            np.testing.assert_array_equal(second[name], values, err_msg=name)


def test_its_columns_can_be_interpolated_and_its_own_word_vectors_cannot(file, table, targets):
    partners = dict(partners=ALL[::-1].copy(), shares=np.full(ROWS, 0.3))
    plan = Plan(ALL, np.ones(ROWS), **partners)
    problem = problem_of(table, plan, targets)
    for kinds in (("features",), ("terms", "features")):
        architecture = Architecture(file, {}, inputs_of(table, kinds))
        models = architecture.build(1, 0)
        objective = objective_of(problem.before)
        _, history = train(problem, objective, architecture, models, Training(epochs=1))
        assert np.isfinite(history[0]["loss"])
    architecture = Architecture(file, {}, inputs_of(table, ("tokens",)))
    with pytest.raises(UserError, match=r"interpolates.*`look_up`.*random_over"):
        architecture.learner(architecture.build(1, 0)[0], objective.loss, Training(), mixes=True)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("keras.Model(features, logits)", r"models/wrong\.py: .*must be named"),
        ('keras.Model({"columns": features}, logits)', "model: wrong reads columns"),
    ],
)
def test_inputs_without_a_known_name_are_refused(source, message, table, tmp_path, monkeypatch):
    lines = [
        "import keras",
        "def build(inputs):",
        "    features = keras.Input((inputs.features,), name='columns')",
        "    logits = keras.layers.Dense(inputs.outputs)(features)",
        f"    return {source}",
    ]
    (tmp_path / "wrong.py").write_text("\n".join(lines), encoding="utf-8")
    monkeypatch.setattr(ballast.models, "__path__", [str(tmp_path)])
    monkeypatch.delitem(importlib.sys.modules, "ballast.models.wrong", raising=False)
    file = importlib.import_module("ballast.models.wrong")
    with pytest.raises(UserError, match=message):
        Architecture(file, {}, inputs_of(table, ("features",))).build(1, 0)


def test_inputs_that_no_embedding_gives_are_refused(file, table, monkeypatch):
    monkeypatch.setattr(file, "NEEDS", [{"terms", "tokens"}], raising=False)
    architecture = Architecture(file, {}, inputs_of(table, ("features",)))
    with pytest.raises(
        UserError, match=r"model: mine reads terms or tokens.*the embeddings give features"
    ):
        architecture.build(1, 0)
