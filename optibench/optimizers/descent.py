"""Gradient descent, its three samplings, momentum, averaging, and Polyak's step."""

from __future__ import annotations

from numpy import maximum, minimum

from optibench.optimizers.norms import dot, ratio
from optibench.optimizers.spaces import LR, MOMENTUM
from optibench.plugin.optimizer import optimizer


def descend(w, g, *, lr=1e-2):
    """Gradient descent: full batch `gd`, one example `sgd`, 32 examples `minibatch`. Robbins and Monro 1951, eq. 6."""
    return w - lr * g


FORMULA = r"w_{t} = w_{t-1} - \eta\, g_t"
#: What descent with momentum is without it, at any batch.
PLAIN = {name: {"momentum": 0} for name in ("gd", "sgd", "minibatch")}
gd = optimizer(descend, name="gd", batch="full", formula=FORMULA, reference="Cauchy 1847", space=LR)
sgd = optimizer(
    descend, name="sgd", batch=1, parent="gd", formula=FORMULA, reference="Robbins and Monro 1951", space=LR
)
minibatch = optimizer(
    descend, name="minibatch", batch=32, parent="gd", formula=FORMULA, reference="Bottou 2010", space=LR
)


@optimizer(
    parent="gd",
    formula=r"b_t = \mu b_{t-1} + (1 - d)\, g_t, \quad w_t = w_{t-1} - \eta\, b_t",
    reference="Polyak 1964, doi:10.1016/0041-5553(64)90137-5, eq. 9",
    space={**LR, **MOMENTUM},
    contains=PLAIN,
    ranges={"dampening": (0, 1.0000001)},
)
def momentum(w, g, t, b=0, *, lr=1e-2, momentum=0.9, dampening=0.0):
    """Heavy ball. Polyak 1964, eq. 9, as PyTorch's SGD: the first b is g, undamped; Keras keeps lr inside b."""
    b = g if t == 1 else momentum * b + (1 - dampening) * g
    return w - lr * b, b


@optimizer(
    parent="momentum",
    formula=r"b_t = \mu b_{t-1} + g_t, \quad w_t = w_{t-1} - \eta\, (g_t + \mu b_t)",
    reference="Sutskever et al. 2013, https://proceedings.mlr.press/v28/sutskever13.html, eq. 3-4",
    space={**LR, **MOMENTUM},
    contains=PLAIN,
)
def nesterov(w, g, b=0, *, lr=1e-2, momentum=0.9):
    """Nesterov 1983 in the form of Sutskever et al. 2013, at the look-ahead point, as PyTorch and Keras have it."""
    b = momentum * b + g
    return w - lr * (g + momentum * b), b


@optimizer(
    parent="sgd",
    formula=r"w_t = (1 - \lambda\eta_t)\, w_{t-1} - \eta_t g_t, \quad \eta_t = \eta / (1 + \lambda\eta (t-1))^\alpha",
    reference="Polyak and Juditsky 1992, doi:10.1137/0330046; steps: Bottou 2010",
    space=LR,
    ranges={"lambd": (0, float("inf")), "alpha": (0, float("inf")), "t0": (0, float("inf"))},
)
def asgd(w, g, t, average=0, *, lr=1e-2, lambd=1e-4, alpha=0.75, t0=1e6):
    """Averaged SGD. As PyTorch's: the run is judged at the iterate; the average, from step t0 on, is state."""
    eta = lr / (1 + lambd * lr * (t - 1)) ** alpha
    w = (1 - lambd * eta) * w - eta * g
    return w, average + (w - average) / maximum(1, t - t0)


@optimizer(
    parent="gd",
    formula=r"w_t = w_{t-1} - \min(\eta, (f_t - f^*) / |g_t|^2)\, g_t",
    reference="Polyak 1987, section 5.3; bounded: Loizou et al. 2021, arXiv:2002.10542, eq. 3",
    space=LR,
    coordinatewise=False,
)
def polyak(w, g, loss, f_min, *, lr=1.0):
    """Polyak's step to the known minimum, at most lr. Loizou et al. 2021, SPS_max with c = 1, as Optax has it."""
    return w - minimum(lr, ratio(loss - f_min, dot(g, g), otherwise=0)) * g


@optimizer(
    parent="sgd",
    formula=r"z_t = z_{t-1} - \eta\, g(y_t), \quad x_t = x_{t-1} + (z_t - x_{t-1}) / t, "
    r"\quad y_{t+1} = (1 - \beta)\, z_t + \beta\, x_t",
    reference="Defazio et al. 2024, arXiv:2405.15682, eq. 2-4",
    space={**LR, **MOMENTUM},
    contains=PLAIN,
    solution=lambda w, z, x: x,
)
def schedule_free_sgd(w, g, t, z=lambda w: w, x=lambda w: w, *, lr=1e-2, momentum=0.9):
    """Schedule-Free SGD. Defazio et al. 2024: w is y, where gradients are taken; the run is judged at the average x."""
    z = z - lr * g
    x = x + (z - x) / t
    return (1 - momentum) * z + momentum * x, z, x
