"""Mixup: each row is mixed with random other rows, both inputs and labels."""

from typing import Annotated

from pydantic import Field

from ballast.labels.classes import Classes
from ballast.resampling.drawing import Rows
from ballast.resampling.plans import Plan
from ballast.samplers._mixing import mixed

MIXES_LABELS = True
DISTORTION = "Inputs lie between two rows, even of two classes, and have the labels of both."


def sample(
    rows: Rows,
    classes: Classes,
    seed: int,
    *,
    alpha: Annotated[float, Field(gt=0)] = 0.2,
    partners: Annotated[int, Field(ge=1)] = 8,
) -> Plan:
    """Return each row mixed with partners: x = (1 - s) x_i + s x_j, y likewise.

    s is drawn from Beta(alpha, alpha): with a small alpha most rows hardly change. For texts the
    word vectors are mixed, not the words. The paper draws new pairs for each batch; here each epoch
    draws from the same `partners`. The class frequencies are those of the rows, up to chance.
    Source: Zhang, Cisse, Dauphin and Lopez-Paz, mixup: Beyond Empirical Risk Minimization, 2018; on
    word vectors: Guo, Mao and Zhang, Augmenting Data with Mixup for Sentence Classification: An
    Empirical Study, 2019.

    Args:
        rows: the training rows.
        classes: the classes of these rows.
        seed: seed of the pairs and shares.
        alpha: 1 makes all shares equally likely, 0.2 prefers those close to 0 and 1.
        partners: number per row; every epoch draws about one of them.

    Returns:
        Each row with its partners.

    Example:
        >>> import numpy as np
        >>> two = Classes(("no", "yes"), np.array([2, 1]), 3)
        >>> rows = Rows(np.array([[1, 0], [1, 0], [0, 1]]), ["a", "b", "c"], np.zeros((3, 0)))
        >>> plan = sample(rows, two, seed=0, partners=1)
        >>> plan.partners
        array([2, 0, 1])
        >>> plan.targets(rows.targets).sum(axis=1)
        array([1., 1., 1.])
    """
    return mixed(len(rows.targets), partners, alpha, seed, DISTORTION)
