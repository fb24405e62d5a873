"""L-BFGS for the penalised loss of a linear model over all its examples.

Along a search direction the logits are linear in the step size: one product of the inputs with the
direction gives them for every step, so the line search costs next to nothing. An iteration costs
two products with the inputs, that one and the one for the gradient.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy.sparse import csr_array

# The search has converged once an iteration gains less than this share of the loss: scores on
# held-out rows no longer move.
TOLERANCE = 1e-4
MAX_ITERATIONS = 200
# Earlier iterations whose curvature is remembered; each takes two arrays as large as the weights.
MEMORY = 4
# The strong Wolfe conditions: how much of the decrease that the first slope promises a step must
# bring, and which share of that slope may be left.
SUFFICIENT_DECREASE, CURVATURE = 1e-4, 0.1
MAX_EVALUATIONS = 20

# From logits to the mean loss and its gradient by the logits.
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
# A step of the weights, the change of their gradient, and the inner product of both.
Pair = tuple[np.ndarray, np.ndarray, float]


class Design:
    """The design matrices of a linear model and the penalty on its squared weights.

    The search runs over one array: the kernels, each input scaled by its size so that common inputs
    move no faster than rare ones (which halves the iterations), then the bias.
    """

    def __init__(self, matrices: Sequence[np.ndarray | csr_array], penalty: float) -> None:
        """Take the inputs of all examples.

        Args:
            matrices: one for each kernel, float32, shape (rows, inputs).
            penalty: factor of half the squared weights, bias excluded, beside the mean loss.
        """
        self.matrices, self.penalty = matrices, penalty
        # The transpose of a row-wise matrix is column-wise, and slow to multiply with.
        self.transposed = [
            matrix.T.tocsr() if isinstance(matrix, csr_array) else matrix.T for matrix in matrices
        ]
        squares = [(matrix * matrix).sum(axis=0) / matrix.shape[0] for matrix in matrices]
        self.scales = [1 / np.sqrt(penalty + each[:, None], dtype=np.float32) for each in squares]
        self.ends = np.cumsum([len(scale) for scale in self.scales])

    def flatten(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return kernels and bias as one array."""
        *kernels, bias = weights
        scaled = [kernel / scale for kernel, scale in zip(kernels, self.scales, strict=True)]
        return np.concatenate([*scaled, bias[None]]).ravel()

    def unflatten(self, flat: np.ndarray) -> list[np.ndarray]:
        """Return the kernels and the bias that make up one array."""
        *kernels, bias = np.split(flat.reshape(self.ends[-1] + 1, -1), self.ends)
        pairs = zip(kernels, self.scales, strict=True)
        return [*(kernel * scale for kernel, scale in pairs), bias[0].copy()]

    def logits(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return the examples' logits, shape (rows, classes)."""
        *kernels, bias = weights
        pairs = zip(self.matrices, kernels, strict=True)
        return sum(matrix @ kernel for matrix, kernel in pairs) + bias

    def gradient(self, by_logits: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return the gradient of mean loss plus penalty by the weights, as one array.

        Args:
            by_logits: gradient of the mean loss by the logits, shape (rows, classes).
            weights: kernels and bias.
        """
        parts = zip(self.transposed, weights[:-1], self.scales, strict=True)
        kernels = [
            (transposed @ by_logits + np.float32(self.penalty) * kernel) * scale
            for transposed, kernel, scale in parts
        ]
        return np.concatenate([*kernels, by_logits.sum(axis=0, keepdims=True)]).ravel()


@dataclass(frozen=True)
class Point:
    """A point on a search direction.

    Attributes:
        step: its distance from the start, in lengths of the direction.
        value: mean loss plus penalty.
        slope: derivative of the value by the step.
        loss: the mean loss alone.
        by_logits: gradient of the mean loss by the logits, shape (rows, classes).
    """

    step: float
    value: float
    slope: float
    loss: float
    by_logits: np.ndarray


def minimise(
    design: Design, loss: Loss, start: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], float]:
    """Return the weights of least mean loss plus penalty, and the mean loss alone.

    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.

    Args:
        design: inputs and penalty.
        loss: from logits to the mean loss and its gradient by the logits.
        start: kernels and bias to start from, float32.
    """
    pairs, position = deque(maxlen=MEMORY), design.flatten(start)
    weights = design.unflatten(position)
    logits = design.logits(weights)
    mean_loss, by_logits = loss(logits)
    gradient = design.gradient(by_logits, weights)
    for _ in range(MAX_ITERATIONS):
        direction = -_inverse_hessian_product(gradient, pairs)
        weights_direction = design.unflatten(direction)
        logits_direction = design.logits(weights_direction)
        # The squared weights are a quadratic function of the step.
        products = combinations_with_replacement((weights, weights_direction), 2)
        penalty = design.penalty * np.array([_inner_product(*pair) for pair in products])

        def at(step, logits=logits, direction=logits_direction, penalty=penalty) -> Point:
            mean_loss, by_logits = loss(logits + np.float32(step) * direction)
            value = mean_loss + penalty @ [0.5, step, step**2 / 2]
            slope = float(np.vdot(by_logits, direction)) + penalty @ [0, 1, step]
            return Point(step, value, slope, mean_loss, by_logits)

        slope = float(np.vdot(gradient, direction))
        first = Point(0.0, mean_loss + penalty[0] / 2, slope, mean_loss, by_logits)
        # Before any curvature is known, nothing says how long a step should be.
        best = line_search(at, first, 1.0 if pairs else 1 / max(1.0, -first.slope) ** 0.5)
        if not best.value < first.value:
            break
        change, previous = np.float32(best.step) * direction, gradient
        position = position + change
        weights = design.unflatten(position)
        logits = logits + np.float32(best.step) * logits_direction
        mean_loss, by_logits = best.loss, best.by_logits
        gradient = design.gradient(by_logits, weights)
        curvature = float(np.vdot(change, gradient - previous))
        if curvature > 0:
            pairs.append((change, gradient - previous, curvature))
        if first.value - best.value <= TOLERANCE * max(1.0, first.value):
            break
    return weights, mean_loss


def line_search(at: Callable[[float], Point], first: Point, step: float) -> Point:
    """Return a point that meets the strong Wolfe conditions, or the lowest that was evaluated.

    Args:
        at: from a step to the point there.
        first: the start of the direction.
        step: the first one to try.
    """
    best = low = first
    high = None
    if not first.slope < 0:
        return first
    for _ in range(MAX_EVALUATIONS):
        point = at(step)
        if point.value < best.value:
            best = point
        # Where the outputs overflow, the value is not a number.
        if not point.value <= first.value + SUFFICIENT_DECREASE * step * first.slope:
            high = point
        elif abs(point.slope) <= CURVATURE * abs(first.slope):
            return point
        elif point.slope < 0:
            low = point
        else:
            high = point
        if high is None:
            step *= 4
            continue
        step = (low.step + high.step) / 2
        if high.slope > 0:
            # The secant method: the zero of the slope if it were linear, clear of both ends.
            share = low.slope / (low.slope - high.slope)
            step = low.step + min(max(share, 0.05), 0.95) * (high.step - low.step)
    return best


def _inverse_hessian_product(gradient: np.ndarray, pairs: Sequence[Pair]) -> np.ndarray:
    """Return the approximate inverse Hessian times the gradient (two-loop recursion)."""
    product, factors = gradient.copy(), []
    for step, change, curvature in reversed(pairs):
        factor = np.vdot(step, product) / np.float32(curvature)
        product -= factor * change
        factors.append(factor)
    if pairs:
        _, change, curvature = pairs[-1]
        product *= np.float32(curvature) / np.vdot(change, change)
    for (step, change, curvature), factor in zip(pairs, reversed(factors), strict=True):
        product += (factor - np.vdot(change, product) / np.float32(curvature)) * step
    return product


def _inner_product(first: Sequence[np.ndarray], second: Sequence[np.ndarray]) -> float:
    """Return the inner product of two sets of weights, bias excluded."""
    pairs = zip(first[:-1], second[:-1], strict=True)
    return sum(float(np.vdot(*pair)) for pair in pairs)
