"""A model ready to build: the same for a seed, and the inputs that the embeddings give."""

from pathlib import Path

import keras
import numpy as np
import pytest
from problems import one_hot, problem_of
from scipy.sparse import csr_array

from ballast.models import linear, mlp
from ballast.networks.inputs import Inputs
from ballast.networks.layers import variables
from ballast.project import params
from ballast.resampling.plans import Plan
from ballast.texts import embedded
from ballast.texts.embedded import Embedded
from ballast.training import architecture
from ballast.training.architecture import Architecture, inputs_of
from ballast.training.batches import Table

ROWS = 50
COLUMNS = np.random.default_rng(0).normal(size=(ROWS, 2)).astype(np.float32)


def weights_of(models) -> list[dict[str, np.ndarray]]:
    return [{name: value.numpy() for name, value in variables(model).items()} for model in models]


def test_networks_depend_on_the_seed_and_on_nothing_built_before():
    made = Architecture(mlp, {"hidden": [3]}, Inputs(None, COLUMNS, 2))
    first = weights_of(made.build(2, 7))
    keras.layers.Dense(3)(np.ones((1, 1)))
    for networks, seed, same in [(2, 7, True), (1, 7, True), (2, 8, False)]:
        again = weights_of(made.build(networks, seed))
        for weights, expected in zip(again, first, strict=False):
            assert list(weights) == list(expected)
            kernels = weights["hidden_0.kernel"] == expected["hidden_0.kernel"]
            assert kernels.all() == same
    # Each network starts elsewhere.
    assert (first[0]["hidden_0.kernel"] != first[1]["hidden_0.kernel"]).any()


def test_only_models_that_can_merge_networks():
    networks = [{"from_terms.bias": np.array([1.0])}, {"from_terms.bias": np.array([3.0])}]
    nothing = Inputs(None, COLUMNS, 2)
    assert Architecture(mlp, {}, nothing).merged(networks) is networks
    merged = Architecture(linear, {}, nothing).merged(networks)
    assert [each["from_terms.bias"].tolist() for each in merged] == [[2.0]]
    assert Architecture(linear, {}, nothing).name == "linear"


@pytest.fixture
def problem():
    terms = csr_array(np.eye(ROWS, 4, dtype=np.float32))
    table = Table(None, None, COLUMNS, terms)
    targets = one_hot(np.arange(ROWS) % 3, 3)
    training = np.arange(10, ROWS)
    return problem_of(table, Plan(training, np.ones(40)), targets, training=training)


@pytest.fixture
def save(tmp_path, monkeypatch):
    """Save what each slot's embedding gives, word vectors or nothing."""
    monkeypatch.chdir(tmp_path)

    def save(**vectors: np.ndarray) -> None:
        for slot in params.EMBEDDINGS:
            result = None
            if slot in vectors:
                nothing = np.zeros(ROWS + 1, np.int64)
                result = Embedded(["a"], nothing[:0], nothing, vectors[slot], 0)
            embedded.save(slot, "some", {}, result)

    return save


def test_inputs_are_those_of_the_embeddings(problem, save, monkeypatch):
    vectors = np.arange(6, dtype=np.float32).reshape(3, 2)
    save(third_embedding=vectors)
    inputs = inputs_of(problem, "none")
    np.testing.assert_array_equal(inputs.vectors, vectors)
    np.testing.assert_array_equal(inputs.columns, COLUMNS[10:])
    assert (inputs.outputs, inputs.terms, inputs.features, inputs.encoder) == (3, 4, 2, None)
    assert inputs.names == ["tokens", "terms", "features"]
    assert inputs_of(problem, "minilm").encoder == Path("data/encoders/minilm")
    # Quantiles need no more rows than this.
    monkeypatch.setattr(architecture, "QUANTILE_ROWS", 15)
    np.testing.assert_array_equal(inputs_of(problem, "none").columns, COLUMNS[10::3])


def test_without_word_vectors_terms_and_columns_there_is_nothing_to_read(problem, save):
    save()
    inputs = inputs_of(problem, "none")
    assert inputs.vectors is None
    assert inputs.names == ["terms", "features"]
    assert Inputs(None, np.empty((0, 0)), 3).names == []
