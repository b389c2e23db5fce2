"""Functions with exact gradients, exact Hessian products and known minima."""

from __future__ import annotations

import numpy as np

from optibench.pieces import Array, Problem, blocks_of, problem


@problem
def quadratic(*, dimension: int = 10, condition: float = 100.0) -> Problem:
    """A rotated quadratic, w'Hw / 2: eigenvalues spaced evenly in the logarithm from 1 to the condition number."""
    if dimension < 1 or condition < 1:
        raise ValueError("dimension and condition must be at least 1")
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((dimension, dimension)))[0]
    hessian = rotation * np.geomspace(1, condition, dimension) @ rotation.T
    hessian = (hessian + hessian.T) / 2

    def product(v: Array) -> Array:
        rows = np.ascontiguousarray(v)  # a run's bits must not depend on how the runs lie in memory
        return (rows[:, None, :] @ hessian.astype(v.dtype, copy=False))[:, 0, :]  # stacked: each run by itself

    def value_grad(w: Array) -> tuple[Array, Array]:
        g = product(w)
        return 0.5 * (w * g).sum(axis=-1), g

    return Problem(
        "quadratic",
        start=lambda rng: rng.standard_normal(dimension),
        value_grad=value_grad,
        hessian_product=lambda w, v: product(v),
        blocks=blocks_of(w=(dimension,)),
        minimum=0.0,
        minimizer=(0.0,) * dimension,
        source="Nocedal and Wright 2006, eq. 3.22; the minimum is 0 at 0 by construction",
        domain=((-3.0, 3.0), (-3.0, 3.0)) if dimension == 2 else (),
        epochs=1000,
        constants=(hessian,),
    )


@problem
def rosenbrock() -> Problem:
    """Rosenbrock's curved valley, (1 - x)^2 + 100 (y - x^2)^2, from around (-1.2, 1)."""

    def value_grad(w: Array) -> tuple[Array, Array]:
        x, y = w[:, 0], w[:, 1]
        a, b = 1 - x, y - x * x
        g = np.empty_like(w)
        g[:, 0] = -2 * a - 400 * x * b
        g[:, 1] = 200 * b
        return a * a + 100 * b * b, g

    def hessian_product(w: Array, v: Array) -> Array:
        x, y = w[:, 0], w[:, 1]
        product = np.empty_like(v)
        product[:, 0] = (2 - 400 * (y - 3 * x * x)) * v[:, 0] - 400 * x * v[:, 1]
        product[:, 1] = -400 * x * v[:, 0] + 200 * v[:, 1]
        return product

    return Problem(
        "rosenbrock",
        start=lambda rng: np.array([-1.2, 1.0]) + 0.1 * rng.standard_normal(2),
        value_grad=value_grad,
        hessian_product=hessian_product,
        blocks=blocks_of(w=(2,)),
        minimum=0.0,
        minimizer=(1.0, 1.0),
        source="Rosenbrock 1960, doi:10.1093/comjnl/3.3.175; the minimum is 0 at (1, 1) by construction",
        domain=((-2.0, 2.0), (-1.0, 3.0)),
        epochs=2000,
    )
