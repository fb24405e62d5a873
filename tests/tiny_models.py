"""Small models of the BERT family with random weights, in the files that Hugging Face has."""

import json
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from ballast.encoders.transformer import LAYERS

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
WORDS = ["the", "a", "cat", "dog", "sat", "ran", "big", "small", "and", "on", "!"]
HIDDEN, WIDE, PLACES, DEPTH, HEADS = 8, 12, 16, 2, 2


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer of words, cut and filled up as published ones are."""
    vocabulary = {word: row for row, word in enumerate([*SPECIAL, *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    tokenizer.save(str(folder / "tokenizer.json"))


def write_model(folder: Path, kind: str = "bert", seed: int = 0, **changes) -> Path:
    """Write a model; `changes` are those of `config.json`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = {
        "model_type": kind,
        "hidden_size": HIDDEN,
        "num_hidden_layers": DEPTH,
        "num_attention_heads": HEADS,
        "hidden_act": "gelu",
        "pad_token_id": 0,
        "layer_norm_eps": 1e-5,
    }
    if kind == "distilbert":
        config = {
            "model_type": kind,
            "dim": HIDDEN,
            "n_layers": DEPTH,
            "n_heads": HEADS,
            "activation": "gelu",
        }
    (folder / "config.json").write_text(json.dumps(config | changes), encoding="utf-8")
    write_tokenizer(folder)
    rng = np.random.default_rng(seed)
    weights = {}

    def put(name: str, *shape: int, middle: float = 0.0) -> None:
        weights[f"model.{name}"] = (middle + 0.4 * rng.normal(size=shape)).astype(np.float32)

    def dense(name: str, inputs: int, units: int) -> None:
        put(f"{name}.weight", units, inputs)
        put(f"{name}.bias", units)

    def norm(name: str, units: int) -> None:
        put(f"{name}.weight", units, middle=1.0)
        put(f"{name}.bias", units)

    wider = {"albert": "encoder.embedding_hidden_mapping_in", "electra": "embeddings_project"}
    narrow = 6 if kind in wider else HIDDEN
    put("embeddings.word_embeddings.weight", len(SPECIAL) + len(WORDS), narrow)
    put("embeddings.position_embeddings.weight", PLACES, narrow)
    norm("embeddings.LayerNorm", narrow)
    if kind != "distilbert":
        put("embeddings.token_type_embeddings.weight", 2, narrow)
    if kind in wider:
        dense(wider[kind], narrow, HIDDEN)
    start, *attention, joined_norm, up, down, down_norm = LAYERS[kind]
    for layer in range(DEPTH):
        own = start.format(layer=layer)
        for name in attention:
            dense(own + name, HIDDEN, HIDDEN)
        norm(own + joined_norm, HIDDEN)
        dense(own + up, HIDDEN, WIDE)
        dense(own + down, WIDE, HIDDEN)
        norm(own + down_norm, HIDDEN)
    save_file(weights, folder / "model.safetensors")
    return folder


def describe(folder: Path, pooling: str, *modules: str, **reading) -> Path:
    """Write what sentence-transformers adds: pooling, further modules, and how texts are read."""
    start = "sentence_transformers.models."
    names = [
        ("Transformer", ""),
        ("Pooling", "1_Pooling"),
        *((name, f"2_{name}") for name in modules),
    ]
    told = [{"idx": n, "path": path, "type": start + kind} for n, (kind, path) in enumerate(names)]
    (folder / "modules.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "1_Pooling").mkdir(exist_ok=True)
    modes = {
        f"pooling_mode_{name}": name == pooling
        for name in ("cls_token", "mean_tokens", "max_tokens", "lasttoken")
    }
    modes |= {"word_embedding_dimension": HIDDEN, "include_prompt": True}
    (folder / "1_Pooling/config.json").write_text(json.dumps(modes), encoding="utf-8")
    if reading:
        (folder / "sentence_bert_config.json").write_text(json.dumps(reading), encoding="utf-8")
    return folder
