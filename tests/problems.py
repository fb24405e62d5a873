"""Small problems, and what every member of every family is held to."""

import doctest
import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from ballast.labels.classes import Classes
from ballast.losses import cross_entropy
from ballast.probabilities.ledger import Ledger
from ballast.project import params
from ballast.project.errors import UserError
from ballast.resampling.plans import Plan
from ballast.texts.corpus import Contents, Corpus
from ballast.training.batches import Table
from ballast.training.objective import Objective
from ballast.training.problem import Problem

ROOT = Path(__file__).parents[1]
LETTERS = tuple("abcdefghij")


def classes_of(
    targets: np.ndarray, multilabel: bool = False, positive: int | None = None
) -> Classes:
    """Return the classes as they stand in some rows, named a, b, c, ..."""
    names = LETTERS[: targets.shape[1]]
    return Classes(names, targets.sum(axis=0, dtype=np.int64), len(targets), multilabel, positive)


def contents_of(texts=None, *, numbers=None, categories=None, dates=None) -> Contents:
    """Return some rows' contents, lists of a list for each row, without what is not named."""
    rows = len(next(each for each in (texts, numbers, categories, dates) if each is not None))

    def matrix(values, kind: type) -> np.ndarray:
        return np.array([()] * rows if values is None else values, dtype=kind).reshape(rows, -1)

    return Contents(texts, matrix(numbers, float), matrix(categories, object), matrix(dates, float))


def corpus_of(contents: Contents, training=None, **folders: Path) -> Corpus:
    """Return rows as embeddings take them; by default all are training rows."""
    training = np.ones(len(contents.numbers), dtype=bool) if training is None else training
    return Corpus(**vars(contents), training=training, **{"vectors": Path("none")} | folders)


def one_hot(labels, count: int) -> np.ndarray:
    """Return label numbers as a matrix of 0 and 1."""
    return np.eye(count, dtype=np.uint8)[np.asarray(labels)]


def some_targets(
    rng: np.random.Generator, rows: int, count: int, multilabel: bool = False
) -> np.ndarray:
    """Return labels of random rows, of classes of different sizes with one row at least."""
    if multilabel:
        targets = (rng.random((rows, count)) < np.linspace(0.6, 0.2, count)).astype(np.uint8)
        targets[np.arange(count), np.arange(count)] = 1
        return targets
    shares = 0.5 ** np.arange(count)
    labels = rng.choice(count, rows, p=shares / shares.sum())
    labels[:count] = np.arange(count)
    return one_hot(labels, count)


def some_probabilities(
    rng: np.random.Generator, targets: np.ndarray, multilabel: bool = False
) -> np.ndarray:
    """Return probabilities that depend on the labels, with noise."""
    logits = rng.normal(size=targets.shape) + 1.5 * targets
    if multilabel:
        return 1 / (1 + np.exp(-logits))
    weights = np.exp(logits)
    return weights / weights.sum(axis=1, keepdims=True)


def problem_of(
    table: Table,
    plan: Plan,
    targets: np.ndarray,
    *,
    folds: np.ndarray | None = None,
    training: np.ndarray | None = None,
    held_out: np.ndarray | None = None,
    multilabel: bool = False,
    seed: int = 0,
) -> Problem:
    """Return a problem without new texts; by default one network, scored on all rows."""
    rows = np.arange(len(targets))
    training = rows if training is None else training
    before = classes_of(targets[training], multilabel)
    return Problem(
        table=table,
        plan=plan,
        targets=targets,
        folds=np.full(len(rows), -1) if folds is None else folds,
        origins=rows,
        training=training,
        held_out=rows if held_out is None else held_out,
        before=before,
        after=replace(before, counts=plan.times @ plan.targets(targets), rows=plan.times.sum()),
        seed=seed,
    )


def objective_of(
    classes: Classes, loss: Callable | None = None, weights: np.ndarray | None = None
) -> Objective:
    """Return an objective whose ledger knows of no weights; by default plain cross-entropy."""
    ones = np.ones((2, len(classes.names)) if classes.multilabel else len(classes.names))
    return Objective(
        loss=partial(cross_entropy.loss, classes=classes) if loss is None else loss,
        weights=ones if weights is None else np.asarray(weights),
        ledger=Ledger(
            labels=classes.names,
            multilabel=classes.multilabel,
            rows=classes.rows,
            examples=classes.rows,
            prior_before_sampling=classes.prior,
            prior_after_sampling=classes.prior,
            weights=ones,
        ),
        classes=classes,
    )


def check_contract(selector: str, name: str) -> tuple[ModuleType, dict[str, Any]]:
    """Hold a member against what all members promise; return its module and default options."""
    folder, verb = params.FAMILIES[selector]
    settings = params.load(ROOT / "params.yaml")
    module, options = params.member(settings, selector, name)
    function = getattr(module, verb)
    assert module.__doc__, f"{folder}/{name}.py has no docstring"
    assert function.__doc__, f"{verb} of {folder}/{name}.py has no docstring"

    defaults = {
        option: parameter.default
        for option, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    assert inspect.Parameter.empty not in defaults.values()
    # Users change values in params.yaml, so it is not held against the defaults.
    assert options.keys() == defaults.keys()
    assert name in settings[folder]

    with pytest.raises(UserError, match="no_such_option"):
        params.options(function, {"no_such_option": 1}, f"{folder}.{name}")

    for test in doctest.DocTestFinder().find(module):
        failed, _ = doctest.DocTestRunner(verbose=False).run(test)
        assert not failed, f"an example of {test.name} fails"
    return module, defaults


def check_blocks(selector: str) -> None:
    """Each member has its block of options in params.yaml, and each block its member."""
    folder, _ = params.FAMILIES[selector]
    settings = params.load(ROOT / "params.yaml")
    assert sorted(settings[folder]) == params.members(folder)
    assert settings[selector] in settings[folder]
