"""Average precision and ROC AUC of one column of scores, for many weightings of the rows at once.

The rows are sorted once; every weighting then costs one running sum.
"""

import numpy as np


class Ranking:
    """Rows in the order of one column of scores, the best first.

    Args:
        present: which rows have the label, shape (rows,); some have it, some have not.
        scores: shape (rows,). Rows of equal score stand together: their order must not matter.
    """

    def __init__(self, present: np.ndarray, scores: np.ndarray):
        self.order = np.argsort(-scores, kind="stable")
        ranked = scores[self.order]
        new = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
        sizes = np.diff(np.append(new, len(ranked)))
        first, after = np.repeat(new, sizes), np.repeat(new + sizes, sizes)
        self.present = np.asarray(present, dtype=bool)[self.order]
        positives = np.flatnonzero(self.present)
        # For each positive row: how many rows, and positive ones, stand before its ties or end
        # with them.
        self.first, self.after = first[positives], after[positives]
        self.found_first = np.searchsorted(positives, self.first)
        self.found_after = np.searchsorted(positives, self.after)
        self._first, self._after = first, after
        self._positives = self.order[positives]

    def scores(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return average precision and ROC AUC, NaN where all weight is on one side.

        Average precision is the mean over positive rows of the precision down to there; ROC AUC is
        the share of pairs of a positive and another row that stand right, ties count half.

        Args:
            weights: of the rows, shape (weightings, rows); whole numbers are summed fastest.

        Returns:
            Two arrays of shape (weightings,).
        """
        own = np.take(weights, self._positives, axis=1)
        given, found = _sums(np.take(weights, self.order, axis=1)), _sums(own)
        positives, negatives = found[:, -1], given[:, -1] - found[:, -1]
        found_after, given_after = found[:, self.found_after], given[:, self.after]
        precision = found_after / np.maximum(given_after, np.finfo(float).tiny)
        # Negative rows above a positive one, ties half.
        above = given_after - found_after + given[:, self.first] - found[:, self.found_first]
        with np.errstate(divide="ignore", invalid="ignore"):
            average_precision = (own * precision).sum(axis=1) / positives
            roc_auc = 1 - (own * above.astype(float)).sum(axis=1) / (2.0 * positives * negatives)
        told = (positives > 0) & (negatives > 0)
        return np.where(told, average_precision, np.nan), np.where(told, roc_auc, np.nan)

    def influence(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the derivatives of both by each row's weight, where all weigh 1.

        That of ROC AUC gives the variance of DeLong, DeLong and Clarke-Pearson (1988).

        Returns:
            Two arrays of shape (rows,), in the order in which the rows were given.
        """
        found, given = self.found_after.astype(float), self.after.astype(float)
        positives, rows = len(found), len(self.order)
        precision = found / given
        point = precision.mean()
        # A row weighs on the precision of every positive row that stands with it or below: by
        # 1 / given as a positive row, by -found / given^2 as any row.
        below = np.searchsorted(self.after, self._first, side="right")
        hit, any_row = (
            sums[-1] - sums[below] for sums in (_sums(1 / given), _sums(-found / given**2))
        )
        own = np.zeros(rows)
        own[self.present] = precision - point
        by_precision = (any_row + np.where(self.present, hit, 0) + own) / positives

        reached = _sums(self.present.astype(float))
        first, after = reached[self._first], reached[self._after]
        negatives = rows - positives
        lost = np.where(
            self.present,
            (self._first - first + self._after - after) / (2 * negatives),
            1 - (first + after) / (2 * positives),
        )
        area = 1 - lost[self.present].mean()
        side = np.where(self.present, positives, negatives)
        by_area = (1 - lost - area) / side
        back = np.empty(rows, dtype=int)
        back[self.order] = np.arange(rows)
        return by_precision[back], by_area[back]


def _sums(values: np.ndarray) -> np.ndarray:
    """Return running sums along the last axis, from 0 on, of the values' own type."""
    sums = np.zeros((*values.shape[:-1], values.shape[-1] + 1), dtype=values.dtype)
    np.cumsum(values, axis=-1, dtype=values.dtype, out=sums[..., 1:])
    return sums
