"""model: transformer on embedding: wordpieces: trained further, and what NumPy makes of it."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest

pytest.importorskip("tokenizers", reason="the extra `encoder` is not installed")

from problems import contents_of, corpus_of
from tiny_models import HIDDEN, PLACES, describe, write_model

from ballast.embeddings import wordpieces
from ballast.encoders.encoder import SentenceEncoder
from ballast.models import transformer
from ballast.networks.forward import Encoded
from ballast.networks.inputs import Inputs
from ballast.networks.layers import interpolating, variables
from ballast.project.errors import UserError
from ballast.training.batches import Batch, Table
from ballast.training.learners.keras import learner
from ballast.training.options import Training

TEXTS = ["the cat sat", "", "a dog ran", "the big dog sat on a cat " * 6, "the cat " * 7]


@pytest.fixture
def folder(tmp_path):
    return write_model(tmp_path / "encoders" / "tiny")


def embed(folder, texts=TEXTS, **options):
    return wordpieces.embed(corpus_of(contents_of(texts), encoder=folder), 0, **options)


def padded(found) -> np.ndarray:
    lengths = np.diff(found.offsets)
    filled = np.arange(lengths.max() + 3) < lengths[:, None]
    tokens = np.zeros(filled.shape, dtype=np.int32)
    tokens[filled] = found.tokens
    return tokens


def inputs_of(vectors: np.ndarray, features: int = 0, folder: Path | None = None) -> Inputs:
    return Inputs(vectors, np.zeros((2, features)), 3, encoder=folder)


def build(found, folder, features: int = 0, **options) -> keras.Model:
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    return transformer.build(inputs_of(found.vectors, features, folder), **options)


def weights_of(model) -> dict[str, np.ndarray]:
    return {name: value.numpy() for name, value in variables(model).items()}


def change(model) -> None:
    """Change all weights a little, as training would."""
    rng = np.random.default_rng(1)
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + 0.1 * rng.normal(size=variable.shape))


def test_texts_are_windows_between_special_tokens(folder, tmp_path, capfd):
    found = embed(folder)
    texts = np.split(found.tokens, found.offsets[1:-1])
    assert texts[0].tolist() == [4, 6, 8, 10, 5]  # [CLS] the cat sat [SEP], each by 2 more
    assert texts[1].tolist() == [4, 5]
    assert [found.vocabulary[token - 2] for token in texts[4]] == [
        "[CLS]",
        *["the", "cat"] * 7,
        "[SEP]",
    ]
    assert (texts[3][[0, PLACES, 2 * PLACES]] == 4).all()
    assert (texts[3][[PLACES - 1, 2 * PLACES - 1, -1]] == 5).all()
    assert len(texts[3]) == 42 + 3 * 2
    assert not found.vectors[:2].any()
    assert "0 of 5 texts are truncated" in capfd.readouterr().out
    short = embed(folder, max_tokens=4)
    assert np.diff(short.offsets).tolist() == [4, 2, 4, 4, 4]
    assert (found.cut, short.cut) == (0, 4)
    for name, kept in found.kept.items():
        place = tmp_path / "kept" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(kept, np.ndarray):
            np.save(f"{place}.npy", kept)
        else:
            shutil.copyfile(kept, place)
    tokens, offsets = wordpieces.reader(tmp_path / "kept", {"max_tokens": 512})(TEXTS)
    np.testing.assert_array_equal(tokens, found.tokens)
    np.testing.assert_array_equal(offsets, found.offsets)


@pytest.mark.parametrize(
    ("kind", "features", "changes", "options"),
    [
        ("bert", 2, {}, {}),
        ("bert", 0, {"hidden_act": "relu"}, {"pooling": "cls"}),
        ("roberta", 0, {"pad_token_id": 1}, {"train_words": True}),
        ("distilbert", 0, {}, {"dropout": 0.0}),
        ("electra", 0, {"hidden_act": "gelu_new"}, {}),
        ("albert", 2, {}, {"train_words": True, "pooling": "cls"}),
    ],
)
def test_numpy_gives_what_keras_gives(tmp_path, kind, features, changes, options):
    folder = write_model(tmp_path, kind, **changes)
    found = embed(folder)
    model = build(found, folder, features, **options)
    columns = np.random.default_rng(0).normal(size=(len(TEXTS), 2)).astype(np.float32)
    given = {"tokens": padded(found), "features": columns}
    given = {name: given[name] for name in model.input}
    change(model)
    weights = weights_of(model)
    assert ("vectors.embeddings" in weights) is options.get("train_words", False)
    forward = transformer.forward(weights, found.vectors)
    answer = forward(Encoded(found.tokens, found.offsets, columns if features else None))
    assert answer.dtype == np.float32
    expected = np.asarray(model(given, training=False))
    np.testing.assert_allclose(answer, expected, rtol=1e-4, atol=1e-5)


def test_a_step_changes_all_weights_and_lowers_the_loss(folder):
    found = embed(folder)
    model = build(found, folder, dropout=0.0)
    loss = keras.losses.CategoricalCrossentropy(from_logits=True, reduction=None)
    trained = learner(model, loss, Training(learning_rate=0.001), False)
    before = trained.weights()
    table = Table(found.tokens, found.offsets, None)
    rows = np.arange(len(TEXTS))
    batch = Batch(rows, np.eye(3, dtype=np.float32)[rows % 3])
    losses = [trained.step(table, batch) for _ in range(5)]
    assert losses[-1] < losses[0]
    after = trained.weights()
    assert {name for name in after if (after[name] == before[name]).all()} == {"places.settings"}


def test_untrained_it_is_the_sentence_encoder(folder):
    describe(folder, "mean_tokens", max_seq_length=10)
    found = embed(folder)
    model = build(found, folder)
    hidden = keras.Model(model.input, model.get_layer("text").output)
    expected, windows = SentenceEncoder(folder)(TEXTS)
    assert windows.max() > 2
    short = windows == 1
    tokens = padded(found)
    np.testing.assert_allclose(
        np.asarray(hidden({"tokens": tokens}))[short], expected[short], atol=1e-5
    )
    more = np.pad(tokens, ((0, 0), (0, 5)))
    np.testing.assert_allclose(hidden({"tokens": more}), hidden({"tokens": tokens}), atol=1e-5)
    assert expected.shape[1] == HIDDEN


def test_texts_can_be_mixed(folder):
    found = embed(folder)
    model = build(found, folder)
    tokens = padded(found)
    given = {"tokens": tokens, "partner": tokens[::-1].copy()}
    twin = interpolating(model)
    for share, expected in ((0.0, tokens), (1.0, tokens[::-1])):
        shares = np.full(len(tokens), share, np.float32)
        np.testing.assert_allclose(
            twin(given | {"share": shares}), model({"tokens": expected}), atol=1e-5
        )


def test_what_is_missing_is_named(folder):
    found = embed(folder)
    with pytest.raises(UserError, match="use embedding: wordpieces"):
        transformer.build(inputs_of(found.vectors))
    with pytest.raises(UserError, match="needs embedding: wordpieces"):
        transformer.build(inputs_of(found.vectors[:, :3], 0, folder))
    with pytest.raises(UserError, match=r"wordpieces needs texts"):
        wordpieces.embed(corpus_of(contents_of(numbers=[[1]]), encoder=folder), 0)
    with pytest.raises(UserError, match=r"wordpieces needs a model"):
        embed(folder.parent / "none")
