"""Samplers: the contract of every member, and each one's numbers."""

import importlib
import warnings
from dataclasses import replace

import numpy as np
import pytest
from imblearn import combine, over_sampling, under_sampling
from problems import LETTERS, check_blocks, check_contract, classes_of, one_hot, some_targets
from sklearn.linear_model import LogisticRegression

from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.drawing import Rows
from ballast.resampling.plans import Plan
from ballast.samplers import none, random_over, random_under
from ballast.samplers._interpolation import interpolate
from ballast.training.batches import Table, make_batch

MEMBERS = params.members("samplers")
ROWS_ONCE = ["random_over", "random_under"]
# These take rows with several labels, and no others.
LABEL_SETS = ["ml_ros", "mlsmote"]
NEEDS_TEXT = ["eda"]
# Member, its options, imbalanced-learn's class, its options.
GROWING = [
    ("smote", {}, over_sampling.SMOTE, {}),
    ("smote", {"neighbours": 2}, over_sampling.SMOTE, {"k_neighbors": 2}),
    ("borderline_smote", {}, over_sampling.BorderlineSMOTE, {}),
    (
        "borderline_smote",
        {"kind": 2, "around": 6, "neighbours": 4},
        over_sampling.BorderlineSMOTE,
        {"kind": "borderline-2", "m_neighbors": 6, "k_neighbors": 4},
    ),
    ("svm_smote", {}, over_sampling.SVMSMOTE, {}),
    (
        "svm_smote",
        {"out_step": 0.9, "around": 12, "neighbours": 3},
        over_sampling.SVMSMOTE,
        {"out_step": 0.9, "m_neighbors": 12, "k_neighbors": 3},
    ),
    ("adasyn", {}, over_sampling.ADASYN, {}),
    ("adasyn", {"neighbours": 7}, over_sampling.ADASYN, {"n_neighbors": 7}),
    ("smote_tomek", {}, combine.SMOTETomek, {}),
    ("smote_enn", {}, combine.SMOTEENN, {}),
]
CLEANING = [
    ("tomek", {}, under_sampling.TomekLinks, {}),
    ("tomek", {"cleaned": "all"}, under_sampling.TomekLinks, {"sampling_strategy": "all"}),
    ("enn", {}, under_sampling.EditedNearestNeighbours, {}),
    (
        "enn",
        {"cleaned": "all", "neighbours": 5, "agree": "mode"},
        under_sampling.EditedNearestNeighbours,
        {"sampling_strategy": "all", "n_neighbors": 5, "kind_sel": "mode"},
    ),
    ("near_miss", {}, under_sampling.NearMiss, {}),
    (
        "near_miss",
        {"version": 2, "neighbours": 4},
        under_sampling.NearMiss,
        {"version": 2, "n_neighbors": 4},
    ),
    ("near_miss", {"version": 3}, under_sampling.NearMiss, {"version": 3}),
    ("ncr", {}, under_sampling.NeighbourhoodCleaningRule, {}),
    (
        "ncr",
        {"neighbours": 5, "threshold": 3.0},
        under_sampling.NeighbourhoodCleaningRule,
        {"n_neighbors": 5, "threshold_cleaning": 3.0},
    ),
    ("oss", {}, under_sampling.OneSidedSelection, {}),
    ("oss", {"neighbours": 3}, under_sampling.OneSidedSelection, {"n_neighbors": 3}),
    (
        "iht",
        {},
        under_sampling.InstanceHardnessThreshold,
        {"estimator": LogisticRegression(max_iter=1000)},
    ),
]
GROWERS = sorted({name for name, *_ in GROWING})
CLEANERS = sorted({name for name, *_ in CLEANING})


def rows_of(targets: np.ndarray, numeric: bool = False) -> Rows:
    """Return training rows whose texts (or columns) are informative of their labels."""
    rng = np.random.default_rng(11)
    words = [[f"{LETTERS[c]}{rng.integers(8)}" for c in np.flatnonzero(row)] for row in targets]
    texts = [" ".join([*some, f"w{rng.integers(20)}", "le", "la"]) for some in words]
    features = rng.normal(size=(len(targets), 4)) + np.resize(targets, (len(targets), 4))
    return (
        Rows(targets, None, features)
        if numeric
        else Rows(targets, texts, np.zeros((len(targets), 0)))
    )


def on_a_line(labels: list[int], places: list[float]) -> Rows:
    """Return rows of one numeric column."""
    return Rows(one_hot(labels, max(labels) + 1), None, np.array(places, dtype=float)[:, None])


def plan_of(name: str, rows: Rows, seed: int = 0, **options) -> Plan:
    """Return a member's plan; other options have their defaults."""
    module = importlib.import_module(f"ballast.samplers.{name}")
    classes = classes_of(rows.targets, name in LABEL_SETS)
    return module.sample(rows, classes, seed, **options)


