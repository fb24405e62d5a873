"""Boosted trees: their arithmetic, every loss of the catalogue, and what only trees learn."""

from functools import partial

import keras
import numpy as np
import pytest
from problems import check_contract, classes_of, objective_of, one_hot, some_targets
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import f1_score
from sklearn.tree import DecisionTreeRegressor

from ballast.losses import cross_entropy, squared_hinge
from ballast.models import boosting
from ballast.models.boosting import Boosted
from ballast.networks.forward import Encoded
from ballast.networks.inputs import Inputs
from ballast.networks.trees import LEAF, arrays_of, joined, summed
from ballast.project import params
from ballast.project.errors import UserError
from ballast.training.architecture import Architecture
from ballast.training.batches import Batch, Table
from ballast.training.learners.boosting import BoostingLearner, learner
from ballast.training.objective import mixed_label_loss
from ballast.training.options import Training

ROWS, COLUMNS, CLASSES = 200, 4, 3
ALL = np.arange(ROWS)


@pytest.fixture(scope="module")
def features() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(ROWS, COLUMNS)).astype(np.float32)


@pytest.fixture(scope="module")
def targets(features) -> np.ndarray:
    """Labels by thresholds in two columns, one in ten at random."""
    rng = np.random.default_rng(1)
    labels = (features[:, 0] > 0.5).astype(int) + ((features[:, 1] > 0) & (features[:, 0] > 0.5))
    noise = rng.random(ROWS) < 0.1
    labels[noise] = rng.integers(0, CLASSES, noise.sum())
    return one_hot(labels, CLASSES).astype(np.float32)


def table_of(features: np.ndarray) -> Table:
    return Table(None, None, features)


def learner_of(loss=cross_entropy, wrap=None, **options) -> BoostingLearner:
    """Return a learner of trees by a loss of the catalogue, or by one made of it."""
    rows = partial(loss.loss, classes=classes_of(one_hot(np.arange(CLASSES), CLASSES)))
    model = boosting.build(Inputs(None, np.zeros((2, COLUMNS)), CLASSES), **options)
    return learner(model, wrap(rows) if wrap else rows, Training(), False)


def logits_of(trained, features: np.ndarray) -> np.ndarray:
    return boosting.forward(trained.weights(), None)(Encoded(None, None, features))


def shares(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def test_contract():
    _, options = check_contract("model", "boosting")
    built = boosting.build(Inputs(None, np.zeros((2, COLUMNS)), CLASSES), **options)
    assert isinstance(built, Boosted)
    assert built.input == ("features",)


def test_it_needs_columns():
    with pytest.raises(UserError, match=r"boosting reads features.*give nothing"):
        Architecture(boosting, {}, Inputs(None, np.empty((0, 0)), CLASSES)).build(1, 0)


@pytest.mark.parametrize(
    "block", [{"trees": 0}, {"rate": 0.0}, {"leaves": 1}, {"smallest": 0}, {"penalty": 0.0}]
)
def test_options_out_of_range_are_refused(block):
    with pytest.raises(UserError, match=next(iter(block))):
        params.options(boosting.build, block, "models.boosting")


# The trees.


def arrays(fitted: DecisionTreeRegressor) -> dict[str, np.ndarray]:
    return arrays_of(fitted.tree_, fitted.tree_.value[:, :, 0])


@pytest.mark.parametrize("gaps", [0, 0.3])
def test_trees_add_up_to_scikit_learns(features, targets, gaps):
    """Whether or not numbers are missing, in some columns while fitting and in all afterwards."""
    missing = np.random.default_rng(2).random(features.shape) < gaps
    given = np.where(missing & (np.arange(COLUMNS) < 3), np.float32("nan"), features)
    trees = [
        DecisionTreeRegressor(max_leaf_nodes=size, random_state=0).fit(given, targets)
        for size in (2, 7, 20)
    ]
    features = np.where(missing, np.float32("nan"), features)
    sums = summed(features, **joined([arrays(tree) for tree in trees]))
    expected = sum(tree.predict(features) for tree in trees)
    np.testing.assert_allclose(sums, expected, atol=1e-5)
    assert sums.dtype == np.float32


def test_a_number_at_the_threshold_goes_left():
    features = np.array([[0.0], [1.0]], np.float32)
    tree = DecisionTreeRegressor(max_leaf_nodes=2).fit(features, np.eye(2))
    at_one = arrays(tree) | {"threshold": np.where(tree.tree_.children_left < 0, 0, 1.0)}
    np.testing.assert_array_equal(summed(features, **at_one), [[1, 0], [1, 0]])


# Training them.


def test_rows_start_with_the_shares_of_the_classes(targets):
    """Where nothing depends on the columns, that is all there is to learn."""
    zeros = np.zeros((ROWS, COLUMNS), np.float32)
    trained = learner_of(penalty=1e-6)
    trained.step(table_of(zeros), Batch(ALL, targets))
    predicted = shares(logits_of(trained, zeros))
    np.testing.assert_allclose(predicted, np.tile(targets.mean(axis=0), (ROWS, 1)), atol=1e-3)


def test_a_leaf_is_a_newton_step(features, targets):
    """With one logit of its own for each class, as a hinge has, curvatures stand alone."""
    trained = learner_of(squared_hinge, trees=1, rate=0.5, leaves=2, smallest=20, penalty=0.7)
    trained.step(table_of(features), Batch(ALL, targets))
    trees = trained.weights()
    assert trees["roots"].tolist() == [0, 1]
    start = trees["values"][0]
    (root,) = np.flatnonzero(trees["column"] != LEAF)
    left = features[:, trees["column"][root]] <= trees["threshold"][root]
    signs = 2 * targets - 1
    slack = np.maximum(0, 1 - signs * start)
    gradient, curvatures = -2 * signs * slack, 2.0 * (slack > 0)
    for side, node in ((left, trees["left"][root]), (~left, trees["right"][root])):
        assert side.sum() >= 20
        step = -gradient[side].sum(axis=0) / (curvatures[side].sum(axis=0) + 0.7)
        np.testing.assert_allclose(trees["values"][node], 0.5 * step, rtol=2e-3, atol=1e-4)


def test_the_loss_returned_is_that_of_the_trees(features, targets):
    trained = learner_of()
    for _ in range(2):
        loss = trained.step(table_of(features), Batch(ALL, targets))
    predicted = shares(logits_of(trained, features))
    assert loss == pytest.approx(-np.log((predicted * targets).sum(axis=1)).mean(), rel=1e-4)


@pytest.mark.thorough
@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("name", params.members("losses"))
def test_every_loss_falls(name, multilabel, features):
    settings = params.load()
    module, options = params.member(settings, "loss", name)
    rng = np.random.default_rng(3)
    targets = some_targets(rng, ROWS, CLASSES, multilabel).astype(np.float32)
    informative = features + 3 * np.pad(targets, ((0, 0), (0, COLUMNS - CLASSES)))
    classes = classes_of(targets.astype(np.uint8), multilabel)
    objective = objective_of(classes, partial(module.loss, classes=classes, **options))
    loss = objective.weighted(keras.Variable(True, trainable=False))
    try:
        trained = BoostingLearner(Boosted(CLASSES, 5, 0.1, 8, 5, 1.0), loss)
    except UserError:
        pytest.skip("not for such labels")
    losses = [trained.step(table_of(informative), Batch(ALL, targets)) for _ in range(6)]
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]
    assert np.isfinite(logits_of(trained, informative)).all()


