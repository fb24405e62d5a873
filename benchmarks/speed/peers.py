"""One peer in a process of its own: it gets ready, then trains an epoch whenever it is told to.

Run by `benchmarks/speed/__main__.py`, as `python benchmarks/speed/peers.py PEER FOLDER SEED`. Each
line on standard input is an order: `epoch` is answered by the seconds that it took, `predict` by
the seconds for all rows, macro-F1 on those held out, and the process's peak memory in MiB.
"""

import os
import resource
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# TensorFlow reads the two settings when it is imported.
import numpy as np
from sklearn.metrics import f1_score

LENGTH = 200


class Data:
    """What the benchmark prepared: texts as tokens, vectors, labels; the last fifth is held out.

    Attributes:
        tokens: all texts in one array.
        offsets: where each begins.
        vectors: shape (vocabulary + 2, dimensions).
        labels: shape (rows,).
        training: number of rows to train on.
        seed: of the peer's chance.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed = seed
        for name in ("tokens", "offsets", "vectors", "labels"):
            setattr(self, name, np.load(folder / f"{name}.npy", mmap_mode="r"))
        self.labels = np.array(self.labels)
        self.classes = int(self.labels.max()) + 1
        self.training = len(self.labels) * 4 // 5
        self.folder = folder

    def padded(self) -> np.ndarray:
        """Return the texts as code usually has them: int32, shape (rows, LENGTH), 0 behind."""
        padded = np.zeros((len(self.labels), LENGTH), np.int32)
        for row, (start, end) in enumerate(zip(self.offsets, self.offsets[1:], strict=False)):
            text = self.tokens[start:end][:LENGTH]
            padded[row, : len(text)] = text
        return padded

    def texts(self) -> list[str]:
        """Return the texts themselves."""
        return (self.folder / "texts.txt").read_text(encoding="utf-8").splitlines()


# Trains an epoch; labels of all rows.
Peer = tuple[Callable[[], None], Callable[[], np.ndarray]]


def plain(data: Data, network: Callable) -> Peer:
    """Keras as it is usually written: padded texts in memory, batches of 32, `fit`."""
    import keras

    keras.utils.set_random_seed(data.seed)
    x, y = data.padded(), data.labels
    model = network(data)
    model.compile("adam", "sparse_categorical_crossentropy")
    first = slice(0, data.training)
    start = model.get_weights()
    model.fit(x[:64], y[:64], batch_size=32, verbose=0)
    # The first steps are for compiling alone.
    model.set_weights(start)
    return (
        lambda: model.fit(x[first], y[first], batch_size=32, verbose=0),
        lambda: model.predict(x, batch_size=32, verbose=0).argmax(axis=1),
    )


def nine_class(data: Data):
    """Frozen vectors, Conv1D(128, 7), global max pooling."""
    import keras
    from keras import layers

    vectors = layers.Embedding(*data.vectors.shape, trainable=False)
    vectors.build()
    vectors.set_weights([data.vectors])
    return keras.Sequential(
        [
            keras.Input((LENGTH,)),
            vectors,
            layers.Conv1D(128, 7, activation="relu"),
            layers.GlobalMaxPooling1D(),
            layers.Dropout(0.5),
            layers.Dense(data.classes, activation="softmax"),
        ]
    )


def two_channels(data: Data):
    """Kim's network with a convolution for each channel and width."""
    import keras
    from keras import layers

    tokens, pooled = keras.Input((LENGTH,)), []
    for trainable in (False, True):
        layer = layers.Embedding(*data.vectors.shape, trainable=trainable)
        layer.build()
        layer.set_weights([data.vectors])
        vectors = layer(tokens)
        for width in (3, 4, 5):
            responses = layers.Conv1D(100, width, activation="relu")(vectors)
            pooled.append(layers.GlobalMaxPooling1D()(responses))
    hidden = layers.Dropout(0.5)(layers.Concatenate()(pooled))
    return keras.Model(tokens, layers.Dense(data.classes, activation="softmax")(hidden))


