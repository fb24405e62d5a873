"""Calibration: maps fitted on held-out rows, after which probabilities match observed shares.

For outputs that no formula corrects, such as those of a hinge, soft-F1 or AUC loss.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ballast.probabilities.logits import log_odds, log_shares
from ballast.probabilities.plain import Plain

Method = Literal["temperature", "sigmoid", "isotonic"]
# Beyond these slopes, scores would be meaningless, or perfect.
SLOPES = (1e-3, 1e3)
SLOPE_ROWS = 100_000


@dataclass(frozen=True)
class Calibration(Plain):
    """A fitted map from logits to logits.

    Attributes:
        method: which kind of map it is.
        multilabel: whether each label is calibrated by itself.
        values: plain lists and numbers: temperature has `slope`; sigmoid `slopes` and `offsets`, a
            number for each class; isotonic `scores` and `log_odds`, a list of steps for each class.
    """

    method: Method
    multilabel: bool
    values: dict[str, Any]

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Return calibrated logits, float64 and finite, of the same shape (rows, classes)."""
        logits = logits.astype(np.float64)
        if self.method == "temperature":
            return self.values["slope"] * logits
        scores = logits if self.multilabel else _one_vs_rest(logits)
        if self.method == "sigmoid":
            odds = scores * self.values["slopes"] + self.values["offsets"]
        else:
            steps = zip(self.values["scores"], self.values["log_odds"], strict=True)
            columns = zip(scores.T, steps, strict=True)
            odds = np.stack([np.interp(s, *step) if step[0] else s for s, step in columns], axis=1)
        # The softmax of these, log p, is p normalised.
        return odds if self.multilabel else -np.logaddexp(0, -odds)


def fit(method: Method, targets: np.ndarray, logits: np.ndarray, multilabel: bool) -> Calibration:
    """Fit a map on held-out rows.

    temperature: z -> a z with the one a of least log-loss (Guo, Pleiss, Sun and Weinberger, On
    Calibration of Modern Neural Networks, 2017); multi-label: one for all labels.
    sigmoid: log odds s of each class -> a_c s + b_c of least log-loss, a_c >= 0, with Platt's
    smoothed targets (Platt, Probabilistic Outputs for Support Vector Machines, 1999).
    isotonic: log odds of each class -> the non-decreasing shares of least squares, no nearer to 0
    and 1 than Platt's targets are (Zadrozny and Elkan, Transforming Classifier Scores into Accurate
    Multiclass Probability Estimates, 2002).

    Single-label, the last two take each class against the rest and then normalise the classes'
    probabilities. The log odds of a class of no held-out row, or of every one, stay the same.

    Args:
        method: which kind of map.
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        logits: of the same rows, shape (rows, classes).
        multilabel: whether each label is calibrated by itself.

    Example:
        >>> z = np.array([[3.0, -3.0]] * 4)
        >>> half_wrong = fit("sigmoid", np.eye(2)[[0, 1, 0, 1]], z, multilabel=False)
        >>> bool(np.ptp(half_wrong.apply(z)[0]) < 1e-5)
        True
    """
    logits = logits.astype(np.float64)
    if method == "temperature":
        return Calibration(method, multilabel, {"slope": temperature(targets, logits, multilabel)})
    scores = logits if multilabel else _one_vs_rest(logits)
    columns = zip(scores.T, targets.T, strict=True)
    fits = [(_platt if method == "sigmoid" else _steps)(*column) for column in columns]
    names = ("slopes", "offsets") if method == "sigmoid" else ("scores", "log_odds")
    values = {name: list(part) for name, part in zip(names, zip(*fits, strict=True), strict=True)}
    return Calibration(method, multilabel, values)


def temperature(targets: np.ndarray, logits: np.ndarray, multilabel: bool) -> float:
    """Return the factor on all logits of least log-loss; arguments as in `fit`."""
    # Optimisers are imported where they are used: prediction only applies maps, and starts faster.
    from scipy.optimize import minimize_scalar

    # One number is known from fewer rows than there may be; these are evenly spread.
    step = 1 + len(logits) // SLOPE_ROWS
    targets, logits = targets[::step], logits[::step]

    # A slope is a ratio, so its logarithm is searched.
    def loss(log_slope: float) -> float:
        z = np.exp(log_slope) * logits
        if multilabel:
            return float(np.logaddexp(0, (1 - 2.0 * targets) * z).mean())
        return float((np.logaddexp.reduce(z, axis=1) - (targets * z).sum(axis=1)).mean())

    fitted = minimize_scalar(loss, bounds=np.log(SLOPES), method="bounded")
    return float(np.exp(fitted.x))


def _platt(scores: np.ndarray, present: np.ndarray) -> tuple[float, float]:
    """Return slope and offset of one class."""
    from scipy.optimize import minimize

    if present.min() == present.max():
        return 1.0, 0.0
    low, high = _smoothed(present)
    smoothed = np.where(present > 0, high, low)
    # Standardised for the search: hinge margins and AUC scores may have any scale.
    centre, scale = scores.mean(), scores.std()
    # Equal scores have no slope.
    scale = scale if scale > 1e-9 * (1 + abs(centre)) else 1.0
    scaled = (scores - centre) / scale

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        odds = line[0] * scaled + line[1]
        residual = 1 / (1 + np.exp(-np.clip(odds, -500, 500))) - smoothed
        value = np.logaddexp(0, odds) - smoothed * odds
        return value.mean(), np.array([(residual * scaled).mean(), residual.mean()])

    start = np.array([1.0, log_odds(smoothed.mean())])
    fitted = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)], tol=1e-12
    )
    slope = fitted.x[0] / scale
    return float(slope), float(fitted.x[1] - slope * centre)


def _steps(scores: np.ndarray, present: np.ndarray) -> tuple[list[float], list[float]]:
    """Return the scores and log odds of one class between which to interpolate."""
    from sklearn.isotonic import IsotonicRegression

    if present.min() == present.max():
        return [], []
    regression = IsotonicRegression().fit(scores, present)
    p = np.clip(regression.y_thresholds_, *_smoothed(present))
    return regression.X_thresholds_.tolist(), log_odds(p).tolist()


def _smoothed(present: np.ndarray) -> tuple[float, float]:
    """Return Platt's targets for rows without and with the class, which replace 0 and 1."""
    positives = float(present.sum())
    return 1 / (len(present) - positives + 2), (positives + 1) / (positives + 2)


def _one_vs_rest(logits: np.ndarray) -> np.ndarray:
    """Return log p_c - log(1 - p_c) of the softmax."""
    log_p, log_rest = log_shares(logits)
    return log_p - log_rest
