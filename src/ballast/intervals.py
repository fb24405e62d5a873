"""Bootstrap interval of macro-F1 from counts alone: milliseconds, whatever the number of rows."""

import numpy as np

from ballast.classes import Classes


def f1_macro(
    targets: np.ndarray,
    predicted: np.ndarray,
    classes: Classes,
    seed: int,
    replicates: int,
    level: float,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of macro-F1 (Efron 1979).

    Drawing rows anew is drawing the counts of distinct (true, predicted) pairs from a multinomial:
    macro-F1 needs nothing else, so neither does the bootstrap. Multi-label rows are counted by
    their whole pair of label sets.

    Args:
        targets: multi-hot labels, shape (rows, classes).
        predicted: likewise.
        classes: for the number of classes.
        seed: seed of the draws.
        replicates: number of draws.
        level: share of the replicates inside, .95 say.
    """
    pairs = np.concatenate([targets, predicted], axis=1)
    cells, counts = np.unique(pairs, axis=0, return_counts=True)
    true, found = np.split(cells.astype(np.float64), 2, axis=1)
    rng = np.random.default_rng(seed)
    values = []
    # Chunks bound the memory where label sets are many.
    for size in np.diff([*range(0, replicates, 200), replicates]):
        drawn = rng.multinomial(len(targets), counts / len(targets), size=size)
        hits, support, given = drawn @ (true * found), drawn @ true, drawn @ found
        f1 = np.divide(2 * hits, support + given, out=np.zeros_like(hits), where=hits > 0)
        values.append(f1.mean(axis=1))
    tail = (1 - level) / 2
    low, high = np.quantile(np.concatenate(values), [tail, 1 - tail])
    return float(low), float(high)
