"""Rules whose step has a length for each parameter block."""

from __future__ import annotations

from math import inf

from numpy import sqrt, where

from optibench.optimizers.blocks import block_norms
from optibench.optimizers.norms import ratio
from optibench.optimizers.spaces import ADAM, BETAS, DECAY, LR, MOMENTUM, UNIT_LR
from optibench.plugin.optimizer import optimizer


def trust(blocks, w, u, coefficient=1):
    """coefficient |w| / |u| of each block, at its every coordinate; 1 where either is 0."""
    size, length = block_norms(blocks, w), block_norms(blocks, u)
    return where(size * length > 0, coefficient * ratio(size, length), 1)


@optimizer(
    parent="adamw",
    formula=r"u_t = \hat m_t / (\sqrt{\hat v_t} + \epsilon) + \lambda w_{t-1}, "
    r"\quad w_t = w_{t-1} - \eta\, \frac{|w_{t-1}|}{|u_t|}\, u_t \text{ in each block}",
    reference="You et al. 2020, arXiv:1904.00962, Algorithm 2",
    space={**ADAM, **DECAY},
    scale_free=True,
)
def lamb(w, g, t, blocks, m=0, v=0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-6, weight_decay=0.0):
    """Adam with steps as long as each block. You et al. 2020, Algorithm 2, as Optax: no bound on the trust ratio."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    u = m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps) + weight_decay * w
    return w - lr * trust(blocks, w, u) * u, m, v


@optimizer(
    parent="momentum",
    formula=r"b_t = \mu b_{t-1} + \eta\, c\, \frac{|w_{t-1}|}{|u_t|}\, u_t, \quad u_t = g_t + \lambda w_{t-1}, "
    r"\quad w_t = w_{t-1} - b_t",
    reference="You et al. 2017, arXiv:1708.03888, Algorithm 1",
    space={**LR, **MOMENTUM, **DECAY},
    ranges={"trust_coefficient": (0, inf)},
)
def lars(w, g, blocks, b=0, *, lr=1.0, momentum=0.9, trust_coefficient=1e-3, weight_decay=0.0):
    """Momentum with steps as long as each block. You et al. 2017, as Optax: decay within u, lr within the momentum."""
    u = g + weight_decay * w
    b = momentum * b + lr * trust(blocks, w, u, trust_coefficient) * u
    return w - b, b


@optimizer(
    parent="adam",
    formula=r"v_t = \beta_2 v_{t-1} + (1 - \beta_2) |g_t|^2, "
    r"\quad m_t = \beta_1 m_{t-1} + g_t / (\sqrt{v_t} + \epsilon) + \lambda w_{t-1} \text{ in each block}",
    reference="Ginsburg et al. 2019, arXiv:1905.11286, Algorithm 1",
    space={**UNIT_LR, **BETAS, **DECAY},
    scale_free=True,
)
def novograd(w, g, t, blocks, m=0, v=0, *, lr=1e-2, beta1=0.95, beta2=0.98, eps=1e-8, weight_decay=0.0):
    """Gradients over their block's length. Ginsburg et al. 2019, Algorithm 1, as Optax: v starts at |g|^2."""
    square = block_norms(blocks, g) ** 2
    v = square if t == 1 else beta2 * v + (1 - beta2) * square
    u = g / (sqrt(v) + eps) + weight_decay * w
    m = u if t == 1 else beta1 * m + u
    return w - lr * m, m, v
