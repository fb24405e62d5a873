"""Mixup and Remix: pairs, shares, and whose the label is."""

import numpy as np
import pytest
from problems import classes_of, one_hot, some_targets
from test_samplers import rows_of

from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan
from ballast.samplers import mixup, remix
from ballast.samplers._mixing import mixed


def plan_of(module, targets, seed=0, **options):
    multilabel = bool((targets.sum(axis=1) != 1).any())
    return module.sample(rows_of(targets), classes_of(targets, multilabel), seed, **options)


@pytest.fixture
def targets() -> np.ndarray:
    return some_targets(np.random.default_rng(3), 90, 4)


@pytest.mark.parametrize("module", [mixup, remix])
@pytest.mark.parametrize("partners", [1, 4])
def test_each_row_has_its_partners_and_is_as_often_one(module, partners, targets):
    plan = plan_of(module, targets, partners=partners)
    for numbers in (plan.rows, plan.partners):
        assert (np.bincount(numbers) == partners).all()
    np.testing.assert_allclose(np.bincount(plan.rows, weights=plan.times), 1)
    assert plan.size == 90
    assert plan.distortion
    np.testing.assert_allclose(plan.targets(targets).sum(axis=1), 1)


@pytest.mark.parametrize("module", [mixup, remix])
def test_the_seed_makes_the_plan(module, targets):
    one, same, other = (plan_of(module, targets, seed) for seed in (5, 5, 6))
    for name in ("partners", "shares", "label_shares"):
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
        assert (getattr(one, name) != getattr(other, name)).any()


@pytest.mark.parametrize("alpha", [0.001, 0.2, 1.0, 8.0])
def test_shares_have_the_moments_of_the_beta_distribution(alpha):
    shares = mixed(10_000, 5, alpha, 0, "").shares
    assert ((shares >= 0) & (shares <= 1)).all()
    # Var Beta(a, a) = 1 / (4 (2 a + 1)); 50,000 draws put both within .01.
    assert abs(shares.mean() - 0.5) < 0.01
    assert abs(shares.var() - 1 / (4 * (2 * alpha + 1))) < 0.01


def test_mixup_mixes_labels_as_it_mixes_inputs_and_keeps_the_prior(targets):
    many = np.tile(targets, (100, 1))
    plan = plan_of(mixup, many)
    assert plan.label_shares is plan.shares
    after = plan.times @ plan.targets(many) / plan.size
    np.testing.assert_allclose(after, targets.mean(axis=0), atol=0.01)


def test_mixup_takes_rows_of_many_labels():
    targets = some_targets(np.random.default_rng(0), 40, 3, multilabel=True)
    plan = plan_of(mixup, targets)
    expected = (1 - plan.shares[:, None]) * targets[plan.rows]
    expected += plan.shares[:, None] * targets[plan.partners]
    np.testing.assert_allclose(plan.targets(targets), expected)


@pytest.mark.parametrize(
    ("sizes", "share", "expected"),
    [
        # Row 0 is of class 0 with l = 1 - share; its partner is of class 1.
        ((6, 2), 0.6, 1.0),  # 3 times larger, l = .4 < tau: all of the label to the partner
        ((6, 2), 0.4, 0.4),  # l = .6: as in mixup
        ((6, 2), 0.5, 0.5),  # l = tau isn't less
        ((5, 2), 0.6, 0.6),  # 2.5 times larger only
        ((2, 6), 0.4, 0.0),  # partner 3 times larger, 1 - l = .4 < tau: none of the label to it
        ((2, 6), 0.6, 0.6),
        ((2, 5), 0.4, 0.4),
        ((4, 4), 0.6, 0.6),
    ],
)
def test_remix_by_hand(monkeypatch, sizes, share, expected):
    labels = np.repeat([0, 1], sizes)
    other = np.flatnonzero(labels == 1)[0]
    partners = np.arange(len(labels))
    partners[[0, other]] = other, 0
    shares = np.full(len(labels), share)
    given = Plan(np.arange(len(labels)), np.ones(len(labels)), partners=partners, shares=shares)
    monkeypatch.setattr(remix, "mixed", lambda *_: given)
    plan = plan_of(remix, one_hot(labels, 2), partners=1, kappa=3.0, tau=0.5)
    assert plan.shares[0] == share
    assert plan.label_shares[0] == expected


def test_remix_without_tau_is_mixup(targets):
    plain, mixed = plan_of(mixup, targets), plan_of(remix, targets, tau=0.0)
    np.testing.assert_array_equal(plain.label_shares, mixed.label_shares)
    np.testing.assert_array_equal(plain.partners, mixed.partners)


def test_remix_among_classes_of_one_size_is_mixup():
    plan = plan_of(remix, one_hot([0] * 30 + [1] * 30, 2), kappa=1.001, tau=1.0)
    np.testing.assert_array_equal(plan.label_shares, plan.shares)


def test_remix_leans_to_small_classes(targets):
    many = np.tile(targets, (100, 1))
    plans = [plan_of(module, many, alpha=1.0) for module in (mixup, remix)]
    plain, mixed = (plan.targets(many).mean(axis=0) for plan in plans)
    sizes = targets.sum(axis=0)
    assert mixed[sizes.argmin()] > 1.1 * plain[sizes.argmin()]
    assert mixed[sizes.argmax()] < plain[sizes.argmax()]


def test_remix_refuses_rows_of_many_labels():
    targets = some_targets(np.random.default_rng(0), 20, 3, multilabel=True)
    with pytest.raises(UserError, match=r"sampler: remix.*multi-label"):
        plan_of(remix, targets)


@pytest.mark.parametrize(
    ("module", "option"),
    [(mixup, {"alpha": 0}), (remix, {"kappa": 1}), (remix, {"tau": 1.5}), (remix, {"tau": -1})],
)
def test_options_out_of_range_are_refused(module, option):
    with pytest.raises(UserError, match=next(iter(option))):
        params.options(module.sample, option, "samplers.x")
