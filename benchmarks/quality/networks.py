"""The Keras code of the nine-class and of the two-channel question, as people write it."""

import os
from collections.abc import Callable

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

LENGTH, WORDS, DIMENSIONS = 200, 20_000, 100


def fitted(task, seed: int, network: Callable) -> tuple[np.ndarray, np.ndarray]:
    """Fit in batches of 32, at most 30 epochs; the epoch of the least validation loss counts."""
    # TensorFlow takes seconds to import: only those who need it wait.
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    tokenizer = layers.TextVectorization(max_tokens=WORDS, output_sequence_length=LENGTH)
    tokenizer.adapt(task.train.inputs)
    train, validation, test = (
        np.asarray(tokenizer(texts))
        for texts in (task.train.inputs, task.validation.inputs, task.test)
    )
    words = tokenizer.get_vocabulary()
    tokens = keras.Input((LENGTH,))
    hidden = layers.Dropout(0.5)(network(tokens, words, task, seed))
    last = "sigmoid" if task.multilabel else "softmax"
    model = keras.Model(tokens, layers.Dense(task.classes, activation=last)(hidden))
    model.compile("adam", "binary_crossentropy" if task.multilabel else "categorical_crossentropy")
    stopping = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    model.fit(
        train,
        task.train.targets.astype("float32"),
        validation_data=(validation, task.validation.targets.astype("float32")),
        batch_size=32,
        epochs=30,
        callbacks=[stopping],
        verbose=0,
    )
    likely = model.predict(test, batch_size=32, verbose=0).astype(float)
    if task.multilabel:
        return (likely > 0.5).astype(np.uint8), likely
    return task.one_hot(likely.argmax(axis=1)), likely


def cnn(tokens, words: list[str], task, seed: int):
    """Vectors by chance, for the network to train; one convolution."""
    from keras import layers

    vectors = layers.Embedding(len(words), DIMENSIONS)(tokens)
    return layers.GlobalMaxPooling1D()(layers.Conv1D(128, 7, activation="relu")(vectors))


def two_channels(tokens, words: list[str], task, seed: int):
    """Kim's network with a convolution for each channel and width."""
    from keras import layers

    known, pooled = word_vectors(words, task.train.inputs, seed), []
    for trainable in (False, True):
        layer = layers.Embedding(*known.shape, trainable=trainable)
        layer.build()
        layer.set_weights([known])
        vectors = layer(tokens)
        for width in (3, 4, 5):
            responses = layers.Conv1D(100, width, activation="relu")(vectors)
            pooled.append(layers.GlobalMaxPooling1D()(responses))
    return layers.Concatenate()(pooled)


def word_vectors(words: list[str], texts: list[str], seed: int) -> np.ndarray:
    """Return skip-gram vectors trained on the training rows, shape (words, DIMENSIONS)."""
    from gensim.models import Word2Vec
    from gensim.utils import simple_preprocess

    lists = [simple_preprocess(text, min_len=1) for text in texts]
    # One worker: with more, their order is up to chance.
    model = Word2Vec(
        lists, vector_size=DIMENSIONS, sg=1, epochs=10, min_count=2, workers=1, seed=seed
    )
    vectors = np.random.default_rng(seed).normal(scale=0.1, size=(len(words), DIMENSIONS))
    for place, word in enumerate(words):
        if word in model.wv:
            vectors[place] = model.wv[word]
    return vectors.astype(np.float32)
