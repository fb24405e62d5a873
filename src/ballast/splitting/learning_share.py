"""Which training units are left out of learning, for learning curves: stratified within folds."""

import numpy as np


def spare(counts: np.ndarray, folds: np.ndarray, share: float) -> np.ndarray:
    """Return whether each training unit is spare, not learnt from; bool, shape (units,).

    A unit counts for its rarest label. Of the n units of a label in a fold, the unit of rank
    r = 0, 1, ... is learnt from if (r + u) / n < share, so what a smaller share learns from is a
    subset of what a larger one does. The offsets u are spread evenly over the folds, (f + 1/2) / F
    in turn, so that the shares of few units are not all rounded the same way. Units come in the
    given order, but before them the first of every label in each fold, which always is learnt
    from: no network lacks a class for the share. Where many labels are rare, more than the share
    is learnt from.

    Args:
        counts: rows of each label in each unit, shape (units, labels); each unit has a label.
        folds: fold of each unit, or -1 of all, shape (units,).
        share: above 0, at most 1.
    """
    rare_first = counts[:, np.argsort(counts.sum(axis=0), kind="stable")] > 0
    rarest, labels = rare_first.argmax(axis=1), counts.shape[1]
    stays = np.zeros(len(counts), dtype=bool)
    for fold in np.unique(folds):
        inside = np.flatnonzero(folds == fold)
        has = rare_first[inside]
        stays[inside[has.argmax(axis=0)[has.any(axis=0)]]] = True
    folds = np.maximum(folds, 0)
    strata = folds * labels + rarest
    order = np.lexsort((~stays, strata))
    sizes = np.bincount(strata)
    ranks = np.empty(len(counts), dtype=np.int64)
    ranks[order] = np.arange(len(counts)) - (np.cumsum(sizes) - sizes)[strata[order]]
    fold_count = folds.max() + 1
    offsets = ((folds + rarest) % fold_count + 0.5) / fold_count
    return ~stays & ((ranks + offsets) / sizes[strata] >= share)
