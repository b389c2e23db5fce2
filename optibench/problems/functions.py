"""Classical test functions of any dimension, by hand; Hessian products by a complex step, exact to rounding.

Each formula maps w (R, P) to its values (R,) and gradients (R, P), and takes complex w too.
"""

from __future__ import annotations

from collections.abc import Callable
from math import e, pi
from typing import Any

import numpy as np
from numpy import cos, exp, sin, sqrt

from optibench.plugin.problem import Problem, blocks_of, problem
from optibench.plugin.types import Array
from optibench.problems.analytic import at_least

Formula = Callable[[Array], tuple[Array, Array]]
Box = tuple[tuple[float, float], ...]
SURJANOVIC = "Surjanovic and Bingham 2013, https://www.sfu.ca/~ssurjano"


def function_problem(
    name: str,
    formula: Formula,
    box: tuple[float, float] | Box,
    start: Callable[[np.random.Generator], Array],
    dimension: int = 2,
    **facts: Any,
) -> Problem:
    """A problem from a formula; ``box`` is the usual domain, of every coordinate or of each, drawn if there are two."""
    sides = box if isinstance(box[0], tuple) else (box,) * dimension

    def hessian_product(w: Array, v: Array) -> Array:
        product, h = np.empty(w.shape, w.dtype), 1e-20
        step = np.array(h * 1j, np.result_type(w.dtype, np.complex64))
        for run in range(len(w)):  # by itself: the bits of complex products depend on their place in an array
            along = np.ascontiguousarray(w[run : run + 1]) + step * np.ascontiguousarray(v[run : run + 1])
            product[run] = formula(along)[1].imag[0] / w.dtype.type(h)
        return product

    return Problem(
        name,
        start=lambda rng: np.asarray(start(rng), float),
        value_grad=formula,
        hessian_product=hessian_product,
        blocks=blocks_of(w=(dimension,)),
        domain=sides if dimension == 2 else (),
        epochs=1000,
        **facts,
    )


def near(*point: float) -> Callable[[np.random.Generator], Array]:
    """Starts around a point."""
    return lambda rng: np.array(point) + 0.1 * rng.standard_normal(len(point))


def within(low: float, high: float, dimension: int) -> Callable[[np.random.Generator], Array]:
    """Starts anywhere in a box."""
    return lambda rng: rng.uniform(low, high, dimension)


@problem
def sphere(*, dimension: int = 10) -> Problem:
    """The sum of squares."""
    at_least(1, dimension=dimension)
    return function_problem(
        "sphere",
        lambda w: ((w * w).sum(axis=-1), 2 * w),
        (-5.12, 5.12),
        lambda rng: rng.standard_normal(dimension),
        dimension,
        minimum=0.0,
        minimizer=(0.0,) * dimension,
        source="De Jong 1975, F1",
    )


@problem
def ellipsoid(*, dimension: int = 10, condition: float = 1e6) -> Problem:
    """Squares along the axes, weights evenly spaced in the logarithm from 1 to the condition number."""
    at_least(1, dimension=dimension, condition=condition)
    weights = np.geomspace(1, condition, dimension)

    def formula(w: Array) -> tuple[Array, Array]:
        scaled = weights.astype(w.real.dtype) * w
        return (scaled * w).sum(axis=-1), 2 * scaled

    return function_problem(
        "ellipsoid",
        formula,
        (-5.0, 5.0),
        lambda rng: rng.standard_normal(dimension),
        dimension,
        minimum=0.0,
        minimizer=(0.0,) * dimension,
        source="Hansen et al. 2009, BBOB 2009 f2 without its turns",
    )


@problem
def styblinski_tang(*, dimension: int = 2) -> Problem:
    """A quartic along every axis, with a valley that is deepest and one that is not: 2^n minima."""
    at_least(1, dimension=dimension)
    lowest, at = -39.16616570377142, -2.903534027771177

    def formula(w: Array) -> tuple[Array, Array]:
        return (w**4 - 16 * w * w + 5 * w).sum(axis=-1) / 2, 2 * w**3 - 16 * w + 2.5

    return function_problem(
        "styblinski-tang",
        formula,
        (-5.0, 5.0),
        within(-4, 4, dimension),
        dimension,
        minimum=lowest * dimension,
        minimizer=(at,) * dimension,
        source=f"Styblinski and Tang 1990, doi:10.1016/0893-6080(90)90029-K; {SURJANOVIC}",
    )


