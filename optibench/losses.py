"""Losses: (output (R, B, K), target (R or 1, B, K)) -> (loss (R,), slope (R, B, K)).

The loss is the mean over the batch, and the slope is its derivative by the output; at a kink it is PyTorch's. Symbols:
o or z the output, y the target, p the probabilities that softmax or the logistic function makes of z.
"""

from __future__ import annotations

from math import log

import numpy as np

from optibench.activations import softplus
from optibench.errors import PluginError
from optibench.plugin.functions import Loss, loss
from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.types import Array


def _mean(each: Array) -> Array:
    """(R, B, K) or (R, B) -> (R,), each run summed by itself."""
    flat = each.reshape(len(each), -1)
    return flat.sum(axis=-1) / flat.shape[1]


def _elements(output: Array) -> int:
    """B K, over which a regression's loss is the mean."""
    return output.shape[1] * output.shape[2]


def _fit(name: str, output: Array, target: Array, takes: str) -> None:
    """Refuse shapes that NumPy would broadcast into another loss; values are not looked at, as this is every step."""
    o, y = output.shape, target.shape
    if len(o) == 3 == len(y) and o[1:] == y[1:] and y[0] in (1, o[0]):
        return
    raise PluginError(
        f"loss '{name}': output {o} and target {y} do not fit; it takes {takes}, of shape (R or 1, B, K) with the K of "
        f"the output: give the last layer as many units as the target has columns, or encode the target so"
    )


@loss(formula=r"\frac{1}{BK} \sum (o - y)^2", reference="Legendre 1805, Appendice sur la méthode des moindres quarrés")
def mse(output: Array, target: Array) -> tuple[Array, Array]:
    """Mean squared error over batch and outputs, without the factor 1/2; targets are real numbers."""
    _fit("mse", output, target, "real numbers")
    error = output - target
    return _mean(error**2), error * (2 / _elements(output))


@loss(formula=r"\frac{1}{BK} \sum |o - y|", reference="Bloomfield and Steiger 1983, Least absolute deviations")
def mae(output: Array, target: Array) -> tuple[Array, Array]:
    """Mean absolute error over batch and outputs, slope 0 where there is none; targets are real numbers."""
    _fit("mae", output, target, "real numbers")
    error = output - target
    return _mean(np.abs(error)), np.sign(error) / _elements(output)


@loss(
    formula=r"\frac{1}{BK} \sum c\, (|o - y| - c / 2), \quad c = \min(|o - y|, \delta)",
    reference="Huber 1964, doi:10.1214/aoms/1177703732",
)
def huber(output: Array, target: Array, *, delta: float = 1.0) -> tuple[Array, Array]:
    """Mean over batch and outputs of half squares up to delta, straight lines beyond; targets are real numbers."""
    _fit("huber", output, target, "real numbers")
    error = output - target
    size = np.abs(error)
    c = np.minimum(size, delta)
    return _mean(c * (size - 0.5 * c)), np.clip(error, -delta, delta) / _elements(output)


@loss(formula=r"\frac{1}{BK} \sum \log \cosh(o - y)", reference="Saleh and Saleh 2022, arXiv:2208.04564")
def log_cosh(output: Array, target: Array) -> tuple[Array, Array]:
    """Mean over batch and outputs of log cosh of the error, a smooth huber; targets are real numbers."""
    _fit("log_cosh", output, target, "real numbers")
    error = output - target
    size = np.abs(error)
    near = np.log1p(2 * np.sinh(0.5 * np.minimum(size, 1)) ** 2)  # keeps the digits of a small error
    far = size + np.log1p(np.exp(-2 * size)) - log(2)  # does not overflow
    return _mean(np.where(size < 1, near, far)), np.tanh(error) / _elements(output)


