"""Training: the same twice, the best epoch kept, weights that weigh, logits of a row alone."""

import inspect
from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from problems import classes_of, one_hot

from ballast.evaluation import scores
from ballast.losses import cross_entropy, focal
from ballast.models import cnn, mlp
from ballast.networks.layers import Inputs, variables
from ballast.probabilities import ledger
from ballast.probabilities.logits import probabilities
from ballast.probabilities.rules import Rule
from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan, repeat
from ballast.training.batches import Table
from ballast.training.epochs import (
    SCORING_BATCH,
    BestEpoch,
    of_mixed_labels,
    score,
    score_apart,
    train,
    weighted,
)
from ballast.training.objective import Objective

MODELS = {"cnn": cnn, "mlp": mlp}
ROWS = 48
NO_FOLDS = np.full(ROWS, -1)
VECTORS = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)
COLUMNS = np.random.default_rng(4).normal(size=(40, 3))
FORWARD = {kind: partial(file.forward, vectors=VECTORS) for kind, file in MODELS.items()}
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 12, ROWS)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = rng.integers(1, 20, offsets[-1]).astype(np.uint16)
    return Table(tokens, offsets, rng.normal(size=(ROWS, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def labels(table) -> np.ndarray:
    """Classes that the first column tells, not without exception."""
    noise = np.random.default_rng(1).normal(size=ROWS)
    return one_hot((table.features[:, 0] + 0.5 * noise > 0.7).astype(int), 2)


def network(kind: str = "cnn", **options) -> keras.Model:
    """Return a network; what is drawn after it, dropout too, is the same each time."""
    keras.utils.set_random_seed(5)
    small = {"pieces": 0, "hidden": [4]} if kind == "mlp" else {"filters": 4, "width": 3}
    return MODELS[kind].build(Inputs(VECTORS, COLUMNS, 2), **{"dropout": 0.2} | small | options)


def ones(classes) -> np.ndarray:
    return np.ones((2, 2) if classes.multilabel else 2)


def aim(classes, weights=None, inverse=lambda outputs: outputs) -> Objective:
    """Cross-entropy; nothing is corrected, whatever the weights are."""
    return Objective(
        partial(cross_entropy.loss, classes=classes),
        ones(classes) if weights is None else np.array(weights),
        inverse,
        ledger.entry(classes, classes, ones(classes), {"distortion": []}),
    )


def once(rows) -> Plan:
    return repeat(np.bincount(rows, minlength=ROWS))


def run(kind, table, labels, seed: int = 3, multilabel: bool = False, build=network, **options):
    """Train on the first rows, some of them twice; validate on the last."""
    rows = np.concatenate([np.arange(36), np.arange(8)])
    held_out = np.arange(36, ROWS)
    classes = classes_of(labels[:36], multilabel)
    (weights,), history = train(
        [build(kind)],
        FORWARD[kind],
        aim(classes),
        table,
        once(rows),
        labels,
        NO_FOLDS,
        held_out,
        classes,
        seed,
        **{"epochs": 3, "batch_size": 8, "learning_rate": 0.01} | options,
    )
    return weights, history


def scored(kind, weights, table, rows) -> np.ndarray:
    return score(FORWARD[kind](weights), table, rows)


def bits(weights) -> dict[str, bytes]:
    return {name: values.tobytes() for name, values in weights.items()}


def test_the_monitors_are_the_headline_scores_and_params_yaml_has_the_defaults():
    options = {
        name: parameter
        for name, parameter in inspect.signature(train).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert options["monitor"].annotation == scores.Headline
    with pytest.raises(UserError, match=r"training\.epochs"):
        params.options(train, {"epochs": 0}, "training")


@pytest.mark.parametrize(
    ("kind", "precision"), [("cnn", "float32"), ("cnn", "bfloat16"), ("mlp", "auto")]
)
def test_the_same_training_twice_gives_the_same_weights_to_the_bit(kind, precision, table, labels):
    (weights, history), (again, also) = (
        run(kind, table, labels, precision=precision) for _ in range(2)
    )
    assert bits(weights) == bits(again)
    assert history == also
    other, _ = run(kind, table, labels, precision=precision, seed=4)
    assert bits(other) != bits(weights)


def test_it_learns(table, labels):
    options = {"epochs": 25, "learning_rate": 0.03, "monitor": "log_loss"}
    weights, history = run("mlp", table, labels, **options)
    assert history[-1]["loss"] < 0.8 * history[0]["loss"]
    found = scored("mlp", weights, table, np.arange(36)).argmax(axis=1)
    assert scores.per_class(labels[:36], one_hot(found, 2), classes_of(labels))["f1"]["b"] > 0.6


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_the_weights_are_the_network_s_by_name_without_the_optimizer_s(kind, table, labels):
    expected = variables(network(kind))
    weights, _ = run(kind, table, labels, epochs=1)
    assert list(weights) == list(expected)
    for name, values in weights.items():
        assert values.shape == tuple(expected[name].shape)
        assert values.dtype == np.float32
        assert (values != expected[name].numpy()).any()


def test_a_network_that_reads_no_text_trains_on_rows_with_text(table, labels):
    weights, history = run("mlp", table, labels, epochs=1)
    assert len(history) == 1
    narrow = table.only(["features"])
    np.testing.assert_array_equal(
        scored("mlp", weights, table, np.arange(ROWS)),
        scored("mlp", weights, narrow, np.arange(ROWS)),
    )


@pytest.mark.parametrize("monitor", ["f1_macro", "log_loss", "roc_auc"])
def test_the_history_tells_each_epoch_and_stops_when_nothing_gets_better(monitor, table, labels):
    options = {"monitor": monitor, "epochs": 60, "patience": 2, "learning_rate": 0.2}
    _, history = run("mlp", table, labels, **options)
    assert all(
        set(e) == {"loss", f"val_{monitor}", "val_f1_macro", "val_log_loss"} for e in history
    )
    sign = -1 if monitor == "log_loss" else 1
    values = [(sign * entry[f"val_{monitor}"], -entry["val_log_loss"]) for entry in history]
    best = values.index(max(values))
    assert len(history) == best + 1 + 2
    assert len(history) < 60


@pytest.mark.parametrize("monitor", ["f1_macro", "log_loss"])
@pytest.mark.parametrize(("epochs", "patience"), [(6, 50), (50, 2)], ids=["all", "stopped"])
def test_the_weights_of_the_best_epoch_are_kept(monitor, epochs, patience, table, labels):
    options = {"epochs": epochs, "patience": patience, "learning_rate": 0.2, "monitor": monitor}
    weights, history = run("mlp", table, labels, **options)
    values = [entry[f"val_{monitor}"] for entry in history]
    best = min(values) if monitor == "log_loss" else max(values)
    assert values[-1] != best, "the last epoch is the best, so this tells nothing"

    held_out = np.arange(36, ROWS)
    likely = probabilities(scored("mlp", weights, table, held_out), False)
    predicted = Rule(np.zeros(2), False).predict(likely)
    classes = classes_of(labels[:36])
    found = scores.headline(labels[held_out], predicted, likely, classes)[monitor]
    assert found == pytest.approx(best, rel=1e-6)


# What an epoch costs.


@pytest.mark.parametrize(
    ("loss", "options"), [(cross_entropy, {}), (focal, {"gamma": 2.0, "alpha": {"b": 3.0}})]
)
def test_class_weights_multiply_the_loss_of_their_rows(loss, options):
    targets = one_hot([0, 1, 1, 0], 2)
    classes = classes_of(targets)
    logits = np.random.default_rng(0).normal(size=(4, 2))
    function = partial(loss.loss, classes=classes, **options)
    values = np.asarray(function(targets.astype(float), logits))
    found = weighted(function, np.array([0.5, 4.0]), classes, True)(targets.astype(float), logits)
    np.testing.assert_allclose(np.asarray(found), values * [0.5, 4, 4, 0.5], rtol=1e-12)


def test_multi_label_weights_multiply_presence_and_absence():
    targets = np.array([[0, 1], [1, 1], [0, 0]], dtype=np.uint8)
    classes = classes_of(targets, True)
    logits = np.random.default_rng(0).normal(size=(3, 2))
    function = partial(cross_entropy.loss, classes=classes)
    values = np.asarray(function(targets.astype(float), logits))
    weights = np.array([[0.5, 2.0], [3.0, 7.0]])
    found = weighted(function, weights, classes, True)(targets.astype(float), logits)
    factors = np.array([[0.5, 7], [3, 7], [0.5, 2]])
    np.testing.assert_allclose(np.asarray(found), (values * factors).mean(axis=1), rtol=1e-12)


@EACH_TASK
def test_weights_of_1_are_no_weights(multilabel):
    targets = one_hot([0, 1, 1, 0], 2).astype(float)
    classes = classes_of(targets, multilabel)
    logits = np.random.default_rng(0).normal(size=(4, 2))
    values = np.asarray(cross_entropy.loss(targets, logits, classes))
    loss = partial(cross_entropy.loss, classes=classes)
    found = np.asarray(weighted(loss, ones(classes), classes, True)(targets, logits))
    np.testing.assert_allclose(found, values.mean(axis=1) if multilabel else values, rtol=1e-12)


def test_a_heavier_class_is_predicted_more(table, labels):
    rows, shares = np.arange(ROWS), []
    for factors in ([1.0, 1.0], [0.2, 5.0]):
        options = {"epochs": 8, "batch_size": 64, "learning_rate": 0.02}
        weights, _ = learn(table, labels, once(rows), weights=factors, **options)
        shares.append(probabilities(scored("mlp", weights, table, rows), False)[:, 1].mean())
    assert shares[1] > shares[0] + 0.1


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_the_loss_of_the_first_step_is_the_mean_over_the_rows(kind, table, labels):
    """One batch, no dropout: the history's loss is the loss before the step, in numpy."""
    model, rows, weights = network(kind, dropout=0.0), np.arange(ROWS), [0.5, 3.0]
    start = {name: value.numpy() for name, value in variables(model).items()}
    true = (probabilities(scored(kind, start, table, rows), False) * labels).sum(axis=1)
    expected = (-np.log(true) * (labels @ weights)).mean()
    options = {"epochs": 1, "batch_size": ROWS, "precision": "float32"}
    _, history = learn(table, labels, once(rows), kind, model, weights=weights, **options)
    assert history[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_an_epoch_counts_each_row_alike_in_batches_of_unlike_sizes(table, labels):
    """Steps that move nothing: whatever the batches are, the mean over the rows is the same."""
    rows, losses = np.arange(ROWS), []
    for size in (40, ROWS):
        options = {"epochs": 1, "batch_size": size, "learning_rate": 1e-30}
        model = network("mlp", dropout=0.0)
        losses.append(learn(table, labels, once(rows), "mlp", model, **options)[1][0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@EACH_TASK
def test_both_tasks_train(multilabel, table, labels):
    targets = labels.copy()
    if multilabel:
        targets[:, 0] = np.arange(ROWS) % 3 == 0
    _, history = run("cnn", table, targets, multilabel=multilabel, epochs=1)
    assert np.isfinite(list(history[0].values())).all()


# A row's logits are its own.


@pytest.mark.parametrize("trainable", [True, False])
def test_scores_depend_on_no_other_row(trainable, table, labels):
    build = partial(network, trainable=trainable)
    weights, _ = run("cnn", table, labels, build=build, learning_rate=0.05)
    together = scored("cnn", weights, table, np.arange(ROWS))
    assert together.dtype == np.float32
    alone = [scored("cnn", weights, table, np.array([row])) for row in range(0, ROWS, 5)]
    np.testing.assert_allclose(np.concatenate(alone), together[::5], atol=1e-6)
    pairs = np.array([4, 4, 30, 11])
    np.testing.assert_allclose(scored("cnn", weights, table, pairs), together[pairs], atol=1e-6)


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_scores_come_in_the_order_of_the_rows_over_many_batches(kind, table):
    model = network(kind)
    rows = np.random.default_rng(0).integers(0, ROWS, 2 * SCORING_BATCH + 7)
    expected = np.asarray(model(table.only(model.input).padded(rows), training=False))
    weights = {name: value.numpy() for name, value in variables(model).items()}
    found = scored(kind, weights, table.only(model.input), rows)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
@pytest.mark.parametrize("learning_rate", [1e20, 1e30])
def test_a_diverging_training_is_told(kind, learning_rate, table, labels):
    with pytest.raises(UserError, match="diverged in epoch 1"):
        run(kind, table, labels, learning_rate=learning_rate)


@pytest.mark.parametrize(
    ("monitor", "scores_and_losses", "best", "last"),
    [
        # A plateau of the score goes on while the log-loss falls.
        ("f1_macro", [(0.5, 0.9), (0.5, 0.8), (0.5, 0.7), (0.5, 0.8), (0.5, 0.9)], 2, 4),
        # A better score wins whatever its log-loss.
        ("f1_macro", [(0.5, 0.7), (0.6, 0.9), (0.5, 0.1), (0.5, 0.1)], 1, 3),
        ("log_loss", [(0.9, 0.9), (0.8, 0.8), (0.85, 0.85), (0.9, 0.9)], 1, 3),
    ],
)
def test_the_best_epoch_is_kept_and_patience_counts_from_it(monitor, scores_and_losses, best, last):
    epochs = BestEpoch(monitor, patience=2, start=0)
    for epoch, (value, loss) in enumerate(scores_and_losses):
        over = epochs.saw(epoch, {monitor: value, "log_loss": loss}, {"epoch": np.array(epoch)})
        assert over == (epoch == last)
    assert epochs.found()["epoch"] == best


def test_the_best_epoch_is_judged_by_the_corrected_probabilities(table, labels):
    """What turns each prediction round turns the scores of the epochs round."""
    histories = []
    for sign in (1, -1):
        turn = partial(np.multiply, sign)
        options = {"inverse": turn, "monitor": "roc_auc", "batch_size": 64}
        histories.append(learn(table, labels, once(np.arange(ROWS)), **options)[1])
    upright, inverted = (np.array([entry["val_roc_auc"] for entry in h]) for h in histories)
    np.testing.assert_allclose(upright, 1 - inverted, atol=1e-6)


def learn(table, labels, plan, kind="mlp", model=None, weights=None, inverse=np.array, **options):
    """Train on a plan and validate on all rows; return the weights and the history."""
    classes = classes_of(labels)
    (weights,), history = train(
        [network(kind) if model is None else model],
        FORWARD[kind],
        aim(classes, weights, inverse),
        table,
        plan,
        labels,
        NO_FOLDS,
        np.arange(ROWS),
        classes,
        0,
        **{"epochs": 2, "batch_size": 8} | options,
    )
    return weights, history


# Folds.

FOLDS = np.arange(ROWS) % 3


def learn_apart(table, labels, plan, kind="mlp", folds=FOLDS, choosing=None, **options):
    """Train a network for each fold; return their weights and the history."""
    classes = classes_of(labels)
    return train(
        [network(kind) for _ in range(folds.max() + 1)],
        FORWARD[kind],
        aim(classes),
        table,
        plan,
        labels,
        folds,
        np.flatnonzero(folds >= 0) if choosing is None else choosing,
        classes,
        0,
        **{"epochs": 2, "batch_size": 8, "learning_rate": 0.01} | options,
    )


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
@pytest.mark.parametrize("mixed", [False, True], ids=["alone", "with partners"])
def test_a_network_knows_nothing_of_its_fold(kind, mixed, table, labels):
    """Other labels and other inputs in fold 0 leave network 0 as it is, and no other."""
    rows = np.arange(ROWS)
    plan = Plan(rows, np.ones(ROWS))
    if mixed:
        shares = np.full(ROWS, 0.4)
        plan = Plan(rows, np.ones(ROWS), partners=np.roll(rows, 1), shares=shares)
    own = FOLDS == 0
    changed = Table(table.tokens, table.offsets, np.where(own[:, None], 5, table.features))
    other = np.where(own[:, None], 1 - labels, labels)
    first, _ = learn_apart(table, labels, plan, kind, epochs=1)
    second, _ = learn_apart(changed, other, plan, kind, epochs=1)
    assert bits(first[0]) == bits(second[0])
    assert bits(first[1]) != bits(second[1])
    assert bits(first[2]) != bits(second[2])


def test_one_of_several_networks_is_what_it_is_alone(table, labels):
    """Network 0 learns from the rows outside its fold as if they were all there is."""
    plan = once(np.arange(ROWS))
    outside = once(np.flatnonzero(FOLDS != 0))
    together, _ = learn_apart(table, labels, plan, epochs=1, batch_size=ROWS)
    alone, _ = learn(table, labels, outside, epochs=1, batch_size=ROWS, learning_rate=0.01)
    for name, values in alone.items():
        np.testing.assert_allclose(together[0][name], values, atol=1e-4)


def test_each_row_is_scored_by_the_network_that_has_not_learnt_from_it(table):
    rng = np.random.default_rng(0)
    networks = [lambda rows, k=k: np.full((len(rows.features), 2), k, np.float32) for k in (1, 3)]
    folds = rng.integers(-1, 2, ROWS)
    rows = rng.permutation(ROWS)[:30]
    found = score_apart(networks, table.only(["features"]), rows, folds)
    np.testing.assert_array_equal(found[:, 0], np.choose(folds[rows] + 1, [2, 1, 3]))


def test_the_scores_of_an_epoch_are_those_of_rows_not_learnt_from(table, labels):
    members, history = learn_apart(table, labels, once(np.arange(ROWS)), epochs=1)
    networks = [FORWARD["mlp"](weights) for weights in members]
    logits = score_apart(networks, table.only(["features"]), np.arange(ROWS), FOLDS)
    likely = probabilities(logits, False)
    found = scores.headline(labels, one_hot(likely.argmax(axis=1), 2), likely, classes_of(labels))
    assert history[0]["val_f1_macro"] == pytest.approx(found["f1_macro"], rel=1e-6)
    assert history[0]["val_log_loss"] == pytest.approx(found["log_loss"], rel=1e-6)


def test_networks_side_by_side_are_the_same_twice(table, labels):
    (first, history), (second, again) = (
        learn_apart(table, labels, once(np.arange(ROWS)), "cnn") for _ in range(2)
    )
    assert history == again
    assert [bits(weights) for weights in first] == [bits(weights) for weights in second]


def test_deferred_weights_do_not_count_before_their_epoch(table, labels):
    every = once(np.arange(ROWS))
    _, deferred = learn(table, labels, every, epochs=4, weights=[0.2, 5.0], defer_weights=0.5)
    _, whole = learn(table, labels, every, epochs=4)
    assert deferred[:2] == whole[:2]
    assert deferred[2] != whole[2]


def test_the_best_epoch_is_none_before_the_weights_count():
    epochs = BestEpoch("f1_macro", patience=1, start=2)
    for epoch, value in enumerate([0.9, 0.8, 0.3, 0.4, 0.35]):
        scored = {"f1_macro": value, "log_loss": 1.0}
        assert epochs.saw(epoch, scored, {"epoch": np.array(epoch)}) == (epoch == 4)
    assert epochs.found()["epoch"] == 3


def test_a_score_that_is_defined_in_no_epoch_is_told():
    epochs = BestEpoch("roc_auc", patience=2, start=0)
    nothing = {"roc_auc": float("nan"), "log_loss": 1.0}
    assert not epochs.saw(0, nothing, {})
    assert epochs.saw(1, nothing, {})
    with pytest.raises(UserError, match=r"training\.monitor: roc_auc is not defined"):
        epochs.found()


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_a_partner_with_a_share_of_0_is_no_partner(kind, table, labels):
    rows = np.arange(ROWS)
    alone = Plan(rows, np.ones(ROWS), partners=np.full(ROWS, -1), shares=np.zeros(ROWS))
    beside = Plan(rows, np.ones(ROWS), partners=rows[::-1].copy(), shares=np.zeros(ROWS))
    first, _ = learn(table, labels, alone, kind, epochs=1)
    second, _ = learn(table, labels, beside, kind, epochs=1)
    np.testing.assert_allclose(
        scored(kind, first, table, rows), scored(kind, second, table, rows), atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_a_partner_with_a_share_of_1_takes_the_row_s_place(kind, table, labels):
    rows = np.arange(ROWS)
    swapped = Plan(rows, np.ones(ROWS), labels=labels, partners=rows, shares=np.ones(ROWS))
    alone = Plan(rows, np.ones(ROWS), partners=np.full(ROWS, -1), shares=np.zeros(ROWS))
    first, _ = learn(table, labels, alone, kind, epochs=1)
    second, _ = learn(table, labels, swapped, kind, epochs=1)
    np.testing.assert_allclose(
        scored(kind, first, table, rows), scored(kind, second, table, rows), atol=1e-4, rtol=1e-3
    )


def test_the_loss_of_mixed_labels_is_the_mixed_loss(labels):
    classes, rng = classes_of(labels), np.random.default_rng(0)
    loss = partial(cross_entropy.loss, classes=classes)
    own, partner = one_hot([0, 1, 1], 2).astype(float), one_hot([1, 1, 0], 2).astype(float)
    share, logits = np.array([0.25, 0.5, 1.0]), rng.normal(size=(3, 2))
    found = of_mixed_labels(loss)(tf.constant(np.column_stack([own, partner, share])), logits)
    soft = (1 - share)[:, None] * own + share[:, None] * partner
    expected = -(soft * np.log(probabilities(logits, False))).sum(axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_a_plan_with_mixed_labels_trains(kind, table, labels):
    rows = np.arange(ROWS)
    mixed = Plan(
        rows,
        np.ones(ROWS),
        partners=rows[::-1].copy(),
        shares=np.full(ROWS, 0.3),
        label_shares=np.full(ROWS, 0.3),
    )
    _, history = learn(table, labels, mixed, kind)
    assert np.isfinite(history[-1]["loss"])
