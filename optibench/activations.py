"""Activation functions: z -> (a, slope), elementwise, with slope = da/dz.

"Saturates" means that the slope stays below 1/100 in size. At a kink the slope is PyTorch's.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np

from optibench.plugin.functions import Activation, activation
from optibench.plugin.hookspecs import hookimpl
from optibench.plugin.types import Array


@activation(formula="z", reference="Widrow and Hoff 1960, Adaptive switching circuits")
def identity(z: Array) -> tuple[Array, Array]:
    """The number itself, a linear unit: never saturates."""
    return z, np.ones_like(z)


@activation(
    formula=r"1 \text{ if } z \ge 0 \text{ else } 0", reference="McCulloch and Pitts 1943, doi:10.1007/BF02478259"
)
def step(z: Array) -> tuple[Array, Array]:
    """The Heaviside step, for the perceptron only, as slope 0 teaches nothing: saturates at 0 and 1 everywhere."""
    return (z >= 0).astype(z.dtype), np.zeros_like(z)


@activation(formula=r"1 / (1 + e^{-z})", reference="Rumelhart et al. 1986, doi:10.1038/323533a0")
def sigmoid(z: Array) -> tuple[Array, Array]:
    """The logistic function: saturates at 0 for z below -5 and at 1 for z above 5."""
    e = np.exp(-np.abs(z))
    return np.where(z > 0, 1, e) / (1 + e), e / (1 + e) ** 2


@activation(formula=r"\min(\max(0, z / 6 + 1/2), 1)", reference="Howard et al. 2019, arXiv:1905.02244")
def hard_sigmoid(z: Array) -> tuple[Array, Array]:
    """The sigmoid of MobileNetV3, in three straight pieces: saturates at 0 for z below -3 and at 1 for z above 3."""
    return np.clip((z + 3) / 6, 0, 1), (np.abs(z) < 3).astype(z.dtype) / 6


@activation(formula=r"\tanh z", reference="LeCun et al. 1998, doi:10.1007/3-540-49430-8_2")
def tanh(z: Array) -> tuple[Array, Array]:
    """The hyperbolic tangent: saturates at -1 for z below -3 and at 1 for z above 3."""
    e = np.exp(-2 * np.abs(z))
    return np.tanh(z), 4 * e / (1 + e) ** 2  # 1 - tanh^2, without cancellation


@activation(formula=r"\min(\max(-1, z), 1)", reference="Collobert 2004, Large scale machine learning")
def hard_tanh(z: Array) -> tuple[Array, Array]:
    """The hyperbolic tangent in three straight pieces: saturates at -1 for z below -1 and at 1 for z above 1."""
    return np.clip(z, -1, 1), (np.abs(z) < 1).astype(z.dtype)


@activation(formula=r"\arctan z", reference="Kamruzzaman and Aziz 2002, A note on activation function")
def arctan(z: Array) -> tuple[Array, Array]:
    """The inverse tangent: saturates at -1.5708 for z below -10 and at 1.5708 for z above 10."""
    return np.arctan(z), 1 / (1 + z**2)


@activation(formula=r"z / (1 + |z|)", reference="Turian et al. 2009, aclanthology.org/N09-2062")
def softsign(z: Array) -> tuple[Array, Array]:
    """A sigmoid with slow tails: saturates at -1 for z below -9 and at 1 for z above 9."""
    size = 1 + np.abs(z)
    return z / size, 1 / size**2


@activation(formula=r"\max(0, z)", reference="Nair and Hinton 2010")
def relu(z: Array) -> tuple[Array, Array]:
    """The rectified linear unit, slope 0 at z = 0: saturates at 0 for z below 0."""
    return np.maximum(z, 0), (z > 0).astype(z.dtype)


@activation(formula=r"\max(0, z) + \alpha \min(0, z)", reference="Maas et al. 2013, Rectifier nonlinearities")
def leaky_relu(z: Array, *, alpha: float = 0.01) -> tuple[Array, Array]:
    """The rectified linear unit with slope alpha below 0, and at 0: never saturates."""
    return np.where(z > 0, z, alpha * z), np.where(z > 0, 1, alpha).astype(z.dtype)


@activation(formula=r"\max(0, z) + 0.25 \min(0, z)", reference="He et al. 2015, arXiv:1502.01852")
def prelu(z: Array) -> tuple[Array, Array]:
    """The parametric ReLU with its slope below 0 fixed at 0.25, where the paper starts to learn it: never saturates."""
    return leaky_relu(z, alpha=0.25)


@activation(formula=r"\max(0, z) + \min(0, \alpha (e^z - 1))", reference="Clevert et al. 2016, arXiv:1511.07289")
def elu(z: Array, *, alpha: float = 1.0) -> tuple[Array, Array]:
    """The exponential linear unit: at alpha = 1 saturates at -1 for z below -5."""
    below = np.minimum(z, 0)  # no exponential of a large number
    return np.where(z > 0, z, alpha * np.expm1(below)), np.where(z > 0, 1, alpha * np.exp(below))


#: Of selu: with them mean 0 and variance 1 are a fixed point.
SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805


@activation(
    formula=r"\lambda (\max(0, z) + \min(0, \alpha (e^z - 1)))", reference="Klambauer et al. 2017, arXiv:1706.02515"
)
def selu(z: Array) -> tuple[Array, Array]:
    """The exponential linear unit that normalizes itself: saturates at -1.7581 for z below -6."""
    a, slope = elu(z, alpha=SELU_ALPHA)
    return SELU_SCALE * a, SELU_SCALE * slope


@activation(formula=r"\max(0, z) + \min(0, \alpha (e^{z / \alpha} - 1))", reference="Barron 2017, arXiv:1704.07483")
def celu(z: Array, *, alpha: float = 1.0) -> tuple[Array, Array]:
    """The exponential linear unit without a kink at any alpha: at alpha = 1 saturates at -1 for z below -5."""
    below = np.minimum(z, 0) / alpha
    return np.where(z > 0, z, alpha * np.expm1(below)), np.exp(below)


@activation(
    formula=r"z\, \Phi(z) = \tfrac{z}{2} (1 + \mathrm{erf}(z / \sqrt{2}))",
    reference="Hendrycks and Gimpel 2016, arXiv:1606.08415",
)
def gelu(z: Array) -> tuple[Array, Array]:
    """The Gaussian error linear unit, exact: saturates at 0 for z below -4."""
    from scipy.special import erfcx  # heavy

    e = np.exp(-0.5 * z**2)
    tail = 0.5 * e * erfcx(np.abs(z) * sqrt(1 / 2))  # Phi(-|z|)
    cdf = np.where(z > 0, 1 - tail, tail)
    return z * cdf, cdf + z * e / sqrt(2 * pi)


@activation(
    formula=r"\tfrac{z}{2} (1 + \tanh(\sqrt{2/\pi}\, (z + 0.044715 z^3)))",
    reference="Hendrycks and Gimpel 2016, arXiv:1606.08415",
)
def gelu_tanh(z: Array) -> tuple[Array, Array]:
    """The Gaussian error linear unit in its approximation by tanh: saturates at 0 for z below -4."""
    c, cubic = 2 * sqrt(2 / pi), 0.044715 * 2 * sqrt(2 / pi)
    s, rate = sigmoid(z * (c + cubic * z**2))  # (1 + tanh y) / 2 is the sigmoid of 2 y
    change = z * rate  # before its product with z^2, which may overflow
    return z * s, s + c * change + 3 * cubic * change * z * z


@activation(formula=r"z\, \sigma(z)", reference="Elfwing et al. 2018, arXiv:1702.03118")
def silu(z: Array) -> tuple[Array, Array]:
    """The sigmoid linear unit, swish at beta = 1: saturates at 0 for z below -7."""
    return swish(z)


@activation(formula=r"z \tanh(\log(1 + e^z))", reference="Misra 2020, arXiv:1908.08681")
def mish(z: Array) -> tuple[Array, Array]:
    """The number times tanh of its softplus: saturates at 0 for z below -7."""
    soft, s = softplus(z)
    t = np.tanh(soft)
    return z * t, t + z * (1 - t**2) * s


@activation(formula=r"\log(1 + e^z)", reference="Dugas et al. 2001, Incorporating second-order functional knowledge")
def softplus(z: Array) -> tuple[Array, Array]:
    """The smooth ReLU, its slope the sigmoid: saturates at 0 for z below -5."""
    return np.maximum(z, 0) + np.log1p(np.exp(-np.abs(z))), sigmoid(z)[0]


@activation(formula=r"z\, \sigma(\beta z)", reference="Ramachandran et al. 2017, arXiv:1710.05941")
def swish(z: Array, *, beta: float = 1.0) -> tuple[Array, Array]:
    """Between half the number, at beta = 0, and relu: at beta = 1 saturates at 0 for z below -7."""
    s, rate = sigmoid(beta * z)
    return z * s, s + z * (beta * rate)


@activation(formula=r"(z + \sqrt{z^2 + b}) / 2", reference="Barron 2021, arXiv:2112.11687")
def squareplus(z: Array, *, b: float = 4.0) -> tuple[Array, Array]:
    """The smooth ReLU without an exponential, its tail b / 4|z|: at b = 4 saturates at 0 for z below -10."""
    root = np.hypot(z, sqrt(b))
    half = 0.5 * root + 0.5 * np.abs(z)
    a = np.where(z > 0, half, 0.25 * b / half)  # (root - |z|) / 2 = b / (4 half), without cancellation
    return a, a / root


@hookimpl
def optibench_activations() -> list[Activation]:
    return [
        identity, step, sigmoid, hard_sigmoid, tanh, hard_tanh, arctan, softsign, relu, leaky_relu, prelu, elu, selu,
        celu, gelu, gelu_tanh, silu, mish, softplus, swish, squareplus,
    ]  # fmt: skip
