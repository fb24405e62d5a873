"""Training: the same twice, the best epoch kept, weights that weigh, logits of a row alone."""

from dataclasses import replace
from functools import partial

import keras
import numpy as np
import pytest
from problems import classes_of, objective_of, one_hot, problem_of

from ballast.evaluation import scores
from ballast.losses import cross_entropy
from ballast.models import cnn, mlp
from ballast.networks.inputs import Inputs
from ballast.networks.layers import variables
from ballast.networks.starting import start
from ballast.probabilities.correction import Correction
from ballast.probabilities.logits import probabilities
from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan, repeat
from ballast.training.architecture import Architecture
from ballast.training.batches import Table
from ballast.training.epochs import SCORING_BATCH, BestEpoch, score, score_held_out, train, validate
from ballast.training.options import Training

ROWS = 48
ALL = np.arange(ROWS)
VECTORS = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)
COLUMNS = np.random.default_rng(4).normal(size=(40, 3))
MODELS = {"cnn": cnn, "mlp": mlp}
FORWARD = {kind: partial(file.forward, vectors=VECTORS) for kind, file in MODELS.items()}
EACH_TASK = pytest.mark.parametrize("multilabel", [False, True], ids=["single", "multi"])


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    start()


@pytest.fixture(scope="module")
def table() -> Table:
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 12, ROWS)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    tokens = rng.integers(1, 20, offsets[-1]).astype(np.uint16)
    return Table(tokens, offsets, rng.normal(size=(ROWS, 3)).astype(np.float32))


@pytest.fixture(scope="module")
def labels(table) -> np.ndarray:
    """Classes that depend on the first column, with noise."""
    noise = np.random.default_rng(1).normal(size=ROWS)
    return one_hot((table.features[:, 0] + 0.5 * noise > 0.4).astype(int), 2)


def architecture(kind: str, **options) -> Architecture:
    small = {"pieces": 0, "hidden": [4]} if kind == "mlp" else {"filters": 4, "width": 3}
    options = {"dropout": 0.2} | small | options
    return Architecture(MODELS[kind], options, Inputs(VECTORS, COLUMNS, 2))


def network(kind: str = "cnn", **options) -> keras.Model:
    """Return a network; what is random after it, dropout too, is the same each time."""
    (model,) = architecture(kind, **options).build(1, 5)
    return model


def once(rows) -> Plan:
    return repeat(np.bincount(rows, minlength=ROWS))


def run(kind, table, labels, seed: int = 3, multilabel: bool = False, model=None, **options):
    """Train on the first rows, some of them twice; validate on the last."""
    problem = problem_of(
        table,
        once(np.concatenate([np.arange(36), np.arange(8)])),
        labels,
        training=np.arange(36),
        held_out=np.arange(36, ROWS),
        multilabel=multilabel,
        seed=seed,
    )
    (weights,), history = train(
        problem,
        objective_of(problem.before),
        architecture(kind),
        [network(kind) if model is None else model],
        Training(**{"epochs": 3, "batch_size": 8, "learning_rate": 0.01} | options),
    )
    return weights, history


def scored(kind, weights, table, rows) -> np.ndarray:
    return score(FORWARD[kind](weights), table, rows)


def bits(weights) -> dict[str, bytes]:
    return {name: values.tobytes() for name, values in weights.items()}


def test_the_monitors_are_the_headline_scores():
    assert Training.model_fields["monitor"].annotation == scores.Headline


@pytest.mark.parametrize(
    "block", [{"epochs": 0}, {"batch_size": 0}, {"defer_weights": 1.0}, {"monitor": "accuracy_of"}]
)
def test_options_out_of_range_are_refused(block):
    with pytest.raises(UserError, match=rf"training\.{next(iter(block))}"):
        params.check(Training, block, "training")


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
    predicted = scored("mlp", weights, table, np.arange(36)).argmax(axis=1)
    per_class = scores.per_class(labels[:36], one_hot(predicted, 2), classes_of(labels))
    assert per_class["f1"]["b"] > 0.6


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
        scored("mlp", weights, table, ALL),
        scored("mlp", weights, narrow, ALL),
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
    outputs = scored("mlp", weights, table, held_out)
    headline = headline_of(outputs, labels[held_out], classes_of(labels[:36]))
    assert headline[monitor] == pytest.approx(best, rel=1e-6)


