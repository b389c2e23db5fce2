"""What must hold for every registered activation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from optibench.registry import registry

ACTIVATIONS = registry()["activation"]
every_activation = pytest.mark.parametrize("activation", ACTIVATIONS.values(), ids=ACTIVATIONS)


@every_activation
@given(z=st.floats(-30, 30))
def test_the_slope_is_the_difference_quotient(activation, z):
    h = 1e-5
    below, at, above = activation(np.array([z - h, z, z + h]))[0]
    assume(abs((above - at) - (at - below)) < 1e-3 * h)  # no kink here
    assert activation(np.array([z]))[1][0] == pytest.approx((above - below) / (2 * h), rel=1e-7, abs=2e-9)


@every_activation
def test_slopes_keep_their_digits_in_the_tails(activation):
    """Complex steps have no cancellation; at a kink they mean nothing, and relu has no complex form."""
    z = np.linspace(-12, 12, 49) + 0.1
    try:
        exact = activation.function(z + 1e-30j)[0].imag / 1e-30
    except TypeError:
        pytest.skip("has no complex form")
    np.testing.assert_allclose(activation(z)[1], exact, rtol=1e-9, atol=1e-12)


@every_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_is_finite_and_quiet_at_1000(activation, dtype):
    z = np.array([-1000, -100, -0.0, 0, 100, 1000], dtype)
    with np.errstate(all="raise", under="ignore"):
        a, slope = activation(z)
    assert np.isfinite(a).all() and np.isfinite(slope).all()


@every_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_dtype_and_shape_are_kept_and_z_is_not_changed(activation, dtype):
    z = np.random.default_rng(0).standard_normal((5, 7, 3)).astype(dtype)
    before = z.copy()
    z.flags.writeable = False
    for array in activation(z):
        assert (array.dtype, array.shape) == (z.dtype, z.shape)
    np.testing.assert_array_equal(z, before)


@every_activation
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 3), (32, 32)])
def test_a_run_alone_is_its_row_among_five_bit_for_bit(activation, dtype, shape):
    z = (3 * np.random.default_rng(0).standard_normal((5, *shape))).astype(dtype)
    together = activation(z)
    for run in range(5):
        for several, one in zip(together, activation(z[run : run + 1].copy()), strict=True):
            np.testing.assert_array_equal(several[run : run + 1], one)


def test_values_known_by_hand():
    z = np.array([-2.0, 0.0, 3.0])
    for name, a, slope in [
        ("identity", z, [1, 1, 1]),
        ("relu", [0, 0, 3], [0, 0, 1]),
        ("sigmoid", 1 / (1 + np.exp(-z)), np.exp(-z) / (1 + np.exp(-z)) ** 2),
        ("tanh", np.tanh(z), 1 / np.cosh(z) ** 2),
    ]:
        np.testing.assert_allclose(ACTIVATIONS[name](z), [a, slope], rtol=1e-14, atol=0)
