"""Calibration: maps, fitted on held-out rows, after which probabilities mean what they say.

For what no closed inverse undoes: the outputs of a hinge, soft-F1 or AUC loss, say.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from ballast.probabilities.logits import log_shares

Method = Literal["temperature", "sigmoid", "isotonic"]
# A slope outside of these would mean that scores say nothing, or all.
SLOPES = (1e-3, 1e3)
SLOPE_ROWS = 100_000


@dataclass(frozen=True)
class Calibration:
    """A fitted map from logits to logits.

    Attributes:
        method: how `values` are read.
        multilabel: whether each label is a problem of its own.
        values: plain lists and numbers: temperature has `slope`; sigmoid `slopes` and `offsets`, a
            number a class; isotonic `scores` and `log_odds`, a list of steps a class.
    """

    method: Method
    multilabel: bool
    values: dict[str, Any]

    def apply(self, logits: np.ndarray) -> np.ndarray:
        """Return calibrated logits, float64 and finite, of the same shape (rows, classes)."""
        logits = logits.astype(np.float64)
        if self.method == "temperature":
            return self.values["slope"] * logits
        scores = logits if self.multilabel else _against_the_rest(logits)
        if self.method == "sigmoid":
            odds = scores * self.values["slopes"] + self.values["offsets"]
        else:
            steps = zip(self.values["scores"], self.values["log_odds"], strict=True)
            columns = zip(scores.T, steps, strict=True)
            odds = np.stack([np.interp(s, *step) if step[0] else s for s, step in columns], axis=1)
        # The softmax of log p is p, normalised.
        return odds if self.multilabel else -np.logaddexp(0, -odds)

    def to_json(self) -> dict[str, Any]:
        """Return the map as it goes to `models/decision.json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> "Calibration":
        """Return the map that `to_json` made these values of."""
        return cls(**values)


def fit(method: Method, targets: np.ndarray, logits: np.ndarray, multilabel: bool) -> Calibration:
    """Return the map of a method, fitted on held-out rows.

    temperature: z -> a z with the one a of least log-loss (Guo, Pleiss, Sun and Weinberger, On
    Calibration of Modern Neural Networks, 2017); multi-label: one for all labels.
    sigmoid: log odds s of each class -> a_c s + b_c of least log-loss, a_c >= 0, with Platt's
    smoothed targets (Platt, Probabilistic Outputs for Support Vector Machines, 1999).
    isotonic: log odds of each class -> the non-decreasing shares of least squares, no nearer to 0
    and 1 than Platt's targets are (Zadrozny and Elkan, Transforming Classifier Scores into Accurate
    Multiclass Probability Estimates, 2002).

    Single-label, the last two take each class against the rest, and the classes' probabilities are
    then normalised. A class that no held-out row has, or every row, keeps its log odds.

    Args:
        method: the name of one.
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        logits: of the same rows, shape (rows, classes).
        multilabel: whether each label is a problem of its own.

    Example:
        >>> z = np.array([[3.0, -3.0]] * 4)
        >>> half_wrong = fit("sigmoid", np.eye(2)[[0, 1, 0, 1]], z, multilabel=False)
        >>> bool(np.ptp(half_wrong.apply(z)[0]) < 1e-5)
        True
    """
    logits = logits.astype(np.float64)
    if method == "temperature":
        return Calibration(method, multilabel, {"slope": temperature(targets, logits, multilabel)})
    scores = logits if multilabel else _against_the_rest(logits)
    columns = zip(scores.T, targets.T, strict=True)
    fits = [(_platt if method == "sigmoid" else _steps)(*column) for column in columns]
    names = ("slopes", "offsets") if method == "sigmoid" else ("scores", "log_odds")
    values = {name: list(part) for name, part in zip(names, zip(*fits, strict=True), strict=True)}
    return Calibration(method, multilabel, values)


def temperature(targets: np.ndarray, logits: np.ndarray, multilabel: bool) -> float:
    """Return the one factor on logits of least log-loss; arguments as those of `fit`."""
    # What fits is imported where it is used: prediction only applies a map, and starts sooner.
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
    wanted = np.where(present > 0, high, low)
    # The search wants scores of about 1: hinge margins and AUC scores may be anything.
    middle, scale = scores.mean(), scores.std()
    # Scores all alike have no slope to find, and 1 will do.
    scale = scale if scale > 1e-9 * (1 + abs(middle)) else 1.0
    scaled = (scores - middle) / scale

    def loss(line: np.ndarray) -> tuple[float, np.ndarray]:
        odds = line[0] * scaled + line[1]
        wrong = 1 / (1 + np.exp(-np.clip(odds, -500, 500))) - wanted
        value = np.logaddexp(0, odds) - wanted * odds
        return value.mean(), np.array([(wrong * scaled).mean(), wrong.mean()])

    start = np.array([1.0, np.log(wanted.mean() / (1 - wanted.mean()))])
    fitted = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=[(0, None), (None, None)], tol=1e-12
    )
    slope = fitted.x[0] / scale
    return float(slope), float(fitted.x[1] - slope * middle)


def _steps(scores: np.ndarray, present: np.ndarray) -> tuple[list[float], list[float]]:
    """Return the scores and log odds of one class between which to interpolate."""
    from sklearn.isotonic import IsotonicRegression

    if present.min() == present.max():
        return [], []
    regression = IsotonicRegression().fit(scores, present)
    p = np.clip(regression.y_thresholds_, *_smoothed(present))
    return regression.X_thresholds_.tolist(), (np.log(p) - np.log1p(-p)).tolist()


def _smoothed(present: np.ndarray) -> tuple[float, float]:
    """Return Platt's targets for rows without and with the class, in place of 0 and 1."""
    positives = float(present.sum())
    return 1 / (len(present) - positives + 2), (positives + 1) / (positives + 2)


def _against_the_rest(logits: np.ndarray) -> np.ndarray:
    """Return log p_c - log(1 - p_c) of the softmax."""
    log_p, log_rest = log_shares(logits)
    return log_p - log_rest
