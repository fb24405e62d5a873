"""The least loss of a linear model over all its examples, by L-BFGS.

Along a direction the logits move in straight lines, so one product of the examples with it tells
the loss anywhere on it, and the best place is found as if for nothing. What takes time is that
product and the one for the gradient there.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array

# Nearer to the minimum than this, by the loss that an iteration gains, scores no longer move.
TOLERANCE = 1e-4
MOST = 200
# Earlier iterations that tell the curvature; each holds the weights twice.
MEMORY = 4
# A place is good where the loss has fallen by this share of what the first slope promised, and is
# no steeper than that share of it.
FALLEN, FLAT = 1e-4, 0.1
LOOKS = 20

# From logits to the mean loss and its slopes by the logits.
Loss = Callable[[np.ndarray], tuple[float, np.ndarray]]
# How the weights moved, how their gradient changed, and the inner product of both.
Pair = tuple[np.ndarray, np.ndarray, float]


class Examples:
    """The examples of a linear model, and the penalty of its squared weights.

    Weights are searched as one array: the kernels, scaled so that a common input moves no faster
    than a rare one, which takes half the iterations, and behind them the bias.
    """

    def __init__(self, parts: Sequence[np.ndarray | csr_array], penalty: float) -> None:
        """Take the examples.

        Args:
            parts: float32, shape (rows, inputs) each.
            penalty: what half the squared weights, without the bias, count beside the mean loss.
        """
        self.parts, self.penalty = parts, penalty
        # The transpose of a row-wise matrix is column-wise, and slow to multiply with.
        self.turned = [part.T.tocsr() if isinstance(part, csr_array) else part.T for part in parts]
        squares = [(part * part).sum(axis=0) / part.shape[0] for part in parts]
        self.scales = [1 / np.sqrt(penalty + each[:, None], dtype=np.float32) for each in squares]
        self.ends = np.cumsum([len(scale) for scale in self.scales])

    def flat(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return kernels and bias as one array."""
        *kernels, bias = weights
        scaled = [kernel / scale for kernel, scale in zip(kernels, self.scales, strict=True)]
        return np.concatenate([*scaled, bias[None]]).ravel()

    def weights(self, flat: np.ndarray) -> list[np.ndarray]:
        """Return kernels and bias of one array."""
        *kernels, bias = np.split(flat.reshape(self.ends[-1] + 1, -1), self.ends)
        pairs = zip(kernels, self.scales, strict=True)
        return [*(kernel * scale for kernel, scale in pairs), bias[0].copy()]

    def logits(self, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return the examples' logits, shape (rows, classes)."""
        *kernels, bias = weights
        return sum(part @ kernel for part, kernel in zip(self.parts, kernels, strict=True)) + bias

    def gradient(self, slopes: np.ndarray, weights: Sequence[np.ndarray]) -> np.ndarray:
        """Return the slopes of mean loss and penalty by the weights as one array.

        Args:
            slopes: of the mean loss by the logits, shape (rows, classes).
            weights: kernels and bias.
        """
        parts = zip(self.turned, weights[:-1], self.scales, strict=True)
        kernels = [
            (turned @ slopes + np.float32(self.penalty) * kernel) * scale
            for turned, kernel, scale in parts
        ]
        return np.concatenate([*kernels, slopes.sum(axis=0, keepdims=True)]).ravel()


@dataclass(frozen=True)
class Place:
    """A place on a direction.

    Attributes:
        step: how far along it.
        value: mean loss and penalty.
        slope: theirs along the direction.
        loss: the mean loss alone.
        slopes: its slopes by the logits, shape (rows, classes).
    """

    step: float
    value: float
    slope: float
    loss: float
    slopes: np.ndarray


def minimum(
    examples: Examples, loss: Loss, start: Sequence[np.ndarray]
) -> tuple[list[np.ndarray], float]:
    """Return the weights of least loss and penalty, and the loss alone.

    Source: Liu and Nocedal, On the limited memory BFGS method for large scale optimization, 1989.

    Args:
        examples: with their penalty.
        loss: from logits to the mean loss and its slopes by the logits.
        start: kernels and bias to begin with, float32.
    """
    pairs, here = deque(maxlen=MEMORY), examples.flat(start)
    weights = examples.weights(here)
    logits = examples.logits(weights)
    told, slopes = loss(logits)
    gradient = examples.gradient(slopes, weights)
    for _ in range(MOST):
        way = -_curved(gradient, pairs)
        ahead = examples.weights(way)
        moves = examples.logits(ahead)
        # The squared weights along the direction.
        square = [_inner(*both) for both in ((weights, weights), (weights, ahead), (ahead, ahead))]
        penalty = examples.penalty * np.array(square)

        def look(step, logits=logits, moves=moves, penalty=penalty) -> Place:
            told, slopes = loss(logits + np.float32(step) * moves)
            value = told + penalty @ [0.5, step, step**2 / 2]
            slope = float(np.vdot(slopes, moves)) + penalty @ [0, 1, step]
            return Place(step, value, slope, told, slopes)

        first = Place(0.0, told + penalty[0] / 2, float(np.vdot(gradient, way)), told, slopes)
        # Without a curvature, nothing tells how far it is.
        best = along(look, first, 1.0 if pairs else 1 / max(1.0, -first.slope) ** 0.5)
        if not best.value < first.value:
            break
        moved, before = np.float32(best.step) * way, gradient
        here = here + moved
        weights = examples.weights(here)
        logits = logits + np.float32(best.step) * moves
        told, slopes = best.loss, best.slopes
        gradient = examples.gradient(slopes, weights)
        curve = float(np.vdot(moved, gradient - before))
        if curve > 0:
            pairs.append((moved, gradient - before, curve))
        if first.value - best.value <= TOLERANCE * max(1.0, first.value):
            break
    return weights, told


def along(look: Callable[[float], Place], first: Place, step: float) -> Place:
    """Return a good place on a direction, or the best one that was seen.

    Args:
        look: from a step to the place.
        first: where the direction begins.
        step: the first one to try.
    """
    best = low = first
    high = None
    if not first.slope < 0:
        return first
    for _ in range(LOOKS):
        place = look(step)
        if place.value < best.value:
            best = place
        # Where the outputs overflow, the value is not a number.
        if not place.value <= first.value + FALLEN * step * first.slope:
            high = place
        elif abs(place.slope) <= FLAT * abs(first.slope):
            return place
        elif place.slope < 0:
            low = place
        else:
            high = place
        if high is None:
            step *= 4
            continue
        step = (low.step + high.step) / 2
        if high.slope > 0:
            # Where the slope would be none if it changed evenly, but for the ends.
            share = low.slope / (low.slope - high.slope)
            step = low.step + min(max(share, 0.05), 0.95) * (high.step - low.step)
    return best


def _curved(gradient: np.ndarray, pairs: Sequence[Pair]) -> np.ndarray:
    """Return the gradient times the inverse of the curvature that earlier iterations tell."""
    found, shares = gradient.copy(), []
    for moved, changed, curve in reversed(pairs):
        share = np.vdot(moved, found) / np.float32(curve)
        found -= share * changed
        shares.append(share)
    if pairs:
        moved, changed, curve = pairs[-1]
        found *= np.float32(curve) / np.vdot(changed, changed)
    for (moved, changed, curve), share in zip(pairs, reversed(shares), strict=True):
        found += (share - np.vdot(changed, found) / np.float32(curve)) * moved
    return found


def _inner(these: Sequence[np.ndarray], those: Sequence[np.ndarray]) -> float:
    """Return the inner product of two sets of weights, without their bias."""
    pairs = zip(these[:-1], those[:-1], strict=True)
    return sum(float(np.vdot(this, that)) for this, that in pairs)
