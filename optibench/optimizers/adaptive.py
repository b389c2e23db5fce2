"""Rules that scale each coordinate by its squared gradients, without moments of the gradient."""

from __future__ import annotations

from math import inf

from numpy import full_like, sqrt

from optibench.optimizers.spaces import EPS, MOMENTUM, UNIT_LR
from optibench.plugin.optimizer import optimizer


@optimizer(
    parent="gd",
    formula=r"a_t = a_{t-1} + g_t^2, \quad w_t = w_{t-1} - \frac{\eta}{1 + (t - 1) d}\, g_t / (\sqrt{a_t} + \epsilon)",
    reference="Duchi et al. 2011, https://jmlr.org/papers/v12/duchi11a.html, eq. 1",
    space={"lr": (1e-4, 1e1, "log"), **EPS},
    ranges={"lr_decay": (0, inf), "initial_accumulator": (0, inf)},
    scale_free=True,
)
def adagrad(
    w, g, t, a=lambda w, initial_accumulator: full_like(w, initial_accumulator), *,
    lr=1e-2, eps=1e-10, lr_decay=0.0, initial_accumulator=0.0,
):  # fmt: skip
    """Sum of squared gradients. Duchi et al. 2011, as PyTorch: Optax and Keras put eps = 1e-7 in the root, a0 = 0.1."""
    a = a + g**2
    return w - lr / (1 + (t - 1) * lr_decay) * g / (sqrt(a) + eps), a


@optimizer(
    parent="adagrad",
    formula=r"d_t = \frac{\sqrt{u_{t-1} + \epsilon}}{\sqrt{v_t + \epsilon}}\, g_t, \quad w_t = w_{t-1} - \eta\, d_t",
    reference="Zeiler 2012, arXiv:1212.5701, Algorithm 1",
    space={"lr": (1e-3, 1e2, "log"), "rho": (0.5, 0.999, "1 - log"), **EPS},
)
def adadelta(w, g, v=0, u=0, *, lr=1.0, rho=0.9, eps=1e-6):
    """Gradients in the units of the parameters. Zeiler 2012, Algorithm 1, as PyTorch; Keras: lr = 1e-3, rho = 0.95."""
    v = rho * v + (1 - rho) * g**2
    d = sqrt(u + eps) / sqrt(v + eps) * g
    u = rho * u + (1 - rho) * d**2
    return w - lr * d, v, u


@optimizer(
    parent="adagrad",
    formula=r"v_t = \rho v_{t-1} + (1 - \rho)\, g_t^2, \quad w_t = w_{t-1} - \eta\, g_t / (\sqrt{v_t} + \epsilon)",
    reference="Tieleman and Hinton 2012, Lecture 6e; centered: Graves 2013, arXiv:1308.0850, eq. 38-45",
    space={**UNIT_LR, "rho": (0.8, 0.999, "1 - log"), **EPS, **MOMENTUM},
    scale_free=True,
)
def rmsprop(w, g, v=0, m=0, b=0, *, lr=1e-2, rho=0.99, eps=1e-8, momentum=0.0, centered=False):
    """Gradient over its root mean square. Tieleman and Hinton 2012, as PyTorch: Optax and Keras put eps in the root."""
    v = rho * v + (1 - rho) * g**2
    if centered:
        m = rho * m + (1 - rho) * g
    variance = v - m**2 if centered else v
    b = momentum * b + g / (sqrt(variance) + eps)
    return w - lr * b, v, m, b
