"""Functions with exact gradients, exact Hessian products and known minima."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from optibench.errors import SettingError, UnknownName
from optibench.plugin.problem import Problem, blocks_of, problem
from optibench.plugin.types import Array

#: How the eigenvalues lie between 1 and the condition number: (dimension, condition) -> (P,).
SPECTRA: dict[str, Callable[[int, float], Array]] = {
    "log": lambda n, condition: np.geomspace(1, condition, n),
    "linear": lambda n, condition: np.linspace(1, condition, n),
    "two-clusters": lambda n, condition: np.where(np.arange(n) < n // 2, 1.0, condition) * np.linspace(0.99, 1.01, n),
}


def at_least(least: float, **parameters: float) -> None:
    for name, value in parameters.items():
        if not value >= least:
            raise SettingError(f"{name} = {value:g} must be at least {least:g}", name)


@problem
def quadratic(*, dimension: int = 10, condition: float = 100.0, spectrum: str = "log") -> Problem:
    """A rotated quadratic, w'Hw / 2: eigenvalues from 1 to the condition number, evenly in the logarithm by default."""
    at_least(1, dimension=dimension, condition=condition)
    if spectrum not in SPECTRA:
        raise UnknownName("spectrum", spectrum, SPECTRA)
    rotation = np.linalg.qr(np.random.default_rng(0).standard_normal((dimension, dimension)))[0]
    hessian = rotation * SPECTRA[spectrum](dimension, condition) @ rotation.T
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
def rosenbrock(*, dimension: int = 2) -> Problem:
    """Rosenbrock's curved valley, the sum of (1 - x)^2 + 100 (y - x^2)^2 over neighbours, from around (-1.2, 1)."""
    at_least(2, dimension=dimension)
    start = np.where(np.arange(dimension) % 2, 1.0, -1.2)

    def value_grad(w: Array) -> tuple[Array, Array]:
        x, y = w[:, :-1], w[:, 1:]
        a, b = 1 - x, y - x * x
        g = np.zeros_like(w)
        g[:, :-1] = -2 * a - 400 * x * b
        g[:, 1:] += 200 * b
        return (a * a + 100 * b * b).sum(axis=-1), g

    def hessian_product(w: Array, v: Array) -> Array:
        x, y = w[:, :-1], w[:, 1:]
        product = np.zeros_like(v)
        product[:, :-1] = (2 - 400 * (y - 3 * x * x)) * v[:, :-1] - 400 * x * v[:, 1:]
        product[:, 1:] += -400 * x * v[:, :-1] + 200 * v[:, 1:]
        return product

    return Problem(
        "rosenbrock",
        start=lambda rng: start + 0.1 * rng.standard_normal(dimension),
        value_grad=value_grad,
        hessian_product=hessian_product,
        blocks=blocks_of(w=(dimension,)),
        minimum=0.0,
        minimizer=(1.0,) * dimension,
        source="Rosenbrock 1960, doi:10.1093/comjnl/3.3.175; the minimum is 0 at (1, ..., 1) by construction",
        domain=((-2.0, 2.0), (-1.0, 3.0)) if dimension == 2 else (),
        epochs=2000,
    )