@loss(
    formula=r"\frac{1}{BK} \sum \max(\tau (y - o), (\tau - 1)(y - o))",
    reference="Koenker and Bassett 1978, doi:10.2307/1913643",
)
def quantile(output: Array, target: Array, *, tau: float = 0.5) -> tuple[Array, Array]:
    """Pinball loss, mean over batch and outputs, least at the tau-quantile; targets are real numbers."""
    _fit("quantile", output, target, "real numbers")
    error = output - target
    slope = np.heaviside(error, 0.5) - tau  # 1 - tau above the target, -tau below it
    return _mean(slope * error), slope / _elements(output)


@loss(formula=r"\frac{1}{BK} \sum (e^o - y\, o)", reference="Nelder and Wedderburn 1972, doi:10.2307/2344614")
def poisson(output: Array, target: Array) -> tuple[Array, Array]:
    """Poisson regression with log link, mean over batch and outputs, without log y!; targets are counts from 0."""
    _fit("poisson", output, target, "counts")
    rate = np.exp(output)
    return _mean(rate - target * output), (rate - target) / _elements(output)


@loss(formula=r"-\frac{1}{B} \sum y \log p", reference="Goodfellow et al. 2016, section 6.2.2")
def cross_entropy(output: Array, target: Array, *, smoothing: float = 0.0) -> tuple[Array, Array]:
    """Cross-entropy on logits, mean over the batch, in nats: one output and targets 0 or 1, or softmax and one-hot.

    ``smoothing`` gives that share of each target to all classes alike (Szegedy et al. 2016, arXiv:1512.00567).
    """
    _fit("cross_entropy", output, target, "targets 0 or 1 of one output, or one-hot targets")
    classes = output.shape[2]
    if smoothing:
        target = (1 - smoothing) * target + smoothing / max(classes, 2)
    return _logistic(output, target) if classes == 1 else _softmax(output, target)


def _logistic(z: Array, y: Array) -> tuple[Array, Array]:
    e = np.exp(-np.abs(z))
    each = np.maximum(z, 0) - z * y + np.log1p(e)  # log(1 + e^z) - z y, with no overflow
    p, q = (np.where(positive, 1, e) / (1 + e) for positive in (z > 0, z < 0))  # q = 1 - p
    return _mean(each), ((1 - y) * p - y * q) / z.shape[1]  # p - y


def _softmax(z: Array, y: Array) -> tuple[Array, Array]:
    shifted, e, rest = _exponentials(z)
    each = np.log1p(rest) - np.einsum("rbk->rb", shifted * y)  # (R, B)
    rest = rest[..., None]
    return _mean(each), (e - y - y * rest) / ((1 + rest) * z.shape[1])  # p - y


def _exponentials(z: Array) -> tuple[Array, Array, Array]:
    """z less its maximum and e to that, (R, B, K), and the sum (R, B) of these but for one 1, that of the maximum.

    p = e / (1 + rest), 1 - p = (1 - e + rest) / (1 + rest), and log p = shifted - log1p(rest), with all their digits.
    """
    # Reductions over a short last axis: a maximum of K slices and einsum take a fifth of the time of max and sum.
    shifted = z - np.ascontiguousarray(z.transpose(2, 0, 1)).max(axis=0)[..., None]
    shifted = np.maximum(shifted, np.finfo(z.dtype).min)  # finite, as 0 log 0 = 0
    e, largest = np.exp(shifted), (shifted == 0).astype(z.dtype)
    return shifted, e, np.einsum("rbk->rb", e - largest) + (np.einsum("rbk->rb", largest) - 1)


@loss(formula=r"-\frac{1}{B} \sum y (1 - p)^\gamma \log p", reference="Lin et al. 2017, arXiv:1708.02002")
def focal(output: Array, target: Array, *, gamma: float = 2.0) -> tuple[Array, Array]:
    """Cross-entropy times (1 - p)^gamma, mean over the batch: one output and targets 0 or 1, or softmax and one-hot."""
    _fit("focal", output, target, "targets 0 or 1 of one output, or one-hot targets")
    return (_focal_logistic if output.shape[2] == 1 else _focal_softmax)(output, target, gamma)


