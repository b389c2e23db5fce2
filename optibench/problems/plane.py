"""Classical test functions of two dimensions, and each with noise on its gradient."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

import numpy as np
from numpy import cos, exp, sin

from optibench.errors import SettingError
from optibench.plugin.problem import Problem, ProblemFactory, problem
from optibench.plugin.types import Array
from optibench.problems.analytic import at_least, rosenbrock
from optibench.problems.functions import SURJANOVIC, Formula, function_problem, near, sphere


def planar(function: Callable[[Array, Array], tuple[Array, Array, Array]]) -> Formula:
    """A function of x and y that gives f and its two slopes, as a formula of w (R, 2)."""

    def formula(w: Array) -> tuple[Array, Array]:
        f, along_x, along_y = function(w[:, 0], w[:, 1])
        g = np.empty_like(w)
        g[:, 0], g[:, 1] = along_x, along_y
        return f, g

    return formula


@problem
def beale() -> Problem:
    """A flat valley with a steep end. Its floor rises slowly away from (3, 1/2)."""

    def function(x: Array, y: Array) -> tuple[Array, Array, Array]:
        powers = ((1.5, y, 1), (2.25, y * y, 2 * y), (2.625, y**3, 3 * y * y))
        errors = [(c - x + x * power, power - 1, x * slope) for c, power, slope in powers]
        return (
            sum(r * r for r, _, _ in errors),
            sum(2 * r * along_x for r, along_x, _ in errors),
            sum(2 * r * along_y for r, _, along_y in errors),
        )

    return function_problem(
        "beale",
        planar(function),
        (-4.5, 4.5),
        near(1.0, 1.0),
        minimum=0.0,
        minimizer=(3.0, 0.5),
        source=f"Beale 1958; Moré, Garbow and Hillstrom 1981, doi:10.1145/355934.355936, problem 5; {SURJANOVIC}",
    )


@problem
def booth() -> Problem:
    """A quadratic bowl across the axes."""

    def function(x: Array, y: Array) -> tuple[Array, Array, Array]:
        a, b = x + 2 * y - 7, 2 * x + y - 5
        return a * a + b * b, 2 * a + 4 * b, 4 * a + 2 * b

    return function_problem(
        "booth", planar(function), (-10.0, 10.0), near(-5.0, -5.0), minimum=0.0, minimizer=(1.0, 3.0), source=SURJANOVIC
    )


@problem
def branin() -> Problem:
    """Three valleys of one depth."""
    b, c, t = 5.1 / (4 * pi**2), 5 / pi, 1 / (8 * pi)

    def function(x: Array, y: Array) -> tuple[Array, Array, Array]:
        a = y - b * x * x + c * x - 6
        return a * a + 10 * (1 - t) * cos(x) + 10, 2 * a * (c - 2 * b * x) - 10 * (1 - t) * sin(x), 2 * a

    return function_problem(
        "branin",
        planar(function),
        ((-5.0, 10.0), (0.0, 15.0)),
        near(2.5, 7.5),
        minimum=0.39788735772973816,
        source=f"Branin 1972, doi:10.1147/rd.165.0504; {SURJANOVIC}",
    )


@problem
def himmelblau() -> Problem:
    """Four minima of depth 0 around a hill."""

    def function(x: Array, y: Array) -> tuple[Array, Array, Array]:
        a, b = x * x + y - 11, x + y * y - 7
        return a * a + b * b, 4 * a * x + 2 * b, 2 * a + 4 * b * y

    return function_problem(
        "himmelblau", planar(function), (-5.0, 5.0), near(0.0, 0.0), minimum=0.0, source="Himmelblau 1972"
    )


@problem
def six_hump_camel() -> Problem:
    """Six minima in pairs, the lowest pair beside 0."""

    def function(x: Array, y: Array) -> tuple[Array, Array, Array]:
        f = (4 - 2.1 * x * x + x**4 / 3) * x * x + x * y + (4 * y * y - 4) * y * y
        return f, 8 * x - 8.4 * x**3 + 2 * x**5 + y, x - 8 * y + 16 * y**3

    return function_problem(
        "six-hump-camel",
        planar(function),
        ((-3.0, 3.0), (-2.0, 2.0)),
        near(1.5, 1.0),
        minimum=-1.031628453489877,
        source=f"Dixon and Szegö 1978; {SURJANOVIC}",
    )


@problem
def three_hump_camel() -> Problem:
    """Three minima, the lowest at 0."""

    def function(x: Array, y: Array) -> tuple[Array, Array, Array]:
        f = 2 * x * x - 1.05 * x**4 + x**6 / 6 + x * y + y * y
        return f, 4 * x - 4.2 * x**3 + x**5 + y, x + 2 * y

    return function_problem(
        "three-hump-camel",
        planar(function),
        (-5.0, 5.0),
        near(-1.5, 1.5),
        minimum=0.0,
        minimizer=(0.0, 0.0),
        source=SURJANOVIC,
    )


@problem
def matyas() -> Problem:
    """A long quadratic bowl along the diagonal."""

    def function(x: Array, y: Array) -> tuple[Array, Array, Array]:
        return 0.26 * (x * x + y * y) - 0.48 * x * y, 0.52 * x - 0.48 * y, 0.52 * y - 0.48 * x

    return function_problem(
        "matyas", planar(function), (-10.0, 10.0), near(-8.0, 6.0), minimum=0.0, minimizer=(0.0, 0.0), source=SURJANOVIC
    )


@problem
def saddle() -> Problem:
    """x^2 - y^2 from beside its saddle: it has no minimum, and who goes down diverges."""
    return function_problem(
        "saddle",
        planar(lambda x, y: (x * x - y * y, 2 * x, -2 * y)),
        (-2.0, 2.0),
        lambda rng: np.array([1.0, 0.0]) + 0.01 * rng.standard_normal(2),
        source="Dauphin et al. 2014, arXiv:1406.2572",
    )


@problem
def monkey_saddle() -> Problem:
    """x^3 - 3 x y^2, with three ways down and no curvature at 0; it has no minimum."""
    return function_problem(
        "monkey-saddle",
        planar(lambda x, y: (x**3 - 3 * x * y * y, 3 * x * x - 3 * y * y, -6 * x * y)),
        (-2.0, 2.0),
        near(1.0, 0.0),
        source="Hilbert and Cohn-Vossen 1932",
    )


@problem
def ravine(*, condition: float = 100.0) -> Problem:
    """(x^2 + condition y^2) / 2 from the end of its long axis: steep walls, a flat floor."""
    at_least(1, condition=condition)
    return function_problem(
        "ravine",
        planar(lambda x, y: ((x * x + condition * y * y) / 2, x, condition * y)),
        ((-4.0, 4.0), (-1.0, 1.0)),
        near(-3.0, 0.5),
        minimum=0.0,
        minimizer=(0.0, 0.0),
        source="Sutton 1986, Two problems with backpropagation",
    )


@problem
def plateau(*, width: float = 1.0) -> Problem:
    """1 - exp(-|w|^2 / (2 width^2)) from where it is flat: the gradient is tiny until the hole is found."""
    if not width > 0:
        raise SettingError(f"width = {width:g} must be above 0", "width")

    def function(x: Array, y: Array) -> tuple[Array, Array, Array]:
        hole = exp(-(x * x + y * y) / (2 * width**2))
        return 1 - hole, x * hole / width**2, y * hole / width**2

    return function_problem(
        "plateau",
        planar(function),
        (-4.0, 4.0),
        near(2.0, 1.5),
        minimum=0.0,
        minimizer=(0.0, 0.0),
        source="an inverted Gaussian",
    )


def noisy(factory: ProblemFactory) -> ProblemFactory:
    """A plane function with noise on its gradient: f + u x + v y, u and v standard normal, one pair an example."""

    def build() -> Problem:
        plain = factory(**({"dimension": 2} if "dimension" in factory.parameters else {}))
        drawn = np.random.default_rng(0).standard_normal((500, 2))
        noise = np.stack([drawn, -drawn], axis=1).reshape(1000, 2)  # pairs: no noise in the mean of 256

        def tilt(x: Array) -> Array:
            return (np.ones((1, x.shape[1]), x.dtype) @ x)[:, 0] / x.dtype.type(x.shape[1])

        def value_grad(w: Array, x: Array) -> tuple[Array, Array]:
            (f, g), along = plain.value_grad(w), tilt(x)
            return f + w[:, 0] * along[:, 0] + w[:, 1] * along[:, 1], g + along

        assert plain.hessian_product is not None
        product = plain.hessian_product
        return Problem(
            f"noisy-{factory.name}",
            start=plain.start,
            value_grad=value_grad,
            hessian_product=lambda w, v, x: product(w, v),
            train=(noise,),
            blocks=plain.blocks,
            minimum=plain.minimum,
            minimizer=plain.minimizer,
            source=f"{plain.source}; noise as in DeepOBS's two_d problems, Schneider et al. 2019",
            epochs=100,
            width=2,
        )

    build.__doc__ = f"{factory.name} with noise on its gradient, f + u x + v y, u and v standard normal."
    return problem(build, name=f"noisy-{factory.name}")


PLANE = [
    *(beale, booth, branin, himmelblau, six_hump_camel, three_hump_camel, matyas),
    *(saddle, monkey_saddle, ravine, plateau),
]
NOISY = [noisy(factory) for factory in (sphere, rosenbrock, *PLANE)]
