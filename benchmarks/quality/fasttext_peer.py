"""Supervised fastText, its options chosen by validation macro-F1.

The package's own search stops by the clock, so that a busy machine gets another model; this one
tries a fixed number of options that depend on the seed alone.
"""

import re
import tempfile
from pathlib import Path

import numpy as np

TRIALS = 8
THRESHOLDS = np.linspace(0.1, 0.6, 11)


def fasttext(task, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """fastText supervised; best of 8 options on validation rows, then fitted on these as well."""
    rng, tried = np.random.default_rng(seed), []
    for _ in range(TRIALS):
        options = {
            "lr": float(10 ** rng.uniform(-1, 0)),
            "epoch": int(rng.choice([5, 10, 25, 50])),
            "wordNgrams": int(rng.choice([1, 2, 3])),
            "dim": int(rng.choice([50, 100])),
        }
        model = fit(task.train, task.multilabel, options, seed)
        if model is not None:
            likely = predict(model, task.validation.inputs, task.classes)
            for threshold in THRESHOLDS if task.multilabel else [None]:
                f1 = macro_f1(task.validation.targets, labels(likely, threshold))
                tried.append((f1, options, threshold))
    for _, options, threshold in sorted(tried, key=lambda trial: -trial[0]):
        model = fit(task.both, task.multilabel, options, seed)
        if model is not None:
            likely = predict(model, task.test, task.classes)
            return labels(likely, threshold), likely
    raise RuntimeError("fastText lost itself in all trials")


def fit(rows, multilabel: bool, options: dict, seed: int):
    """Return a model, None where its steps were so large that it lost itself."""
    import fasttext

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows.txt"
        lines = [
            " ".join([*(f"__label__{c}" for c in np.flatnonzero(row)), words(text)])
            for text, row in zip(rows.inputs, rows.targets, strict=True)
        ]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        try:
            # One thread: with more, their order is up to chance. Fewer buckets than 2 million, most
            # of which stay empty here, spare most of a gigabyte.
            return fasttext.train_supervised(
                str(path),
                loss="ova" if multilabel else "softmax",
                bucket=200_000,
                thread=1,
                verbose=0,
                seed=seed,
                **options,
            )
        except RuntimeError as error:
            if "NaN" in str(error):
                return None
            raise


def predict(model, texts: list[str], classes: int) -> np.ndarray:
    """Return probabilities, shape (rows, classes)."""
    likely = np.zeros((len(texts), classes))
    names, values = model.predict([words(text) for text in texts], k=-1)
    for row, (names_of_row, p) in enumerate(zip(names, values, strict=True)):
        likely[row, [int(name.removeprefix("__label__")) for name in names_of_row]] = p
    # It adds 1e-5 to each.
    return np.minimum(likely, 1.0)


def labels(likely: np.ndarray, threshold: float | None) -> np.ndarray:
    """Return the labels above a threshold; without one, the most probable."""
    if threshold is None:
        return np.eye(likely.shape[1], dtype=np.uint8)[likely.argmax(axis=1)]
    return (likely > threshold).astype(np.uint8)


def macro_f1(targets: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean of the classes' F1."""
    from sklearn.metrics import f1_score

    return float(f1_score(targets, predicted, average="macro", zero_division=0))


def words(text: str) -> str:
    """Return a text as fastText reads it: words and marks apart, on one line."""
    return " ".join(re.findall(r"\w+|[^\w\s]", text.lower()))
