"""Adam on arrays in place: with dense gradients, and with gradients of a few rows a step."""

import numpy as np

from ballast.networks.compiling import compiled

# Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015. As in Keras, epsilon
# is added to the uncorrected root, and both bias corrections are part of the rate.
BETA_1, BETA_2, EPSILON = np.float32(0.9), np.float32(0.999), np.float32(1e-7)
# After so many steps without a gradient a row no longer moves: .9**160 is below float32's rounding.
MOMENTUM_STEPS = 160


class Rates:
    """The learning rate of each step, with both bias corrections."""

    def __init__(self, learning_rate: float) -> None:
        """Take the learning rate that the corrected ones tend to."""
        self.learning_rate = learning_rate
        self.computed = np.empty(0, np.float32)

    def upto(self, step: int) -> np.ndarray:
        """Return learning_rate * sqrt(1 - .999**t) / (1 - .9**t) at index t, the steps from 1."""
        if step >= len(self.computed):
            steps = np.arange(max(1024, 2 * step), dtype=np.float64)
            with np.errstate(invalid="ignore"):
                corrections = np.sqrt(1 - float(BETA_2) ** steps) / (1 - float(BETA_1) ** steps)
            self.computed = (self.learning_rate * corrections).astype(np.float32)
        return self.computed


class DenseAdam:
    """Adam for an array whose gradient has all its entries."""

    def __init__(self, values: np.ndarray, rates: Rates) -> None:
        """Take the array, float32, which is changed in place."""
        self.values, self.rates, self.step = values, rates, 0
        self.mean, self.square = np.zeros_like(values), np.zeros_like(values)

    def update(self, gradient: np.ndarray) -> None:
        """Make a step with a gradient of the array's shape."""
        self.step += 1
        rate = self.rates.upto(self.step)[self.step]
        arrays = (self.values, self.mean, self.square, gradient)
        _update(*(array.reshape(-1) for array in arrays), rate)


class SparseAdam:
    """Adam for a table of which each step has a gradient for few rows, and zero for all others.

    Plain Adam moves those too, for as long as their momentum lasts. Here the steps that a row has
    missed are made when it is next read: the same numbers, without a pass over the table a step.
    """

    def __init__(self, values: np.ndarray, rates: Rates) -> None:
        """Take the table, float32, shape (rows, columns), which is changed in place."""
        self.values, self.rates, self.step = values, rates, 0
        self.mean, self.square = np.zeros_like(values), np.zeros_like(values)
        # The last step that each row has made; 0 for a row that never had a gradient.
        self.last = np.zeros(len(values), np.int64)

    def catch_up(self, rows: np.ndarray) -> None:
        """Make the missed steps of some rows, each named once."""
        rates = self.rates.upto(self.step)
        _catch_up(self.values, self.mean, self.square, self.last, rows, self.step, rates)

    def update(self, rows: np.ndarray, gradient: np.ndarray) -> None:
        """Make a step with a gradient, shape (rows, columns), of rows that have just caught up."""
        self.step += 1
        rate = self.rates.upto(self.step)[self.step]
        _update_rows(self.values, self.mean, self.square, rows, gradient, rate)
        self.last[rows] = self.step

    def all(self) -> np.ndarray:
        """Return the table, all its rows caught up."""
        self.catch_up(np.arange(len(self.values)))
        return self.values


@compiled
def _update(values, mean, square, gradient, rate):
    one = np.float32(1)
    for i in range(len(values)):
        g = gradient[i]
        mean[i] += (g - mean[i]) * (one - BETA_1)
        square[i] += (g * g - square[i]) * (one - BETA_2)
        values[i] -= mean[i] * rate / (np.sqrt(square[i]) + EPSILON)


@compiled
def _update_rows(values, mean, square, rows, gradient, rate):
    for number in range(len(rows)):
        row = rows[number]
        _update(values[row], mean[row], square[row], gradient[number], rate)


@compiled
def _catch_up(values, mean, square, last, rows, step, rates):
    columns = values.shape[1]
    for row in rows:
        missed = step - last[row]
        # Without a gradient so far there is no momentum.
        if last[row] > 0 and missed > 0:
            row_values, row_mean, row_square = values[row], mean[row], square[row]
            made = min(missed, MOMENTUM_STEPS)
            for number in range(made):
                rate = rates[last[row] + 1 + number]
                for i in range(columns):
                    row_mean[i] *= BETA_1
                    row_square[i] *= BETA_2
                    row_values[i] -= row_mean[i] * rate / (np.sqrt(row_square[i]) + EPSILON)
            if missed > made:
                mean_decay = BETA_1 ** np.float32(missed - made)
                square_decay = BETA_2 ** np.float32(missed - made)
                for i in range(columns):
                    row_mean[i] *= mean_decay
                    row_square[i] *= square_decay
            last[row] = step
