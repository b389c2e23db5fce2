"""Optimizers around optimizers: names, settings, state, what they cost, and what cannot be wrapped."""

from __future__ import annotations

import numpy as np
import pytest

import optibench as ob
from optibench import InputError, wrapper
from optibench.plugin.registry import registry
from optibench.plugin.wrapper import Wrapper

FACTS = {"lr": 0.01, "seeds": 2, "steps": 20}


def get(name):
    return registry().get("optimizer", name)


def test_a_name_that_both_have_is_the_wrapper_s_with_its_name_before():
    rule = get("sam+rmsprop")
    assert {"rho", "sam_rho"} <= set(rule.hyperparameters)
    assert (rule.hyperparameters["rho"], rule.hyperparameters["sam_rho"]) == (0.99, 0.05)
    inner = ob.run("quadratic", "rmsprop", **FACTS).runs["loss"]
    np.testing.assert_array_equal(ob.run("quadratic", "sam+rmsprop:sam_rho=0", **FACTS).runs["loss"], inner)
    assert (ob.run("quadratic", "sam+rmsprop", **FACTS).runs["loss"] != inner).all()


def test_the_pair_samples_and_is_judged_as_the_optimizer_inside():
    assert get("sam+sgd").batch == 1 and get("sam+gd").batch == "full" and get("lookahead+adam").batch is None
    w, z, x = np.zeros((1, 2)), np.ones((1, 2)), np.full((1, 2), 2.0)
    assert get("schedule_free_sgd").solution(w, z, x) is x
    rule = get("lookahead+schedule_free_sgd")
    assert [*rule.state] == ["slow", "z", "x"] and rule.solution(w, w, z, x) is x


def test_wrappers_nest_and_each_gradient_is_counted():
    rule = get("sam+lookahead+adam")
    assert rule.evaluations == 2 and [*rule.state] == ["slow", "m", "v"]
    runs = ob.run("quadratic", ["sam+lookahead+adam:k=1,alpha=1,rho=0", "adam"], **{**FACTS, "dtype": "float64"}).runs
    of_wrapped = runs["optimizer"] != "adam"
    assert (runs[of_wrapped]["gradient_evaluations"] == 40).all() and (
        runs[~of_wrapped]["gradient_evaluations"] == 20
    ).all()
    np.testing.assert_allclose(runs[of_wrapped]["loss"], runs[~of_wrapped]["loss"], rtol=1e-9)
    assert runs["plugin"].unique().tolist() == ["optibench.optimizers"]


def test_the_same_runs_in_another_process():
    names = ["sam+adam", "lookahead+momentum"]
    here, there = (
        ob.run("xor-mlp", names, **FACTS, executor=executor, workers=2).runs.sort_values("id")["loss"].tolist()
        for executor in ("inline", "processes")
    )
    assert here == there


def test_a_wrapper_is_declared_by_its_signature():
    @wrapper(evaluations=0)
    def timid(step, w, g, moved=0, *, share=0.5):
        """A part of the step inside."""
        change = share * (step(w, g) - w)
        return w + change, moved + abs(change)

    assert isinstance(timid, Wrapper) and timid.summary == "A part of the step inside."
    rule = timid(get("gd"))
    w, moved = rule(np.ones((1, 2)), np.ones((1, 2)), np.zeros((1, 2)), lr=np.array([[0.1]]), share=np.array([[0.5]]))
    np.testing.assert_allclose((w, moved), (np.full((1, 2), 0.95), np.full((1, 2), 0.05)))


def test_what_cannot_be_a_wrapper_or_be_wrapped_is_said():
    with pytest.raises(InputError, match=r"'sam\+bfgs': bfgs is an external solver and cannot be wrapped"):
        get("sam+bfgs")
    with pytest.raises(InputError, match=r"wrapper 'wrong': unknown argument 'stop'; .*nearest: step"):

        @wrapper
        def wrong(stop, w, g):
            return w

    with pytest.raises(InputError, match="no fact of wrapper 'odd' named 'papper'; nearest: "):
        wrapper(lambda step: step, name="odd", papper="x")


def test_a_setting_with_the_name_of_a_column_keeps_both():
    @ob.optimizer
    def paced(w, g, *, lr=0.1, steps=3.0):
        return w - lr / steps * g

    runs = ob.run("quadratic", paced, lr=0.01, seeds=1, steps=5).runs
    assert runs["steps"].tolist() == [5] and runs["steps_setting"].tolist() == [3]
