"""A plugin of rules that evaluate elsewhere, look at blocks, or keep state of another shape."""

from __future__ import annotations

import numpy as np

from optibench import hookimpl, optimizer


def dot(a, b):
    """(R, P), (R, P) -> (R, 1)."""
    return (a * b).sum(axis=-1, keepdims=True)


def over(a, b):
    """a / b, and 0 where b is not positive."""
    positive = b > 0
    return np.where(positive, a, 0) / np.where(positive, b, 1)


@optimizer(parent="gd", reference="Foret et al. 2021, arXiv:2010.01412, eq. 2-3", evaluations=2)
def sam(w, g, grad, *, lr=1e-2, rho=0.05):
    """Sharpness-aware minimisation: the gradient at the worst point of a ball. Foret et al. 2021."""
    worst = w + rho * over(g, np.sqrt(dot(g, g)))
    return w - lr * grad(worst)


@optimizer(parent="gd", reference="Armijo 1966, doi:10.2140/pjm.1966.16.1", evaluations=np.nan)
def backtracking(w, g, loss, value, *, lr=1.0, shrink=0.5, c=1e-4):
    """Gradient descent with Armijo's rule. A run that has its step pays no more while others search."""
    step, slope = lr, dot(g, g)
    searching = slope > 0  # (R, 1)
    for _ in range(40):
        enough = value(w - step * g, where=searching) <= loss - c * step * slope
        searching = searching & ~enough  # a loss that is no number is not enough
        if not searching.any():
            break
        step = np.where(searching, shrink * step, step)
    return w - step * g


@optimizer(parent="gd", reference="You et al. 2017, arXiv:1708.03888")
def block_norm(w, g, blocks, *, lr=1e-2):
    """Each block's gradient over its own Frobenius norm."""
    parts = [g[:, block.slice] for block in blocks]
    return w - lr * np.concatenate([over(part, np.sqrt(dot(part, part))) for part in parts], axis=-1)


def one_number(w):
    return np.zeros((len(w), 1))


@optimizer(parent="gd", reference="Ward et al. 2019, arXiv:1806.01811, Algorithm 1")
def factored(w, g, a=one_number, *, lr=1.0, eps=1e-8):
    """AdaGrad-Norm: one accumulator for all parameters of a run. Ward et al. 2019."""
    a = a + dot(g, g)
    return w - lr * g / (np.sqrt(a) + eps), a


@optimizer(parent="gd", reference="Nocedal and Wright 2006, eq. 3.26", evaluations=2)
def exact_step(w, g, hessian_product):
    """Steepest descent to the minimum of the local quadratic, g'g / g'Hg; it has no learning rate."""
    return w - over(dot(g, g), dot(g, hessian_product(w, g))) * g


@hookimpl
def optibench_optimizers():
    return [sam, backtracking, block_norm, factored, exact_step]
