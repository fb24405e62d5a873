"""Expected cost of the mistakes under the predicted probabilities, and a share of cross-entropy."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import log_true
from ballast.probabilities.costs import cost_matrix
from ballast.project.errors import UserError

if TYPE_CHECKING:
    import keras


def loss(
    labels: "keras.KerasTensor",
    logits: "keras.KerasTensor",
    classes: Classes,
    *,
    cross_entropy: Annotated[float, Field(gt=0)] = 1.0,
):
    """Return sum_j C[y, j] p_j - cross_entropy log p_y with p = softmax(z).

    C are the `costs` of params.yaml; where these say nothing, 1 for a mistake, 0 if right.

    The smooth companion of `cost_sensitive`: every mistake counts by its cost and its probability.
    Source for the costs: Elkan, The Foundations of Cost-Sensitive Learning, 2001. The first term
    alone would be least at a corner, whatever p(y|x); cross-entropy keeps the probabilities in it.

    Args:
        labels: one-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on, with their costs.
        cross_entropy: its share. The smaller, the closer argmax comes to the cheapest class.

    Returns:
        Loss a row, shape (batch,).

    Raises:
        UserError: rows with several labels.

    Example:
        >>> two = Classes(("ham", "spam"), np.array([2, 1]), 3, costs={"spam": {"ham": 10.0}})
        >>> float(loss(np.array([[0.0, 1.0]]), np.array([[0.0, 0.0]]), two)[0])  # 10 / 2 + log 2
        5.693147180559945
    """
    from keras import ops

    if classes.multilabel:
        raise UserError(
            "params.yaml: loss: expected_cost needs one label a row: with several labels none is "
            "predicted in place of another. Use weighted_sigmoid."
        )
    matrix = cost_matrix(classes)
    by_prediction = ops.matmul(labels, ops.convert_to_tensor(matrix, dtype=logits.dtype))
    log_p, _ = log_true(labels, logits, multilabel=False)
    expected = ops.sum(by_prediction * ops.softmax(logits, axis=-1), axis=-1)
    return expected - cross_entropy * log_p


def inverse(logits: np.ndarray, classes: Classes, *, cross_entropy: float) -> np.ndarray:
    """Return logits of p(class | x): where the expected gradient vanishes, which is linear in p.

    With s = softmax(z), k the share of cross-entropy and e = C' p the expected costs,
    k p_j = s_j (k + e_j - sum_i s_i e_i), a linear system for each row. Where right predictions
    cost least, every s belongs to one p if there are two classes, if the cost of a mistake depends
    on the true class alone, or if k is at least the largest cost. Else outputs may lie where no p
    leads; a class whose p would be below 0 is put near it.

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes of the rows trained on, with their costs.
        cross_entropy: as in `loss`.

    Returns:
        Logits whose softmax are the probabilities, shape (rows, classes).
    """
    matrix = cost_matrix(classes)
    logits = logits.astype(np.float64)
    # In parts: a row's system has classes * classes numbers.
    parts = np.array_split(logits, len(logits) // 1000 + 1)
    return np.concatenate([_solve(part, matrix, cross_entropy) for part in parts])


def _solve(logits: np.ndarray, matrix: np.ndarray, share: float) -> np.ndarray:
    log_s = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    s = np.exp(log_s)
    eye = np.eye(len(matrix))
    spread = s[:, :, None] * (eye - s[:, None, :])
    p = np.linalg.solve(share * eye - spread @ matrix.T, share * s[:, :, None])[:, :, 0]
    costs = p @ matrix
    factors = 1 + (costs - np.sum(s * costs, axis=1, keepdims=True)) / share
    # Times a factor, not log p: small probabilities keep their digits.
    return log_s + np.log(np.maximum(factors, 1e-6))
