"""What members declare of themselves is what they do."""

from importlib import import_module
from itertools import product
from typing import NoReturn

import numpy as np
import pytest
from problems import LETTERS, contents_of, corpus_of

from ballast.labels.classes import Classes
from ballast.networks.inputs import Inputs
from ballast.project.errors import UserError
from ballast.project.params import members
from ballast.resampling.drawing import Rows
from ballast.training.architecture import Architecture

TEXTS = ["the cat sat", "the dog ran", "a cat and a dog", "the cat ran"] * 3
KINDS = ("tokens", "terms", "features")


def member(folder: str, name: str):
    return import_module(f"ballast.{folder}.{name}")


def refuses(function, *arguments, **options) -> bool:
    try:
        function(*arguments, **options)
    except UserError:
        return True
    return False


# Of transformer only the files of a pretrained model could tell.
@pytest.mark.parametrize("name", [name for name in members("models") if name != "transformer"])
def test_a_model_is_built_where_it_has_what_it_needs_and_only_there(name):
    module = member("models", name)
    for there in product([False, True], repeat=len(KINDS)):
        present = {kind for kind, is_there in zip(KINDS, there, strict=True) if is_there}
        inputs = Inputs(
            np.ones((5, 2), np.float32) if "tokens" in present else None,
            np.ones((9, 2)) if "features" in present else np.empty((0, 0)),
            3,
            4 if "terms" in present else 0,
        )
        unmet = name == "none" or any(not kinds & present for kinds in module.NEEDS)
        assert refuses(Architecture(module, {}, inputs).build, 1, 0) == unmet, present


def test_only_none_can_be_no_model():
    annotations = {name: member("models", name).build.__annotations__ for name in members("models")}
    assert [name for name, types in annotations.items() if types["return"] is NoReturn] == ["none"]


@pytest.mark.parametrize("name", members("embeddings"))
def test_an_embedding_refuses_a_corpus_without_what_it_needs(name, tmp_path):
    module = member("embeddings", name)
    for kinds in getattr(module, "NEEDS", []):
        numbers = [[number][: kinds != {"columns"}] for number in range(len(TEXTS))]
        corpus = corpus_of(
            contents_of(None if kinds == {"text"} else TEXTS, numbers=numbers),
            vectors=tmp_path / ("none" if kinds == {"vectors"} else "some.vec"),
            encoder=tmp_path / ("none" if kinds == {"encoder"} else "some"),
        )
        assert refuses(module.embed, corpus, 0)


@pytest.mark.parametrize("name", members("embeddings"))
def test_an_embedding_that_needs_no_file_returns_the_type_that_it_says(name):
    module = member("embeddings", name)
    needs = getattr(module, "NEEDS", [])
    expected = module.embed.__annotations__["return"]
    assert expected is None or expected.input in KINDS
    if {"vectors"} not in needs and {"encoder"} not in needs:
        corpus = corpus_of(contents_of(TEXTS, numbers=[[1]] * len(TEXTS)))
        options = {"dimensions": 2} if name == "tfidf_svd" else {}
        embedded = module.embed(corpus, 0, **options)
        assert type(embedded) is (expected or type(None))


@pytest.mark.parametrize("name", members("samplers"))
def test_a_sampler_mixes_labels_and_needs_text_where_it_says_so(name):
    module = member("samplers", name)
    rng = np.random.default_rng(0)
    targets = np.repeat(np.eye(3, dtype=int), [20, 12, 8], axis=0)
    several = name in ("ml_ros", "mlsmote")
    if several:
        targets[:4, 1] = 1
    classes = Classes(LETTERS[:3], targets.sum(axis=0), len(targets), several)
    features = targets @ np.eye(3) + rng.normal(size=(len(targets), 3))
    texts = [TEXTS[row % len(TEXTS)] for row in range(len(targets))]
    plan = module.sample(Rows(targets, texts, features), classes, 0)
    assert (plan.label_shares is not None) == getattr(module, "MIXES_LABELS", False)
    needs = getattr(module, "NEEDS", [])
    without = Rows(targets, None, features)
    assert refuses(module.sample, without, classes, 0) == (needs == [{"text"}])