def check_plan(plan: Plan, targets: np.ndarray) -> None:
    """Hold a plan against what every plan of rows with one label promises."""
    entries = len(plan.rows)
    assert plan.times.shape == (entries,)
    assert (plan.times > 0).all()
    assert ((plan.rows >= 0) & (plan.rows < len(targets) + len(plan.texts))).all()
    # No class that the rows have is lost, and none comes from nowhere.
    known = np.concatenate([targets, targets[[source for source, _ in plan.texts]]])
    np.testing.assert_array_equal((plan.times @ plan.targets(known)) > 0, targets.sum(axis=0) > 0)
    if plan.partners is None:
        return
    assert plan.partners.shape == plan.shares.shape == (entries,)
    assert ((plan.partners >= -1) & (plan.partners < len(known))).all()
    assert (np.abs(plan.shares) <= 1).all()
    assert (plan.shares[plan.partners < 0] == 0).all()
    if plan.labels is None and plan.label_shares is None:
        mixed = plan.partners >= 0
        np.testing.assert_array_equal(known[plan.rows[mixed]], known[plan.partners[mixed]])


def equal(plan: Plan, other: Plan) -> bool:
    """Whether two plans are the same."""
    names = ["rows", "times", "first", "partners", "shares", "label_shares", "labels"]
    pairs = [(getattr(plan, name), getattr(other, name)) for name in names]
    return list(plan.texts) == list(other.texts) and all(
        (a is None and b is None) or np.array_equal(a, b) for a, b in pairs
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
    _, options = check_contract("sampler", name)
    before = targets.copy()
    for numeric in [False, True]:
        if not (numeric and name in NEEDS_TEXT):
            check_plan(plan_of(name, rows_of(targets, numeric), 5, **options), targets)
    np.testing.assert_array_equal(targets, before)


@pytest.mark.parametrize("name", MEMBERS)
def test_same_seed_same_plan_whatever_was_drawn_before(name, targets):
    first = plan_of(name, rows_of(targets), 5)
    np.random.default_rng().random(10)
    np.random.seed(1)
    assert equal(first, plan_of(name, rows_of(targets), 5))


@pytest.mark.parametrize("name", [*ROWS_ONCE, *GROWERS, "oss"])
def test_another_seed_draws_other_rows(name, targets):
    plans = [plan_of(name, rows_of(targets, True), seed) for seed in range(3)]
    assert not any(equal(plans[i], plans[j]) for i, j in [(0, 1), (0, 2), (1, 2)])


@pytest.mark.parametrize("name", MEMBERS)
def test_a_class_without_a_row_is_no_hindrance(name, targets):
    narrow = rows_of(targets, name not in NEEDS_TEXT)
    wider = replace(narrow, targets=np.insert(targets, 2, 0, axis=1))
    plan, expected = plan_of(name, wider, 5), plan_of(name, narrow, 5)
    if expected.labels is not None:
        expected = replace(expected, labels=np.insert(expected.labels, 2, 0, axis=1))
    assert equal(plan, expected)


def with_gaps(targets: np.ndarray) -> Rows:
    """Return rows of numbers and categories, a fifth of each missing, and one column of gaps."""
    rng = np.random.default_rng(4)
    plain = rows_of(targets, numeric=True)
    numbers = np.where(rng.random(plain.numbers.shape) < 0.2, np.nan, plain.numbers)
    numbers[:, 3] = np.nan
    names = rng.choice(np.array([None, "a", "b", "c"]), (len(targets), 2))
    return replace(plain, numbers=numbers, categories=names)


@pytest.mark.parametrize("name", [name for name in MEMBERS if name not in NEEDS_TEXT])
def test_gaps_and_categories_are_no_hindrance(name, targets):
    rows = with_gaps(targets)
    assert np.isfinite(rows.space).all()
    plan = plan_of(name, rows, 5)
    check_plan(plan, targets)
    table = Table(None, None, rows.numbers.astype(np.float32))
    batch = make_batch(plan, targets, np.arange(len(plan.rows)))
    assert np.isfinite(table.inputs(batch)["features"]).all()


def test_two_rows_with_different_names_are_at_distance_1():
    names = np.array([["a"], ["b"], [None], ["a"]], dtype=object)
    space = Rows(one_hot([0] * 4, 1), None, np.zeros((4, 0)), names).space
    distances = np.linalg.norm(space[:, None] - space, axis=-1)
    np.testing.assert_allclose(distances, names != names.T)


@pytest.mark.parametrize("numeric", [False, True])
@pytest.mark.parametrize("name", MEMBERS)
def test_two_rows_are_taken_or_refused_by_name(name, numeric):
    targets = one_hot([0, 1], 2)
    try:
        plan = plan_of(name, rows_of(targets, numeric))
    except UserError as error:
        assert f"sampler: {name}" in str(error)  # noqa: PT017
    else:
        check_plan(plan, targets)


@pytest.mark.parametrize("name", [*ROWS_ONCE, *GROWERS, *CLEANERS])
def test_a_single_class_stays_as_it_is(name):
    plan = plan_of(name, rows_of(one_hot([1, 1, 1, 1], 2), True))
    np.testing.assert_array_equal(plan.rows, np.arange(4))
    assert (plan.times == 1).all()


@pytest.mark.parametrize("name", [*GROWERS, *CLEANERS])
def test_what_cannot_be_undone_is_said(name, targets):
    distortion = plan_of(name, rows_of(targets)).distortion
    assert "p(class | x)" in distortion
    assert distortion.endswith(".")
    assert not any(plan_of(plain, rows_of(targets)).distortion for plain in ["none", *ROWS_ONCE])


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
@pytest.mark.parametrize("name", [*ROWS_ONCE, *GROWERS, "near_miss", "iht"])
def test_ratio_out_of_range_is_refused(name, ratio):
    module, _ = check_contract("sampler", name)
    with pytest.raises(UserError, match="ratio"):
        params.options(module.sample, {"ratio": ratio}, f"samplers.{name}")


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("random_over", over_sampling.RandomOverSampler),
        ("random_under", under_sampling.RandomUnderSampler),
    ],
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


