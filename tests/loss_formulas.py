"""The formulas of the losses as in the papers, in float64 and without care for large logits."""

import numpy as np
from scipy.special import expit, softmax


def true_probability(labels, logits, classes):
    if classes.multilabel:
        return np.where(labels == 1, expit(logits), 1 - expit(logits))
    return (labels * softmax(logits, axis=1)).sum(axis=1)


def cross_entropy(labels, logits, classes):
    return -np.log(true_probability(labels, logits, classes))


def focal(labels, logits, classes, *, gamma, alpha):
    weights = np.array([(alpha or {}).get(name, 1.0) for name in classes.names])
    factors = np.where(labels == 1, weights, 1)
    factors = factors if classes.multilabel else factors.prod(axis=1)
    p = true_probability(labels, logits, classes)
    return -factors * (1 - p) ** gamma * np.log(p)


def costs_of(classes, diagonal):
    costs = classes.costs or {}
    return np.array(
        [
            [
                costs.get(true, {}).get(predicted, diagonal if true == predicted else 1)
                for predicted in classes.names
            ]
            for true in classes.names
        ]
    )


def cost_sensitive(labels, logits, classes):
    matrix = costs_of(classes, 1)
    factors = matrix[labels.argmax(axis=1), logits.argmax(axis=1)]
    return factors * cross_entropy(labels, logits, classes)


def expected_cost(labels, logits, classes, *, cross_entropy):
    matrix, p = costs_of(classes, 0), softmax(logits, axis=1)
    y = labels.argmax(axis=1)
    return (matrix[y] * p).sum(axis=1) - cross_entropy * np.log(p[np.arange(len(y)), y])


def weighted_sigmoid(labels, logits, classes, *, most):
    b = np.clip(classes.counts / classes.rows, 1 - most, most)
    w = 1 / (2 * b) * (labels + (1 - labels) * b / (1 - b))
    return w * cross_entropy(labels, logits, classes)


def ldam(labels, logits, classes, *, margin, scale):
    n = classes.counts.astype(float)
    if classes.multilabel:
        absent = classes.rows - n
        constant = margin * min(n.min(), absent.min()) ** 0.25
        z = scale * (logits - np.where(labels == 1, constant / n**0.25, -constant / absent**0.25))
        return np.log(1 + np.exp(np.where(labels == 1, -z, z)))
    moved = logits - labels * margin * n.min() ** 0.25 / n**0.25
    return -np.log((labels * softmax(scale * moved, axis=1)).sum(axis=1))


def logit_adjustment(labels, logits, classes, *, tau):
    pi = classes.counts / classes.rows
    shift = np.log(pi / (1 - pi)) if classes.multilabel else np.log(pi)
    return cross_entropy(labels, logits + tau * shift, classes)


def balanced_softmax(labels, logits, classes):
    yes, no = classes.counts * np.exp(logits), classes.rows - classes.counts
    if classes.multilabel:
        return -np.log(np.where(labels == 1, yes, no) / (yes + no))
    return -np.log((labels * yes).sum(axis=1) / yes.sum(axis=1))


def asymmetric(
    labels, logits, classes, *, gamma_positive, gamma_negative, shift, smoothing
):  # fmt: skip
    if gamma_positive is None:
        gamma_positive = float(classes.multilabel)
    if classes.multilabel:
        p = expit(logits)
        shifted = np.maximum(p - shift, 0)
        yes = -((1 - p) ** gamma_positive) * np.log(p)
        return np.where(labels == 1, yes, -(shifted**gamma_negative) * np.log(1 - shifted))
    p = softmax(logits, axis=1)
    w = np.where(labels == 1, (1 - p) ** gamma_positive, p**gamma_negative)
    targets = (1 - smoothing) * labels + smoothing / labels.shape[1]
    return -(targets * w * np.log(p)).sum(axis=1)


def distribution_balanced(
    labels, logits, classes, *, rebalance, alpha, beta, mu, kappa, scale, gamma
):
    pi = classes.counts / classes.rows
    moved = logits - kappa * np.log(1 / pi - 1)
    q, steep = expit(moved), expit(scale * moved)
    values = np.where(
        labels == 1,
        -((1 - q) ** gamma) * np.log(q),
        -(steep**gamma) * np.log(1 - steep) / scale,
    )
    if rebalance:
        with np.errstate(divide="ignore"):
            ratio = (1 / classes.counts) / (labels / classes.counts).sum(axis=1, keepdims=True)
        values *= alpha + expit(beta * (ratio - mu))
    return values


def poly1(labels, logits, classes, *, epsilon):
    p = true_probability(labels, logits, classes)
    return -np.log(p) + epsilon * (1 - p)


def generalized_cross_entropy(labels, logits, classes, *, q):
    return (1 - true_probability(labels, logits, classes) ** q) / q


def squared_hinge(labels, logits, classes):
    values = np.maximum(0, 1 - np.where(labels == 1, logits, -logits)) ** 2
    return values if classes.multilabel else values.sum(axis=1)


def soft_f1(labels, logits, classes, *, smoothing):
    p = expit(logits) if classes.multilabel else softmax(logits, axis=1)
    tp, fp = (labels * p).sum(axis=0), ((1 - labels) * p).sum(axis=0)
    fn = (labels * (1 - p)).sum(axis=0)
    return 1 - np.mean((2 * tp + smoothing) / (2 * tp + fp + fn + smoothing))


def auc_margin(labels, logits, classes, *, margin):
    p = expit(logits) if classes.multilabel else softmax(logits, axis=1)
    values = []
    for h, y in zip(p.T, labels.T, strict=True):
        yes, no = h[y == 1], h[y == 0]
        lead = yes.mean() - no.mean()
        values.append(yes.var() + no.var() + max(0, margin - lead) ** 2)
    return np.mean(values)


FORMULAS = {
    function.__name__: function
    for function in (
        asymmetric,
        auc_margin,
        balanced_softmax,
        cost_sensitive,
        cross_entropy,
        distribution_balanced,
        expected_cost,
        focal,
        generalized_cross_entropy,
        ldam,
        logit_adjustment,
        poly1,
        soft_f1,
        squared_hinge,
        weighted_sigmoid,
    )
}
