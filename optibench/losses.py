"""Losses: (output (R, B, K), target (R or 1, B, K)) -> (loss (R,), slope (R, B, K)).

The loss is the mean over the batch, and the slope is its derivative by the output.
"""

from __future__ import annotations

import numpy as np

from optibench.activations import sigmoid
from optibench.hookspecs import hookimpl
from optibench.pieces import Array, Loss, loss


def _mean(each: Array) -> Array:
    """(R, B, K) or (R, B) -> (R,), each run summed by itself."""
    flat = each.reshape(len(each), -1)
    return flat.sum(axis=-1) / flat.shape[1]


@loss(formula=r"\frac{1}{BK} \sum (o - y)^2")
def mse(output: Array, target: Array) -> tuple[Array, Array]:
    """Mean squared error over batch and outputs, without the factor 1/2."""
    error = output - target
    return _mean(error**2), error * (2 / (output.shape[1] * output.shape[2]))


@loss(formula=r"-\frac{1}{B} \sum y \log p", reference="Goodfellow et al. 2016, section 6.2.2")
def cross_entropy(output: Array, target: Array) -> tuple[Array, Array]:
    """Cross-entropy on logits, in nats: logistic with one output and targets 0 or 1, softmax with one-hot targets."""
    return _logistic(output, target) if output.shape[2] == 1 else _softmax(output, target)


def _logistic(z: Array, y: Array) -> tuple[Array, Array]:
    each = np.maximum(z, 0) - z * y + np.log1p(np.exp(-np.abs(z)))  # log(1 + e^z) - z y, with no overflow
    return _mean(each), (sigmoid(z)[0] - y) / z.shape[1]


def _softmax(z: Array, y: Array) -> tuple[Array, Array]:
    # Reductions over a short last axis: a maximum of K slices and einsum take a fifth of the time of max and sum.
    shifted = z - np.ascontiguousarray(z.transpose(2, 0, 1)).max(axis=0)[..., None]
    e = np.exp(shifted)
    total = np.einsum("rbk->rb", e)
    each = np.log(total) - np.einsum("rbk->rb", shifted * y)  # (R, B)
    return _mean(each), (e / total[..., None] - y) / z.shape[1]


@loss(formula=r"\frac{1}{B} \sum \max(0, -y\, o)", reference="Rosenblatt 1958, doi:10.1037/h0042519")
def perceptron(output: Array, target: Array) -> tuple[Array, Array]:
    """Perceptron loss, targets -1 or 1; its subgradient on one example at lr 1 is Rosenblatt's learning rule."""
    margin = output * target
    wrong = margin <= 0  # an example on the boundary is a mistake, as Rosenblatt has it
    each = np.maximum(-margin, 0).sum(axis=-1)  # (R, B)
    return _mean(each), np.where(wrong, -target, 0).astype(output.dtype) / output.shape[1]


@hookimpl
def optibench_losses() -> list[Loss]:
    return [mse, cross_entropy, perceptron]