def headline_of(outputs, targets, classes) -> dict[str, float]:
    """Return the scores of labels as the network prefers them, and of corrected probabilities."""
    p = Correction.fit(objective_of(classes).ledger, outputs, targets).probabilities(outputs)
    return scores.headline(targets, one_hot(outputs.argmax(axis=1), 2), p, classes)


# What an epoch costs.


def test_a_heavier_class_is_predicted_more(table, labels):
    shares = []
    for factors in ([1.0, 1.0], [0.2, 5.0]):
        options = {"epochs": 8, "batch_size": 64, "learning_rate": 0.02}
        weights, _ = learn(table, labels, once(ALL), weights=factors, **options)
        shares.append(probabilities(scored("mlp", weights, table, ALL), False)[:, 1].mean())
    assert shares[1] > shares[0] + 0.1


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_the_loss_of_the_first_step_is_the_mean_over_the_rows(kind, table, labels):
    """One batch, no dropout: the history's loss is the loss before the step, in numpy."""
    model, weights = network(kind, dropout=0.0), [0.5, 3.0]
    first = {name: value.numpy() for name, value in variables(model).items()}
    true = (probabilities(scored(kind, first, table, ALL), False) * labels).sum(axis=1)
    expected = (-np.log(true) * (labels @ weights)).mean()
    options = {"epochs": 1, "batch_size": ROWS, "precision": "float32"}
    _, history = learn(table, labels, once(ALL), kind, model, weights=weights, **options)
    assert history[0]["loss"] == pytest.approx(expected, rel=1e-5)