def hard_problem(numeric: bool) -> tuple[Rows, np.ndarray]:
    """Return 280 rows of four classes of unlike sizes that overlap, and their label numbers."""
    rng = np.random.default_rng(7)
    labels = rng.permutation(np.repeat(np.arange(4), [140, 70, 45, 25]))
    targets = one_hot(labels, 4)
    features = rng.normal(size=(280, 5)) + 1.6 * np.insert(targets, 4, 1, axis=1)
    words = [[f"{LETTERS[c]}{rng.integers(3)}", f"{LETTERS[rng.integers(4)]}1"] for c in labels]
    texts = [" ".join([*some, *(f"w{rng.integers(9)}" for _ in range(3))]) for some in words]
    rows = Rows(targets, None if numeric else texts, features if numeric else np.zeros((280, 0)))
    return rows, labels


@pytest.mark.thorough
@pytest.mark.parametrize("numeric", [True, False])
@pytest.mark.parametrize(("name", "options", "theirs", "their_options"), GROWING)
def test_new_rows_are_those_of_imbalanced_learn(name, options, theirs, their_options, numeric):
    rows, labels = hard_problem(numeric)
    counts = np.bincount(labels)
    for seed, ratio in [(0, 1.0), (1, 0.9), (4294967295, 0.8)]:
        wanted = np.maximum(counts, np.round(ratio * counts.max()).astype(int))
        sampler = theirs(
            sampling_strategy=dict(enumerate(wanted)), random_state=seed, **their_options
        )
        expected, after = sampler.fit_resample(rows.space, labels)
        plan = plan_of(name, rows, seed, ratio=ratio, **options)
        assert (plan.partners >= 0).any()
        assert (plan.times == 1).all()
        np.testing.assert_array_equal(labels[plan.rows], after)
        np.testing.assert_allclose(interpolate(plan, rows.space), expected, rtol=0, atol=1e-9)


@pytest.mark.thorough
@pytest.mark.parametrize("numeric", [True, False])
@pytest.mark.parametrize(("name", "options", "theirs", "their_options"), CLEANING)
def test_rows_kept_are_those_of_imbalanced_learn(name, options, theirs, their_options, numeric):
    rows, labels = hard_problem(numeric)
    for seed in [0, 1, 4294967295]:
        drawn = {"random_state": seed} if "random_state" in theirs().get_params() else {}
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The number of the samples to be selected is larger")
            sampler = theirs(**drawn, **their_options)
            sampler.fit_resample(rows.space, labels)
        plan = plan_of(name, rows, seed, **options)
        assert len(plan.rows) < len(labels)
        assert (plan.times == 1).all()
        np.testing.assert_array_equal(plan.rows, np.sort(sampler.sample_indices_))


@pytest.mark.parametrize("name", ["near_miss", "iht"])
def test_ratio_leaves_the_smallest_as_a_share_of_the_others(name):
    rows, _ = hard_problem(True)
    counts = rows.targets[plan_of(name, rows, ratio=0.4).rows].sum(axis=0, dtype=int)
    # A percentile of 45 numbers may keep one more.
    assert (np.abs(counts - [62, 62, 45, 25]) <= (name == "iht")).all()


