"""Rules that learn the curvature: from differences of gradients, or from Hessian products."""

from __future__ import annotations

from math import inf

from numpy import abs as magnitude
from numpy import clip, concatenate, maximum, minimum, where, zeros

from optibench.errors import SettingError
from optibench.optimizers.norms import dot, ratio
from optibench.optimizers.spaces import DECAY, LR
from optibench.plugin.optimizer import optimizer


def history(w, memory):
    """The last pairs of a run, newest first: (R, memory, P)."""
    return zeros((len(w), int(memory.max()), w.shape[1]), w.dtype)


def quasi_newton(g, s, y, memory):
    """The two-loop recursion: the inverse Hessian of pairs s, y, newest first, times g. Nocedal 1980."""
    inverse = [ratio(1 + 0 * g[:, :1], dot(y[:, i], s[:, i]), otherwise=0) * (i < memory) for i in range(s.shape[1])]
    alphas = []
    for i, rho in enumerate(inverse):
        alphas.append(rho * dot(s[:, i], g))
        g = g - alphas[i] * y[:, i]
    g = ratio(dot(y[:, 0], s[:, 0]), dot(y[:, 0], y[:, 0])) * g
    for i, rho in reversed([*enumerate(inverse)]):
        g = g + s[:, i] * (alphas[i] - rho * dot(y[:, i], g))
    return g


def strong_wolfe(w, d, step, loss, slope, value, grad, c1=1e-4, c2=0.9, most=25):
    """A step with f <= f0 + c1 step slope and |slope| <= c2 |slope0|, by bisection; Nocedal and Wright 2006, 3.7."""
    low, high, open_ = 0 * step, inf + 0 * step, (slope < 0) & (step > 0)
    for _ in range(most):
        if not open_.any():
            break
        higher = ~(value(w + step * d, where=open_) <= loss + c1 * step * slope)
        new = dot(grad(w + step * d, where=open_), d)
        accepted = ~higher & (magnitude(new) <= -c2 * slope)
        open_ = open_ & ~accepted
        up = higher | (new > 0)
        high, low = where(open_ & up, step, high), where(open_ & ~up, step, low)
        middle = where(high < inf, (low + minimum(high, 1e300)) / 2, 2 * low)
        step = where(open_, middle, step).astype(w.dtype)
    return step


@optimizer(
    batch="full",
    parent="gd",
    formula=r"w_t = w_{t-1} - \eta\, H_t g_t, \quad H_t \text{ from the last pairs } s = \Delta w,\ y = \Delta g",
    reference="Liu and Nocedal 1989, doi:10.1007/BF01589116, Algorithm 2.1",
    space=LR,
    evaluations=1,
    ranges={"memory": (1, inf)},
    coordinatewise=False,
)
def lbfgs(
    w, g, t, loss, value, grad, w_before=lambda w: w, g_before=0, s=history, y=history, *,
    lr=1.0, memory=10.0, line_search=None,
):  # fmt: skip
    """Limited-memory BFGS. Liu and Nocedal 1989, as PyTorch; line_search is None, steps by lr, or "strong_wolfe"."""
    pair = w - w_before, g - g_before
    curved = (dot(*pair) > 1e-10)[:, :, None] & (t > 1)
    s, y = (
        where(curved, concatenate([new[:, None], old[:, :-1]], axis=1), old)
        for new, old in zip(pair, (s, y), strict=True)
    )
    d = -quasi_newton(g, s, y, memory)
    step = lr * (minimum(1, ratio(1 + 0 * loss, magnitude(g).sum(axis=-1, keepdims=True))) if t == 1 else 1 + 0 * loss)
    if line_search not in (None, "strong_wolfe"):
        raise SettingError(f"lbfgs: line_search = {line_search!r} must be None or 'strong_wolfe'", "line_search")
    if line_search:
        step = strong_wolfe(w, d, step, loss, dot(g, d), value, grad)
    return w + step * d, w, g, s, y


@optimizer(
    parent="adamw",
    formula=r"h_t = \beta_2 h_{t-k} + (1 - \beta_2)\, u \odot H u, "
    r"\quad w_t = (1 - \eta\lambda)\, w_{t-1} - \eta \operatorname{clip}(m_t / \max(\gamma h_t, \epsilon), 1)",
    reference="Liu et al. 2024, arXiv:2305.14342, Algorithm 3 with Algorithm 1",
    space={"lr": (1e-5, 1.0, "log"), "gamma": (1e-3, 1.0, "log"), **DECAY},
    ranges={"gamma": (0, inf), "period": (1, inf)},
    evaluations=1.1,
)
def sophia(
    w, g, t, hessian_product, normal, m=0, h=0, *,
    lr=1e-2, beta1=0.96, beta2=0.99, gamma=0.01, eps=1e-12, weight_decay=0.0, period=10.0,
):  # fmt: skip
    """Momentum over the Hessian's diagonal, clipped. Liu et al. 2024, Algorithm 3; Hutchinson's estimate."""
    m = beta1 * m + (1 - beta1) * g
    due = (t - 1) % period == 0
    if due.any():
        u = normal()
        h = where(due, beta2 * h + (1 - beta2) * u * hessian_product(w, u, where=due), h)
    return (1 - lr * weight_decay) * w - lr * clip(m / maximum(gamma * h, eps), -1, 1), m, h