def ours(data: Data, name: str, **options) -> Peer:
    """A model of this project, as its train stage trains it with the options in params.yaml."""
    import keras
    import tensorflow as tf

    from ballast.labels.classes import Classes
    from ballast.losses import cross_entropy
    from ballast.networks.inputs import Inputs
    from ballast.project import params
    from ballast.resampling.plans import Plan
    from ballast.training.architecture import Architecture
    from ballast.training.batches import Table, epoch_batches, make_batch
    from ballast.training.epochs import score
    from ballast.training.options import Training

    tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(data.seed)
    settings = params.load(Path(__file__).parents[2] / "params.yaml")
    training = params.check(Training, settings["training"], "training")
    file, defaults = params.member(settings, "model", name)
    inputs = Inputs(data.vectors, np.empty((0, 0)), data.classes)
    architecture = Architecture(file, defaults | options, inputs)
    table = Table(data.tokens, data.offsets, None)
    targets = np.eye(data.classes, dtype=np.uint8)[data.labels]
    counts = targets[: data.training].sum(axis=0)
    classes = Classes(tuple(map(str, range(data.classes))), counts, data.training)
    loss = partial(cross_entropy.loss, classes=classes)
    (model,) = architecture.build(1, data.seed)
    network = architecture.learner(model, loss, training, mixes=False)
    plan = Plan(np.arange(data.training), np.ones(data.training))
    order = epoch_batches(table, plan, np.ones(data.training, bool), training.batch_size, data.seed)

    def train() -> None:
        for entries in next(order):
            network.step(table, make_batch(plan, targets, entries))

    def predict() -> np.ndarray:
        forward = architecture.forward(network.weights())
        return score(forward, table, np.arange(len(targets))).argmax(axis=1)

    predict()
    return train, predict


def linear(data: Data) -> Peer:
    """TF-IDF of words and pairs of words, linear support vectors; a whole training an `epoch`."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    texts = data.texts()
    model = make_pipeline(
        TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True),
        LinearSVC(class_weight="balanced", random_state=data.seed),
    )
    return (
        lambda: model.fit(texts[: data.training], data.labels[: data.training]),
        lambda: model.predict(texts),
    )


def fasttext(data: Data) -> Peer:
    """Supervised fastText with pairs of words, two threads; 25 of its passes an `epoch`."""
    import fasttext

    texts, trained = data.texts(), {}
    path = data.folder / "fasttext.txt"
    lines = zip(data.labels[: data.training], texts, strict=False)
    path.write_text("".join(f"__label__{y} {text}\n" for y, text in lines), encoding="utf-8")

    def train() -> None:
        trained["model"] = fasttext.train_supervised(
            str(path), wordNgrams=2, epoch=25, lr=0.5, thread=2, verbose=0, seed=data.seed
        )

    def predict() -> np.ndarray:
        labels = trained["model"].predict(texts)[0]
        return np.array([int(first.removeprefix("__label__")) for (first,) in labels])

    return train, predict


PEERS: dict[str, Callable[[Data], Peer]] = {
    "nine-class Keras code": lambda data: plain(data, nine_class),
    "ours, cnn frozen": lambda data: ours(data, "cnn", trainable=False),
    "ours, cnn": lambda data: ours(data, "cnn"),
    "two-channel Keras code": lambda data: plain(data, two_channels),
    "ours, two_channel_cnn": lambda data: ours(data, "two_channel_cnn"),
    "TF-IDF, LinearSVC": linear,
    "fastText": fasttext,
}


def main(name: str, folder: str, seed: str) -> None:
    """Get ready, say so, and take orders."""
    warnings.simplefilter("ignore")
    # Whatever libraries print goes elsewhere: standard output is for answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    data = Data(Path(folder), int(seed))
    train, predict = PEERS[name](data)
    print("ready", file=answers, flush=True)
    for order in map(str.strip, sys.stdin):
        start = time.perf_counter()
        if order == "epoch":
            train()
            print(time.perf_counter() - start, file=answers, flush=True)
        else:
            predicted = predict()
            seconds = time.perf_counter() - start
            held_out = slice(data.training, None)
            f1 = f1_score(data.labels[held_out], predicted[held_out], average="macro")
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            print(seconds, f1, peak, file=answers, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