def test_the_loss_of_an_epoch_counts_each_row_alike_in_batches_of_unlike_sizes(table, labels):
    """Steps that change nothing: whatever the batches are, the mean over the rows is the same."""
    losses = []
    for size in (40, ROWS):
        options = {"epochs": 1, "batch_size": size, "learning_rate": 1e-30}
        model = network("mlp", dropout=0.0)
        losses.append(learn(table, labels, once(ALL), "mlp", model, **options)[1][0]["loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


@EACH_TASK
def test_both_tasks_train(multilabel, table, labels):
    targets = labels.copy()
    if multilabel:
        targets[:, 0] = ALL % 3 == 0
    _, history = run("cnn", table, targets, multilabel=multilabel, epochs=1)
    assert np.isfinite(list(history[0].values())).all()


# A row's logits are its own.


@pytest.mark.parametrize("trainable", [True, False])
def test_scores_depend_on_no_other_row(trainable, table, labels):
    model = network("cnn", trainable=trainable)
    weights, _ = run("cnn", table, labels, model=model, learning_rate=0.05)
    together = scored("cnn", weights, table, ALL)
    assert together.dtype == np.float32
    alone = [scored("cnn", weights, table, np.array([row])) for row in range(0, ROWS, 5)]
    np.testing.assert_allclose(np.concatenate(alone), together[::5], atol=1e-6)
    pairs = np.array([4, 4, 30, 11])
    np.testing.assert_allclose(scored("cnn", weights, table, pairs), together[pairs], atol=1e-6)


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_scores_come_in_the_order_of_the_rows_over_many_batches(kind, table):
    model = network(kind)
    rows = np.random.default_rng(0).integers(0, ROWS, 2 * SCORING_BATCH + 7)
    narrow = table.only(model.input)
    expected = np.asarray(model(narrow.take(rows).padded(), training=False))
    weights = {name: value.numpy() for name, value in variables(model).items()}
    np.testing.assert_allclose(scored(kind, weights, narrow, rows), expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
@pytest.mark.parametrize("learning_rate", [1e20, 1e30])
def test_a_diverging_training_is_reported(kind, learning_rate, table, labels):
    with pytest.raises(UserError, match="diverged in epoch 1"):
        run(kind, table, labels, learning_rate=learning_rate)


@pytest.mark.parametrize(
    ("monitor", "scores_and_losses", "best", "last"),
    [
        # On a plateau of the score, training goes on while the log-loss falls.
        ("f1_macro", [(0.5, 0.9), (0.5, 0.8), (0.5, 0.7), (0.5, 0.8), (0.5, 0.9)], 2, 4),
        # A better score wins whatever its log-loss.
        ("f1_macro", [(0.5, 0.7), (0.6, 0.9), (0.5, 0.1), (0.5, 0.1)], 1, 3),
        ("log_loss", [(0.9, 0.9), (0.8, 0.8), (0.85, 0.85), (0.9, 0.9)], 1, 3),
    ],
)
def test_the_best_epoch_is_kept_and_patience_counts_from_it(monitor, scores_and_losses, best, last):
    epochs = BestEpoch(monitor, patience=2, first=0)
    for epoch, (value, loss) in enumerate(scores_and_losses):
        over = epochs.update(epoch, {monitor: value, "log_loss": loss}, [{"epoch": epoch}])
        assert over == (epoch == last)
    assert epochs.networks() == [{"epoch": best}]


def test_epochs_are_scored_by_labels_as_trained_and_corrected_probabilities(
    table, labels, monkeypatch
):
    """A loss whose inverse reverses every probability reverses the ranking, and no label."""
    histories = []
    for sign in (1, -1):
        inverse = partial(lambda logits, _, sign: sign * logits, sign=sign)
        monkeypatch.setattr(cross_entropy, "inverse", inverse)
        options = {"monitor": "roc_auc", "batch_size": 64}
        histories.append(learn(table, labels, once(ALL), **options)[1])
    for name, expected in [("val_roc_auc", lambda x: 1 - x), ("val_f1_macro", lambda x: x)]:
        plain, reversed_ = (np.array([entry[name] for entry in h]) for h in histories)
        np.testing.assert_allclose(reversed_, expected(plain), atol=1e-6)


def test_outputs_that_only_rank_are_scored_by_corrected_labels(table, labels):
    """Both classes' outputs raised as one likes: their argmax says nothing."""
    objective = objective_of(classes_of(labels))
    outputs = np.array([[0.0, 9.0], [0.0, 8.0], [0.0, 7.0], [0.0, 6.0]])
    targets = one_hot([1, 1, 0, 0], 2)
    assert validate(outputs, targets, objective)["f1_macro"] < 0.5
    only_ranks = replace(objective.ledger, only_ranks=True, has_inverse=False)
    ranking = replace(objective, ledger=only_ranks)
    assert validate(outputs, targets, ranking)["f1_macro"] == 1


def learn(table, labels, plan, kind="mlp", model=None, weights=None, **options):
    """Train on a plan and validate on all rows; return the weights and the history."""
    problem = problem_of(table, plan, labels)
    (weights,), history = train(
        problem,
        objective_of(problem.before, weights=weights),
        architecture(kind),
        [network(kind) if model is None else model],
        Training(**{"epochs": 2, "batch_size": 8} | options),
    )
    return weights, history


# Folds.

FOLDS = ALL % 2


def learn_folds(table, labels, plan, kind="mlp", **options):
    """Train a network for each fold; return their weights and the history."""
    problem = problem_of(table, plan, labels, folds=FOLDS)
    return train(
        problem,
        objective_of(problem.before),
        architecture(kind),
        [network(kind) for _ in range(problem.network_count)],
        Training(**{"epochs": 2, "batch_size": 8, "learning_rate": 0.01} | options),
    )


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["cnn", "mlp"])
@pytest.mark.parametrize("mixed", [False, True], ids=["alone", "with partners"])
def test_a_network_learns_nothing_of_its_fold(kind, mixed, table, labels):
    """Other labels and other inputs in fold 0 leave network 0 as it is, and no other."""
    plan = Plan(ALL, np.ones(ROWS))
    if mixed:
        # Of the other fold, or of the row's own.
        partners = np.where(ALL % 3, np.roll(ALL, 1), np.roll(ALL, 2))
        plan = replace(plan, partners=partners, shares=np.full(ROWS, 0.4))
    left_out = FOLDS[:, None] == 0
    changed = Table(table.tokens, table.offsets, np.where(left_out, 5, table.features))
    other = np.where(left_out, 1 - labels, labels)
    first, _ = learn_folds(table, labels, plan, kind, epochs=1)
    second, _ = learn_folds(changed, other, plan, kind, epochs=1)
    assert bits(first[0]) == bits(second[0])
    assert bits(first[1]) != bits(second[1])


def test_one_of_several_networks_is_what_it_is_alone(table, labels):
    """Network 0 learns from the rows outside its fold as if they were all there is."""
    plan = once(ALL)
    outside = once(np.flatnonzero(FOLDS != 0))
    together, _ = learn_folds(table, labels, plan, epochs=1, batch_size=ROWS)
    alone, _ = learn(table, labels, outside, epochs=1, batch_size=ROWS, learning_rate=0.01)
    for name, values in alone.items():
        np.testing.assert_allclose(together[0][name], values, atol=1e-4)


def test_each_row_is_scored_by_the_network_that_has_not_learnt_from_it(table):
    rng = np.random.default_rng(0)
    networks = [lambda rows, k=k: np.full((len(rows.features), 2), k, np.float32) for k in (1, 3)]
    folds = rng.integers(-1, 2, ROWS)
    rows = rng.permutation(ROWS)[:30]
    outputs = score_held_out(networks, table.only(["features"]), rows, folds)
    np.testing.assert_array_equal(outputs[:, 0], np.choose(folds[rows] + 1, [2, 1, 3]))


def test_the_scores_of_an_epoch_are_those_of_rows_not_learnt_from(table, labels):
    networks, history = learn_folds(table, labels, once(ALL), epochs=1)
    forwards = [FORWARD["mlp"](weights) for weights in networks]
    outputs = score_held_out(forwards, table.only(["features"]), ALL, FOLDS)
    headline = headline_of(outputs, labels, classes_of(labels))
    assert history[0]["val_f1_macro"] == pytest.approx(headline["f1_macro"], rel=1e-6)
    assert history[0]["val_log_loss"] == pytest.approx(headline["log_loss"], rel=1e-6)


def test_networks_side_by_side_are_the_same_twice(table, labels):
    (first, history), (second, again) = (
        learn_folds(table, labels, once(ALL), "cnn") for _ in range(2)
    )
    assert history == again
    assert [bits(weights) for weights in first] == [bits(weights) for weights in second]


def test_deferred_weights_do_not_apply_before_their_epoch(table, labels):
    _, deferred = learn(table, labels, once(ALL), epochs=4, weights=[0.2, 5.0], defer_weights=0.5)
    _, plain = learn(table, labels, once(ALL), epochs=4)
    assert deferred[:2] == plain[:2]
    assert deferred[2] != plain[2]


def test_the_best_epoch_is_none_before_the_weights_apply():
    epochs = BestEpoch("f1_macro", patience=1, first=2)
    for epoch, value in enumerate([0.9, 0.8, 0.3, 0.4, 0.35]):
        headline = {"f1_macro": value, "log_loss": 1.0}
        assert epochs.update(epoch, headline, [{"epoch": epoch}]) == (epoch == 4)
    assert epochs.networks() == [{"epoch": 3}]


def test_a_score_that_is_defined_in_no_epoch_is_reported():
    epochs = BestEpoch("roc_auc", patience=2, first=0)
    undefined = {"roc_auc": float("nan"), "log_loss": 1.0}
    assert not epochs.update(0, undefined, [])
    assert epochs.update(1, undefined, [])
    with pytest.raises(UserError, match=r"training\.monitor: roc_auc is not defined"):
        epochs.networks()


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_a_partner_with_a_share_of_0_is_no_partner(kind, table, labels):
    rows = ALL
    alone = Plan(rows, np.ones(ROWS), partners=np.full(ROWS, -1), shares=np.zeros(ROWS))
    beside = Plan(rows, np.ones(ROWS), partners=rows[::-1].copy(), shares=np.zeros(ROWS))
    first, _ = learn(table, labels, alone, kind, epochs=1)
    second, _ = learn(table, labels, beside, kind, epochs=1)
    np.testing.assert_allclose(
        scored(kind, first, table, rows), scored(kind, second, table, rows), atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_a_partner_with_a_share_of_1_takes_the_row_s_place(kind, table, labels):
    rows = ALL
    swapped = Plan(rows, np.ones(ROWS), labels=labels, partners=rows, shares=np.ones(ROWS))
    alone = Plan(rows, np.ones(ROWS), partners=np.full(ROWS, -1), shares=np.zeros(ROWS))
    first, _ = learn(table, labels, alone, kind, epochs=1)
    second, _ = learn(table, labels, swapped, kind, epochs=1)
    np.testing.assert_allclose(
        scored(kind, first, table, rows), scored(kind, second, table, rows), atol=1e-4, rtol=1e-3
    )


@pytest.mark.parametrize("kind", ["cnn", "mlp"])
def test_a_plan_with_mixed_labels_trains(kind, table, labels):
    rows = ALL
    mixed = Plan(
        rows,
        np.ones(ROWS),
        partners=rows[::-1].copy(),
        shares=np.full(ROWS, 0.3),
        label_shares=np.full(ROWS, 0.3),
    )
    _, history = learn(table, labels, mixed, kind)
    assert np.isfinite(history[-1]["loss"])
