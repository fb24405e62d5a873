"""Adam on arrays: for whole ones, and for tables of which a step touches few rows."""

import numpy as np

from ballast.networks.compiling import compiled

# Source: Kingma and Ba, Adam: A Method for Stochastic Optimization, 2015. As in Keras, epsilon
# stands beside the uncorrected root, and the corrections of both moments are in the rate.
FIRST, SECOND, EPSILON = np.float32(0.9), np.float32(0.999), np.float32(1e-7)
# After so many steps without a gradient a row moves no more: .9**160 is below float32's rounding.
STILL = 160


class Rates:
    """What a step multiplies its direction by, for each step from 1 on."""

    def __init__(self, learning_rate: float) -> None:
        """Take the learning rate that the corrections tend to."""
        self.learning_rate = learning_rate
        self.known = np.empty(0, np.float32)

    def upto(self, step: int) -> np.ndarray:
        """Return learning_rate * sqrt(1 - .999**t) / (1 - .9**t); entry t is that of step t."""
        if step >= len(self.known):
            steps = np.arange(max(1024, 2 * step), dtype=np.float64)
            with np.errstate(invalid="ignore"):
                corrections = np.sqrt(1 - float(SECOND) ** steps) / (1 - float(FIRST) ** steps)
            self.known = (self.learning_rate * corrections).astype(np.float32)
        return self.known


class Whole:
    """An array whose gradient has all its entries."""

    def __init__(self, values: np.ndarray, rates: Rates) -> None:
        """Take the array, float32, which is changed in place."""
        self.values, self.rates, self.step = values, rates, 0
        self.first, self.second = np.zeros_like(values), np.zeros_like(values)

    def update(self, gradient: np.ndarray) -> None:
        """Make a step against a gradient of the array's shape."""
        self.step += 1
        rate = self.rates.upto(self.step)[self.step]
        arrays = (self.values, self.first, self.second, gradient)
        _move(*(array.reshape(-1) for array in arrays), rate)


class Rows:
    """A table of which each step has a gradient for few rows; the others' is zero.

    Adam moves those too, as long as their first moment lasts. Here a row's missed steps are made
    when it is asked for next: the same numbers, without a pass over the table at each step.
    """

    def __init__(self, values: np.ndarray, rates: Rates) -> None:
        """Take the table, float32, shape (rows, columns), which is changed in place."""
        self.values, self.rates, self.step = values, rates, 0
        self.first, self.second = np.zeros_like(values), np.zeros_like(values)
        # The step up to which each row has been brought.
        self.seen = np.zeros(len(values), np.int64)

    def bring(self, rows: np.ndarray) -> None:
        """Bring different rows up to the present step."""
        rates = self.rates.upto(self.step)
        _catch_up(self.values, self.first, self.second, self.seen, rows, self.step, rates)

    def update(self, rows: np.ndarray, gradient: np.ndarray) -> None:
        """Make a step; `gradient`, shape (rows, columns), is that of the rows last brought."""
        self.step += 1
        rate = self.rates.upto(self.step)[self.step]
        _move_rows(self.values, self.first, self.second, rows, gradient, rate)
        self.seen[rows] = self.step

    def all(self) -> np.ndarray:
        """Return the table, all its rows brought up to the present step."""
        self.bring(np.arange(len(self.values)))
        return self.values


@compiled
def _move(values, first, second, gradient, rate):
    one = np.float32(1)
    for i in range(len(values)):
        slope = gradient[i]
        first[i] += (slope - first[i]) * (one - FIRST)
        second[i] += (slope * slope - second[i]) * (one - SECOND)
        values[i] -= first[i] * rate / (np.sqrt(second[i]) + EPSILON)


@compiled
def _move_rows(values, first, second, rows, gradient, rate):
    for number in range(len(rows)):
        row = rows[number]
        _move(values[row], first[row], second[row], gradient[number], rate)


@compiled
def _catch_up(values, first, second, seen, rows, step, rates):
    columns = values.shape[1]
    for row in rows:
        missed = step - seen[row]
        # What has never had a gradient has nothing that moves it.
        if seen[row] > 0 and missed > 0:
            own, mean, square = values[row], first[row], second[row]
            made = min(missed, STILL)
            for late in range(made):
                rate = rates[seen[row] + 1 + late]
                for i in range(columns):
                    mean[i] *= FIRST
                    square[i] *= SECOND
                    own[i] -= mean[i] * rate / (np.sqrt(square[i]) + EPSILON)
            if missed > made:
                first_left = FIRST ** np.float32(missed - made)
                second_left = SECOND ** np.float32(missed - made)
                for i in range(columns):
                    mean[i] *= first_left
                    square[i] *= second_left
            seen[row] = step
