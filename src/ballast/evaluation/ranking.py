"""Average precision and ROC AUC of one column of scores, for many weightings of the rows at once.

The rows are sorted once; every weighting then costs one cumulative sum.
"""

import numpy as np


class Ranking:
    """Rows in the order of one column of scores, the best first.

    Args:
        present: which rows have the label, shape (rows,); some have it and some do not.
        scores: shape (rows,). Rows with equal scores are ties, whose order does not matter.
    """

    def __init__(self, present: np.ndarray, scores: np.ndarray):
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        new = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        sizes = np.diff(np.append(new, len(ranked)))
        first, after = np.repeat(new, sizes), np.repeat(new + sizes, sizes)
        self.present = np.asarray(present, dtype=bool)[self.order]
        positives = np.flatnonzero(self.present)
        # For each positive row: the numbers of rows, and of positive rows, before its ties and up
        # to the end of them.
        self.first, self.after = first[positives], after[positives]
        self.positives_first = np.searchsorted(positives, self.first)
        self.positives_after = np.searchsorted(positives, self.after)
        self._first, self._after = first, after
        self._positives = self.order[positives]

    def scores(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return average precision and ROC AUC, NaN where only one class has weight.

        Average precision is the mean over positive rows of the precision at their rank; ROC AUC is
        the share of pairs of a positive and a negative row in the right order, ties counting half.

        Args:
            weights: of the rows, shape (weightings, rows); integers are summed fastest.

        Returns:
            Two arrays of shape (weightings,).
        """
        positive_weights = np.take(weights, self._positives, axis=1)
        total, hits = _sums(np.take(weights, self.order, axis=1)), _sums(positive_weights)
        positives, negatives = hits[:, -1], total[:, -1] - hits[:, -1]
        hits_after, total_after = hits[:, self.positives_after], total[:, self.after]
        precision = hits_after / np.maximum(total_after, np.finfo(float).tiny)
        # Twice the weight of the negative rows above a positive one, ties counting half.
        above = total_after - hits_after + total[:, self.first] - hits[:, self.positives_first]
        with np.errstate(divide="ignore", invalid="ignore"):
            average_precision = (positive_weights * precision).sum(axis=1) / positives
            inversions = (positive_weights * above.astype(float)).sum(axis=1)
            roc_auc = 1 - inversions / (2.0 * positives * negatives)
        defined = (positives > 0) & (negatives > 0)
        return np.where(defined, average_precision, np.nan), np.where(defined, roc_auc, np.nan)

    def influence(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of both scores by each row's weight, at weights of 1.

        That of ROC AUC gives the variance of DeLong, DeLong and Clarke-Pearson (1988).

        Returns:
            Two arrays of shape (rows,), in the rows' original order.
        """
        hits, total = self.positives_after.astype(float), self.after.astype(float)
        positives, rows = len(hits), len(self.order)
        precision = hits / total
        # A row affects the precision of every positive row at its rank or below: by 1 / total as a
        # positive row, by -hits / total^2 as any row.
        below = np.searchsorted(self.after, self._first, side="right")
        as_hit, as_any = (
            sums[-1] - sums[below] for sums in (_sums(1 / total), _sums(-hits / total**2))
        )
        as_term = np.zeros(rows)
        as_term[self.present] = precision - precision.mean()
        by_precision = (as_any + np.where(self.present, as_hit, 0) + as_term) / positives

        ranked_positives = _sums(self.present.astype(float))
        first, after = ranked_positives[self._first], ranked_positives[self._after]
        negatives = rows - positives
        lost = np.where(
            self.present,
            (self._first - first + self._after - after) / (2 * negatives),
            1 - (first + after) / (2 * positives),
        )
        area = 1 - lost[self.present].mean()
        side = np.where(self.present, positives, negatives)
        by_area = (1 - lost - area) / side
        rank = np.empty(rows, dtype=int)
        rank[self.order] = np.arange(rows)
        return by_precision[rank], by_area[rank]


def _sums(values: np.ndarray) -> np.ndarray:
    """Return cumulative sums along the last axis, starting with 0, in the values' dtype."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1), dtype=values.dtype)
    np.cumsum(values, axis=-1, dtype=values.dtype, out=sums[..., 1:])
    return sums