def _focal_logistic(z: Array, y: Array, gamma: float) -> tuple[Array, Array]:
    sign = 2 * y - 1
    surprise, q = softplus(-sign * z)  # -log p and 1 - p, with p the probability of the class that is
    weight = q**gamma
    return _mean(weight * surprise), -sign * weight * (q + gamma * (1 - q) * surprise) / z.shape[1]


def _focal_softmax(z: Array, y: Array, gamma: float) -> tuple[Array, Array]:
    shifted, e, rest = _exponentials(z)
    rest = rest[..., None]
    p, q, log_p = e / (1 + rest), (1 - e + rest) / (1 + rest), shifted - np.log1p(rest)  # q = 1 - p
    weight = y * q**gamma
    ratio = log_p / np.maximum(q, np.finfo(z.dtype).tiny)  # where p is 1 its weight is 0
    inner = weight * (gamma * p * ratio - 1)  # p times the derivative by p
    others = np.einsum("rbk->rb", inner)[..., None] - inner
    return _mean(-np.einsum("rbk->rb", weight * log_p)), (q * inner - p * others) / z.shape[1]


@loss(
    formula=r"\frac{1}{B} \sum y (\log y - \log p)", reference="Kullback and Leibler 1951, doi:10.1214/aoms/1177729694"
)
def kl_divergence(output: Array, target: Array) -> tuple[Array, Array]:
    """Divergence of softmax on logits from the target, mean over the batch; targets are distributions over K > 1."""
    _fit("kl_divergence", output, target, "distributions")
    if output.shape[2] == 1:
        raise PluginError(
            f"loss 'kl_divergence': output {output.shape} and target {target.shape} have one column, over which there "
            f"is one distribution; give the last layer two units or more, or use cross_entropy"
        )
    cross, slope = _softmax(output, target)
    negative_entropy = np.einsum("rbk->rb", target * np.log(np.where(target > 0, target, 1)))  # 0 log 0 = 0
    return cross + _mean(negative_entropy), slope


@loss(formula=r"\frac{1}{B} \sum \max(0, -y\, o)", reference="Rosenblatt 1958, doi:10.1037/h0042519")
def perceptron(output: Array, target: Array) -> tuple[Array, Array]:
    """Perceptron loss, mean over the batch, targets -1 or 1; its slope on one example at lr 1 is Rosenblatt's rule."""
    _fit("perceptron", output, target, "targets -1 or 1")
    margin = output * target
    wrong = margin <= 0  # an example on the boundary is a mistake, as Rosenblatt has it
    each = np.maximum(-margin, 0).sum(axis=-1)  # (R, B)
    return _mean(each), np.where(wrong, -target, 0).astype(output.dtype) / output.shape[1]


@loss(formula=r"\frac{1}{B} \sum \max(0, 1 - y\, o)", reference="Cortes and Vapnik 1995, doi:10.1007/BF00994018")
def hinge(output: Array, target: Array) -> tuple[Array, Array]:
    """Loss of the support vector machine, summed over outputs, mean over the batch; targets are -1 or 1."""
    _fit("hinge", output, target, "targets -1 or 1")
    short = np.maximum(1 - output * target, 0)  # by how much the margin falls short of 1
    return _mean(np.einsum("rbk->rb", short)), np.where(short > 0, -target, 0).astype(output.dtype) / output.shape[1]


@loss(formula=r"\frac{1}{B} \sum \max(0, 1 - y\, o)^2", reference="Tang 2013, arXiv:1306.0239")
def squared_hinge(output: Array, target: Array) -> tuple[Array, Array]:
    """The square of each hinge, summed over outputs, mean over the batch; targets are -1 or 1."""
    _fit("squared_hinge", output, target, "targets -1 or 1")
    short = np.maximum(1 - output * target, 0)
    return _mean(np.einsum("rbk->rb", short**2)), target * short * (-2 / output.shape[1])


@hookimpl
def optibench_losses() -> list[Loss]:
    return [
        mse, mae, huber, log_cosh, quantile, poisson, cross_entropy, focal, kl_divergence, perceptron, hinge,
        squared_hinge,
    ]  # fmt: skip
