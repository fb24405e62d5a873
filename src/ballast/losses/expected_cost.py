"""Expected cost of the mistakes under the predicted probabilities, and a share of cross-entropy."""

from typing import Annotated

import numpy as np
from pydantic import Field

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true
from ballast.probabilities.costs import cost_matrix
from ballast.project.errors import UserError


def loss(
    labels: Tensor,
    logits: Tensor,
    classes: Classes,
    *,
    cross_entropy: Annotated[float, Field(gt=0)] = 1.0,
):
    """Return sum_j C[y, j] p_j - cross_entropy log p_y with p = softmax(z).

    C are the `costs` of params.yaml; by default 1 for a mistake and 0 for a right prediction.

    The smooth counterpart of `cost_sensitive`: every mistake counts by its cost and probability.
    Source for the costs: Elkan, The Foundations of Cost-Sensitive Learning, 2001. The first term
    alone is least at a vertex of the simplex, whatever p(y|x); with cross-entropy the outputs still
    depend on the probabilities.

    Args:
        labels: one-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes as they stand in the rows trained on, with their costs.
        cross_entropy: its factor. The smaller, the closer argmax comes to the cheapest class.

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
    log_p = log_true(labels, logits, multilabel=False)
    expected = ops.sum(by_prediction * ops.softmax(logits, axis=-1), axis=-1)
    return expected - cross_entropy * log_p


def inverse(logits: np.ndarray, classes: Classes, *, cross_entropy: float) -> np.ndarray:
    """Return logits of p(class | x): where the expected gradient vanishes, which is linear in p.

    With s = softmax(z), k the factor of cross-entropy and e = C' p the expected costs,
    k p_j = s_j (k + e_j - sum_i s_i e_i), a linear system for each row. If right predictions cost
    least, every s belongs to one p where there are two classes, where the cost of a mistake depends
    on the true class alone, or where k is at least the largest cost. Otherwise outputs may belong
    to no p; a p below 0 is then replaced by one near 0.

    Args:
        logits: the network's outputs, shape (rows, classes).
        classes: the classes as they stand in the rows trained on, with their costs.
        cross_entropy: as in `loss`.

    Returns:
        Logits whose softmax are the probabilities, shape (rows, classes).
    """
    matrix = cost_matrix(classes)
    logits = logits.astype(np.float64)
    # In parts: the system of a row has classes * classes numbers.
    parts = np.array_split(logits, len(logits) // 1000 + 1)
    return np.concatenate([_solve(part, matrix, cross_entropy) for part in parts])


def _solve(logits: np.ndarray, matrix: np.ndarray, k: float) -> np.ndarray:
    log_s = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
    s = np.exp(log_s)
    eye = np.eye(len(matrix))
    # The derivative of the softmax.
    jacobian = s[:, :, None] * (eye - s[:, None, :])
    p = np.linalg.solve(k * eye - jacobian @ matrix.T, k * s[:, :, None])[:, :, 0]
    costs = p @ matrix
    factors = 1 + (costs - np.sum(s * costs, axis=1, keepdims=True)) / k
    # p as a multiple of s: small probabilities keep their digits.
    return log_s + np.log(np.maximum(factors, 1e-6))
