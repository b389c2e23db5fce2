"""SciPy's interface: the reference traces, counts, stopping, and SciPy's own answer."""

from __future__ import annotations

import json

import numpy as np
import pytest
import scipy.optimize

import optibench as ob
from optibench import InputError
from optibench.plugin.registry import registry
from optibench.verify.follow import deviation
from optibench.verify.parity import BUILT_IN, by_steps, read

QUAD6 = BUILT_IN / "quad6.json"
TRACES = json.loads(QUAD6.read_text())
H, B, X0, XSTAR = (np.array(TRACES["problem"][key], float) for key in ("H", "b", "x0", "xstar"))
CASES = [case for case in TRACES["cases"] if case["optimizer"] in registry()["optimizer"]]


def value(x):
    return 0.5 * x @ H @ x - B @ x


def gradient(x):
    return H @ x - B


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_trace_is_that_of_the_reference_with_l2_too(case):
    expected, rule = np.array(case["x"]), registry().get("optimizer", case["optimizer"])

    def trace(x0, steps):
        facts = {"jac": gradient, "maxiter": steps, "f_min": TRACES["problem"]["fstar"], **case["hyperparameters"]}
        return ob.minimize(value, x0, method=case["optimizer"], **facts).trace

    alone = not rule.state and "t" not in rule.arguments  # a step can be taken by itself
    if alone and by_steps(rule, *read(QUAD6)[:2], case):
        found = np.array([expected[0], *(trace(x, 1)[1] for x in expected[:-1])])
    else:
        found = trace(X0, len(expected) - 1)
    assert deviation(found, expected).max() <= case["tolerance"]


def test_cases_with_l2_are_among_them():
    assert any("l2" in case["hyperparameters"] for case in CASES)


def test_three_ways_to_give_the_gradient_agree_and_are_counted():
    facts = {"method": "gd", "maxiter": 20, "lr": 0.005}
    called = ob.minimize(value, X0, jac=gradient, **facts)
    both = ob.minimize(lambda x: (value(x), gradient(x)), X0, jac=True, **facts)
    none = ob.minimize(value, X0, **facts)
    np.testing.assert_array_equal(called.trace, both.trace)
    np.testing.assert_allclose(none.trace, called.trace, rtol=1e-5, atol=1e-5)
    assert called.nfev == called.njev == both.nfev == both.njev == none.njev == 21  # the last point's too
    assert none.nfev == 21 * (1 + 1 + len(X0))  # approx_fprime: the point itself and one along each axis


def test_the_result_has_what_scipys_has():
    result = ob.minimize(value, X0, jac=gradient, maxiter=7, lr=0.1)
    assert isinstance(result, scipy.optimize.OptimizeResult)
    assert (result.nit, result.trace.shape, result.x.shape, result.success) == (7, (8, 6), (6,), True)
    np.testing.assert_array_equal(result.trace[0], X0)
    np.testing.assert_array_equal(result.trace[-1], result.x)
    np.testing.assert_array_equal(result.jac, gradient(result.x))
    assert result.fun == value(result.x) and isinstance(result.fun, float) and result.status == 0


def test_a_convex_quadratic_ends_where_scipys_minimize_does():
    expected = scipy.optimize.minimize(value, X0, jac=gradient, method="BFGS")
    for method, rates in (("gd", {"lr": 0.019}), ("momentum", {"lr": 0.005}), ("adam", {"lr": 0.05})):
        found = ob.minimize(value, X0, jac=gradient, method=method, maxiter=8000, **rates)
        np.testing.assert_allclose(found.x, expected.x, atol=1e-3)
        assert found.fun == pytest.approx(expected.fun, abs=1e-5)


def test_maxiter_0_measures_the_start():
    result = ob.minimize(value, X0, jac=gradient, maxiter=0)
    assert (result.nit, result.nfev, result.trace.shape) == (0, 1, (1, 6)) and result.fun == value(X0)


def test_a_callback_sees_every_point_and_may_stop():
    seen = []

    def callback(x):
        seen.append(x)
        x[:] = 99.0  # its own copy
        if len(seen) == 4:
            raise StopIteration

    stopped = ob.minimize(value, X0, jac=gradient, method="gd", lr=0.005, callback=callback)
    free = ob.minimize(value, X0, jac=gradient, method="gd", lr=0.005, maxiter=4)
    assert (stopped.nit, stopped.status, stopped.message) == (4, 99, "the callback raised StopIteration")
    np.testing.assert_array_equal(stopped.trace, free.trace)


def test_x0_is_not_changed_and_fun_may_write_into_its_argument():
    def careless(x):
        result = value(x)
        x[:] = np.nan
        return result

    x0 = X0.copy()
    result = ob.minimize(careless, x0, jac=gradient, method="gd", lr=0.005, maxiter=3)
    np.testing.assert_array_equal(x0, X0)
    assert np.isfinite(result.trace).all()


@pytest.mark.filterwarnings("ignore:overflow")
def test_divergence_is_no_success():
    result = ob.minimize(value, X0, jac=gradient, method="gd", maxiter=5000, lr=10.0)
    assert not result.success and result.status == 2 and result.message.startswith("diverged")
    assert result.nit < 5000 and len(result.trace) == result.nit + 1


