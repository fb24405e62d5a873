"""What a network without limits would learn of a known p(y|x), computed to the last digits."""

import numpy as np
from problems import LETTERS
from scipy.optimize import brentq

from ballast.labels.classes import Classes
from ballast.probabilities.balancing import log_prior

# p(x) of five values of x, and p(y|x) of three classes, or of three labels.
PX = np.array([0.4, 0.3, 0.15, 0.1, 0.05])
SINGLE = np.array(
    [[0.97, 0.02, 0.01], [0.8, 0.15, 0.05], [0.5, 0.3, 0.2], [0.1, 0.85, 0.05], [0.02, 0.08, 0.9]]
)
MULTI = np.array(
    [[0.97, 0.02, 0.01], [0.8, 0.6, 0.05], [0.5, 0.3, 0.9], [0.1, 0.85, 0.7], [0.6, 0.08, 0.9]]
)


def population(prior: np.ndarray, multilabel: bool, rows: float = 1e6) -> Classes:
    """Classes of a population: shares of very many rows, fractions of a row among them."""
    return Classes(LETTERS[: len(prior)], prior * rows, rows, multilabel)


def _derivative(v: float, gamma: float) -> float:
    """Return d/dv of -(1 - v)^gamma log v."""
    if gamma == 0:
        return -1 / v
    return gamma * (1 - v) ** (gamma - 1) * np.log(v) - (1 - v) ** gamma / v


def _root(function, low: float, high: float) -> float:
    return brentq(function, low, high, xtol=1e-15, rtol=1e-14, maxiter=500)


def _learned(mass: np.ndarray, gamma: float) -> np.ndarray:
    """Return v, sum 1, with the least sum_c mass_c * -(1 - v_c)^gamma log v_c.

    At the minimum all mass_c times the derivative at v_c are one number -m, found by bisection.
    """

    def at(m: float) -> np.ndarray:
        tiny = 1e-14
        values = []
        for share in mass:
            # The derivative rises from -inf to 0, so it has each value once.
            if share * _derivative(1 - tiny, gamma) < -m:
                values.append(1.0)
            else:
                values.append(
                    _root(lambda v, s=share: s * _derivative(v, gamma) + m, tiny, 1 - tiny)
                )
        return np.array(values)

    # A larger m means smaller v.
    log_m = _root(lambda log_m: at(np.exp(log_m)).sum() - 1, -15, 15)
    return at(np.exp(log_m))


def optimum(mass: np.ndarray, options: dict, classes: Classes) -> np.ndarray:
    """Return the logits of the least loss that any network could have.

    Args:
        mass: weight times share of the rows, shape (x, classes), or (2, x, labels) by presence.
        options: those of the loss; none for cross-entropy.
        classes: the classes of the rows trained on.
    """
    # Logit adjustment is cross-entropy of logits to which the prior is added.
    return _optimum(mass, options, classes.multilabel) - options.get("tau", 0) * log_prior(classes)


def _optimum(mass: np.ndarray, options: dict, multilabel: bool) -> np.ndarray:
    gamma = options.get("gamma", 0.0)
    alpha = options.get("alpha") or {}
    factors = np.array([alpha.get(name, 1.0) for name in LETTERS[: mass.shape[-1]]])
    if not multilabel:
        return np.log([_learned(row, gamma) for row in mass * factors])
    logits = np.empty(mass.shape[1:])
    for place in np.ndindex(*logits.shape):
        pair = np.array([mass[0][place], mass[1][place] * factors[place[-1]]])
        absent, present = _learned(pair, gamma)
        logits[place] = np.log(present) - np.log(absent)
    return logits
