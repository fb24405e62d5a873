"""Prediction as it is usually written: a file in, Keras over padded texts, a file out.

Run by `benchmarks/speed/__main__.py`, as `python benchmarks/speed/plain_prediction.py MODELS IN
OUT`. MODELS is what `dvc repro` leaves with `model: cnn`: the same network with the same weights.
"""

import json
import os
import sys
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# TensorFlow reads the two settings when it is imported.
import keras
import numpy as np
import pandas as pd
from keras import layers

LENGTH = 200


def main(models: Path, rows: Path, output: Path) -> None:
    """Read, tokenize, predict, write."""
    vocabulary = json.loads((models / "embedding/vocabulary.json").read_text("utf-8"))
    classes = json.loads((models / "model/ledger.json").read_text("utf-8"))["labels"]
    weights = {path.stem: np.load(path) for path in (models / "model/0").glob("*.npy")}
    vectors, kernel = weights["vectors.embeddings"], weights["filters_0.kernel"]
    width, _, filters = kernel.shape
    model = keras.Sequential(
        [
            keras.Input((LENGTH,)),
            layers.Embedding(*vectors.shape),
            layers.Conv1D(filters, width, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dense(len(classes), activation="softmax"),
        ]
    )
    names = ("filters_0.kernel", "filters_0.bias", "logits.kernel", "logits.bias")
    model.set_weights([vectors, *(weights[name] for name in names)])
    tokenizer = layers.TextVectorization(
        standardize="lower_and_strip_punctuation",
        vocabulary=vocabulary,
        output_sequence_length=LENGTH,
    )
    table = pd.read_csv(rows)
    p = model.predict(tokenizer(table["text"].tolist()), batch_size=32, verbose=0)
    table["predicted"] = np.array(classes)[p.argmax(axis=1)]
    table[[f"p_{name}" for name in classes]] = p
    table.to_csv(output, index=False)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
