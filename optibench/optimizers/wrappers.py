"""Rules around another: ``step(w, g)`` is the new w of the optimizer inside."""

from __future__ import annotations

from math import inf

from numpy import where

from optibench.optimizers.norms import dot, ratio
from optibench.plugin.wrapper import wrapper


@wrapper(
    formula=r"w_t = \operatorname{step}(w_{t-1}, \nabla f(w_{t-1} + \rho\, g_t / |g_t|))",
    reference="Foret et al. 2021, arXiv:2010.01412, Algorithm 1",
    evaluations=1,
    space={"rho": (1e-3, 1.0, "log")},
    ranges={"rho": (0, inf)},
)
def sam(step, w, g, grad, *, rho=0.05):
    """Sharpness-aware minimisation: the gradient at the worst point of a ball. Foret et al. 2021, Algorithm 1."""
    return step(w, grad(w + rho * ratio(g, dot(g, g) ** 0.5, otherwise=0)))


@wrapper(
    formula=r"s_t = s_{t-1} + \alpha\, (w_t - s_{t-1}), \quad w_t = s_t \text{ every } k \text{ steps}",
    reference="Zhang et al. 2019, arXiv:1907.08610, Algorithm 1",
    space={"alpha": (0.1, 1.0, "linear")},
    ranges={"k": (1, inf), "alpha": (0, 1.0000001)},
)
def lookahead(step, w, g, t, slow=lambda w: w, *, k=5.0, alpha=0.5):
    """k fast steps, one back to the slow weights. Zhang et al. 2019, Algorithm 1; the state inside is kept."""
    fast = step(w, g)
    due = t % k == 0
    slow = where(due, slow + alpha * (fast - slow), slow)
    return where(due, slow, fast), slow
