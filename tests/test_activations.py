"""What must hold for every registered activation."""

from __future__ import annotations

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from mpmath import mp

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
#: Whose slope crosses 0.
CROSSING = ("gelu", "silu", "mish", "swish")
#: Enough for 50 that are right: 1 - tanh^2 is 1e-139 at 80, and 1e-608 at 700.
DIGITS = {80: 200, 700: 700}


def logistic(z):
    return 1 / (1 + mp.exp(-z))


def below(z, otherwise):
    """z above 0, and something else below it."""
    return z if z.real > 0 else otherwise


def erf(z):
    """To first order in the imaginary part."""
    return mp.mpc(mp.erf(z.real), z.imag * 2 / mp.sqrt(mp.pi) * mp.exp(-(z.real**2)))


#: The formulas as the papers have them, for a complex number of mpmath.
TEXTBOOK = {
    "identity": lambda z: z,
    "step": lambda z: mp.mpc(z.real >= 0),
    "sigmoid": logistic,
    "hard_sigmoid": lambda z: mp.mpc(z.real > 0) if abs(z.real) > 3 else (z + 3) / 6,
    "tanh": lambda z: (mp.exp(z) - mp.exp(-z)) / (mp.exp(z) + mp.exp(-z)),
    "hard_tanh": lambda z: mp.mpc(mp.sign(z.real)) if abs(z.real) > 1 else z,
    "arctan": lambda z: mp.atan(z),
    "softsign": lambda z: z / (1 + mp.sqrt(z * z)),
    "relu": lambda z: below(z, mp.mpc(0)),
    "leaky_relu": lambda z, alpha=mp.mpf(0.01): below(z, alpha * z),
    "prelu": lambda z: below(z, z / 4),
    "elu": lambda z, alpha=1: below(z, alpha * (mp.exp(z) - 1)),
    "selu": lambda z: mp.mpf("1.0507009873554805") * below(z, mp.mpf("1.6732632423543772") * (mp.exp(z) - 1)),
    "celu": lambda z, alpha=1: below(z, alpha * (mp.exp(z / alpha) - 1)),
    "gelu": lambda z: z / 2 * (1 + erf(z / mp.sqrt(2))),
    "gelu_tanh": lambda z: z / 2 * (1 + mp.tanh(mp.sqrt(2 / mp.pi) * (z + mp.mpf("0.044715") * z**3))),
    "silu": lambda z: z * logistic(z),
    "mish": lambda z: z * mp.tanh(mp.log(1 + mp.exp(z))),
    "softplus": lambda z: mp.log(1 + mp.exp(z)),
    "swish": lambda z, beta=1: z * logistic(beta * z),
    "squareplus": lambda z, b=4: (z + mp.sqrt(z * z + b)) / 2,
}


def exact(name, z):
    """Value and slope at a number, the slope by a complex step, which has no cancellation."""
    kind, _, setting = name.partition(":")
    key, _, number = setting.partition("=")
    formula = partial(TEXTBOOK[kind], **({key: mp.mpf(float(number))} if key else {}))
    h = mp.mpf(10) ** -40
    return formula(mp.mpc(z)).real, formula(mp.mpc(z, h)).imag / h


def named(name):
    return VARIED.get(name) or ACTIVATIONS[name]


def test_every_built_in_has_its_formula_here():
    assert {piece.name for piece in optibench_activations()} == TEXTBOOK.keys()


@every_name
@given(z=st.floats(-30, 30))
def test_the_slope_is_the_difference_quotient(name, z):
    activation, h = named(name), 1e-5
    assume(all(abs(z - kink) > 2 * h for kink in KINKS.get(name.partition(":")[0], ())))
    below, at, above = activation(np.array([z - h, z, z + h]))[0]
    assume(abs((above - at) - (at - below)) < 1e-3 * h)  # no kink here
    assert activation(np.array([z]))[1][0] == pytest.approx((above - below) / (2 * h), rel=1e-7, abs=2e-9)


def exponent(name, z):
    """How large the exponent is in a formula that is about e to a multiple of z, or for gelu_tanh to a cubic."""
    return np.maximum(1, np.abs(z) * (1.6 + 0.072 * z**2 if name == "gelu_tanh" else 1))


@pytest.mark.parametrize("name", [name for name in [*ACTIVATIONS, *VARIED] if name.partition(":")[0] in TEXTBOOK])
@pytest.mark.parametrize(("dtype", "furthest"), [("float32", 80), ("float64", 700)])
def test_value_and_slope_have_all_their_digits(name, dtype, furthest):
    """Of the formula in the paper, computed with 50 digits more than cancellation takes.

    Within 32 eps times the exponent, relatively. A number below the smallest normal one has no eps of its own: within
    the smallest subnormal number times the exponent. A slope that crosses 0 between -4 and 4 is there a difference of
    numbers of about 1/8 or more: within 32 eps of 1/8.
    """
    rng, number = np.random.default_rng(0), np.finfo(dtype)
    places = [np.linspace(-furthest, furthest, 29), rng.uniform(-40, 40, 30), rng.uniform(-5, 5, 20)]
    kinks = np.array(KINKS.get(name.partition(":")[0], ()))
    places += [rng.choice([-1, 1], 10) * 10 ** rng.uniform(-12, 0, 10), kinks + 1e-3, kinks - 1e-3]
    z = np.concatenate(places).astype(dtype)
    z = z[~np.isin(z, kinks)]
    for which, found in enumerate(named(name)(z)):
        for at, got, size in zip(z, found, exponent(name, z.astype(float)), strict=True):
            with mp.workdps(DIGITS[furthest]):
                true = exact(name, float(at))[which]
            scale = max(abs(true), 1 / 8) if which == 1 and name.startswith(CROSSING) and abs(at) < 4 else abs(true)
            bound = size * max(32 * float(number.eps) * scale, float(number.smallest_subnormal))
            assert abs(float(got) - true) <= bound, f"at {at}: {got}, exactly {mp.nstr(true, 20)}"


@every_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_a_number_up_to_the_largest(name, dtype):
    largest = np.finfo(dtype).max
    z = np.array([1e10, *largest ** np.array([0.3, 0.5, 0.9]), largest / 4, largest], dtype)
    with np.errstate(over="ignore"):
        a, slope = named(name)(np.concatenate([-z, z]))
    assert not np.isnan(a).any() and np.isfinite(slope).all()


@every_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_finite_and_quiet_at_1000(name, dtype):
    z = np.array([-1000, -100, -0.0, 0, 100, 1000], dtype)
    with np.errstate(all="raise", under="ignore"):
        a, slope = named(name)(z)
    assert np.isfinite(a).all() and np.isfinite(slope).all()


@every_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_shape_are_kept_and_z_is_not_changed(name, dtype):
    z = np.random.default_rng(0).standard_normal((5, 7, 3)).astype(dtype)
    before = z.copy()
    z.flags.writeable = False
    for array in named(name)(z):
        assert (array.dtype, array.shape) == (z.dtype, z.shape)
    np.testing.assert_array_equal(z, before)


@every_name
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 3), (32, 32)])
def test_a_run_alone_is_its_row_among_five_bit_for_bit(name, dtype, shape):
    z = (3 * np.random.default_rng(0).standard_normal((5, *shape))).astype(dtype)
    together = named(name)(z)
    for run in range(5):
        for several, one in zip(together, named(name)(z[run : run + 1].copy()), strict=True):
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
