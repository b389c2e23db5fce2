"""What must hold for every registered activation."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.special import erf

from optibench.activations import optibench_activations
from optibench.plugin.registry import registry

ACTIVATIONS = registry()["activation"]
VARIED = {  # other parameters than the defaults
    "leaky_relu:alpha=0.2": partial(ACTIVATIONS["leaky_relu"], alpha=0.2),
    "elu:alpha=0.5": partial(ACTIVATIONS["elu"], alpha=0.5),
    "celu:alpha=2.5": partial(ACTIVATIONS["celu"], alpha=2.5),
    "swish:beta=1.7": partial(ACTIVATIONS["swish"], beta=1.7),
    "swish:beta=-0.5": partial(ACTIVATIONS["swish"], beta=-0.5),
    "squareplus:b=0.3": partial(ACTIVATIONS["squareplus"], b=0.3),
}
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)
every_name = pytest.mark.parametrize("name", [*ACTIVATIONS, *VARIED])

#: Where a slope, or the slope of a slope, jumps.
KINKS = {
    **dict.fromkeys(("step", "softsign", "relu", "leaky_relu", "prelu", "elu", "selu", "celu"), (0,)),
    "hard_sigmoid": (-3, 3),
    "hard_tanh": (-1, 1),
}


def logistic(z):
    return 1 / (1 + np.exp(-z))


def below(z, otherwise):
    """z above 0, and something else below it."""
    return np.where(z.real > 0, z, otherwise)


#: The formulas as the papers have them, for complex z; of no use at z = 1000.
TEXTBOOK = {
    "identity": lambda z: z,
    "step": lambda z: np.where(z.real >= 0, 1 + 0j, 0),
    "sigmoid": logistic,
    "hard_sigmoid": lambda z: np.where(z.real < -3, 0, np.where(z.real > 3, 1, (z + 3) / 6)),
    "tanh": lambda z: (np.exp(z) - np.exp(-z)) / (np.exp(z) + np.exp(-z)),
    "hard_tanh": lambda z: np.where(z.real < -1, -1, np.where(z.real > 1, 1, z)),
    "arctan": lambda z: np.arctan(z),
    "softsign": lambda z: z / (1 + np.sqrt(z * z)),
    "relu": lambda z: below(z, 0),
    "leaky_relu": lambda z, alpha=0.01: below(z, alpha * z),
    "prelu": lambda z: below(z, z / 4),
    "elu": lambda z, alpha=1: below(z, alpha * (np.exp(z) - 1)),
    "selu": lambda z: 1.0507009873554805 * below(z, 1.6732632423543772 * (np.exp(z) - 1)),
    "celu": lambda z, alpha=1: below(z, alpha * (np.exp(z / alpha) - 1)),
    "gelu": lambda z: z / 2 * (1 + erf(z / np.sqrt(2))),
    "gelu_tanh": lambda z: z / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
    "silu": lambda z: z * logistic(z),
    "mish": lambda z: z * np.tanh(np.log(1 + np.exp(z))),
    "softplus": lambda z: np.log(1 + np.exp(z)),
    "swish": lambda z, beta=1: z * logistic(beta * z),
    "squareplus": lambda z, b=4: (z + np.sqrt(z * z + b)) / 2,
}


def named(name):
    """An activation, and its formula if it is in the table."""
    kind, _, setting = name.partition(":")
    if not setting:
        return ACTIVATIONS[name], TEXTBOOK.get(name, ACTIVATIONS[name].function)
    key, _, number = setting.partition("=")
    return VARIED[name], partial(TEXTBOOK[kind], **{key: float(number)})


def test_every_built_in_has_its_formula_here():
    assert {piece.name for piece in optibench_activations()} == TEXTBOOK.keys()


@every_name
@given(z=st.floats(-30, 30))
def test_the_slope_is_the_difference_quotient(name, z):
    activation, h = named(name)[0], 1e-5
    assume(all(abs(z - kink) > 2 * h for kink in KINKS.get(name.partition(":")[0], ())))
    below, at, above = activation(np.array([z - h, z, z + h]))[0]
    assume(abs((above - at) - (at - below)) < 1e-3 * h)  # no kink here
    assert activation(np.array([z]))[1][0] == pytest.approx((above - below) / (2 * h), rel=1e-7, abs=2e-9)


@every_name
@given(z=st.floats(-30, 30))
def test_value_and_slope_are_those_of_the_formula_in_the_paper(name, z):
    """Complex steps have no cancellation; at a kink they mean nothing."""
    activation, formula = named(name)
    assume(all(abs(z - kink) > 1e-6 for kink in KINKS.get(name.partition(":")[0], ())))
    try:
        exact = formula(np.array([z + 1e-30j]))
    except TypeError:
        pytest.skip("has no complex form")
    exact = exact[0] if isinstance(exact, tuple) else exact
    np.testing.assert_allclose(
        activation(np.array([z])), [exact.real, exact.imag / 1e-30], rtol=1e-9, atol=1e-12, strict=True
    )


@every_name
def test_slopes_keep_their_digits_in_the_tails(name):
    """Complex steps have no cancellation; at a kink they mean nothing, and a plugin may have no complex form."""
    activation, formula = named(name)
    z = np.linspace(-12, 12, 49) + 0.1
    try:
        exact = formula(z + 1e-30j)
    except TypeError:
        pytest.skip("has no complex form")
    exact = exact[0] if isinstance(exact, tuple) else exact
    np.testing.assert_allclose(activation(z)[1], exact.imag / 1e-30, rtol=1e-9, atol=1e-12)


@every_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_finite_and_quiet_at_1000(name, dtype):
    z = np.array([-1000, -100, -0.0, 0, 100, 1000], dtype)
    with np.errstate(all="raise", under="ignore"):
        a, slope = named(name)[0](z)
    assert np.isfinite(a).all() and np.isfinite(slope).all()


@every_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_shape_are_kept_and_z_is_not_changed(name, dtype):
    z = np.random.default_rng(0).standard_normal((5, 7, 3)).astype(dtype)
    before = z.copy()
    z.flags.writeable = False
    for array in named(name)[0](z):
        assert (array.dtype, array.shape) == (z.dtype, z.shape)
    np.testing.assert_array_equal(z, before)


@every_name
def test_float32_gives_float64_rounded(name):
    z = np.linspace(-20, 20, 401, dtype="float32") + np.float32(0.013)
    for single, double in zip(named(name)[0](z), named(name)[0](z.astype(float)), strict=True):
        np.testing.assert_allclose(single, double, rtol=2e-5, atol=2e-6)


@every_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 3), (32, 32)])
def test_a_run_alone_is_its_row_among_five_bit_for_bit(name, dtype, shape):
    z = (3 * np.random.default_rng(0).standard_normal((5, *shape))).astype(dtype)
    together = named(name)[0](z)
    for run in range(5):
        for several, one in zip(together, named(name)[0](z[run : run + 1].copy()), strict=True):
            np.testing.assert_array_equal(several[run : run + 1], one)


@every_activation
def test_formula_reference_and_a_sentence_that_says_where_it_saturates(activation):
    assert activation.formula and re.search(r"\b(19|20)\d\d\b", activation.reference)
    assert activation.function.__doc__ == activation.summary and activation.summary.endswith(".")
    assert re.search(r"(never saturates|saturates at .* (below|above|everywhere).*)\.$", activation.summary)


@every_activation
def test_it_saturates_where_its_sentence_says_and_nowhere_else(activation):
    """That is, its slope is 1/100 in size at most from there on, and more than that at 1 nearer to the middle."""
    sentence = activation.summary.partition("saturates")[2]
    tails = {side: (float(a), float(z)) for a, side, z in re.findall(r"at (\S+) for z (below|above) (-?\d+)", sentence)}
    for side, sign in (("below", -1), ("above", 1)):
        (a,), (slope,) = activation(np.array([sign * 1e6]))
        if "everywhere" in sentence:
            assert slope == 0
        elif side in tails:
            limit, begin = tails[side]
            assert a == pytest.approx(limit, abs=1e-4)
            assert (np.abs(activation(begin + sign * np.linspace(1e-9, 50, 1001))[1]) <= 0.01).all()
            assert np.abs(activation(np.array([begin - sign]))[1]) > 0.01
        else:
            assert np.abs(slope) >= 0.01


def test_values_known_by_hand():
    z = np.array([-2.0, 0.0, 3.0])
    e, w = np.exp(-2), np.exp(z)
    s = np.array([0.11920292202211755, 0.5, 0.9525741268224334])  # the logistic function
    cdf = np.array([0.022750131948179212, 0.5, 0.9986501019683699])  # of the normal distribution
    pdf = np.array([0.05399096651318806, 0.3989422804014327, 0.0044318484119380075])
    for name, a, slope in [
        ("identity", z, [1, 1, 1]),
        ("step", [0, 1, 1], [0, 0, 0]),
        ("relu", [0, 0, 3], [0, 0, 1]),
        ("sigmoid", 1 / (1 + np.exp(-z)), np.exp(-z) / (1 + np.exp(-z)) ** 2),
        ("hard_sigmoid", [1 / 6, 1 / 2, 1], [1 / 6, 1 / 6, 0]),
        ("tanh", np.tanh(z), 1 / np.cosh(z) ** 2),
        ("hard_tanh", [-1, 0, 1], [0, 1, 0]),
        ("arctan", [-np.arctan(2), 0, np.arctan(3)], [1 / 5, 1, 1 / 10]),
        ("softsign", [-2 / 3, 0, 3 / 4], [1 / 9, 1, 1 / 16]),
        ("leaky_relu", [-0.02, 0, 3], [0.01, 0.01, 1]),
        ("prelu", [-0.5, 0, 3], [0.25, 0.25, 1]),
        ("elu", [e - 1, 0, 3], [e, 1, 1]),
        ("celu", [e - 1, 0, 3], [e, 1, 1]),
        ("selu", [1.7580993408473768 * (e - 1), 0, 3.1521029620664414], [1.7580993408473768 * e, 1.7580993408473768]),
        ("gelu", z * cdf, cdf + z * pdf),
        ("silu", z * s, s + z * s * (1 - s)),
        ("swish", z * s, s + z * s * (1 - s)),
        ("mish", z * (1 - 2 / (1 + (1 + w) ** 2)), [None, 0.6]),  # tanh log 2 = 0.6
        ("softplus", np.log1p(w), s),
        ("squareplus", (z + np.sqrt([8, 4, 13])) / 2, (1 + z / np.sqrt([8, 4, 13])) / 2),
    ]:
        got = ACTIVATIONS[name](z)
        np.testing.assert_allclose(got[0], a, rtol=1e-13, atol=0, err_msg=name)
        for found, known in zip(got[1], slope, strict=False):
            assert known is None or found == pytest.approx(known, rel=1e-13, abs=0), name


def test_the_approximation_by_tanh_is_within_a_thousandth_of_gelu():
    z = np.linspace(-8, 8, 1601)
    difference = np.abs(ACTIVATIONS["gelu_tanh"](z)[0] - ACTIVATIONS["gelu"](z)[0])
    assert 1e-4 < difference.max() < 1e-3


def test_small_values_in_the_tails_keep_their_digits():
    def at(name, z, dtype="float64"):
        return ACTIVATIONS[name](np.array([z], dtype))[0][0]

    assert at("gelu", -20) == pytest.approx(
        -20 * 2.7536241186062337e-89, rel=1e-12, abs=0
    )  # the normal distribution at -20
    assert at("softplus", -40) == pytest.approx(np.exp(-40), rel=1e-14, abs=0)
    assert at("mish", -40) == pytest.approx(-40 * np.exp(-40), rel=1e-14, abs=0)
    assert at("squareplus", -1000, "float32") == pytest.approx(0.000999999, rel=1e-6, abs=0)
    assert at("elu", -1e-20) == at("celu", -1e-20) == -1e-20


def test_slopes_at_kinks_are_those_of_pytorch():
    for name, z, slope in [
        ("hard_sigmoid", [-3, 3], [0, 0]),
        ("hard_tanh", [-1, 1], [0, 0]),
        ("relu", [0], [0]),
        ("leaky_relu", [0], [0.01]),
        ("prelu", [0], [0.25]),
        ("elu", [0], [1]),
    ]:
        np.testing.assert_array_equal(ACTIVATIONS[name](np.array(z, float))[1], slope)
