"""What people reach for first: each peer is a plain function from a task to labels.

A peer gets a `Task` and a seed, and returns the test rows' predicted labels (multi-hot) and their
probabilities, None where it has none. Those that have no use for validation rows train on them as
well, as their users would. The first line of a peer's description stands in the page. Libraries are
imported where they are used: a system's time and memory hold its own alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import networks
import numpy as np
from fasttext_peer import fasttext
from rows import Inputs, Part

# The model that our recipes with sentence vectors read, too.
ENCODER = Path(__file__).parents[2] / "data/encoders/minilm"
Labels = tuple[np.ndarray, np.ndarray | None]


class CannotRunError(Exception):
    """A peer cannot do a task; the text says why."""


@dataclass(frozen=True)
class Task:
    """What a peer may see: not the labels of the test rows.

    Attributes:
        train: rows to fit on.
        validation: rows to choose on.
        test: texts or numbers to predict.
        multilabel: whether a row may have several labels.
    """

    train: Part
    validation: Part
    test: Inputs
    multilabel: bool

    @property
    def both(self) -> Part:
        """Training and validation rows, for peers that choose nothing."""
        return self.train + self.validation

    @property
    def classes(self) -> int:
        """Number of classes."""
        return self.train.targets.shape[1]

    def one_hot(self, labels: np.ndarray) -> np.ndarray:
        """Return class numbers as rows of 0 and 1."""
        return np.eye(self.classes, dtype=np.uint8)[labels]


Peer = Callable[[Task, int], Labels]


def fitted(task: Task, classifier, *before) -> Labels:
    """Fit scikit-learn's steps on all rows but the test's; several labels: one against the rest."""
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline

    if task.multilabel:
        classifier = OneVsRestClassifier(classifier)
    model = make_pipeline(*before, classifier)
    rows = task.both
    model.fit(rows.inputs, rows.targets if task.multilabel else rows.labels)
    predicted = model.predict(task.test)
    likely = None
    if hasattr(model, "predict_proba"):
        likely = model.predict_proba(task.test)
        if not task.multilabel:
            # A class without a row to fit on has no column of the model's.
            likely, known = np.zeros((len(predicted), task.classes)), likely
            likely[:, model.classes_] = known
    return (predicted.astype(np.uint8) if task.multilabel else task.one_hot(predicted)), likely


def tfidf():
    """Return TF-IDF of words and pairs of words."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)


def smote(task: Task, seed: int, *before) -> Labels:
    """Fit imbalanced-learn's pipeline of SMOTE and logistic regression."""
    from imblearn.over_sampling import SMOTE
    from imblearn.pipeline import make_pipeline
    from sklearn.linear_model import LogisticRegression

    if task.multilabel:
        raise CannotRunError("SMOTE of imbalanced-learn has no form for several labels a row")
    rows = task.both
    smallest = int(np.bincount(rows.labels).min())
    # Neighbours within the smallest class, which may have few.
    sampler = SMOTE(k_neighbors=max(1, min(5, smallest - 1)), random_state=seed)
    model = make_pipeline(*before, sampler, LogisticRegression(max_iter=1000))
    model.fit(rows.inputs, rows.labels)
    return task.one_hot(model.predict(task.test)), model.predict_proba(task.test)


def linear_svc(task: Task, seed: int) -> Labels:
    """TF-IDF(1, 2), sublinear; LinearSVC(class_weight="balanced")."""
    from sklearn.svm import LinearSVC

    return fitted(task, LinearSVC(class_weight="balanced", random_state=seed), tfidf())


def logistic(task: Task, seed: int) -> Labels:
    """TF-IDF(1, 2), sublinear; LogisticRegression(class_weight="balanced")."""
    from sklearn.linear_model import LogisticRegression

    return fitted(task, LogisticRegression(class_weight="balanced", max_iter=1000), tfidf())


def complement_nb(task: Task, seed: int) -> Labels:
    """TF-IDF(1, 2), sublinear; ComplementNB()."""
    from sklearn.naive_bayes import ComplementNB

    return fitted(task, ComplementNB(), tfidf())


def smote_texts(task: Task, seed: int) -> Labels:
    """TF-IDF(1, 2), sublinear; TruncatedSVD(100); imbalanced-learn's SMOTE; LogisticRegression."""
    from sklearn.decomposition import TruncatedSVD

    return smote(task, seed, tfidf(), TruncatedSVD(100, random_state=seed))


def encode(texts: list[str]) -> np.ndarray:
    """Return sentence vectors of texts, shape (rows, dimensions), as our own recipe reads them."""
    from ballast.embeddings.sentence import encode_all
    from ballast.encoders.encoder import SentenceEncoder

    if not ENCODER.is_dir():
        raise CannotRunError(f"there is no {ENCODER}: `make encoder` brings it")
    return encode_all(list(texts), SentenceEncoder(ENCODER), ENCODER)


def sentences(task: Task, seed: int) -> Labels:
    """Vectors of a pretrained sentence encoder; LogisticRegression(class_weight="balanced")."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import FunctionTransformer

    classifier = LogisticRegression(class_weight="balanced", max_iter=1000)
    return fitted(task, classifier, FunctionTransformer(encode))


def random_forest(task: Task, seed: int) -> Labels:
    """RandomForestClassifier(300, class_weight="balanced")."""
    from sklearn.ensemble import RandomForestClassifier

    forest = RandomForestClassifier(300, class_weight="balanced", random_state=seed, n_jobs=2)
    return fitted(task, forest)


def boosting(task: Task, seed: int) -> Labels:
    """HistGradientBoostingClassifier(class_weight="balanced")."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return fitted(task, HistGradientBoostingClassifier(class_weight="balanced", random_state=seed))


def smote_numbers(task: Task, seed: int) -> Labels:
    """StandardScaler; imbalanced-learn's SMOTE; LogisticRegression."""
    from sklearn.preprocessing import StandardScaler

    return smote(task, seed, StandardScaler())


def keras_cnn(task: Task, seed: int) -> Labels:
    """Keras: padded to 200, Embedding(100), Conv1D(128, 7), global max pooling, Dense."""
    return networks.fitted(task, seed, networks.cnn)


def keras_two_channels(task: Task, seed: int) -> Labels:
    """Keras: padded to 200, word2vec(100) frozen and trained, Conv1D(100, 3 to 5), Dense."""
    return networks.fitted(task, seed, networks.two_channels)


def _table(*peers: Peer) -> dict[str, Peer]:
    return {peer.__name__: peer for peer in peers}


TEXTS = _table(
    keras_cnn,
    keras_two_channels,
    linear_svc,
    logistic,
    complement_nb,
    smote_texts,
    fasttext,
    sentences,
)
PEERS: dict[str, dict[str, Peer]] = {
    "short texts": TEXTS,
    "long texts": TEXTS,
    "several labels": TEXTS,
    "numbers": _table(random_forest, boosting, smote_numbers),
}
