"""Adam and its family: m averages gradients, v their squares; hats are corrected for the start at 0."""

from __future__ import annotations

from math import inf

from numpy import maximum, ones, sign, sqrt, where

from optibench.optimizers.norms import dot, ratio
from optibench.optimizers.spaces import ADAM, BETAS, DECAY, EPS, UNIT_LR
from optibench.plugin.optimizer import optimizer


@optimizer(
    parent="rmsprop",
    formula=r"w_t = w_{t-1} - \eta\, \hat m_t / (\sqrt{\hat v_t} + \epsilon)",
    reference="Kingma and Ba 2015, arXiv:1412.6980, Algorithm 1",
    space=ADAM,
    scale_free=True,
)
def adam(w, g, t, m=0, v=0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adaptive moments. Kingma and Ba 2015, Algorithm 1, as PyTorch: Keras adds eps before the bias correction."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    v_hat = v / (1 - beta2**t)
    return w - lr * m_hat / (sqrt(v_hat) + eps), m, v


@optimizer(
    parent="adam",
    formula=r"w_t = (1 - \eta\lambda)\, w_{t-1} - \eta\, \hat m_t / (\sqrt{\hat v_t} + \epsilon)",
    reference="Loshchilov and Hutter 2019, arXiv:1711.05101, Algorithm 2",
    space={**ADAM, **DECAY},
    contains={"adam": {"weight_decay": 0}},
    scale_free=True,
)
def adamw(w, g, t, m=0, v=0, v_max=0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2, amsgrad=False):
    """Adam with decoupled weight decay, times lr. Loshchilov and Hutter 2019, Algorithm 2, as PyTorch, amsgrad too.

    The paper multiplies the decay by the schedule's factor and not by lr. With amsgrad, as in the rule of that name,
    Optax would take the maximum of the corrected v, and Reddi et al. 2018 correct nothing.
    """
    decayed = (1 - lr * weight_decay) * w
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = maximum(v_max, v) if amsgrad else v
    m_hat = m / (1 - beta1**t)
    v_hat = v_max / (1 - beta2**t)
    return decayed - lr * m_hat / (sqrt(v_hat) + eps), m, v, v_max


@optimizer(
    parent="adam",
    formula=r"\bar v_t = \max(\bar v_{t-1}, v_t), "
    r"\quad w_t = w_{t-1} - \eta\, \hat m_t / (\sqrt{\bar v_t / (1 - \beta_2^t)} + \epsilon)",
    reference="Reddi et al. 2018, arXiv:1904.09237, Algorithm 2",
    space=ADAM,
    scale_free=True,
)
def amsgrad(w, g, t, m=0, v=0, v_max=0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam with a v that never falls. Reddi et al. 2018, as PyTorch: Optax corrects v first, the paper never."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    v_max = maximum(v_max, v)
    return w - lr * m / (1 - beta1**t) / (sqrt(v_max / (1 - beta2**t)) + eps), m, v, v_max


@optimizer(
    parent="adam",
    formula=r"u_t = \max(\beta_2 u_{t-1}, |g_t| + \epsilon), \quad w_t = w_{t-1} - \eta\, \hat m_t / u_t",
    reference="Kingma and Ba 2015, arXiv:1412.6980, Algorithm 2",
    space=ADAM,
    scale_free=True,
)
def adamax(w, g, t, m=0, u=0, *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam by the largest gradient. Kingma and Ba 2015, Algorithm 2; eps beside |g|, as PyTorch has it."""
    m = beta1 * m + (1 - beta1) * g
    u = maximum(beta2 * u, abs(g) + eps)
    return w - lr / (1 - beta1**t) * ratio(m, u, otherwise=0), m, u


def one(w):
    """A number for each run, 1 at the start: (R, 1)."""
    return ones((len(w), 1), w.dtype)


@optimizer(
    parent="adam",
    formula=r"\mu_t = \beta_1 (1 - 0.5 \cdot 0.96^{t\psi}), \quad \hat m_t = \frac{1 - \mu_t}{1 - \prod\mu}\, g_t + "
    r"\frac{\mu_{t+1}}{1 - \mu_{t+1} \prod\mu}\, m_t",
    reference="Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ, Algorithm 2",
    space=ADAM,
    ranges={"momentum_decay": (0, inf)},
    scale_free=True,
)
def nadam(w, g, t, m=0, v=0, product=one, *, lr=2e-3, beta1=0.9, beta2=0.999, eps=1e-8, momentum_decay=4e-3):
    """Adam with Nesterov's momentum. Dozat 2016, as PyTorch: Keras has momentum_decay = 1, Optax a constant beta1."""
    mu, mu_next = (beta1 * (1 - 0.5 * 0.96 ** (step * momentum_decay)) for step in (t, t + 1))
    product = product * mu
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = (1 - mu) / (1 - product) * g + mu_next / (1 - product * mu_next) * m
    return w - lr * m_hat / (sqrt(v / (1 - beta2**t)) + eps), m, v, product


@optimizer(
    parent="adam",
    formula=r"w_t = w_{t-1} - \eta\, r_t \hat m_t / (\sqrt{\hat v_t} + \epsilon) \text{ if } \rho_t > 5, "
    r"\text{ else } w_{t-1} - \eta\, \hat m_t",
    reference="Liu et al. 2020, arXiv:1908.03265, Algorithm 2",
    space=ADAM,
)
def radam(w, g, t, m=0, v=0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8):
    """Adam that waits for its variance. Liu et al. 2020, Algorithm 2, as PyTorch: eps beside the raw root."""
    m = beta1 * m + (1 - beta1) * g
    v = beta2 * v + (1 - beta2) * g**2
    m_hat = m / (1 - beta1**t)
    longest = 2 / (1 - beta2) - 1
    rho = longest - 2 * t * beta2**t / (1 - beta2**t)
    known = rho > 5
    rho = where(known, rho, 6)
    r = sqrt((rho - 4) * (rho - 2) * longest / ((longest - 4) * (longest - 2) * rho))
    adapted = r * sqrt(1 - beta2**t) / (sqrt(v) + eps)
    return w - lr * m_hat * where(known, adapted, 1), m, v


@optimizer(
    parent="adam",
    formula=r"s_t = \beta_2 s_{t-1} + (1 - \beta_2) (g_t - m_t)^2 + \epsilon, "
    r"\quad w_t = w_{t-1} - \eta\, \hat m_t / (\sqrt{\hat s_t} + \epsilon)",
    reference="Zhuang et al. 2020, arXiv:2010.07468, Algorithm 2",
    space=ADAM,
)
def adabelief(w, g, t, m=0, s=0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-16):
    """Adam scaled by how far g is from m. Zhuang et al. 2020, Algorithm 2, as Optax: eps enters s at every step."""
    m = beta1 * m + (1 - beta1) * g
    s = beta2 * s + (1 - beta2) * (g - m) ** 2 + eps
    return w - lr * m / (1 - beta1**t) / (sqrt(s / (1 - beta2**t)) + eps), m, s


@optimizer(
    parent="adam",
    formula=r"v_t = v_{t-1} - (1 - \beta_2) \operatorname{sign}(v_{t-1} - g_t^2)\, g_t^2",
    reference="Zaheer et al. 2018, https://papers.nips.cc/paper/8186, Algorithm 2",
    space=ADAM,
)
def yogi(w, g, t, m=1e-6, v=1e-6, *, lr=1e-2, beta1=0.9, beta2=0.999, eps=1e-3):
    """Adam whose v moves by at most g^2. Zaheer et al. 2018, as Optax: bias-corrected, m and v start at 1e-6."""
    m = beta1 * m + (1 - beta1) * g
    v = v - (1 - beta2) * sign(v - g**2) * g**2
    return w - lr * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps), m, v


@optimizer(
    parent="adam",
    formula=r"w_t = (w_{t-1} - \eta (\hat m_t + \beta_2 \hat d_t) / (\sqrt{\hat n_t} + \epsilon)) / (1 + \eta\lambda)",
    reference="Xie et al. 2022, arXiv:2208.06677, Algorithm 1",
    space={**UNIT_LR, **EPS, **DECAY},
    scale_free=True,
)
def adan(w, g, t, before=0, m=0, d=0, n=0, *, lr=1e-3, beta1=0.98, beta2=0.92, beta3=0.99, eps=1e-8, weight_decay=0.0):
    """Adaptive Nesterov momentum. Xie et al. 2022, Algorithm 1; the paper's betas are 1 minus ours."""
    change = g - (g if t == 1 else before)
    m = beta1 * m + (1 - beta1) * g
    d = beta2 * d + (1 - beta2) * change
    n = beta3 * n + (1 - beta3) * (g + beta2 * change) ** 2
    step = m / (1 - beta1**t) + beta2 * d / (1 - beta2**t)
    w = (w - lr * step / (sqrt(n / (1 - beta3**t)) + eps)) / (1 + lr * weight_decay)
    return w, g, m, d, n


@optimizer(
    parent="adam",
    formula=r"w_t = w_{t-1} - \eta\, (\hat m_t + \alpha s_t) / (\sqrt{\hat v_t} + \epsilon), "
    r"\quad s_t = \beta_3 s_{t-1} + (1 - \beta_3)\, g_t",
    reference="Pagliardini et al. 2024, arXiv:2409.03137, Algorithm 1",
    space={**ADAM, "alpha": (1.0, 10.0, "linear")},
    contains={"adam": {"alpha": 0}},
    ranges={"alpha": (0, inf)},
    scale_free=True,
)
def ademamix(w, g, t, m=0, s=0, v=0, *, lr=1e-3, beta1=0.9, beta2=0.999, beta3=0.9999, alpha=5.0, eps=1e-8):
    """Adam with a second, slow average. Pagliardini et al. 2024, Algorithm 1 without warm-ups, as Optax has it."""
    m = beta1 * m + (1 - beta1) * g
    s = beta3 * s + (1 - beta3) * g
    v = beta2 * v + (1 - beta2) * g**2
    return w - lr * (m / (1 - beta1**t) + alpha * s) / (sqrt(v / (1 - beta2**t)) + eps), m, s, v


@optimizer(
    parent="adamw",
    formula=r"z_t = z_{t-1} - \eta\, (g(y_t) / (\sqrt{\hat v_t} + \epsilon) + \lambda y_t), "
    r"\quad x_t = x_{t-1} + (z_t - x_{t-1}) / t, \quad y_{t+1} = (1 - \beta_1)\, z_t + \beta_1 x_t",
    reference="Defazio et al. 2024, arXiv:2405.15682, Algorithm 1",
    space={**ADAM, **DECAY},
    solution=lambda w, z, x, v: x,
    scale_free=True,
)
def schedule_free_adamw(
    w, g, t, z=lambda w: w, x=lambda w: w, v=0, *, lr=2.5e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=0.0
):
    """Schedule-Free AdamW. Defazio et al. 2024, Algorithm 1: gradients at y = w, the run is judged at the average x."""
    v = beta2 * v + (1 - beta2) * g**2
    z = z - lr * (g / (sqrt(v / (1 - beta2**t)) + eps) + weight_decay * w)
    x = x + (z - x) / t
    return (1 - beta1) * z + beta1 * x, z, x, v


@optimizer(
    parent="adam",
    formula=r"d_{t+1} = \max(d_t, \frac{\sum_k \beta_3^{t-k} d_k^2 \langle g_k, w_0 - w_k\rangle}{|s_t|_1}), "
    r"\quad w_t = w_{t-1} - \eta\, d_t m_t / (\sqrt{v_t} + d_t\epsilon)",
    reference="Mishchenko and Defazio 2024, arXiv:2306.06101, Algorithm 4",
    space={"lr": (1e-2, 1e1, "log"), **BETAS},
    ranges={"d0": (0, inf)},
    coordinatewise=False,
)
def prodigy(
    w, g, t, m=0, v=0, s=0, first=lambda w: w, r=lambda w: 0 * w[:, :1], d=lambda w, d0: d0 + 0 * w[:, :1], *,
    lr=1.0, beta1=0.9, beta2=0.999, eps=1e-8, d0=1e-6, weight_decay=0.0,
):  # fmt: skip
    """Adam that finds its rate. Mishchenko and Defazio 2024, Algorithm 4, bias-corrected, as Optax has it."""
    beta3 = sqrt(beta2)
    rate = d * lr * sqrt(1 - beta2**t) / (1 - beta1**t)
    m = beta1 * m + (1 - beta1) * d * g
    v = beta2 * v + (1 - beta2) * (d * g) ** 2
    s = beta3 * s + rate * d * g / d0
    r = beta3 * r + d / d0 * rate * dot(g, first - w)
    d_next = maximum(d, ratio(r, abs(s).sum(axis=-1, keepdims=True), otherwise=0))
    return (1 - rate * weight_decay) * w - rate * m / (sqrt(v) + d_next * eps), m, v, s, first, r, d_next