def test_a_rule_that_is_registered_nowhere_is_a_method_too():
    @ob.optimizer
    def mine(w, g, value, *, lr=0.1):
        value(w)
        return w - lr * g

    result = ob.minimize(value, X0, jac=gradient, method=mine, maxiter=5, lr=0.005)
    np.testing.assert_allclose(result.x, ob.minimize(value, X0, jac=gradient, method="gd", maxiter=5, lr=0.005).x)
    assert (result.nfev, result.njev) == (11, 6)


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"method": "adamm"}, "no optimizer named 'adamm'; nearest: adam"),
        ({"method": "adam", "beta3": 1}, "optimizer 'adam' has no hyperparameter 'beta3'; nearest: beta"),
        ({"jac": "2-point"}, "jac = '2-point': must be a function, True"),
        ({"jac": lambda x: x[:2]}, r"jac returned shape \(2,\) for x of shape \(6,\)"),
        ({"maxiter": -1}, "maxiter = -1: must be a whole number"),
        ({"maxiter": 1.5}, "maxiter = 1.5: must be a whole number"),
        ({"x0": [[1.0]]}, r"x0 has shape \(1, 1\); it must be \(n,\)"),
        ({"x0": []}, r"x0 has shape \(0,\)"),
        ({"lr": "high"}, "lr = 'high': must be a number"),
        ({"x0": ["a"]}, "x0 = .*must be numbers"),
        ({"method": 3}, "optimizer 3: must be a name or a table with a name"),
        ({"method": {"name": "adam", "beta1": [0.8, 0.9]}}, "expected one value for each setting, got a sweep"),
    ],
)
def test_bad_input_is_named(facts, words):
    with pytest.raises(ob.InputError, match=words) as error:
        ob.minimize(**{"fun": value, "x0": X0, "jac": gradient, **facts})
    assert "\n" not in str(error.value)


def test_a_rule_that_needs_the_minimum_says_how_to_give_it():
    with pytest.raises(InputError, match=r"method 'polyak' asks for the known minimum; give f_min="):
        ob.minimize(value, X0, jac=gradient, method="polyak")
    with pytest.raises(InputError, match="f_min = 'low': must be a number"):
        ob.minimize(value, X0, jac=gradient, method="polyak", f_min="low")


def test_the_name_of_a_method_may_carry_settings_and_none_is_not_given():
    named = ob.minimize(value, X0, jac=gradient, method="adam:beta1=0.5", maxiter=5, lr=0.1, l2=None, clip_norm=None)
    given = ob.minimize(value, X0, jac=gradient, method="adam", maxiter=5, lr=0.1, beta1=0.5)
    np.testing.assert_array_equal(named.trace, given.trace)


def test_transforms_change_the_gradient_in_their_order():
    def first(**changes):
        return X0 - ob.minimize(value, X0, jac=gradient, method="gd", lr=1.0, maxiter=1, **changes).x

    g = gradient(X0)
    np.testing.assert_allclose(first(clip_value=2.0), np.clip(g, -2, 2))
    np.testing.assert_allclose(first(clip_norm=2.0), 2 * g / np.linalg.norm(g))
    np.testing.assert_allclose(first(clip_norm=1e6), g)
    np.testing.assert_allclose(first(l2=0.5), g + 0.5 * X0)
    clipped = np.clip(g, -2, 2)
    np.testing.assert_allclose(first(clip_value=2.0, clip_norm=1.0, l2=0.5), clipped / np.linalg.norm(clipped) + X0 / 2)
    np.testing.assert_allclose(first(centralise=True), g)  # a vector is no matrix


@pytest.mark.parametrize(
    ("hyperparameters", "words"),
    [
        ({"lr": -0.1}, r"'adam': lr = -0.1 must be at least 0; its default is 0.001"),
        ({"beta1": 1.0}, r"'adam': beta1 = 1 must be at least 0 and below 1"),
        ({"eps": -1e-9}, "eps = -1e-09 must be at least 0"),
        ({"clip_norm": 0}, "clip_norm = 0: must be a finite number, more than 0"),
        ({"centralise": "yes"}, "centralise = 'yes': must be true or false"),
        ({"method": "sam+sog"}, "no optimizer named 'sog'; nearest: "),
        ({"method": "same+sgd"}, "no wrapper named 'same'; nearest: sam"),
        ({"method": "sam+bfgs"}, "bfgs is an external solver and cannot be wrapped"),
        ({"schedule": "cosin"}, "no schedule named 'cosin'; nearest: cosine"),
    ],
)
def test_what_is_out_of_range_or_unknown_is_refused_by_name(hyperparameters, words):
    with pytest.raises(InputError, match=words):
        ob.minimize(value, X0, jac=gradient, **{"method": "adam", **hyperparameters})


def test_scipy_s_methods_are_scipy_s():
    for method in ("BFGS", "L-BFGS-B"):
        found = ob.minimize(value, X0, jac=gradient, method=method.lower(), maxiter=40)
        expected = scipy.optimize.minimize(value, X0, jac=gradient, method=method, options={"maxiter": 40})
        np.testing.assert_allclose(found.x, expected.x, rtol=1e-8)
        assert found.nfev <= expected.nfev + 45  # and where the points are shown
