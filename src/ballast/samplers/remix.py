"""Remix: mixup whose label is that of the much smaller class if the two are mixed enough."""

from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows, labels_of_one
from ballast.resampling.plans import Plan
from ballast.samplers._mixing import mixed

MIXES_LABELS = True
DISTORTION = (
    "Inputs lie between two rows, even of two classes, and those between a large and a small class "
    "have the label of the small one."
)


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    alpha: Annotated[float, Field(gt=0)] = 0.2,
    partners: Annotated[int, Field(ge=1)] = 8,
    kappa: Annotated[float, Field(gt=1)] = 3.0,
    tau: Annotated[float, Field(ge=0, le=1)] = 0.5,
) -> Plan:
    """Return each row mixed with partners: x = l x_i + (1 - l) x_j, y = m y_i + (1 - m) y_j.

    l is drawn from Beta(alpha, alpha), and with n_i and n_j rows in the two classes

        m = 0   where n_i / n_j >= kappa and l < tau,
        m = 1   where n_i / n_j <= 1 / kappa and 1 - l < tau,
        m = l   elsewhere:

    the much smaller class takes the whole label as soon as the other one has less than tau of the
    input; tau = 0 is mixup. So small classes gain in frequency. For texts the word vectors are
    mixed, not the words. Source: Chou, Chang, Pan, Wei and Juan, Remix: Rebalanced Mixup,
    2020.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the pairs and shares.
        alpha: 1 makes all shares equally likely, 0.2 prefers those close to 0 and 1.
        partners: number per row; every epoch draws about one of them.
        kappa: smallest ratio of the two classes' sizes.
        tau: below this share of the input, the larger class has no share of the label.

    Returns:
        Each row with its partners.

    Raises:
        UserError: the rows are multi-label.

    Example:
        >>> two = Classes(("no", "yes"), np.array([3, 1]), 4)
        >>> targets = np.array([[1, 0], [1, 0], [1, 0], [0, 1]])
        >>> rows = Rows(targets, ["a", "b", "c", "d"], np.zeros((4, 0)))
        >>> plan = sample(rows, two, seed=0, alpha=1.0, tau=1.0, partners=1)
        >>> plan.targets(targets)[plan.partners == 3]
        array([[0., 1.]])
    """
    class_sizes = classes.counts[labels_of_one(rows.targets, "remix")]
    plan = mixed(len(class_sizes), partners, alpha, seed, DISTORTION)
    sizes, others, shares = class_sizes[plan.rows], class_sizes[plan.partners], plan.shares
    # Products, not quotients: 3 to 1 must reach kappa = 3 exactly.
    label_shares = np.where((sizes >= kappa * others) & (1 - shares < tau), 1.0, shares)
    label_shares = np.where((others >= kappa * sizes) & (shares < tau), 0.0, label_shares)
    return replace(plan, label_shares=label_shares)