def test_a_row_twice_is_a_row_of_twice_the_weight(features, targets):
    weights = np.where(targets[:, 1] == 1, 2, 1)
    twice = learner_of(smallest=1)
    twice.step(table_of(features), Batch(np.repeat(ALL, weights), np.repeat(targets, weights, 0)))
    once = learner_of(
        smallest=1,
        wrap=lambda loss: lambda y, z: loss(y, z) * (1 + y[:, 1]) * (ROWS / weights.sum()),
    )
    once.step(table_of(features), Batch(ALL, targets))
    # The mean of fewer rows, times as many: the difference is that of penalty and rounding.
    predicted, expected = (shares(logits_of(each, features)) for each in (once, twice))
    np.testing.assert_allclose(predicted, expected, atol=0.03)


def test_only_the_order_of_a_column_matters(features, targets):
    """For the training rows: thresholds lie elsewhere in the gaps."""
    stretched = np.exp(2 * features).astype(np.float32)
    logits = []
    for columns in (features, stretched):
        trained = learner_of()
        trained.step(table_of(columns), Batch(ALL, targets))
        logits.append(logits_of(trained, columns))
    np.testing.assert_allclose(logits[0], logits[1], atol=1e-4)


def test_mixed_rows_are_rows_of_their_own(features, targets):
    rng = np.random.default_rng(3)
    partners, amounts = rng.permutation(ROWS), rng.random(ROWS).astype(np.float32)
    mixed = np.column_stack([targets, targets[partners], amounts]).astype(np.float32)
    trained = learner_of(wrap=mixed_label_loss)
    trained.step(table_of(features), Batch(ALL, mixed, partners, amounts))
    share = amounts[:, None]
    inputs, soft = (
        (part + share * (part[partners] - part)).astype(np.float32) for part in (features, targets)
    )
    separate = learner_of()
    separate.step(table_of(inputs), Batch(ALL, soft))
    logits = logits_of(trained, inputs)
    np.testing.assert_allclose(logits, logits_of(separate, inputs), atol=1e-3)


def test_a_second_learner_gives_the_same_bits(features, targets):
    both = []
    for _ in range(2):
        trained = learner_of()
        for _ in range(2):
            trained.step(table_of(features), Batch(ALL, targets))
        both.append({name: values.tobytes() for name, values in trained.weights().items()})
    assert both[0] == both[1]


def test_among_useless_columns_it_is_as_good_as_scikit_learn():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(2000, 12)).astype(np.float32)
    rare = (features[:, 0] > 0.8) & (features[:, 1] > 0.3)
    targets = one_hot(rare.astype(int), 2).astype(np.float32)
    training, held_out = np.arange(1200), np.arange(1200, 2000)
    model = boosting.build(Inputs(None, features[:2], 2))
    loss = partial(cross_entropy.loss, classes=classes_of(targets.astype(np.uint8)))
    trained = BoostingLearner(model, loss)
    for _ in range(8):
        trained.step(table_of(features), Batch(training, targets[training]))
    predicted = logits_of(trained, features[held_out]).argmax(axis=1)
    reference = HistGradientBoostingClassifier(random_state=0)
    reference.fit(features[training], rare[training])
    expected = f1_score(rare[held_out], reference.predict(features[held_out]), average="macro")
    assert expected > 0.9
    assert f1_score(rare[held_out], predicted, average="macro") > expected - 0.03
