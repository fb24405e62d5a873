"""Operating points: what each threshold of a class would bring, and the decision that sets it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from scipy.special import expit

from ballast.evaluation.best_f1 import best_offsets
from ballast.evaluation.intervals import wilson
from ballast.evaluation.notes import MANY, SHOWN, PerClass, worst_and_rarest
from ballast.evaluation.scores import of_rows, share
from ballast.evaluation.thresholds import guaranteed, margins
from ballast.labels.classes import Classes
from ballast.probabilities.costs import cost_matrix
from ballast.probabilities.rules import Rule, log_scores

# Recalls to guarantee.
TARGETS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# Those of max_f1 at its point: its defaults, and each label or the positive class by itself.
BETA, SHRINK = 1.0, 20.0
# Most rows times classes squared (multi-label: times classes) at which the best F1 is looked for:
# beyond it, the search would take longer than the rest of the evaluation.
WORK = 5_000_000


@dataclass(frozen=True)
class Point:
    """A threshold of a class, by the decision that sets it; scores are those of held-out rows.

    Attributes:
        name: of the class.
        decision: member of `decisions/`.
        options: of the decision, all that the threshold depends on.
        threshold: see `points`; None if costs of more than two classes are weighed.
        recall: share of the class's rows that are predicted to have it.
        recall_low: lower end of its Wilson interval.
        precision: share of the rows predicted to have it that do; 0 of none.
        precision_low: lower end of its Wilson interval.
        alerts: rows predicted to have it, per thousand.
        cost: mean cost of a row under `costs`; None if there are none.
        net_benefit: see `points`; None where other classes' thresholds move too.
        fault: what the decision falls short of, as its note says; "" if of nothing.
    """

    name: str
    decision: str
    options: dict[str, Any]
    threshold: float | None
    recall: float
    recall_low: float
    precision: float
    precision_low: float
    alerts: float
    cost: float | None
    net_benefit: float | None
    fault: str = ""

    @property
    def target(self) -> float | None:
        """The recall to guarantee, if that is what the decision does."""
        return self.options.get("target")


def shown(classes: Classes, per_class: PerClass) -> list[str]:
    """Return the classes that have points, the rarest first.

    The positive class of a binary task; else all, or of more than `MANY` the `SHOWN` worst and
    rarest.

    Args:
        classes: the classes of the training rows.
        per_class: scores of the test rows, as `scores.per_class` returns them.
    """
    if classes.positive is not None:
        return [classes.names[classes.positive]]
    many = len(classes.names) > MANY
    names = worst_and_rarest(per_class, SHOWN) if many else classes.names
    return sorted(names, key=lambda name: (classes.counts[classes.index(name)], name))


def points(
    targets: np.ndarray,
    probabilities: np.ndarray,
    classes: Classes,
    names: Sequence[str],
    level: float,
) -> list[Point]:
    """Return the points of some classes: for each the guaranteed recalls, best F1, lowest cost.

    A threshold is one of the probability; with more than two classes, of one label each, one of
    p / (p + the strongest other class's p), these others as weighted by the decision. The net
    benefit of a row is TP/n - FP/n t/(1-t) at the threshold t, in units of a hit: for whoever finds
    t right, a false alarm costs t/(1-t) (Vickers and Elkin, Decision Curve Analysis, 2006).

    Best F1 is left out where finding it takes more than `WORK`, lowest cost without `costs`.

    Args:
        targets: multi-hot labels of the held-out rows, shape (rows, classes).
        probabilities: of the same rows, likewise.
        classes: the classes of the training rows.
        names: of the classes that have points.
        level: of the two-sided intervals whose lower ends count.
    """
    rows = _Rows(targets, probabilities, classes, level)
    fitted = list(_fitted(targets, probabilities, classes))
    scores = log_scores(probabilities, classes.multilabel)
    result = []
    for name in names:
        c = classes.index(name)
        margin = margins(scores, c, classes.multilabel)
        result += [rows.guaranteed(c, margin, target) for target in TARGETS]
        result += [
            rows.point(c, decision, options, rule, predicted[:, c] > 0)
            for decision, options, rule, predicted in fitted
        ]
    return result


def table(listed: Sequence[Point]) -> list[tuple]:
    """Return the rows of `operating_points.csv`, header first; numbers to six digits.

    The column `expected_cost` is left out where there are no costs.
    """
    columns = {
        "class": [each.name for each in listed],
        "decision": [each.decision for each in listed],
        "target": [each.target for each in listed],
        "threshold": [each.threshold for each in listed],
        "recall": [each.recall for each in listed],
        "recall_low": [each.recall_low for each in listed],
        "precision": [each.precision for each in listed],
        "precision_low": [each.precision_low for each in listed],
        "alerts_per_1000": [each.alerts for each in listed],
        "expected_cost": [each.cost for each in listed],
        "net_benefit": [each.net_benefit for each in listed],
        "infeasible": [each.fault for each in listed],
    }
    if all(each.cost is None for each in listed):
        del columns["expected_cost"]
    rows = zip(*columns.values(), strict=True)
    return [tuple(columns), *(tuple(map(_digits, row)) for row in rows)]


def _digits(value: Any) -> Any:
    return float(f"{value:.6g}") if isinstance(value, float) else value


@dataclass(frozen=True)
class _Rows:
    """The held-out rows, on which every point is scored."""

    targets: np.ndarray
    probabilities: np.ndarray
    classes: Classes
    level: float

    def guaranteed(self, c: int, margin: np.ndarray, target: float) -> Point:
        """Return the point of `min_recall` for class c, by the margins of its rows."""
        offset, fault = guaranteed("recall", margin, self.targets[:, c], target, self.level)
        offsets = np.zeros(len(self.classes.names))
        offsets[c] = offset
        # Without a name, each label of several gets its threshold.
        label = None if self.classes.multilabel else self.classes.names[c]
        options = {"target": target, "level": self.level, "label": label}
        rule = Rule(offsets, self.classes.multilabel)
        return self.point(c, "min_recall", options, rule, margin + offset > 0, fault)

    def point(
        self,
        c: int,
        decision: str,
        options: dict[str, Any],
        rule: Rule,
        positive: np.ndarray,
        fault: str = "",
    ) -> Point:
        """Return the point of a rule for class c, where `positive` are the rows it predicts."""
        present = self.targets[:, c] > 0
        hits, support, alerts = (int(n.sum()) for n in (present & positive, present, positive))
        threshold, odds = _threshold(rule, c)
        net_benefit = None
        if odds is not None:
            net_benefit = (hits - (alerts - hits) * odds) / len(present)
        return Point(
            name=self.classes.names[c],
            decision=decision,
            options=options,
            threshold=threshold,
            recall=float(share(hits, support)),
            recall_low=float(wilson(hits, support, self.level)[0]),
            precision=float(share(hits, alerts)),
            precision_low=float(wilson(hits, alerts, self.level)[0]),
            alerts=1000 * alerts / len(present),
            cost=self._cost(rule),
            net_benefit=net_benefit,
            fault=fault,
        )

    def _cost(self, rule: Rule) -> float | None:
        if self.classes.costs is None:
            return None
        predicted = rule.predict(self.probabilities)
        return float(of_rows(self.targets, predicted, self.classes)["expected_cost"].mean())


def _fitted(
    targets: np.ndarray, probabilities: np.ndarray, classes: Classes
) -> Iterator[tuple[str, dict[str, Any], Rule, np.ndarray]]:
    """Yield the decisions for all classes at once: name, options, rule and predicted labels."""
    count, positive = len(classes.names), classes.positive
    if len(targets) * count * (1 if classes.multilabel else count) <= WORK:
        average = "macro" if positive is None else "positive"
        weight = np.full(count, 1 / count) if positive is None else np.eye(count)[positive]
        offsets = best_offsets(targets, probabilities, classes, weight, BETA, SHRINK)
        rule = Rule(offsets, classes.multilabel)
        options = {"average": average, "beta": BETA, "shrink": SHRINK, "proven": False}
        yield "max_f1", options, rule, rule.predict(probabilities)
    if classes.costs is not None:
        rule = Rule(np.zeros(count), False, costs=cost_matrix(classes))
        yield "cost_matrix", {}, rule, rule.predict(probabilities)


def _threshold(rule: Rule, c: int) -> tuple[float | None, float | None]:
    """Return the threshold t of class c, and t/(1-t) if the class alone is moved; None of none."""
    if rule.costs is not None:
        thresholds = rule.thresholds()
        if thresholds is None:
            return None, None
        return float(thresholds[c]), float(thresholds[c] / (1 - thresholds[c]))
    offset, others = rule.offsets[c], np.delete(rule.offsets, c)
    if not rule.multilabel:
        if np.ptp(others) > 0:
            return float(expit(-offset)), None
        offset = offset - others[0]
    # Of no row at all, the offset may be that of a probability that underflows.
    return float(expit(-offset)), exp(min(-offset, 700.0))
