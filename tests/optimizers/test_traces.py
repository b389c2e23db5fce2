"""Rules against traces of third-party implementations, and against what is known by hand."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from drive import call, columns, initial_state, solution

from optibench.pieces import blocks_of
from optibench.registry import registry

TRACES = json.loads((Path(__file__).parents[1] / "reference/optimizer_traces.json").read_text())
QUAD6 = {key: np.array(value, float) for key, value in TRACES["problem"].items() if key in ("x0", "H", "b", "xstar")}
OPTIMIZERS = registry()["optimizer"]
CASES = [case for case in TRACES["cases"] if case["optimizer"] in OPTIMIZERS]


def value(w):
    return (0.5 * np.einsum("ri,ij,rj->r", w, QUAD6["H"], w) - w @ QUAD6["b"])[:, None]


def gradient(w):
    return w @ QUAD6["H"] - QUAD6["b"]


def trace(name, steps, l2=0.0, **hyperparameters):
    """The points of a rule on quad6, (steps + 1, 6); l2 is added to the gradient by the harness, not by the rule."""
    rule, w = OPTIMIZERS[name], QUAD6["x0"][None].copy()
    keywords, state, points = columns(rule, w, **hyperparameters), initial_state(rule, w), [w]
    assert keywords.keys() == {**rule.hyperparameters, **rule.options}.keys()
    for t in range(1, steps + 1):
        supplied = {
            "t": t,
            "g": gradient(w) + l2 * w,
            "loss": value(w),
            "grad": lambda w, where=None: gradient(w) + l2 * w,
            "value": lambda w, where=None: value(w),
            "hessian_product": lambda w, v, where=None: v @ QUAD6["H"],
            "blocks": blocks_of(w=(6,)),
            "f_min": np.array([[TRACES["problem"]["fstar"]]]),
        }
        w, *state = call(rule, w, state, supplied, keywords)
        points.append(solution(rule, w, state))
    return np.concatenate(points)


def test_every_optimizer_of_the_classics_has_a_trace():
    traced = {case["optimizer"] for case in CASES}
    assert traced >= {"gd", "momentum", "nesterov", "rmsprop", "adam", "adamw"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_the_rule_follows_the_reference_trace(case):
    expected = np.array(case["x"])
    found = trace(case["optimizer"], len(expected) - 1, **case["hyperparameters"])
    error = np.abs(found - expected).max(axis=1) / np.maximum(1, np.abs(expected).max(axis=1))
    assert error.max() <= case["tolerance"], f"first off at step {np.argmax(error > case['tolerance'])}"


def test_the_first_step_of_adam_is_lr_times_sign_of_g():
    first, second = trace("adam", 1, lr=0.25, eps=0.0)
    np.testing.assert_allclose(second - first, -0.25 * np.sign(gradient(first[None])[0]), rtol=1e-12)


def test_gd_shrinks_each_eigendirection_by_its_own_power():
    eigenvalues, directions = np.linalg.eigh(QUAD6["H"])
    lr, k = 1.5 / eigenvalues[-1], np.arange(31)[:, None]
    found = (trace("gd", 30, lr=lr) - QUAD6["xstar"]) @ directions
    np.testing.assert_allclose(
        found, (1 - lr * eigenvalues) ** k * found[0], rtol=0, atol=1e-12 * np.abs(found[0]).max()
    )


@pytest.mark.parametrize("name", ["momentum", "nesterov"])
def test_without_momentum_it_is_gd_bit_for_bit(name):
    np.testing.assert_array_equal(trace(name, 30, lr=0.01, momentum=0.0), trace("gd", 30, lr=0.01))


def test_adamw_without_decay_is_adam_bit_for_bit():
    np.testing.assert_array_equal(trace("adamw", 30, lr=0.1, weight_decay=0.0), trace("adam", 30, lr=0.1))


def test_gd_sgd_and_minibatch_are_one_rule_with_three_samplings():
    rules = [OPTIMIZERS[name] for name in ("gd", "sgd", "minibatch")]
    assert len({rule.rule for rule in rules}) == 1
    assert [rule.batch for rule in rules] == ["full", 1, 32]
