"""Rules that scale each coordinate by an average of its squared gradients."""

from __future__ import annotations

from numpy import sqrt

from optibench.pieces import optimizer


@optimizer(
    parent="gd",
    formula=r"v_t = \rho v_{t-1} + (1 - \rho)\, g_t^2, \quad w_t = w_{t-1} - \eta\, g_t / (\sqrt{v_t} + \epsilon)",
    reference="Tieleman and Hinton 2012, Lecture 6e; centered: Graves 2013, arXiv:1308.0850, eq. 38-45",
)
def rmsprop(w, g, v=0, m=0, b=0, *, lr=1e-2, rho=0.99, eps=1e-8, momentum=0.0, centered=False):
    """Gradient over its root mean square. Tieleman and Hinton 2012, as PyTorch: Optax and Keras put eps in the root."""
    v = rho * v + (1 - rho) * g**2
    m = rho * m + (1 - rho) * g
    variance = v - m**2 if centered else v
    b = momentum * b + g / (sqrt(variance) + eps)
    return w - lr * b, v, m, b


@optimizer(
    parent="rmsprop",
    formula=r"w_t = w_{t-1} - \eta\, \hat m_t / (\sqrt{\hat v_t} + \epsilon)",
    reference="Kingma and Ba 2015, arXiv:1412.6980, Algorithm 1",
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
)
def adamw(w, g, t, m=0, v=0, *, lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8, weight_decay=1e-2):
    """Adam with decoupled weight decay. Loshchilov and Hutter 2019, Algorithm 2; decay times lr, as PyTorch has it."""
    decayed = (1 - lr * weight_decay) * w
    return adam(decayed, g, t, m, v, lr=lr, beta1=beta1, beta2=beta2, eps=eps)
