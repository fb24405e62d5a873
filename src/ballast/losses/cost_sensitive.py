"""Cost-sensitive cross-entropy: each row counts by the cost of the class predicted for it."""

from ballast.labels.classes import Classes
from ballast.losses._likelihood import Tensor, log_true
from ballast.probabilities.costs import cost_matrix
from ballast.project.errors import UserError


def loss(labels: Tensor, logits: Tensor, classes: Classes):
    """Return -C[y, argmax_j p_j] log p_y with p = softmax(z), C the `costs` of params.yaml.

    Factors that `costs` doesn't name are 1, those of right predictions too.

    Source: Keras issue 2115, Is there a way in Keras to apply different weights to a cost function
    in the case of class imbalance?, 2016 (the `w_categorical_crossentropy` of its thread). A
    heuristic: the loss jumps where another class becomes the most probable one, and the gradient
    ignores the jump.

    There is no `inverse`: the outputs of least loss depend on which class is the most probable
    there, and for some p(y|x) the infimum is only approached at the border of such a region.

    Args:
        labels: one-hot, float, shape (batch, classes).
        logits: the network's outputs z, shape (batch, classes).
        classes: the classes of the rows trained on, with their costs; without any,
            it is cross-entropy.

    Returns:
        Loss a row, shape (batch,).

    Raises:
        UserError: rows with several labels.

    Example:
        >>> import numpy as np
        >>> plain = Classes(("ham", "spam"), np.array([2, 1]), 3)
        >>> costly = Classes(("ham", "spam"), np.array([2, 1]), 3, costs={"spam": {"ham": 10.0}})
        >>> missed = np.array([[0.0, 1.0]]), np.array([[1.0, 0.0]])
        >>> float(loss(*missed, costly)[0] / loss(*missed, plain)[0])
        10.0
    """
    from keras import ops

    if classes.multilabel:
        raise UserError(
            "params.yaml: loss: cost_sensitive needs one label a row: with several labels none is "
            "predicted in place of another. Use weighted_sigmoid."
        )
    matrix = cost_matrix(classes, diagonal=1.0)
    by_prediction = ops.matmul(labels, ops.convert_to_tensor(matrix, dtype=logits.dtype))
    predicted = ops.one_hot(
        ops.argmax(logits, axis=-1), len(classes.names), dtype=by_prediction.dtype
    )
    factors = ops.sum(by_prediction * predicted, axis=-1)
    return -factors * log_true(labels, logits, multilabel=False)
