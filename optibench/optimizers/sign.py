"""Rules that look at the sign of a gradient only."""

from __future__ import annotations

from math import inf

from numpy import clip, full_like, minimum, sign, where

from optibench.optimizers.spaces import DECAY, MOMENTUM, UNIT_LR
from optibench.plugin.optimizer import optimizer


@optimizer(
    parent="gd",
    formula=r"w_t = w_{t-1} - \eta \operatorname{sign}(g_t)",
    reference="Bernstein et al. 2018, arXiv:1802.04434, Algorithm 1",
    space=UNIT_LR,
    scale_free=True,
)
def signsgd(w, g, *, lr=1e-3):
    """The sign of the gradient. Bernstein et al. 2018, Algorithm 1."""
    return w - lr * sign(g)


@optimizer(
    parent="signsgd",
    formula=r"m_t = \mu m_{t-1} + (1 - \mu)\, g_t, \quad w_t = w_{t-1} - \eta \operatorname{sign}(m_t)",
    reference="Bernstein et al. 2018, arXiv:1802.04434, Algorithm 2",
    space={**UNIT_LR, **MOMENTUM},
    contains={"signsgd": {"momentum": 0}},
    scale_free=True,
)
def signum(w, g, m=0, *, lr=1e-3, momentum=0.9):
    """The sign of a moving average of gradients. Bernstein et al. 2018, Algorithm 2, as Optax has it."""
    m = momentum * m + (1 - momentum) * g
    return w - lr * sign(m), m


@optimizer(
    parent="signum",
    formula=r"w_t = w_{t-1} - \eta\, (\operatorname{sign}(\beta_1 m_{t-1} + (1 - \beta_1)\, g_t) + \lambda w_{t-1}), "
    r"\quad m_t = \beta_2 m_{t-1} + (1 - \beta_2)\, g_t",
    reference="Chen et al. 2023, arXiv:2302.06675, Algorithm 2",
    space={**UNIT_LR, "beta1": (0.5, 0.99, "1 - log"), "beta2": (0.9, 0.999, "1 - log"), **DECAY},
    contains={"signsgd": {"beta1": 0}},
    scale_free=True,
)
def lion(w, g, m=0, *, lr=1e-4, beta1=0.9, beta2=0.99, weight_decay=0.0):
    """Sign of an interpolated momentum. Chen et al. 2023, Algorithm 2; Optax decays by 1e-3 where we have 0."""
    direction = sign(beta1 * m + (1 - beta1) * g)
    m = beta2 * m + (1 - beta2) * g
    return w - lr * (direction + weight_decay * w), m


@optimizer(
    batch="full",
    parent="signsgd",
    formula=r"q_t = \operatorname{clip}(q_{t-1} \cdot (\eta_+ \text{ if } g_t g_{t-1} > 0,\ \eta_- \text{ if } < 0)), "
    r"\quad w_t = w_{t-1} - q_t \operatorname{sign}(g_t)",
    reference="Riedmiller and Braun 1993, doi:10.1109/ICNN.1993.298623",
    space=UNIT_LR,
    ranges=dict.fromkeys(("shrink", "grow", "smallest", "largest"), (0, inf)),
    scale_free=True,
)
def rprop(
    w, g, before=0, q=lambda w, lr: full_like(w, lr), *, lr=1e-2, shrink=0.5, grow=1.2, smallest=1e-6, largest=50.0
):
    """Resilient backpropagation. Riedmiller and Braun 1993 without backtracking, as PyTorch; lr is the first step."""
    agree = g * before
    factor = where(agree > 0, grow, where(agree < 0, shrink, 1))
    q = clip(q * factor, minimum(smallest, lr), largest)  # at lr = 0 nothing moves
    g = where(agree < 0, 0, g)
    return w - sign(g) * q, g, q
