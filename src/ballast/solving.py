"""Training of linear models: no steps, but the least loss itself, by L-BFGS over all examples."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
from scipy.optimize import minimize
from scipy.sparse import csr_array

from ballast.batches import Batch, Table
from ballast.network import Linear, variables

# Nearer to the minimum than this, by the share of the loss that an iteration gains, scores no
# longer move.
TOLERANCE = 1e-4
MOST = 200
# Earlier iterations that tell the curvature; each holds the weights twice.
MEMORY = 4


class LinearLearner:
    """A linear model, each of whose steps finds the weights of least loss for its strength.

    The sum of the examples' losses times C, plus half the squared weights without the bias, is
    least; C grows from step to step, and each step starts from the weights of the one before it.
    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.
    """

    whole = True

    def __init__(self, model: Linear, loss: Callable) -> None:
        """Take the network; its variables stay as they were.

        Args:
            model: as `models/linear.py` builds it.
            loss: from (labels, logits) to a loss a row.
        """
        self.strength, self.factor = model.start, model.factor
        self.outputs = model.output.shape[1]
        self.weight = {
            name: np.zeros(variable.shape, np.float32)
            for name, variable in variables(model).items()
        }
        self.inputs = list(model.input)
        self.kernels = [name for name in self.weight if name.endswith(".kernel")]
        self.bias = next(name for name in self.weight if name.endswith(".bias"))
        # Of the labels, those of a row and of its partner may stand side by side.
        pair = [tf.TensorSpec((None, count), tf.float32) for count in (None, self.outputs)]

        def slopes(labels, logits):
            with tf.GradientTape() as tape:
                tape.watch(logits)
                value = tf.reduce_mean(loss(labels, logits))
            return value, tape.gradient(value, logits)

        self.slopes = tf.function(slopes, input_signature=pair).get_concrete_function()

    def step(self, table: Table, batch: Batch) -> float:
        """Find the weights of least loss for the next strength; return the mean loss there."""
        if batch.partners is None:
            inputs = table.padded(batch.rows)
        else:
            inputs = table.between(batch.rows, batch.partners, batch.shares)
        examples = [inputs[name] for name in self.inputs]
        # The transpose of a row-wise matrix is column-wise, and slow to multiply with.
        turned = [part.T.tocsr() if isinstance(part, csr_array) else part.T for part in examples]
        labels = tf.constant(batch.labels)
        penalty = np.float32(1 / (self.strength * len(batch.rows)))
        # Searched are weights that a common input moves no faster than a rare one does: that takes
        # half the iterations.
        squares = [(part * part).sum(axis=0) / len(batch.rows) for part in examples]
        scales = [1 / np.sqrt(penalty + each[:, None], dtype=np.float32) for each in squares]

        def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
            kernels, bias = self._kernels(flat, scales)
            logits = sum(part @ kernel for part, kernel in zip(examples, kernels, strict=True))
            value, slopes = self.slopes(labels, tf.constant(logits + bias))
            slopes = slopes.numpy()
            gradients = [
                scale * (part @ slopes + penalty * kernel)
                for part, kernel, scale in zip(turned, kernels, scales, strict=True)
            ]
            told = [*(gradient.ravel() for gradient in gradients), slopes.sum(axis=0)]
            value = float(value) + float(penalty) / 2 * _square(kernels)
            return value, np.concatenate(told, dtype=float)

        names = [*self.kernels, self.bias]
        pairs = zip(self.kernels, scales, strict=True)
        begin = [(self.weight[name] / scale).ravel() for name, scale in pairs]
        begin = np.concatenate([*begin, self.weight[self.bias]], dtype=float)
        options = {"maxiter": MOST, "maxcor": MEMORY, "ftol": TOLERANCE, "gtol": 1e-7}
        found = minimize(objective, begin, jac=True, method="L-BFGS-B", options=options)
        kernels, bias = self._kernels(found.x, scales)
        self.weight |= dict(zip(names, [*kernels, bias], strict=True))
        self.strength *= self.factor
        return float(found.fun) - float(penalty) / 2 * _square(kernels)

    def weights(self) -> dict[str, np.ndarray]:
        """Return copies of the weights by name."""
        return {name: value.copy() for name, value in self.weight.items()}

    def _kernels(
        self, flat: np.ndarray, scales: list[np.ndarray]
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Return the kernels, scaled, and the bias, which stand one behind the other."""
        flat, kernels, first = flat.astype(np.float32), [], 0
        for name, scale in zip(self.kernels, scales, strict=True):
            shape = self.weight[name].shape
            kernels.append(scale * flat[first : first + shape[0] * shape[1]].reshape(shape))
            first += shape[0] * shape[1]
        return kernels, flat[first:]


def _square(kernels: list[np.ndarray]) -> float:
    return sum(float(np.vdot(kernel, kernel)) for kernel in kernels)
