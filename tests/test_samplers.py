"""Samplers: what every member promises, and each one's own numbers."""

import numpy as np
import pytest
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from problems import LETTERS, check_blocks, check_contract, classes_of, one_hot, some_targets

from ballast import params
from ballast.drawing import Rows
from ballast.errors import UserError
from ballast.samplers import none, random_over, random_under

MEMBERS = params.members("samplers")
ROWS_ONCE = ["random_over", "random_under"]
# These take rows with several labels, and no others.
LABEL_SETS = ["ml_ros", "mlsmote"]


def rows_of(targets: np.ndarray, numeric: bool = False) -> Rows:
    """Return training rows whose texts (or columns) tell something of their labels."""
    rng = np.random.default_rng(11)
    words = [[f"{LETTERS[c]}{rng.integers(8)}" for c in np.flatnonzero(row)] for row in targets]
    texts = [" ".join([*own, f"w{rng.integers(20)}", "le", "la"]) for own in words]
    features = rng.normal(size=(len(targets), 4)) + np.resize(targets, (len(targets), 4))
    return (
        Rows(targets, None, features)
        if numeric
        else Rows(targets, texts, np.zeros((len(targets), 0)))
    )


def times_of(module, targets: np.ndarray, seed: int, **options) -> np.ndarray:
    """Return how often a sampler uses each row; a new text counts for the row it was made from."""
    multilabel = module.__name__.split(".")[-1] in LABEL_SETS
    plan = module.sample(rows_of(targets), classes_of(targets, multilabel), seed, **options)
    sources = np.array([*range(len(targets)), *(source for source, _ in plan.texts)])
    return np.bincount(sources[plan.rows], weights=plan.times, minlength=len(targets))


@pytest.fixture
def targets(request) -> np.ndarray:
    """Return rows that the member under test takes."""
    asked = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    return some_targets(np.random.default_rng(3), 90, 4, asked.get("name") in LABEL_SETS)


def test_every_member_has_its_block_of_options():
    check_blocks("sampler")


@pytest.mark.parametrize("name", MEMBERS)
def test_contract(name, targets):
    module, options = check_contract("sampler", name)
    classes = classes_of(targets)
    kept = targets.copy()
    times = times_of(module, targets, 5, **options)
    assert times.shape == (len(targets),)
    assert (times >= 0).all()
    assert times.any()
    np.testing.assert_array_equal(targets, kept)
    # No class that the rows have is lost, and none comes from nowhere.
    np.testing.assert_array_equal((times @ targets) > 0, classes.counts > 0)


@pytest.mark.parametrize("name", MEMBERS)
def test_same_seed_same_plan_whatever_was_drawn_before(name, targets):
    module, options = check_contract("sampler", name)
    first = times_of(module, targets, 5, **options)
    np.random.default_rng().random(10)
    np.random.seed(1)
    np.testing.assert_array_equal(first, times_of(module, targets, 5, **options))


@pytest.mark.parametrize("name", ROWS_ONCE)
def test_another_seed_draws_other_rows(name, targets):
    module, options = check_contract("sampler", name)
    drawn = [times_of(module, targets, seed, **options) for seed in range(4)]
    assert len({tuple(times) for times in drawn}) == 4


@pytest.mark.parametrize("name", MEMBERS)
def test_a_class_without_a_row_is_no_hindrance(name, targets):
    module, options = check_contract("sampler", name)
    wider = np.insert(targets, 2, 0, axis=1)
    narrow = times_of(module, targets, 5, **options)
    np.testing.assert_array_equal(times_of(module, wider, 5, **options), narrow)


@pytest.mark.parametrize("name", MEMBERS)
def test_every_member_takes_two_rows(name):
    module, options = check_contract("sampler", name)
    targets = one_hot([0, 1], 2)
    np.testing.assert_array_equal(times_of(module, targets, 0, **options), [1, 1])


def test_none_uses_each_row_once_also_of_many_labels():
    targets = some_targets(np.random.default_rng(0), 20, 3, multilabel=True)
    assert (none.sample(rows_of(targets), classes_of(targets, True), 0).times == 1).all()


@pytest.mark.parametrize("name", ROWS_ONCE)
def test_ratio_1_makes_classes_equal(name, targets):
    module, _ = check_contract("sampler", name)
    counts = targets.sum(axis=0)
    after = times_of(module, targets, 0, ratio=1.0) @ targets
    assert set(after) == {counts.max() if name == "random_over" else counts.min()}


@pytest.mark.parametrize("ratio", [0.001, 0.1, 0.25, 0.5, 0.9])
def test_over_fills_small_classes_up_to_a_share_of_the_largest(ratio, targets):
    counts = targets.sum(axis=0, dtype=int)
    times = times_of(random_over, targets, 0, ratio=ratio)
    np.testing.assert_array_equal(
        times @ targets, np.maximum(counts, np.round(ratio * counts.max()).astype(int))
    )
    assert (times >= 1).all()


@pytest.mark.parametrize("ratio", [0.001, 0.1, 0.25, 0.5, 0.9])
def test_under_leaves_the_smallest_as_a_share_of_each(ratio, targets):
    counts = targets.sum(axis=0, dtype=int)
    times = times_of(random_under, targets, 0, ratio=ratio)
    np.testing.assert_array_equal(
        times @ targets, np.minimum(counts, np.round(counts.min() / ratio).astype(int))
    )
    assert (times <= 1).all()


@pytest.mark.parametrize("ratio", [0, -0.5, 1.5, "1"])
@pytest.mark.parametrize("name", ROWS_ONCE)
def test_ratio_out_of_range_is_refused(name, ratio):
    module, _ = check_contract("sampler", name)
    with pytest.raises(UserError, match="ratio"):
        params.options(module.sample, {"ratio": ratio}, f"samplers.{name}")


@pytest.mark.parametrize(
    ("name", "theirs"), [("random_over", RandomOverSampler), ("random_under", RandomUnderSampler)]
)
@pytest.mark.parametrize("seed", [0, 1, 4294967295])
def test_draws_are_those_of_imbalanced_learn(name, theirs, seed, targets):
    module, _ = check_contract("sampler", name)
    labels = targets.argmax(axis=1)
    sampler = theirs(sampling_strategy="all", random_state=seed)
    rows, after = sampler.fit_resample(np.arange(len(labels))[:, None], labels)
    times = times_of(module, targets, seed, ratio=1.0)
    np.testing.assert_array_equal(times, np.bincount(rows[:, 0], minlength=len(labels)))
    np.testing.assert_array_equal(times @ targets, np.bincount(after))


@pytest.mark.parametrize("name", ROWS_ONCE)
@pytest.mark.parametrize("row", [[1, 1, 0], [0, 0, 0]])
def test_rows_without_exactly_one_label_are_refused(name, row):
    module, _ = check_contract("sampler", name)
    targets = np.array([[1, 0, 0], [0, 1, 0], row], dtype=np.uint8)
    with pytest.raises(UserError, match=f"sampler: {name}.*multi-label"):
        module.sample(rows_of(targets), classes_of(targets, True), 0)