@pytest.mark.parametrize("name", ["smote", "smote_tomek", "adasyn"])
def test_a_class_of_few_rows_uses_the_neighbours_it_has(name):
    rows = on_a_line([0] * 8 + [1] * 2, [0, 1, 2, 3, 4, 5, 6, 7, 7.4, 9])
    plan = plan_of(name, rows)
    new = plan.partners >= 0
    assert new.sum() >= 5
    np.testing.assert_array_equal(plan.rows[new] + plan.partners[new], 8 + 9)


@pytest.mark.parametrize("name", ["smote", "borderline_smote", "svm_smote", "adasyn"])
def test_a_single_row_is_repeated(name):
    rows = on_a_line([0] * 6 + [1], [0, 1, 2, 3, 4, 5, 6])
    plan = plan_of(name, rows)
    np.testing.assert_array_equal(plan.rows, [0, 1, 2, 3, 4, 5, 6, 6, 6, 6, 6, 6])
    assert (plan.partners == -1).all()


@pytest.mark.parametrize("name", ["borderline_smote", "svm_smote"])
def test_a_class_of_noise_alone_stays_as_it_is(name):
    rows = on_a_line([0] * 8 + [1] * 2, [0, 1, 2, 3, 4, 5, 6, 7, 1.5, 5.5])
    np.testing.assert_array_equal(plan_of(name, rows, around=1).rows, np.arange(10))


def test_borderline_leaves_a_class_far_from_the_border_as_it_is():
    rows = on_a_line([0] * 6 + [1] * 4, [0, 1, 2, 3, 4, 5, 90, 91, 92, 93])
    np.testing.assert_array_equal(plan_of("borderline_smote", rows, around=3).rows, np.arange(10))


def test_borderline_2_goes_at_most_half_of_the_way_to_another_class():
    rows, labels = hard_problem(True)
    plan = plan_of("borderline_smote", rows, kind=2)
    foreign = (plan.partners >= 0) & (labels[plan.rows] != labels[plan.partners])
    assert foreign.any()
    assert plan.shares[foreign].max() <= 0.5
    assert plan.shares.max() > 0.9
    np.testing.assert_array_equal(plan.targets(rows.targets), rows.targets[plan.rows])


def test_svm_smote_reaches_beyond_safe_rows_by_at_most_its_step():
    rows, _ = hard_problem(True)
    shares = plan_of("svm_smote", rows, out_step=0.25).shares
    assert -0.25 <= shares.min() < -0.2
    assert 0.9 < shares.max() <= 1


def test_adasyn_grows_evenly_where_no_other_class_is_near():
    rows = on_a_line([0] * 8 + [1] * 4, [0, 1, 2, 3, 4, 5, 6, 7, 90, 91, 92, 93])
    plan = plan_of("adasyn", rows, neighbours=3)
    np.testing.assert_array_equal(np.bincount(plan.rows)[8:], [2, 2, 2, 2])


@pytest.mark.parametrize(
    ("name", "options"), [("tomek", {"cleaned": "all"}), ("enn", {"cleaned": "all"}), ("enn", {})]
)
def test_a_class_that_cleaning_would_lose_keeps_its_rows(name, options):
    # Each row of class 1 lies beside one of class 0 alone; of class 2 there is less.
    rows = on_a_line([0, 1, 0, 1, 0, 0, 0, 0, 2], [0, 0.1, 5, 5.1, 10, 11, 12, 13, 40])
    remaining = set(plan_of(name, rows, **options).rows)
    assert {1, 3, 8} <= remaining
    assert not {0, 2} & remaining


def test_smote_enn_keeps_a_class_that_cleaning_would_lose():
    rows = on_a_line([0] * 6 + [1] * 2, [0, 1, 2, 3, 4, 5, 0.5, 4.5])
    plan = plan_of("smote_enn", rows, ratio=0.4)
    np.testing.assert_array_equal(plan.rows[-2:], [6, 7])
    check_plan(plan, rows.targets)


def test_iht_names_the_class_with_a_single_row():
    with pytest.raises(UserError, match=r"sampler: iht needs two training rows.*'b' has one"):
        plan_of("iht", on_a_line([0, 0, 0, 1], [0, 1, 2, 3]))


@pytest.mark.parametrize("name", [*ROWS_ONCE, *GROWERS, *CLEANERS])
@pytest.mark.parametrize("row", [[1, 1, 0], [0, 0, 0]])
def test_rows_without_exactly_one_label_are_refused(name, row):
    targets = np.array([[1, 0, 0], [0, 1, 0], row], dtype=np.uint8)
    with pytest.raises(UserError, match=f"sampler: {name} .*multi-label"):
        plan_of(name, rows_of(targets))
