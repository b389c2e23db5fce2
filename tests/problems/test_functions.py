"""Test functions: published values, every known minimum, and that nothing in the domain lies lower."""

from __future__ import annotations

from math import exp, pi

import numpy as np
import pytest

from optibench.plugin.registry import registry
from optibench.problems.functions import FUNCTIONS
from optibench.problems.plane import NOISY, PLANE

FACTORIES = registry()["problem"]
NAMES = [factory.name for factory in (*FUNCTIONS, *PLANE)]
#: All global minimisers where there are several, to all digits that a double has.
SEVERAL = {
    "branin": [(-pi, 12.275), (pi, 2.275), (3 * pi, 2.475)],
    "himmelblau": [
        (3.0, 2.0), (-2.8051180869527448, 3.1313125182505730), (-3.7793102533777469, -3.2831859912861694),
        (3.5844283403304918, -1.8481265269644034),
    ],
    "six-hump-camel": [(0.08984201310031807, -0.7126564030207396), (-0.08984201310031807, 0.7126564030207396)],
}  # fmt: skip
UNBOUNDED = {"saddle", "monkey-saddle"}


def value_grad(name, *point):
    """At one point, in as many dimensions as it has where the function takes any."""
    parameters = {"dimension": len(point)} if "dimension" in FACTORIES[name].parameters else {}
    f, g = FACTORIES[name](**parameters).value_grad(np.array([point], float))
    return f[0], g[0]


@pytest.mark.parametrize(
    ("name", "point", "value"),
    [
        ("sphere", (1, 2, 3), 14),
        ("ellipsoid", (1, 1, 1), 1 + 1e3 + 1e6),
        ("rosenbrock", (-1.2, 1), 24.2),
        ("rosenbrock", (0, 0, 0), 2),
        ("beale", (1, 1), 14.203125),
        ("booth", (0, 0), 74),
        ("branin", (0, 0), 55.602112642270262),
        ("himmelblau", (0, 0), 170),
        ("six-hump-camel", (1, 1), 3.2333333333333334),
        ("three-hump-camel", (1, 1), 2 - 1.05 + 1 / 6 + 2),
        ("matyas", (1, 1), 0.04),
        ("styblinski-tang", (1, 1), -10),
        ("rastrigin", (1, 1), 2),
        ("ackley", (1, 1), 20 - 20 * exp(-0.2)),
        ("griewank", (pi, 0), pi**2 / 4000 + 2),
        ("levy", (1, 5), 1),
        ("saddle", (3, 2), 5),
        ("monkey-saddle", (2, 1), 2),
        ("ravine", (2, 1), 52),
        ("plateau", (3, 4), 1 - exp(-12.5)),
    ],
)
def test_values_known_by_hand_or_published(name, point, value):
    assert value_grad(name, *point)[0] == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in UNBOUNDED])
def test_at_every_known_minimiser_lies_the_minimum_and_the_slope_is_0(name):
    problem = FACTORIES[name]()
    for point in SEVERAL.get(name) or [problem.minimizer]:
        f, g = value_grad(name, *point)
        assert f == pytest.approx(problem.minimum, abs=1e-10)
        np.testing.assert_allclose(g, 0, atol=1e-9)


@pytest.mark.parametrize("name", [name for name in NAMES if FACTORIES[name]().domain and name not in UNBOUNDED])
def test_nothing_in_the_domain_lies_lower(name):
    problem = FACTORIES[name]()
    low, high = np.array(problem.domain).T
    spread = np.random.default_rng(0).uniform(low, high, (200_000, 2))
    lowest = np.array((SEVERAL.get(name) or [problem.minimizer])[0])
    close = lowest + 1e-3 * np.random.default_rng(1).standard_normal((1000, 2))
    for points in (spread, close):
        assert problem.value_grad(points)[0].min() >= problem.minimum - 1e-12


@pytest.mark.parametrize("name", sorted(UNBOUNDED))
def test_a_saddle_has_no_minimum(name):
    problem = FACTORIES[name]()
    assert problem.minimum is None and problem.minimizer is None
    assert problem.value_grad(np.array([[30.0, 40.0]]))[0][0] < -500
    np.testing.assert_array_equal(value_grad(name, 0, 0)[1], 0)


@pytest.mark.parametrize("name", NAMES)
def test_the_hessian_product_is_exact_and_symmetric(name):
    problem = FACTORIES[name]()
    rng = np.random.default_rng(2)
    w, v, u = (rng.uniform(-2, 2, (4, problem.size)) for _ in range(3))
    product = problem.hessian_product(w, v)
    np.testing.assert_allclose((product * u).sum(axis=1), (problem.hessian_product(w, u) * v).sum(axis=1), rtol=1e-10)
    h = 1e-6
    quotient = (problem.value_grad(w + h * v)[1] - problem.value_grad(w - h * v)[1]) / (2 * h)
    np.testing.assert_allclose(product, quotient, rtol=1e-6, atol=1e-6 * np.abs(product).max())


@pytest.mark.parametrize("factory", NOISY, ids=lambda factory: factory.name)
def test_over_all_examples_the_noise_is_gone_and_over_one_it_tilts(factory):
    plain_factory = FACTORIES[factory.name.removeprefix("noisy-")]
    plain = plain_factory(**({"dimension": 2} if "dimension" in plain_factory.parameters else {}))
    problem, w = factory(), np.random.default_rng(0).uniform(-1, 1, (3, 2))
    (noise,) = problem.train
    for part in (noise, noise[:256]):  # curves are measured on 256 examples
        np.testing.assert_allclose(part.mean(axis=0), 0, atol=1e-15)
    assert noise.shape == (1000, 2) and np.abs(noise.std(axis=0) - 1).max() < 0.05
    for found, expected in zip(problem.value_grad(w, noise[None]), plain.value_grad(w), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    f, g = problem.value_grad(w, noise[None, :1])
    np.testing.assert_allclose(f, plain.value_grad(w)[0] + w @ noise[0])
    np.testing.assert_allclose(g, plain.value_grad(w)[1] + noise[0])


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("sphere", {"dimension": 0}, "dimension = 0 must be at least 1"),
        ("rosenbrock", {"dimension": 1}, "dimension = 1 must be at least 2"),
        ("ravine", {"condition": 0.5}, "condition = 0.5 must be at least 1"),
        ("plateau", {"width": 0.0}, "width = 0 must be above 0"),
        ("quadratic", {"spectrum": "logg"}, "no spectrum named 'logg'; nearest: log"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(name, parameters, words):
    with pytest.raises(ValueError, match=words):
        FACTORIES[name](**parameters)