@problem
def rastrigin(*, dimension: int = 2) -> Problem:
    """A bowl with a cosine on it: a minimum near every point of whole numbers, the lowest at 0."""
    at_least(1, dimension=dimension)

    def formula(w: Array) -> tuple[Array, Array]:
        each = w * w + 10 * (1 - cos(2 * pi * w))
        return each.sum(axis=-1), 2 * w + 20 * pi * sin(2 * pi * w)

    return function_problem(
        "rastrigin",
        formula,
        (-5.12, 5.12),
        within(-4, 4, dimension),
        dimension,
        minimum=0.0,
        minimizer=(0.0,) * dimension,
        source=f"Rastrigin 1974; {SURJANOVIC}",
    )


@problem
def ackley(*, dimension: int = 2) -> Problem:
    """A wavy plain that falls into a funnel at 0, where it has a tip and no slope."""
    at_least(1, dimension=dimension)

    def formula(w: Array) -> tuple[Array, Array]:
        r = sqrt((w * w).sum(axis=-1, keepdims=True) / dimension)
        funnel = 20 * exp(-0.2 * r)
        waves = exp(cos(2 * pi * w).sum(axis=-1, keepdims=True) / dimension)
        tip = r == 0
        inward = 0.2 * funnel * w / np.where(tip, 1, r)
        f = (20 - funnel) + (w.real.dtype.type(e) - waves)
        return f[:, 0], (inward + 2 * pi * waves * sin(2 * pi * w)) / dimension

    return function_problem(
        "ackley",
        formula,
        (-32.768, 32.768),
        within(-15, 15, dimension),
        dimension,
        minimum=0.0,
        minimizer=(0.0,) * dimension,
        source=f"Ackley 1987, doi:10.1007/978-1-4613-1997-9; {SURJANOVIC}",
    )


@problem
def griewank(*, dimension: int = 2) -> Problem:
    """A wide bowl with a product of cosines on it: thousands of shallow minima, the lowest at 0."""
    at_least(1, dimension=dimension)
    roots = np.sqrt(np.arange(1, dimension + 1))

    def formula(w: Array) -> tuple[Array, Array]:
        scaled = np.ascontiguousarray(w) / roots.astype(w.real.dtype)
        c = cos(scaled)
        others = np.stack([np.delete(c, i, axis=1).prod(axis=-1) for i in range(dimension)], axis=-1)
        f = (w * w).sum(axis=-1) / 4000 - c.prod(axis=-1) + 1
        return f, w / 2000 + sin(scaled) * others / roots.astype(w.real.dtype)

    return function_problem(
        "griewank",
        formula,
        (-600.0, 600.0),
        within(-100, 100, dimension),
        dimension,
        minimum=0.0,
        minimizer=(0.0,) * dimension,
        source=f"Griewank 1981, doi:10.1007/BF00933356; {SURJANOVIC}",
    )


@problem
def levy(*, dimension: int = 2) -> Problem:
    """Waves that grow with the distance from 1, where the lowest of many minima lies."""
    at_least(1, dimension=dimension)

    def formula(w: Array) -> tuple[Array, Array]:
        u = 1 + (w - 1) / 4
        f, g = (u - 1) ** 2 * (1 + 10 * sin(pi * u + 1) ** 2), np.empty_like(w)
        g[...] = 2 * (u - 1) * (1 + 10 * sin(pi * u + 1) ** 2) + (u - 1) ** 2 * 10 * pi * sin(2 * (pi * u + 1))
        last = u[:, -1]
        f[:, -1] = (last - 1) ** 2 * (1 + sin(2 * pi * last) ** 2)
        g[:, -1] = 2 * (last - 1) * (1 + sin(2 * pi * last) ** 2) + (last - 1) ** 2 * 2 * pi * sin(4 * pi * last)
        f[:, 0] += sin(pi * u[:, 0]) ** 2
        g[:, 0] += pi * sin(2 * pi * u[:, 0])
        return f.sum(axis=-1), g / 4

    return function_problem(
        "levy",
        formula,
        (-10.0, 10.0),
        within(-8, 8, dimension),
        dimension,
        minimum=0.0,
        minimizer=(1.0,) * dimension,
        source=f"Levy and Montalvo 1985, doi:10.1137/0906002; {SURJANOVIC}",
    )


FUNCTIONS = [sphere, ellipsoid, styblinski_tang, rastrigin, ackley, griewank, levy]
